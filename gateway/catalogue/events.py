"""The life of datasets as the store knows it: what was last seen of each, and every event.

Events are what differs between that and the catalogue a gateway has loaded. They become durable
with the state they lead to, in one transaction that reads it as well: so that there is one event
for a change, however many gateways see it, and whenever one of them is killed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from gateway.catalogue.compatibility import Change, Effect, compare, worst
from gateway.catalogue.facts import FORM, facts_of, to_text
from gateway.catalogue.steps import is_bound
from gateway.memory.store import Store, Writing
from gateway.model import Address, Dataset, Deprecation
from gateway.notices import Notice

BATCH = 1000
"""Datasets whose changes become durable together."""

REGISTERED, VERSION_ADDED, REMOVED = "registered", "version_added", "removed"
SCHEMA_CHANGED, CONTRACT_CHANGED, BROKEN = "schema_changed", "contract_changed", "broken_in_place"
DEPRECATION_CHANGED, STATUS_CHANGED = "deprecation_changed", "status_changed"
_BY_STATUS = {"active": "activated", "deprecated": "deprecated", "retired": "retired"}
"""What a change of status is called by the new one."""

CHANGED_IN_PLACE = "CONTRACT_CHANGED"

_OF_SCHEMA = ("column", "type_", "became_", "key_")

_DIGESTED = [
    each.name
    for each in fields(Dataset)
    if each.name not in ("address", "schema", "binding", "source_file")
]

_STATE = "SELECT address, digest, state, promised, broken_at, gone FROM life_cycle_state"


@dataclass(frozen=True, slots=True)
class Event:
    """What has happened to the dataset at `address`, in UTC.

    `detail` has "from" and "to" (statuses), "reason", "successor" and "ends", or "changes": a list
    of mappings with kind, place (a column, or ""), effect and text; of each what there is.
    """

    number: int
    time: datetime.datetime
    address: str
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A row of the state: what is known of one version of one dataset."""

    digest: str
    state: Mapping[str, Any]
    promised: str
    broken_at: int | None
    gone: bool


T = TypeVar("T")

Found = tuple[str, Mapping[str, Any]]
"""The kind of an event, and its detail."""


def note(
    store: Store, datasets: Sequence[Dataset], version: str, closing: threading.Event | None = None
) -> int:
    """Write down what has become of the datasets of a mesh since it was last looked at.

    `version` is that of the catalogue: one that was seen last is not looked at again. Ends early
    once `closing` is set; the rest is found the next time. How many events there were.
    """
    seen = f"{FORM}:{version}"
    if store.rows("SELECT catalogue FROM life_cycle_seen") == [(seen,)]:
        return 0
    rows = store.rows("SELECT address, digest FROM life_cycle_state WHERE gone = 0")
    known: dict[str, str] = dict(rows)
    now = time.time_ns() // 1000
    # By their positions: of a very large mesh not all datasets are made up at once.
    there, changed = set[str](), list[int]()
    for position, dataset in enumerate(datasets):
        address = str(dataset.address)
        there.add(address)
        if known.get(address) != _digest(dataset):
            changed.append(position)
    gone = sorted(known.keys() - there)
    count = 0
    for batch in _batches(changed):
        if closing is not None and closing.is_set():
            return count
        with store.writing() as transaction:
            count += _note_changed(transaction, [datasets[p] for p in batch], now)
    for addresses in _batches(gone):
        with store.writing() as transaction:
            count += _note_removed(transaction, addresses, now)
    with store.writing() as transaction:
        transaction.execute("DELETE FROM life_cycle_seen")
        transaction.execute("INSERT INTO life_cycle_seen (catalogue) VALUES (?)", (seen,))
    return count


def broken_notices(store: Store) -> list[Notice]:
    """What readers of versions hear that were changed under them."""
    rows = store.rows(
        "SELECT address, broken_at FROM life_cycle_state WHERE broken_at > 0 AND gone = 0"
    )
    return [
        Notice(
            address,
            CHANGED_IN_PLACE,
            f"its contract was changed on {_time(at):%Y-%m-%d} without a new version, so that"
            " what its readers rely on may not hold any more",
        )
        for address, at in rows
    ]


def events(
    store: Store,
    address: Address | None = None,
    after: int = 0,
    limit: int = 10_000,
    *,
    newest_first: bool = False,
) -> list[Event]:
    """The events after one of a number, in their order: of all datasets, of a dataset in all its
    versions, or of the version that the address has. Asks nobody for rights."""
    statement = "SELECT seq, at, address, kind, detail FROM life_cycle_event WHERE seq > ?"
    values: list[object] = [after]
    if address is not None:
        statement += " AND name = ?"
        values.append(_name(address))
        if address.version:
            statement += " AND address = ?"
            values.append(str(address))
    order = "DESC" if newest_first else "ASC"
    rows = store.rows(f"{statement} ORDER BY seq {order} LIMIT ?", [*values, limit])
    return [
        Event(number, _time(at), where, kind, json.loads(detail))
        for number, at, where, kind, detail in rows
    ]


