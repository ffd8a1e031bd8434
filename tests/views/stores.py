"""Sources whose one table, ``staff``, is really altered: PostgreSQL, SQLite and Parquet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from connectors import open_connector
from connectors.interface import Binding
from tests import services

STAFF = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["EU", "US", "EU"],
        "pay": pa.array([10, 20, 30], pa.int32()),
    }
)
STEPS = ("add", "drop", "rename", "widen", "narrow", "remove")


class Store(Protocol):
    binding: Binding

    def reset(self) -> None:
        """The table as it was."""
        ...

    def alter(self, step: str) -> None:
        """One of STEPS, on the column ``pay`` or the whole table."""
        ...


def declared(store: Store) -> pa.Schema:
    """The contract: what the source has at first."""
    store.reset()
    return declared_of(store.binding)


def declared_of(binding: Binding) -> pa.Schema:
    """What a source has at the moment."""
    connector = open_connector(binding)
    schema = connector.schema(binding.object)
    connector.close()
    return schema


class Parquet:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "staff.parquet"
        self.binding = Binding("files", str(folder), "staff.parquet")

    def reset(self) -> None:
        pq.write_table(STAFF, self.file)

    def alter(self, step: str) -> None:
        if step == "remove":
            self.file.unlink()
            return
        pay = STAFF.column("pay")
        others = STAFF.drop_columns(["pay"])
        tables = {
            "add": lambda: STAFF.append_column("note", pa.nulls(3, pa.string())),
            "drop": lambda: others,
            "rename": lambda: STAFF.rename_columns(["id", "region", "salary"]),
            "widen": lambda: others.append_column("pay", pay.cast(pa.int64())),
            "narrow": lambda: others.append_column("pay", pay.cast(pa.int16())),
        }
        pq.write_table(tables[step](), self.file)


_ALTERS: Mapping[str, str] = {
    "add": "ALTER TABLE staff ADD COLUMN note text",
    "drop": "ALTER TABLE staff DROP COLUMN pay",
    "rename": "ALTER TABLE staff RENAME COLUMN pay TO salary",
    "remove": "DROP TABLE staff",
}
_ROWS = ", ".join(f"({r['id']}, '{r['region']}', {r['pay']})" for r in STAFF.to_pylist())


def _made(pay: str) -> Sequence[str]:
    return (
        "DROP TABLE IF EXISTS staff",
        f"CREATE TABLE staff (id bigint, region text, pay {pay})",
        f"INSERT INTO staff VALUES {_ROWS}",
    )


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "staff.sqlite"
        self.binding = Binding("sqlite", str(self.file), "staff")

    def run(self, *statements: str) -> None:
        connection = sqlite3.connect(self.file, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    def reset(self) -> None:
        self.run(*_made("int"))

    def alter(self, step: str) -> None:
        types = {"widen": "bigint", "narrow": "smallint"}
        self.run(*(_made(types[step]) if step in types else [_ALTERS[step]]))


class Postgres:
    def __init__(self, database: str) -> None:
        self.server = services.postgres()
        self.database = database
        self.server.execute(f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        self.binding = Binding("postgres", self.server.uri(database), "public.staff")

    def reset(self) -> None:
        self.server.execute(*_made("integer"), database=self.database)

    def alter(self, step: str) -> None:
        types = {"widen": "bigint", "narrow": "smallint"}
        text = _ALTERS.get(step) or f"ALTER TABLE staff ALTER COLUMN pay TYPE {types[step]}"
        self.server.execute(text, database=self.database)


def store(kind: str, folder: Path) -> Store:
    if kind == "postgres":
        return Postgres("views_health")
    return Sqlite(folder) if kind == "sqlite" else Parquet(folder)
