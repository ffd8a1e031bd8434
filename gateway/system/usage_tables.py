"""``system.usage`` and ``system.lineage``: who used what, and what answers were made of.

One rule for all of them. A row that names a dataset is there only for those who may discover it,
and a row about a column for those who may know of that. Beyond that everybody sees the rows of its
own runs; who administers a dataset sees those of others over it; and who is named by a policy over
the table itself sees all. What others have written is shown to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from gateway.memory import usage
from gateway.memory.store import Store
from gateway.model import SCHEME, SYSTEM, Dataset
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

MOST_RUNS = 100_000
"""Of so many of the newest runs the tables tell."""

_TEXT, _NUMBER, _SECONDS, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TIME = pa.timestamp("us", "UTC")

_SYSTEM = f"{SCHEME}{SYSTEM}/"
"""How the addresses of system tables begin: everybody knows of these."""

Record = Mapping[str, Any]
Run = tuple[int, int]
"""Where a run stands in the journals."""


class _Sight:
    """What one viewpoint may see of a table of usage."""

    def __init__(self, viewpoint: Viewpoint, table: SystemTable) -> None:
        self._viewpoint = viewpoint
        self.everything = viewpoint.oversees(table.dataset)

    def own(self, record: Record) -> bool:
        """Whether it is about the caller itself."""
        return bool(record["principal"] == self._viewpoint.principal.name)

    def dataset(self, address: str) -> Dataset | None:
        """The dataset, if the caller may know of it."""
        return self._viewpoint.known(address)

    def others(self, dataset: Dataset) -> bool:
        """Whether the caller may see how others use a dataset."""
        return self.everything or self._viewpoint.governs(dataset)


def _records(found: pa.Table) -> Iterator[Record]:
    for batch in found.to_batches():
        yield from batch.to_pylist()


def _reads_by_run(store: Store) -> dict[Run, list[str]]:
    found: dict[Run, list[str]] = {}
    for record in _records(usage.readings(store, limit=MOST_RUNS)):
        found.setdefault((record["log"], record["seq"]), []).append(record["dataset"])
    return found


def _may_see_run(sight: _Sight, record: Record, read: list[str]) -> bool:
    """Others' runs are shown where all they read may be known, and some of it is administered."""
    if sight.own(record):
        return True
    datasets = [sight.dataset(address) for address in read if not address.startswith(_SYSTEM)]
    known = [dataset for dataset in datasets if dataset is not None]
    if len(known) < len(datasets):
        return False
    return sight.everything or any(map(sight.others, known))


_RUNS = columns(
    ("run", _TEXT, "the id of the query"),
    ("time", _TIME, "when it was decided"),
    ("ended", _TIME, "NULL while it runs"),
    ("principal", _TEXT, "who asked"),
    ("team", _TEXT, "of the principal"),
    ("purpose", _TEXT, "that was declared"),
    ("door", _TEXT, "the language it came in"),
    ("verdict", _TEXT, "allowed or denied"),
    ("code", _TEXT, "of the error it was refused with"),
    ("outcome", _TEXT, "completed, cancelled or failed; empty while it runs"),
    ("rows", _NUMBER, "of the answer"),
    ("bytes", _NUMBER, "of the answer"),
    ("seconds", _SECONDS, "it took"),
    ("cache", _TEXT, "what the answer was kept in; empty: it was computed"),
    ("policy_version", _TEXT, "by which it was decided"),
    ("statement", _TEXT, "of your own runs, without its constants; else NULL"),
)


def _runs(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, RUNS)
    if store is None:
        return table((), _RUNS)
    reads = _reads_by_run(store)
    names = _RUNS.names[:-1]
    return table(
        (
            (*(record[name] for name in names), record["statement"] if sight.own(record) else None)
            for record in _records(usage.runs(store, limit=MOST_RUNS))
            if _may_see_run(sight, record, reads.get((record["log"], record["seq"]), []))
        ),
        _RUNS,
    )


_READS = columns(
    ("run", _TEXT, "the id of the query"),
    ("time", _TIME, "when it was decided"),
    ("principal", _TEXT, "who asked"),
    ("team", _TEXT, "of the principal"),
    ("purpose", _TEXT, "that was declared"),
    ("verdict", _TEXT, "allowed or denied"),
    ("dataset", _TEXT, "mesh://domain/product/dataset@version"),
    ("columns", _TEXT, "that were read, separated by commas"),
    ("masked", _TEXT, "of these, those that were masked"),
    ("row_filters", _TEXT, "that applied, for who may see how others use the dataset; else NULL"),
    ("source_version", _TEXT, "what its source called the state that was read"),
)


def _reads(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, READS)
    if store is None:
        return table((), _READS)

    def rows() -> Iterator[tuple[object, ...]]:
        for record in _records(usage.readings(store, limit=MOST_RUNS)):
            dataset = sight.dataset(record["dataset"])
            if dataset is None or not (sight.own(record) or sight.others(dataset)):
                continue
            known = set(dataset.schema.names)
            masked = [mask["column"] for mask in record["masks"]]
            yield (
                *(record[name] for name in _READS.names[:7]),
                ", ".join(column for column in record["columns"] if column in known),
                ", ".join(column for column in masked if column in known),
                ", ".join(record["row_filters"]) if sight.others(dataset) else None,
                record["version"],
            )

    return table(rows(), _READS)


