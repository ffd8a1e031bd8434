"""What chdb needs from this side: queries in its words."""

from __future__ import annotations

import sqlglot
from sqlglot.optimizer.simplify import simplify

from bench.federation import Places


def text(sql: str, places: Places) -> str:
    """The query with its constants computed: ClickHouse would do it in binary floating point."""
    return simplify(sqlglot.parse_one(sql, dialect="duckdb")).sql(dialect="duckdb")
