"""Which relations there are in `pg_catalog` and `information_schema`, and their columns.

``relations.txt`` has what PostgreSQL 15 says of itself (name and type of every column), for the
relations clients ask for. Most are empty here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import pyarrow as pa

PG_CATALOG, INFORMATION_SCHEMA = "pg_catalog", "information_schema"

SESSION = ("pg_settings", "pg_cursors", "pg_prepared_statements", "pg_stat_activity")
"""Relations that differ from session to session."""

_ARROW = {
    "oid": pa.uint32(),
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "numeric": pa.decimal128(38, 0),
    "interval": pa.string(),
    "timestamptz": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Relation:
    schema: str
    name: str
    columns: pa.Schema

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows of it; what they do not say is 0, false or null, as the type has it."""
        arrays = [
            pa.array([row.get(f.name, _default(f.type)) for row in rows], f.type)
            for f in self.columns
        ]
        return pa.Table.from_arrays(arrays, schema=self.columns)


def _default(kind: pa.DataType) -> object:
    if pa.types.is_boolean(kind):
        return False
    return 0 if pa.types.is_integer(kind) or pa.types.is_floating(kind) else None


@cache
def relations() -> Mapping[str, Mapping[str, Relation]]:
    """All relations, by schema and name."""
    found: dict[str, dict[str, Relation]] = {}
    schema = ""
    for line in resources.files(__package__).joinpath("relations.txt").read_text().splitlines():
        if line.startswith("["):
            schema = line.strip("[]")
            found[schema] = {}
            continue
        name, *columns = line.split()
        found[schema][name] = Relation(schema, name, pa.schema([_field(c) for c in columns]))
    return found


def _field(text: str) -> pa.Field:
    name, _, kind = text.partition(":")
    kind = kind or "text"
    inner = _ARROW[kind.removesuffix("[]")]
    return pa.field(name, pa.list_(inner) if kind.endswith("[]") else inner)


@cache
def column_types() -> Mapping[str, pa.DataType]:
    """The type of a column by its name, where all relations agree: for parameters beside it."""
    found: dict[str, pa.DataType | None] = {}
    for named in relations().values():
        for relation in named.values():
            for field in relation.columns:
                before = found.setdefault(field.name, field.type)
                if before != field.type:
                    found[field.name] = None
    return {name: kind for name, kind in found.items() if kind is not None}
