"""Tables of a lake format as the engine reads them: a pyarrow dataset over the format's own reader.

The engine asks for columns and may offer a filter; it filters again itself, so a reader may give
more rows than the filter keeps, and never fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

Reader = Callable[[Sequence[str], pc.Expression | None], Iterator[pa.RecordBatch]]
"""Reads one part of a table: the columns wanted, a filter that may be used; batches come back."""

Parts = Callable[[pc.Expression | None], Sequence[Reader]]
"""The parts of a table that may have rows for a filter."""


class TableDataset(pads.Dataset):  # type: ignore[misc]  # pyarrow has no types
    """A table whose parts are read by functions. `schema` is what every part delivers."""

    def __init__(self, schema: pa.Schema, parts: Parts) -> None:
        self._schema = schema
        self._parts = parts

    @property
    def schema(self) -> pa.Schema:
        """The table's columns."""
        return self._schema

    def scanner(
        self, columns: list[str] | None = None, filter: pc.Expression | None = None
    ) -> TableScan:
        """All parts after each other."""
        return TableScan(self._schema, tuple(self._parts(filter)), columns, filter)

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[TablePart]:
        """The parts by themselves."""
        return iter([TablePart(self._schema, reader) for reader in self._parts(filter)])

    def to_table(
        self, columns: list[str] | None = None, filter: pc.Expression | None = None
    ) -> pa.Table:
        """Everything, in memory."""
        return self.scanner(columns, filter).to_table()


@dataclass(frozen=True, slots=True)
class TablePart:
    """One part, as pyarrow's users expect a fragment."""

    schema: pa.Schema
    reader: Reader

    def scanner(
        self,
        schema: pa.Schema | None = None,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
    ) -> TableScan:
        """One reading of the part."""
        return TableScan(schema or self.schema, (self.reader,), columns, filter)


@dataclass(frozen=True, slots=True)
class TableScan:
    """One reading: `columns` in the order they are asked for, None for all."""

    schema: pa.Schema
    readers: tuple[Reader, ...]
    columns: list[str] | None
    filter: pc.Expression | None

    @property
    def projected_schema(self) -> pa.Schema:
        """The schema of the batches."""
        names = self.schema.names if self.columns is None else self.columns
        return pa.schema([self.schema.field(name) for name in names])

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, batch by batch; nothing is read ahead."""
        names = self.projected_schema.names
        for reader in self.readers:
            yield from reader(names, self.filter)

    def to_table(self) -> pa.Table:
        """The rows, in memory, filtered by pyarrow's rules."""
        table = pa.Table.from_batches(self.to_batches(), self.projected_schema)
        return table if self.filter is None else table.filter(self.filter)
