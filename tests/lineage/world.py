"""The mesh that truths are about: a shop, views stacked on it, and two readers of unequal rights.

Ana may read everything as it is. Bob owes masks and row filters, on datasets and on views.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import pyarrow as pa

from connectors.interface import Binding
from gateway.model import Address, Dataset, Principal, View
from gateway.pipeline import Gateway
from tests.gateways import gateway, in_memory

ANA, BOB = Principal("user:ana"), Principal("user:bob", ("eu",))
READERS = {"ana": ANA, "bob": BOB}


def _days(*days: int) -> pa.Array:
    return pa.array([datetime.date(2026, 1, day) for day in days], pa.date32())


_PLACE = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])

TABLES: Mapping[str, pa.Table] = {
    "customers": pa.table(
        {
            "id": [1, 2, 3],
            "name": ["Ann", "Bo", "Cy"],
            "country": ["DE", "US", "DE"],
            "mail": ["ann@x", "bo@x", "cy@x"],
            "since": _days(1, 2, 3),
        }
    ),
    "orders": pa.table(
        {
            "id": [1, 2, 3, 4],
            "customer": [1, 1, 2, 9],
            "placed": _days(4, 5, 6, 7),
            "amount": [10, 200, 300, 40],
            "state": ["open", "paid", "paid", "open"],
            "region": ["EU", "EU", "US", "US"],
        }
    ),
    "items": pa.table(
        {
            "order_id": [1, 2, 2, 3],
            "product": [7, 8, 9, 7],
            "quantity": [1, 2, 3, 4],
            "price": [5, 6, 7, 8],
        }
    ),
    "products": pa.table(
        {"id": [7, 8, 9], "title": ["pen", "ink", "pad"], "kind": ["a", "b", "b"]}
    ),
    "events": pa.table(
        {
            "id": [1, 2],
            "tags": pa.array([["x", "y"], ["z"]]),
            "place": pa.array([{"lat": 1.0, "lon": 2.0}, {"lat": 3.0, "lon": 4.0}], _PLACE),
            "counts": pa.array([[1, 2], [3]], pa.list_(pa.int64())),
        }
    ),
    "staff": pa.table(
        {
            "id": [1, 2, 3],
            "boss": [None, 1, 2],
            "name": ["Di", "Ed", "Flo"],
            "pay": [9, 8, 7],
            "mail": ["di@x", "ed@x", "flo@x"],
            "region": ["EU", "EU", "US"],
        }
    ),
    "parts": pa.table({"part": [1, 2], "whole": [2, 3], "number": [2, 5]}),
}

_TAGS = {"customers": {"mail": ("pii",)}, "staff": {"mail": ("pii",), "pay": ("pay",)}}
_FILTERS = {"staff": {"eu_only": "region = 'EU'"}, "orders": {"seen": "state <> 'open'"}}

_INT, _TEXT = pa.int64(), pa.string()

VIEWS: Mapping[str, tuple[str, list[tuple[str, pa.DataType]]]] = {
    "big_orders": (
        "SELECT id, customer, amount FROM orders WHERE amount > 100",
        [("id", _INT), ("customer", _INT), ("amount", _INT)],
    ),
    "spending": (
        "SELECT b.customer, sum(b.amount) AS total"
        " FROM shop.views.big_orders AS b GROUP BY b.customer",
        [("customer", _INT), ("total", _INT)],
    ),
    "ranked": (
        "SELECT c.name, s.total, rank() OVER (ORDER BY s.total DESC) AS place"
        " FROM spending AS s JOIN customers AS c ON c.id = s.customer",
        [("name", _TEXT), ("total", _INT), ("place", pa.uint64())],
    ),
    "contacts": (
        "SELECT id, upper(mail) AS mail, region FROM staff",
        [("id", _INT), ("mail", _TEXT), ("region", _TEXT)],
    ),
    "labels": (
        "SELECT id, CASE WHEN pay > 7 THEN name ELSE region END AS label FROM staff",
        [("id", _INT), ("label", _TEXT)],
    ),
}
_VIEW_TAGS = {"labels": {"label": ("secret",)}}
_VIEW_FILTERS = {"labels": {"named": "label <> 'EU'"}}

POLICIES = (
    ("p", "user:ana", "*", "*", "read", "*", "*", "*", "allow"),
    ("p", "eu", "*", "*", "read", "*", "*", "*", "allow"),
    *(
        ("p3", "user:ana", "shop", "*", tag, "*", "none", "allow")
        for tag in ("pii", "pay", "secret")
    ),
    ("p2", "eu", "shop", "mesh://shop/memory/staff", "*", "permissive", "eu_only", "allow"),
    ("p2", "eu", "shop", "mesh://shop/memory/orders", "*", "permissive", "seen", "allow"),
    ("p2", "eu", "shop", "mesh://shop/views/labels", "*", "permissive", "named", "allow"),
    ("p3", "eu", "shop", "*", "pii", "*", "last4", "allow"),
    ("p3", "eu", "shop", "*", "pay", "*", "null", "allow"),
    ("p3", "eu", "shop", "mesh://shop/views/labels", "secret", "*", "hash", "allow"),
)


def address(name: str) -> str:
    """The address of a dataset or view of the world."""
    return f"mesh://shop/{'views' if name in VIEWS else 'memory'}/{name}@1.0.0"


def datasets() -> list[Dataset]:
    """Everything in the world."""
    found = []
    for dataset in in_memory(TABLES, "lineage"):
        name = dataset.address.dataset
        more = {"column_tags": _TAGS.get(name, {}), "row_filters": _FILTERS.get(name, {})}
        found.append(
            Dataset(dataset.address, dataset.schema, dataset.binding, **more)  # type: ignore[arg-type]
        )
    for name, (text, columns) in VIEWS.items():
        found.append(
            Dataset(
                Address("shop", "views", name, "1.0.0"),
                pa.schema(columns),
                Binding("view", "", name),
                view=View(text),
                column_tags=_VIEW_TAGS.get(name, {}),
                row_filters=_VIEW_FILTERS.get(name, {}),
            )
        )
    return found


def opened() -> Gateway:
    """A gateway over the world."""
    return gateway(datasets(), POLICIES)
