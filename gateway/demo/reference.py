"""The right answers: DuckDB on the raw files, and the comparison of an answer with them."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.demo import raw

TOLERANCE = 1e-9
"""Relative; sums of floats depend on the order in which they are added."""

NAMES = {
    "flights": ("aviation", "operations"),
    "airlines": ("aviation", "carriers"),
    "airports": ("aviation", "registry"),
    "planes": ("aviation", "registry"),
    "weather": ("climate", "observations"),
}


class Reference:
    """DuckDB with the raw files under the names they have in the mesh."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        for domain in sorted({domain for domain, _ in NAMES.values()}):
            self._database.execute(f"ATTACH ':memory:' AS {domain}")
        for domain, product in sorted(set(NAMES.values())):
            self._database.execute(f"CREATE SCHEMA {domain}.{product}")
        for table, (domain, product) in NAMES.items():
            file = str(folder / f"{table}.csv").replace("'", "''")
            self._database.execute(
                f"CREATE TABLE {domain}.{product}.{table} AS"
                f" SELECT * FROM read_csv('{file}', nullstr = '{raw.MISSING_VALUE}')"
            )

    def answer(self, sql: str) -> pa.Table:
        """What DuckDB makes of the query."""
        return self._database.sql(sql).to_arrow_table()

    def close(self) -> None:
        """Give the memory back."""
        self._database.close()


def difference(answer: pa.Table, expected: pa.Table, *, ordered: bool) -> str:
    """The first thing in which two tables differ, in words; empty when they are the same.

    Types may differ where values can be equal (integers of other widths, decimals); floats may
    differ by TOLERANCE. Without `ordered`, rows are compared as a multiset.
    """
    if answer.column_names != expected.column_names:
        return f"columns {answer.column_names} instead of {expected.column_names}"
    if answer.num_rows != expected.num_rows:
        return f"{answer.num_rows} rows instead of {expected.num_rows}"
    got, want = _rows(answer), _rows(expected)
    if not ordered:
        got, want = sorted(got, key=_order), sorted(want, key=_order)
    for number, (row, right) in enumerate(zip(got, want, strict=True), start=1):
        for name, value, known in zip(answer.column_names, row, right, strict=True):
            if not _same(value, known):
                return f"row {number}, column {name}: {value!r} instead of {known!r}"
    return ""


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True)) if columns else []


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Exact values first: two floats that differ in their last digit must not part equal rows."""
    exact = [value for value in row if not isinstance(value, float)]
    floats = [value for value in row if isinstance(value, float)]
    return (
        tuple(
            (value is not None, type(value).__name__, str(value)) for value in map(_plain, exact)
        ),
        tuple(floats),
    )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, decimal.Decimal) and value == int(value) else value


def _same(value: Any, known: Any) -> bool:
    if value is None or known is None:
        return value is known
    if isinstance(value, bool) or isinstance(known, bool):
        return value is known
    if isinstance(value, float) or isinstance(known, float):
        return math.isclose(value, known, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (
            math.isnan(value) and math.isnan(known)
        )
    if isinstance(value, dt.datetime) and isinstance(known, dt.datetime):
        return (value.tzinfo is None) == (known.tzinfo is None) and value == known
    return bool(value == known)