def _note_changed(transaction: Writing, datasets: Sequence[Dataset], now: int) -> int:
    places = _marks(datasets)
    addresses = [str(d.address) for d in datasets]
    rows = transaction.rows(f"{_STATE} WHERE address IN ({places})", addresses)
    known = {
        address: _Seen(digest, json.loads(state), promised, broken_at, bool(gone))
        for address, digest, state, promised, broken_at, gone in rows
    }
    names = [_name(d.address) for d in datasets]
    statement = f"SELECT DISTINCT name FROM life_cycle_state WHERE name IN ({places})"
    named = {name for (name,) in transaction.rows(statement, names)}
    states: list[tuple[object, ...]] = []
    happened: list[tuple[object, ...]] = []
    for dataset in datasets:
        address, name = str(dataset.address), _name(dataset.address)
        digest, before = _digest(dataset), known.get(address)
        if before is not None and before.digest == digest and not before.gone:
            continue  # another gateway has been here
        state = _state(dataset)
        found: list[Found] = []
        if before is None or before.gone:
            kind = VERSION_ADDED if name in named else REGISTERED
            found.append((kind, _told(dataset)))
        named.add(name)
        promised, broken_at = "", None
        if before is not None:
            found += _differences(before.state, dataset, state)
            promised, broken_at = _promised(before, dataset, state, now)
        text = json.dumps(state, sort_keys=True)
        states.append((address, name, digest, text, promised, broken_at, 0))
        happened += [(now, address, name, kind, json.dumps(told)) for kind, told in found]
    transaction.execute_many(
        "INSERT INTO life_cycle_state (address, name, digest, state, promised, broken_at, gone)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET"
        " digest = excluded.digest, state = excluded.state, promised = excluded.promised,"
        " broken_at = excluded.broken_at, gone = excluded.gone",
        states,
    )
    _add(transaction, happened)
    return len(happened)


def _note_removed(transaction: Writing, addresses: Sequence[str], now: int) -> int:
    """What is gone is remembered: it may come back, and not be what it was."""
    still = transaction.rows(
        f"SELECT address, name FROM life_cycle_state"
        f" WHERE gone = 0 AND address IN ({_marks(addresses)})",
        addresses,
    )
    transaction.execute_many(
        "UPDATE life_cycle_state SET gone = 1 WHERE address = ?", [(a,) for a, _ in still]
    )
    _add(transaction, [(now, address, name, REMOVED, "{}") for address, name in still])
    return len(still)


def _add(transaction: Writing, happened: Iterable[tuple[object, ...]]) -> None:
    transaction.execute_many(
        "INSERT INTO life_cycle_event (at, address, name, kind, detail) VALUES (?, ?, ?, ?, ?)",
        happened,
    )


def _differences(
    before: Mapping[str, Any], dataset: Dataset, state: Mapping[str, Any]
) -> Iterator[Found]:
    if before["status"] != dataset.status:
        kind = _BY_STATUS.get(dataset.status, STATUS_CHANGED)
        yield kind, {"from": before["status"], "to": dataset.status, **_end(dataset.deprecation)}
    elif before["end"] != state["end"]:
        yield DEPRECATION_CHANGED, _end(dataset.deprecation)
    changes = compare(before["facts"], state["facts"])
    if changes:
        yield _kind(changes, before["status"], dataset), {"changes": [*map(_values, changes)]}


def _kind(changes: Sequence[Change], before: str, dataset: Dataset) -> str:
    bound = _is_bound(before, dataset) and _is_bound(dataset.status, dataset)
    if bound and worst(changes) is Effect.BREAKING:
        return BROKEN
    schema = any(change.kind.startswith(_OF_SCHEMA) for change in changes)
    return SCHEMA_CHANGED if schema else CONTRACT_CHANGED


def _promised(
    before: _Seen, dataset: Dataset, state: Mapping[str, Any], now: int
) -> tuple[str, int | None]:
    """The facts that readers were promised, and since when these do not hold; "", None: they do.

    They are those from before the first change that broke readers: it counts until it is undone.
    """
    if not _is_bound(before.state["status"], dataset) or not _is_bound(dataset.status, dataset):
        return "", None
    base = json.loads(before.promised) if before.promised else before.state["facts"]
    if worst(compare(base, state["facts"])) is not Effect.BREAKING:
        return "", None
    return to_text(base), before.broken_at or now


def _is_bound(status: str, dataset: Dataset) -> bool:
    return is_bound(status, dataset.address.version or "0")


def _state(dataset: Dataset) -> dict[str, Any]:
    """All of a dataset whose change is an event."""
    end = _end(dataset.deprecation)
    return {"status": dataset.status, "end": end, "facts": facts_of(dataset)}


def _told(dataset: Dataset) -> dict[str, str]:
    return {"to": dataset.status, **_end(dataset.deprecation)}


def _end(deprecation: Deprecation | None) -> dict[str, str]:
    if deprecation is None:
        return {}
    parts = {
        "reason": deprecation.reason,
        "successor": deprecation.successor,
        "ends": deprecation.ends,
    }
    return {key: text for key, text in parts.items() if text}


def _values(change: Change) -> dict[str, str]:
    return change.as_values()


def _digest(dataset: Dataset) -> str:
    """Differs for datasets that differ, and costs a tenth of the facts. Those that only look
    different are compared, and nothing more."""
    said = repr((FORM, *(getattr(dataset, name) for name in _DIGESTED)))
    schema = dataset.schema.serialize().to_pybytes()
    return hashlib.blake2b(schema + said.encode(), digest_size=16).hexdigest()


def _name(address: Address) -> str:
    return str(Address(address.domain, address.product, address.dataset))


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _time(microseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(microseconds / 1e6, datetime.UTC)
