"""Meshes whose contracts have rules, over real sources, and gateways on them with a clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.config import Config
from gateway.memory.quality_results import Result
from gateway.model import Dataset, Principal, Request
from gateway.pipeline import Gateway
from gateway.quality.quality import Quality
from tests.catalogue.meshes import contract, custom, port, product, write

ANA = Principal("user:ana", ("analyst",))
POLICIES = {"access.csv": "p,user:ana,sales,*,read,*,*,*,allow\n"}

ROWS: tuple[tuple[Any, ...], ...] = (
    # id, name, unit, price, day, noted
    (1, "ada", "kg", 1.5, "2026-01-01", "2026-01-01 10:00:00"),
    (2, "bob", "kg", 2.5, "2026-01-02", "2026-01-02 10:00:00"),
    (3, "bob", "lb", None, "2026-01-02", "2026-01-02 11:00:00"),
    (4, "", "stone", 4.0, None, "2026-01-03 10:00:00"),
    (5, None, "N/A", 4.0, "2026-01-04", "2026-01-03 12:00:00"),
    (6, "Eve", None, 4.0, "2026-01-05", "2026-01-04 00:00:00"),
    (7, "o'hara", "kg", 7.25, "2026-01-05", None),
    (8, "n/a", "kg", 0.0, "2026-01-05", "2026-01-05 00:00:00"),
)
NOW = 1_767_600_000.0
"""2026-01-05 08:00 UTC."""

COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "id", "physicalType": "bigint"},
    {"name": "name", "physicalType": "text"},
    {"name": "unit", "physicalType": "text"},
    {"name": "price", "physicalType": "double precision"},
    {"name": "day", "physicalType": "date"},
    {"name": "noted", "physicalType": "timestamp"},
)


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def parquet(folder: Path, rows: Sequence[Sequence[Any]] = ROWS) -> dict[str, Any]:
    """The rows in a Parquet file; its binding."""
    folder.mkdir(exist_ok=True, parents=True)
    ids, names, units, prices, days, noted = map(list, zip(*rows, strict=True))
    table = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "name": pa.array(names, pa.string()),
            "unit": pa.array(units, pa.string()),
            "price": pa.array(prices, pa.float64()),
            "day": pa.array(days, pa.string()).cast(pa.date32()),
            "noted": pa.array(noted, pa.string()).cast(pa.timestamp("us")),
        }
    )
    pq.write_table(table, folder / "lines.parquet")
    return {"connector": "files", "uri": str(folder), "object": "lines.parquet"}


def sqlite(folder: Path, rows: Sequence[Sequence[Any]] = ROWS) -> dict[str, Any]:
    """The rows in a SQLite file; its binding."""
    folder.mkdir(exist_ok=True, parents=True)
    file = folder / "lines.db"
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE IF EXISTS lines")
        connection.execute(
            "CREATE TABLE lines (id BIGINT, name TEXT, unit TEXT, price DOUBLE PRECISION,"
            " day DATE, noted TIMESTAMP)"
        )
        connection.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return {"connector": "sqlite", "uri": str(file), "object": "lines"}


def postgres_statements(rows: Sequence[Sequence[Any]] = ROWS) -> list[str]:
    """What puts the rows into a PostgreSQL database."""

    def literal(value: Any) -> str:
        if value is None:
            return "NULL"
        return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"

    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    return [
        "CREATE TABLE lines (id bigint, name text, unit text, price double precision,"
        " day date, noted timestamp)",
        f"INSERT INTO lines VALUES {values}",
    ]


def columns(rules: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> list[dict[str, Any]]:
    """The columns, some of them with quality rules."""
    found = rules or {}
    return [
        {**column, **({"quality": list(found[column["name"]])} if column["name"] in found else {})}
        for column in COLUMNS
    ]


def mesh(
    folder: Path,
    binding: Mapping[str, Any],
    quality: Sequence[Mapping[str, Any]] = (),
    column_rules: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    policies: Mapping[str, str] = POLICIES,
    **more: Any,
) -> Path:
    """``sales.orders.lines`` version 1.2.0, with these rules of it and of its columns.

    `more` are further keys of the contract; ``properties`` are its custom properties.
    """
    properties = more.pop("properties", {})
    element: dict[str, Any] = {"name": "lines", "properties": columns(column_rules)}
    if quality:
        element["quality"] = list(quality)
    document = contract(
        schema=[element], customProperties=custom(binding=dict(binding), **properties), **more
    )
    write(folder, "products/orders.odps.yaml", product())
    write(folder, "products/lines.odcs.yaml", document)
    (folder / "policies").mkdir(exist_ok=True)
    for name, text in policies.items():
        (folder / "policies" / name).write_text(text)
    return folder


def view(
    folder: Path, sql: str, name: str, domain: str, schema: Sequence[Mapping[str, Any]], **more: Any
) -> None:
    """A view as a product of its own, ``domain.views.NAME``."""
    identity = f"{domain}.{name}"
    element: dict[str, Any] = {"name": name, "properties": list(schema)}
    element.update(more)
    document = contract(id=identity, schema=[element], customProperties=custom(view=sql))
    ports = port(name=name, contractId=identity)
    write(
        folder,
        f"products/{name}.odps.yaml",
        product(ports, id=f"{domain}.{name}", name="views", domain=domain),
    )
    write(folder, f"products/{name}.odcs.yaml", document)


def opened(folder: Path, clock: Callable[[], float] | None = None, **settings: Any) -> Gateway:
    """A gateway that checks nothing by itself: tests do, with its `quality` and a clock."""
    gateway = Gateway.open(folder, Config(**{"quality_seconds": 0.0, **settings}))
    if clock is not None:
        gateway.mesh.quality = quality_of(gateway, clock, **settings)
    return gateway


def quality_of(
    gateway: Gateway, clock: Callable[[], float], *, quality_seconds: float = 3600.0, **more: Any
) -> Quality:
    """What a gateway would have for its quality, had it the clock."""
    assert gateway.mesh.memory is not None
    made = Quality(
        lambda: gateway.catalogue,
        gateway,
        gateway.mesh.memory.store,
        gateway.mesh.standing,
        Config(quality_seconds=quality_seconds, **more),
        clock,
    )
    made.load()
    return made


def lines(gateway: Gateway) -> Dataset:
    return next(d for d in gateway.catalogue.datasets if d.address.dataset == "lines")


def by_name(results: Sequence[Result]) -> dict[str, Result]:
    return {result.rule: result for result in results}


def ask(gateway: Gateway, sql: str, principal: Principal = ANA, purpose: str = "") -> pa.Table:
    result = gateway.execute(gateway.prepare(Request(principal, sql, purpose=purpose)))
    return pa.Table.from_batches(list(result.batches), schema=result.schema)
