"""The two references: DuckDB, and DataFusion on plain tables in memory.

The gateway's answer has to be DuckDB's. Where it is not, the plain DataFusion answer says whether
the pushdown is wrong (DataFusion agrees with DuckDB) or whether the two engines mean different
things (then the test's reference text is aligned, for everyone to see).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import datafusion
import duckdb
import pyarrow as pa

from bench.sources import Table

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def place(sql: str, name: Callable[[str, int], str]) -> str:
    """The text with every ``{table}`` replaced by `name(table, its position among them)`."""
    count = -1

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return name(match.group(1), count)

    return PLACEHOLDER.sub(replace, sql)


def _bare(table: str, _: int) -> str:
    return f'"{table}"'


class DuckDb:
    """DuckDB, with NULLs sorted where DataFusion and PostgreSQL sort them."""

    def __init__(self) -> None:
        self._answers: dict[str, pa.Table] = {}
        self._connection = duckdb.connect()
        self._connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        self._connection.execute("SET TimeZone = 'UTC'")

    def add(self, tables: Iterable[Table]) -> DuckDb:
        """Make the tables known by their bare names."""
        for table in tables:
            self._connection.register(table.name, table.rows)
        return self

    def add_parquet(self, folder: Path) -> DuckDb:
        """Make every Parquet file of the folder known by its stem."""
        for path in folder.glob("*.parquet"):
            self._connection.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
        return self

    def answer(self, sql: str) -> pa.Table:
        """The rows of a text with ``{table}`` placeholders; it is computed once."""
        if sql not in self._answers:
            self._answers[sql] = self._connection.sql(place(sql, _bare)).to_arrow_table()
        return self._answers[sql]

    def close(self) -> None:
        """Drop the database."""
        self._connection.close()


class PlainDataFusion:
    """DataFusion as the gateway configures it, on the tables themselves: nothing is pushed."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._context = datafusion.SessionContext()
        for table in tables:
            batches = table.rows.to_batches() or [
                pa.RecordBatch.from_pylist([], schema=table.rows.schema)
            ]
            self._context.register_record_batches(table.name, [batches])

    def answer(self, sql: str) -> pa.Table:
        """The rows of a text with ``{table}`` placeholders."""
        return self._context.sql(place(sql, _bare)).to_arrow_table()
