"""An object of a source as it was: read as the schema that is planned today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from connectors.capabilities import Capabilities
from connectors.casting import cast_batches
from connectors.interface import Connector, ProvidesDataset, SourceError, SourceErrorCode, SourceKey
from connectors.table_scan import Reader, TableDataset


class Readable(Connector, ProvidesDataset, Protocol):
    """What a connector of snapshots is."""


@dataclass(frozen=True, slots=True)
class EarlierState:
    """The state `id`, which `pinned` reads as it was.

    What was added since is NULL, as it is for rows that were written before a column was added;
    a number whose type has become wider is read as that.
    """

    id: str
    pinned: Readable

    @property
    def source_key(self) -> SourceKey:
        """Another source than the present: nothing of the two may be fused."""
        key = self.pinned.source_key
        return SourceKey(key.connector, f"{key.location}@{self.id}", key.credential)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the source."""
        return self.pinned.capabilities

    def schema(self, object_name: str) -> pa.Schema:
        """The columns as they were then."""
        return self.pinned.schema(object_name)

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """The rows of the snapshot."""
        then = self.pinned.schema(object_name)
        planned = pa.schema([f.remove_metadata() for f in schema or then])
        kept = [f.name for f in planned if f.name in then.names]
        same = all(then.field(name).type == planned.field(name).type for name in kept)
        if same and len(kept) == len(planned):
            return self.pinned.dataset(object_name, planned)
        for field in planned:
            if field.name not in kept and not field.nullable:
                raise SourceError(
                    SourceErrorCode.VALUE_UNEXPECTED,
                    f"column {field.name!r} was not there yet, and can not be NULL",
                )
        # one column at least: a batch without columns has lost its number of rows
        own = pa.schema([then.field(n).remove_metadata() for n in kept or then.names[:1]])
        inner = self.pinned.dataset(object_name, own)
        return TableDataset(planned, lambda _: [_filled(inner, own, planned)])

    def version(self, object_name: str) -> str:
        """Its own."""
        return self.id

    def close(self) -> None:
        """It holds nothing of its own."""


def _filled(inner: pads.Dataset, own: pa.Schema, planned: pa.Schema) -> Reader:
    def read(columns: Sequence[str], condition: pc.Expression | None) -> Iterator[pa.RecordBatch]:
        # a condition is not handed on: it may be about columns that are not there
        wanted = pa.schema([planned.field(name) for name in columns or planned.names[:1]])
        names = [name for name in wanted.names if name in own.names] or own.names[:1]
        read_as = [planned.field(n) if n in wanted.names else own.field(n) for n in names]
        batches = inner.scanner(columns=names).to_batches()
        for batch in cast_batches(iter(batches), pa.schema(read_as)):
            found = [
                batch.column(f.name) if f.name in own.names else pa.nulls(batch.num_rows, f.type)
                for f in wanted
            ]
            yield pa.RecordBatch.from_arrays(found, schema=wanted)

    return read
