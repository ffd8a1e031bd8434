"""The small tables that every dialect is asked about: NULLs, capitals, halves, ends of months."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa

_DAY = datetime.date
_TIME = datetime.datetime

SALES = pa.table(
    {
        "id": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
        "customer": pa.array([1, 1, 2, 3, None, 2], pa.int64()),
        "quantity": pa.array([3, -7, None, 0, 12, 5], pa.int64()),
        "amount": pa.array(
            [Decimal(a) if a else None for a in ("1.25", "2.50", "-0.05", "", "100.00", "7.15")],
            pa.decimal128(10, 2),
        ),
        "weight": pa.array([1.5, -2.5, 0.5, None, 3.25, 2.5], pa.float64()),
        "day": [
            _DAY(2024, 1, 31),
            _DAY(2023, 12, 31),
            None,
            _DAY(2024, 2, 29),
            _DAY(2024, 3, 5),
            _DAY(2024, 1, 1),
        ],
        "moment": pa.array(
            [
                _TIME(2024, 1, 31, 13, 14, 15, 123456),
                _TIME(2023, 12, 31, 23, 59, 59),
                None,
                _TIME(2024, 2, 29),
                _TIME(2024, 3, 5, 7, 8, 9),
                _TIME(2024, 1, 1, 0, 0, 1),
            ],
            pa.timestamp("us"),
        ),
        "note": ["fine", "Fine", None, "", "50% off", "under_score \\ 'quoted'"],
    }
)
CUSTOMERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "Name": ["Ada", "bob", None, "Çelik"],
        "city": ["Ghent", "Bruges", "Ghent", None],
    }
)
TABLES = {"sales": SALES, "customers": CUSTOMERS}
