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
EDGES = pa.table(
    {
        "k": pa.array(range(1, 11), pa.int64()),
        "t": ["", " a ", "abc", "ABC", "aXbXc", "ünï€", None, "12", "-3.5", "a%b_c\\d"],
        "i": pa.array([0, 1, -1, 7, -7, 2_000_000_000, None, 3, -2_000_000_000, 10], pa.int32()),
        "n": pa.array([0, 1, -1, 7, -7, 2**53 + 1, None, 100, -(2**53) - 1, 5], pa.int64()),
        "d": pa.array(
            [
                Decimal(a) if a else None
                for a in (
                    "0.00",
                    "0.05",
                    "-0.05",
                    "2.50",
                    "-2.50",
                    "12345678.99",
                    "",
                    "3.45",
                    "-99999999.99",
                    "1.15",
                )
            ],
            pa.decimal128(10, 2),
        ),
        "f": pa.array([0.0, 0.5, -0.5, 2.5, -2.5, 1e15, None, 3.456, -1234567.891, 1.005]),
        "dt": [
            _DAY(1970, 1, 1),
            _DAY(2024, 2, 29),
            _DAY(2023, 12, 31),
            _DAY(1969, 12, 31),
            _DAY(2000, 2, 28),
            _DAY(2024, 12, 30),
            None,
            _DAY(2021, 1, 3),
            _DAY(1899, 12, 31),
            _DAY(2024, 3, 31),
        ],
        "ts": pa.array(
            [
                _TIME(1970, 1, 1),
                _TIME(2024, 2, 29, 23, 59, 59, 999999),
                _TIME(2023, 12, 31, 12),
                _TIME(1969, 12, 31, 23, 59, 59, 500000),
                _TIME(2000, 2, 28, 0, 0, 0, 1),
                _TIME(2024, 12, 30, 1, 2, 3),
                None,
                _TIME(2021, 1, 3, 13, 30),
                _TIME(1899, 12, 31, 11, 11, 11),
                _TIME(2024, 3, 31, 2, 30),
            ],
            pa.timestamp("us"),
        ),
    }
)
"""What is at the edges of each type: 0, halves, signs, borders of years, before 1970."""

TABLES = {"sales": SALES, "customers": CUSTOMERS, "edges": EDGES}