_WHO = (
    ("hour", _TIME, "in which the runs began"),
    ("team", _TEXT, "of the principal"),
    ("principal", _TEXT, "who asked"),
    ("purpose", _TEXT, "that was declared"),
)
_WHAT = (
    ("product", _TEXT, "mesh://domain/product"),
    ("dataset", _TEXT, "mesh://domain/product/dataset@version"),
)
_SUMS = (
    ("runs", _NUMBER, "that ended"),
    ("failed", _NUMBER, "of these, those that did not complete"),
    ("denied", _NUMBER, "requests that were refused"),
    ("cached", _NUMBER, "runs answered from a cache"),
    ("rows", _NUMBER, "of all answers"),
    ("bytes", _NUMBER, "of all answers"),
    ("seconds", _SECONDS, "all runs took"),
    ("slowest_seconds", _SECONDS, "the longest of them took"),
)

_BY_CALLER = columns(*_WHO, *_SUMS)
_BY_DATASET = columns(*_WHO, *_WHAT, *_SUMS)
_BY_COLUMN = columns(
    *_WHO,
    *_WHAT,
    ("column", _TEXT, "that was read"),
    ("masked", _FLAG, "whether it was read under a mask"),
    *_SUMS,
)


def _by_caller(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, CALLERS)
    if store is None:
        return table((), _BY_CALLER)
    return _kept(
        usage.by_caller(store), _BY_CALLER, lambda record: sight.everything or sight.own(record)
    )


def _by_dataset(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, DATASETS)
    if store is None:
        return table((), _BY_DATASET)

    def shown(record: Record) -> bool:
        dataset = sight.dataset(record["dataset"])
        return dataset is not None and (sight.own(record) or sight.others(dataset))

    return _kept(usage.by_dataset(store), _BY_DATASET, shown)


def _by_column(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, COLUMNS)
    if store is None:
        return table((), _BY_COLUMN)

    def shown(record: Record) -> bool:
        dataset = sight.dataset(record["dataset"])
        if dataset is None or record["column"] not in dataset.schema.names:
            return False
        return sight.own(record) or sight.others(dataset)

    return _kept(usage.by_column(store), _BY_COLUMN, shown)


def _kept(found: pa.Table, schema: pa.Schema, shown: Callable[[Record], bool]) -> pa.Table:
    def value(record: Record, name: str) -> object:
        return bool(record["mask"]) if name == "masked" else record[name]

    return table(
        (
            tuple(value(record, name) for name in schema.names)
            for record in _records(found)
            if shown(record)
        ),
        schema,
    )


_EDGES = columns(
    ("shape", _TEXT, "what runs with the same lineage share"),
    ("output", _TEXT, "a column of the answer; empty: the whole of it. NULL for shapes of others"),
    ("dataset", _TEXT, "mesh://domain/product/dataset@version, what it is made of"),
    ("column", _TEXT, "of the dataset; empty: the whole of it"),
    ("subtype", _TEXT, "how, in the words of OpenLineage: IDENTITY, AGGREGATION, FILTER, ..."),
    ("masking", _FLAG, "whether its values passed a mask"),
    ("policy", _FLAG, "whether a row filter used it, and not the query"),
)


def _edges(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, EDGES)
    if store is None:
        return table((), _EDGES)
    runs = _records(usage.runs(store, limit=MOST_RUNS))
    own = {record["shape"] for record in runs if record["shape"] and sight.own(record)}

    def rows() -> Iterator[tuple[object, ...]]:
        for shape, output, address, column, subtype, masking, policy in store.rows(
            "SELECT shape, output, dataset, field, subtype, masking, policy FROM lineage_edge"
            " ORDER BY shape, output, dataset, field, subtype"
        ):
            dataset = sight.dataset(address)
            if dataset is None or (column and column not in dataset.schema.names):
                continue
            others = sight.others(dataset)
            # which columns a row filter uses is for those who may see the policies' work
            if not others and (shape not in own or policy):
                continue
            named = output if shape in own or not output else None
            yield (shape, named, address, column, subtype, bool(masking), bool(policy))

    return table(rows(), _EDGES)


_SHAPES = columns(
    ("run", _TEXT, "the id of the query"),
    ("shape", _TEXT, "as in system.lineage.edges"),
    ("time", _TIME, "when it was decided"),
    ("principal", _TEXT, "who asked"),
    ("purpose", _TEXT, "that was declared"),
    ("outcome", _TEXT, "completed, cancelled or failed; empty while it runs"),
)


def _lineage_runs(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store, sight = viewpoint.store, _Sight(viewpoint, LINEAGE_RUNS)
    if store is None:
        return table((), _SHAPES)
    reads = _reads_by_run(store)
    return table(
        (
            tuple(record[name] for name in _SHAPES.names)
            for record in _records(usage.runs(store, limit=MOST_RUNS))
            if record["shape"]
            and _may_see_run(sight, record, reads.get((record["log"], record["seq"]), []))
        ),
        _SHAPES,
    )


RUNS = SystemTable("usage", "runs", "Requests and how they ended, the newest", _RUNS, _runs)
READS = SystemTable("usage", "reads", "What requests read of each dataset", _READS, _reads)
CALLERS = SystemTable("usage", "callers", "Runs by hour and caller", _BY_CALLER, _by_caller)
DATASETS = SystemTable("usage", "datasets", "The same by dataset", _BY_DATASET, _by_dataset)
COLUMNS = SystemTable("usage", "columns", "The same by column", _BY_COLUMN, _by_column)
EDGES = SystemTable("lineage", "edges", "What answers are made of, by column", _EDGES, _edges)
LINEAGE_RUNS = SystemTable(
    "lineage", "runs", "The shapes of lineage that runs had", _SHAPES, _lineage_runs
)

USAGE = (RUNS, READS, CALLERS, DATASETS, COLUMNS, EDGES, LINEAGE_RUNS)
