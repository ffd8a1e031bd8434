"""The right answers: DuckDB's on the Parquet files, computed once a query."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from gateway.verification.comparison import difference
from tests.queries.reference import DuckDb


class Answers:
    """Compares answers with the reference's; closes it in the end."""

    def __init__(self, folder: Path) -> None:
        self._reference = DuckDb().add_parquet(folder)
        self._known: dict[str, pa.Table] = {}

    def difference(
        self, name: str, sql: str, answer: pa.Table, *, lenient: bool = False
    ) -> str | None:
        """None when the rows are right, else a sentence about the first that is not.

        `lenient` forgives what a peer calls its types, and the blanks that pad a CHAR.
        """
        if name not in self._known:
            self._known[name] = self._reference.answer(sql)
        expected = self._known[name]
        if lenient and answer.num_columns == expected.num_columns:
            answer, expected = (_as(table, expected.schema) for table in (answer, expected))
        return difference(answer, expected, ordered=True)

    def __enter__(self) -> Answers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reference.close()


def _as(answer: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [_column(c, f.type) for c, f in zip(answer.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, names=answer.schema.names)


def _column(column: pa.ChunkedArray, expected: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):  # numeric of PostgreSQL, as its digits
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, column.type.storage_type)
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_rtrim(column, characters=" ")
        if pa.types.is_decimal(expected) or pa.types.is_floating(expected):
            return column.cast(pa.float64())
        return column.cast(expected) if pa.types.is_integer(expected) else column
    if pa.types.is_date(expected) and not pa.types.is_date(kind):
        days = pa.types.is_integer(kind)
        column = column.cast(pa.int32()).cast(pa.date32()) if days else column.cast(pa.date32())
    return column
