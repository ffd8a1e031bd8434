"""The mesh the JDBC checks ask: every Arrow type, four sources to join, rights, a million rows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from bench.mesh import Product, govern, publish
from connectors import memory
from tests.flight.sources import recording
from tests.identity.issuing import SETTINGS, Signer, write_keys

ANA, BEN = ("ana", "ana's password"), ("ben", "ben's password")
SIGNER = Signer("key", "ES256")
STORE = "jdbc-lab"
EVENTS = 1_000_000
CUSTOMER = "../crm/customers-1.0.0.odcs.yaml#/schema/customers/properties/id"
"""What an order refers to, as its contract says it."""

# Ana reads everything, Ben the customers of the EU without their whole addresses. Visits are for
# care only.
POLICIES = """\
p,all/reader,*,mesh://shop/*/*,discover|read,*,*,*,allow
p,all/reader,*,mesh://lab/*/*,discover|read,*,*,*,allow
p,all/reader,*,mesh://ops/*/*,discover|read,*,*,*,allow
p,all/reader,*,mesh://clinic/ward/visits,discover|read,care|billing,*,*,allow
p2,all/reader,*,*,*,permissive,all_rows,allow
p3,all/reader,*,*,contact,*,none,allow
p,shop/clerk,*,mesh://shop/*/*,discover|read,*,*,*,allow
p2,shop/clerk,*,mesh://shop/crm/customers,*,permissive,eu,allow
p3,shop/clerk,*,*,contact,*,partial:2,allow
"""

_MOMENT = dt.datetime(2024, 2, 29, 13, 14, 15, 123456)
_DAY, _CLOCK = dt.date(2024, 2, 29), dt.time(13, 14, 15, 123456)

TYPES: dict[str, tuple[pa.DataType, object, object]] = {
    "c_bool": (pa.bool_(), True, False),
    "c_int8": (pa.int8(), -128, 127),
    "c_int16": (pa.int16(), -32768, 32767),
    "c_int32": (pa.int32(), -(2**31), 2**31 - 1),
    "c_int64": (pa.int64(), -(2**63), 2**63 - 1),
    "c_uint8": (pa.uint8(), 0, 255),
    "c_uint16": (pa.uint16(), 0, 65535),
    "c_uint32": (pa.uint32(), 0, 2**32 - 1),
    "c_uint64": (pa.uint64(), 0, 2**64 - 1),
    "c_float16": (pa.float16(), 1.5, -2.0),
    "c_float32": (pa.float32(), 1.5, -3.25),
    "c_float64": (pa.float64(), 0.1, -1e300),
    "c_decimal": (pa.decimal128(38, 10), Decimal("12345.6789"), Decimal("-0.0000000001")),
    "c_text": (pa.string(), "Grüße, 世界 🚀", ""),
    "c_large_text": (pa.large_string(), "large", "x" * 5000),
    "c_binary": (pa.binary(), b"\x00\x01\xff", b""),
    "c_large_binary": (pa.large_binary(), b"\x02", b""),
    "c_fixed_binary": (pa.binary(4), b"abcd", b"\x00\x00\x00\x00"),
    "c_date": (pa.date32(), _DAY, dt.date(1969, 12, 31)),
    "c_time_s": (pa.time32("s"), dt.time(13, 14, 15), dt.time(0)),
    "c_time_ms": (pa.time32("ms"), dt.time(13, 14, 15, 123000), dt.time(0)),
    "c_time_us": (pa.time64("us"), _CLOCK, dt.time(23, 59, 59, 999999)),
    "c_time_ns": (pa.time64("ns"), _CLOCK, dt.time(0)),
    "c_timestamp_s": (pa.timestamp("s"), dt.datetime(2024, 2, 29, 13, 14, 15), dt.datetime.min),
    "c_timestamp_ms": (pa.timestamp("ms"), _MOMENT.replace(microsecond=123000), _MOMENT.min),
    "c_timestamp_us": (pa.timestamp("us"), _MOMENT, dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
    "c_timestamp_ns": (pa.timestamp("ns"), _MOMENT, dt.datetime(1700, 1, 1)),
    "c_timestamp_utc": (pa.timestamp("us", "UTC"), _MOMENT, dt.datetime(1969, 12, 31)),
    "c_timestamp_zone": (pa.timestamp("us", "America/New_York"), _MOMENT, _MOMENT),
    "c_interval": (pa.month_day_nano_interval(), (14, 3, 5_000_000_000), (0, 0, 0)),
    "c_list": (pa.list_(pa.int32()), [1, None, 3], []),
    "c_texts": (pa.list_(pa.string()), ["a", "b"], [""]),
    "c_nested_list": (pa.list_(pa.list_(pa.int64())), [[1], [2, 3]], [[]]),
    "c_struct": (
        pa.struct({"name": pa.string(), "size": pa.int32()}),
        {"name": "one", "size": 1},
        {"name": None, "size": None},
    ),
    "c_map": (pa.map_(pa.string(), pa.int64()), [("a", 1), ("b", 2)], []),
}
"""Every column of the dataset of types: its type, the values of rows 1 and 2; row 3 is NULL."""

ODD: dict[str, tuple[pa.DataType, object, object]] = {
    "c_decimal256": (pa.decimal256(50, 3), Decimal("1.250"), Decimal(10) ** 40),
    "c_text_view": (pa.string_view(), "seen through a view", ""),
    "c_duration": (pa.duration("us"), dt.timedelta(days=1, microseconds=5), dt.timedelta(-1)),
}
"""Those of a second dataset: pyarrow can not filter a table that has such a column."""


def types_table(types: Mapping[str, tuple[pa.DataType, object, object]]) -> pa.Table:
    columns = {"id": pa.array([1, 2, 3], pa.int64())}
    for name, (kind, first, second) in types.items():
        columns[name] = pa.array([first, second, None], kind)
    fields = [pa.field("id", pa.int64(), nullable=False)]
    fields += [pa.field(name, kind) for name, (kind, _, _) in types.items()]
    return pa.table(columns, schema=pa.schema(fields))


def _events(folder: Path) -> None:
    folder.mkdir()
    numbers = pa.array(range(EVENTS), pa.int64())
    amounts = pa.array((i % 1000 for i in range(EVENTS)), pa.int32())
    names = pa.DictionaryArray.from_arrays(
        pa.array((i % 50 for i in range(EVENTS)), pa.int32()),
        pa.array([f"name {i}" for i in range(50)]),
    ).cast(pa.string())
    pq.write_table(
        pa.table({"id": numbers, "amount": amounts, "name": names}), folder / "events.parquet"
    )


def _orders(folder: Path) -> None:
    folder.mkdir()
    orders = pa.table(
        {
            "id": pa.array(range(1, 101), pa.int64()),
            "customer_id": pa.array([i % 10 + 1 for i in range(100)], pa.int64()),
            "product_id": pa.array([i % 5 + 1 for i in range(100)], pa.int64()),
            "amount": pa.array([Decimal(i) / 4 for i in range(100)], pa.decimal128(12, 2)),
        }
    )
    pq.write_table(orders, folder / "orders.parquet")


def _customers(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE customers (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(50) NOT NULL,"
            " email VARCHAR(100), region VARCHAR(2))"
        )
        rows = [
            (i, f"customer {i}", f"c{i:03}@example.org", "EU" if i % 2 else "US")
            for i in range(1, 11)
        ]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", rows)
    connection.close()


def _products(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE products (id BIGINT PRIMARY KEY, title VARCHAR, category_id BIGINT)"
        )
        connection.execute(
            "INSERT INTO products SELECT i, 'product ' || i, i % 2 FROM range(1, 6) t(i)"
        )


@contextmanager
def built(folder: Path) -> Iterator[Path]:
    """The mesh folder, while the stores in this process that it needs are there."""
    _events(folder / "events")
    _orders(folder / "orders")
    _customers(folder / "customers.db")
    _products(folder / "products.duckdb")
    types = {"everything": types_table(TYPES), "odd": types_table(ODD)}
    lab = memory.register(STORE, {**types, "notes": pa.table({"id": [1]})})
    labels = pa.table({"id": [0, 1], "label": ["even", "odd"]})
    notes = pa.table({"id": [1, 2]})
    terms = memory.register(f"{STORE}-shop", {"categories": labels, "notes": notes})
    visits = memory.register(f"{STORE}-clinic", {"visits": pa.table({"id": [1, 2, 3]})})
    try:
        with recording(folder / "probe.db", "plain") as probe:
            for domain, *product in (
                ("lab", "types", "memory", lab),
                ("shop", "sales", "files", str(folder / "orders")),
                ("shop", "web", "files", str(folder / "events")),
                ("shop", "crm", "sqlite", str(folder / "customers.db")),
                ("shop", "stock", "duckdb", str(folder / "products.duckdb")),
                ("shop", "terms", "memory", terms),
                ("clinic", "ward", "memory", visits),
            ):
                publish(folder, domain, Product(*product))
            publish(folder, "ops", probe)
            _declare(folder / "products" / "shop")
            govern(folder, POLICIES, {ANA: ["all/reader"], BEN: ["shop/clerk"]})
            (folder / "identity.toml").write_text(SETTINGS)
            write_keys(folder, SIGNER)
            yield folder
    finally:
        for store in (STORE, f"{STORE}-shop", f"{STORE}-clinic"):
            memory.forget(store)


def _declare(shop: Path) -> None:
    """Orders are of customers; these have addresses of a kind, and a filter of the EU."""
    with _edited(shop / "crm" / "customers-1.0.0.odcs.yaml") as contract:
        (element,) = contract["schema"]
        for column in element["properties"]:
            if column["name"] == "email":
                column["tags"] = ["contact"]
                column["description"] = "Where to write to"
        filters = [{"id": "eu", "expr": "region = 'EU'"}]
        contract["customProperties"].append({"property": "mesh.rowFilters", "value": filters})
    with _edited(shop / "sales" / "orders-1.0.0.odcs.yaml") as contract:
        (element,) = contract["schema"]
        for column in element["properties"]:
            if column["name"] == "customer_id":
                column["relationships"] = [{"to": CUSTOMER}]


@contextmanager
def _edited(path: Path) -> Iterator[dict[str, Any]]:
    """A contract to be changed, as somebody with an editor would."""
    contract = yaml.safe_load(path.read_text())
    yield contract
    path.write_text(yaml.safe_dump(contract, sort_keys=False))
