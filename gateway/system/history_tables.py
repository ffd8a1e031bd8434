"""What became of datasets: ``system.catalogue.events`` and ``system.quality.results``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa

from gateway.catalogue.events import Event, events
from gateway.memory.quality_results import results
from gateway.model import Dataset
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

MOST = 100_000
"""Of so many events and results, the newest, the tables tell."""

_TEXT, _NUMBER = pa.string(), pa.float64()
_TIME = pa.timestamp("us", "UTC")

_EVENTS = columns(
    ("time", _TIME, "when it was noticed"),
    ("address", _TEXT, "mesh://domain/product/dataset@version"),
    ("event", _TEXT, "what has happened: registered, deprecated, schema_changed, ..."),
    ("from_status", _TEXT, "in which state of its life it was"),
    ("to_status", _TEXT, "and is since"),
    ("reason", _TEXT, "why it is deprecated or retired"),
    ("ends", _TEXT, "when it goes away: a date"),
    ("successor", _TEXT, "what is to be read instead"),
    ("changes", _TEXT, "of its contract, one a line, for who may know of all its columns"),
)


def _events(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    store = viewpoint.store
    if store is None:
        return table((), _EVENTS)

    def rows() -> Iterator[tuple[object, ...]]:
        for event in events(store, limit=MOST, newest_first=True):
            dataset = viewpoint.known(event.address)
            if dataset is None:
                continue
            # what has changed may be a column that is hidden: then not even when is told
            if "changes" in event.detail and not viewpoint.is_whole(dataset):
                continue
            yield _event(viewpoint, event)

    return table(rows(), _EVENTS)


def _event(viewpoint: Viewpoint, event: Event) -> tuple[object, ...]:
    detail = event.detail
    changes = [str(change["text"]) for change in detail.get("changes", ()) if "text" in change]
    return (
        event.time,
        event.address,
        event.kind,
        detail.get("from"),
        detail.get("to"),
        detail.get("reason"),
        detail.get("ends"),
        viewpoint.named(str(detail.get("successor", ""))),
        "\n".join(changes) or None,
    )


_RESULTS = columns(
    ("time", _TIME, "when it was checked"),
    ("address", _TEXT, "mesh://domain/product/dataset@version"),
    ("kind", _TEXT, "rule: of quality; promise: a service level"),
    ("rule", _TEXT, "its name"),
    ("columns", _TEXT, "it is about, separated by commas"),
    ("verdict", _TEXT, "pass, fail, error: it could not be told, or skipped"),
    ("metric", _TEXT, "what was measured"),
    ("value", _NUMBER, "what was found, for who publishes or administers the dataset; else NULL"),
    ("threshold", _TEXT, "what it has to be, for the same"),
    ("reason", _TEXT, "why there is no better verdict, for the same"),
    ("seconds", _NUMBER, "the check took"),
)


def _results(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    if viewpoint.store is None:
        return table((), _RESULTS)
    wanted = equal.get("address")
    found = results(viewpoint.store, [wanted] if isinstance(wanted, str) else None, limit=MOST)
    oversees = viewpoint.oversees(RESULTS.dataset)

    def rows() -> Iterator[tuple[object, ...]]:
        for result in found:
            dataset = viewpoint.known(result.dataset)
            if dataset is None or not _knows(dataset, result.columns):
                continue
            # numbers are of all rows, which is more than many a reader sees
            inside = oversees or viewpoint.makes(dataset)
            yield (
                datetime.fromtimestamp(result.time, UTC),
                result.dataset,
                result.kind,
                result.rule,
                ", ".join(result.columns),
                result.verdict.value,
                result.metric,
                result.value if inside else None,
                result.threshold if inside else None,
                result.reason if inside else None,
                result.seconds if inside else None,
            )

    return table(rows(), _RESULTS)


def _knows(dataset: Dataset, names: tuple[str, ...]) -> bool:
    return all(name in dataset.schema.names for name in names)


EVENTS = SystemTable("catalogue", "events", "What has become of datasets", _EVENTS, _events)
RESULTS = SystemTable(
    "quality", "results", "Checks of quality and service levels, the newest", _RESULTS, _results
)

HISTORY = (EVENTS, RESULTS)
