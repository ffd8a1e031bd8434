"""DuckDB's statistics of a table: its size, and the keys it enforces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from connectors.statistics import TableStatistics

Ask = Callable[[str], Sequence[Mapping[str, Any]]]


def statistics(ask: Ask, schema: str, name: str) -> TableStatistics:
    """What the file knows of a table; nothing of a view. Raises SourceError."""
    texts = (exp.Literal.string(part).sql(dialect="duckdb") for part in (schema, name))
    condition = "schema_name = {} AND table_name = {}".format(*texts)
    rows = ask(f"SELECT estimated_size AS n FROM duckdb_tables() WHERE {condition}")
    if not rows:
        return TableStatistics()
    found = ask(
        "SELECT constraint_type AS kind, constraint_column_names AS columns"
        f" FROM duckdb_constraints() WHERE {condition}"
    )
    required = {
        column
        for row in found
        if row["kind"] in {"NOT NULL", "PRIMARY KEY"}
        for column in row["columns"]
    }
    keys = [tuple(row["columns"]) for row in found if row["kind"] in {"PRIMARY KEY", "UNIQUE"}]
    unique = tuple(dict.fromkeys(key for key in keys if required.issuperset(key)))
    return TableStatistics(float(rows[0]["n"]), unique=unique, indexes=tuple(dict.fromkeys(keys)))
