"""Tables whose rows come from a source only when the engine asks for them.

DataFusion takes any `pyarrow.dataset.Dataset`, a Python subclass included, and hands it the
columns and the simple filters of the query. It counts such a filter as exact: whatever the source
did, the rows that leave here have been filtered. A plain generator is used on purpose: pyarrow's
own scanner reads ahead, past any LIMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from gateway.plan.row_filter import RowFilter, row_filter

Opener = Callable[[Sequence[str] | None, pc.Expression | None], Iterator[pa.RecordBatch]]
"""Reads a table: the columns wanted (None: all), a filter that may be used; batches come back."""

Planned = Callable[[Sequence[str] | None, pc.Expression | None], None]
"""Told at planning what a reading will ask for."""


def _ignore(columns: Sequence[str] | None, condition: pc.Expression | None) -> None:
    pass


def _no_rows(
    columns: Sequence[str] | None, condition: pc.Expression | None
) -> Iterator[pa.RecordBatch]:
    return iter(())


class LazyDataset(pads.Dataset):  # type: ignore[misc]  # pyarrow has no types
    """A dataset of one partition that opens its source at the first batch."""

    def __init__(self, schema: pa.Schema, opener: Opener, planned: Planned = _ignore) -> None:
        self._schema = schema
        self._opener = opener
        self._planned = planned

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return self._schema

    def scanner(
        self, columns: list[str] | None = None, filter: pc.Expression | None = None
    ) -> LazyScan:
        """What DataFusion asks at planning; nothing is read."""
        condition = as_expression(filter)
        self._planned(columns, condition)
        return LazyScan(self, columns, condition)

    def get_fragments(self, filter: pc.Expression | None = None) -> list[LazyPartition]:
        """The one partition."""
        return [LazyPartition(self)]


class LazyPartition:
    """The whole of a LazyDataset, as DataFusion's dataset reader expects a fragment."""

    def __init__(self, dataset: LazyDataset) -> None:
        self._dataset = dataset

    def scanner(
        self,
        schema: pa.Schema,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
    ) -> LazyScan:
        """What DataFusion asks at execution."""
        return LazyScan(self._dataset, columns, as_expression(filter))


class LazyScan:
    """One reading of a LazyDataset."""

    def __init__(
        self, dataset: LazyDataset, columns: list[str] | None, filter_: pc.Expression | None
    ) -> None:
        self._dataset = dataset
        self._columns = columns
        self._filter = filter_

    @property
    def projected_schema(self) -> pa.Schema:
        """The schema of the batches."""
        if self._columns is None:
            return self._dataset.schema
        return pa.schema([self._dataset.schema.field(name) for name in self._columns])

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows. Filtered here whatever the source did: the engine will not look again."""
        condition = self._filter
        keep = None if condition is None else row_filter(condition, self._dataset.schema)
        for batch in self._dataset._opener(self._columns, condition):
            wanted = batch if keep is None else keep(batch)
            if wanted.num_rows:  # an empty one would tell of rows that a policy has kept back
                yield wanted if self._columns is None else wanted.select(self._columns)


class ReadableDataset(pads.Dataset):  # type: ignore[misc]  # pyarrow has no types
    """A real pyarrow dataset that survives the constant filters DataFusion may hand it."""

    def __init__(self, dataset: pads.Dataset) -> None:
        self._dataset = dataset

    @property
    def schema(self) -> pa.Schema:
        """The dataset's own schema."""
        return self._dataset.schema

    def scanner(
        self, columns: list[str] | None = None, filter: pc.Expression | None = None
    ) -> pads.Scanner:
        """The dataset's own scanner."""
        return self._dataset.scanner(columns=columns, filter=as_expression(filter))

    def get_fragments(
        self, filter: pc.Expression | None = None
    ) -> list[ReadablePartition] | list[LazyPartition]:
        """The dataset's own partitions, read in parallel by the engine."""
        fragments = self._dataset.get_fragments(filter=as_expression(filter))
        # the engine can not plan a table without any partition
        return [ReadablePartition(fragment) for fragment in fragments] or [
            LazyPartition(LazyDataset(self.schema, _no_rows))
        ]


class ReadablePartition:
    """One partition of a ReadableDataset."""

    def __init__(self, fragment: pads.Fragment) -> None:
        self._fragment = fragment

    def scanner(
        self,
        schema: pa.Schema,
        columns: list[str] | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
    ) -> ReadableScan:
        """What DataFusion asks at execution."""
        wanted = schema.names if columns is None else columns
        condition = as_expression(filter)
        keep = None if condition is None else row_filter(condition, schema)
        needed = list(dict.fromkeys([*wanted, *(keep.columns if keep else ())]))
        # pyarrow's own filter skips what can not match; about NaN it is mistaken
        skip = None if keep is None or keep.over_floats else condition
        options = {} if batch_size is None else {"batch_size": batch_size}
        scanner = self._fragment.scanner(schema=schema, columns=needed, filter=skip, **options)
        return ReadableScan(scanner, pa.schema([schema.field(n) for n in wanted]), keep)


class ReadableScan:
    """One reading of a ReadablePartition, filtered as the engine means it."""

    def __init__(self, scanner: pads.Scanner, schema: pa.Schema, keep: RowFilter | None) -> None:
        self._scanner = scanner
        self._keep = keep
        self.projected_schema = schema

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows."""
        names = self.projected_schema.names
        for batch in self._scanner.to_batches():
            wanted = batch if self._keep is None else self._keep(batch)
            if wanted.num_rows:
                yield wanted.select(names)


def as_expression(filter_: object) -> pc.Expression | None:
    """DataFusion folds a filter that is always true or false to a scalar, which nothing takes."""
    if isinstance(filter_, pa.Scalar):
        return pads.scalar(filter_.as_py() is True)  # NULL keeps no row either
    return filter_
