"""Results of quality checks in the store, and the claims by which gateways share the work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from enum import StrEnum

from gateway.memory.store import Reading, Row, Store, Writing

RULE, PROMISE = "rule", "promise"

KEPT_SECONDS = 90 * 86_400.0
"""How long results and probes of sources are kept."""

MANY = 500
"""How many values go into one statement."""


class Verdict(StrEnum):
    """What a check found: the rule holds, or not; it could not be told; or nothing checks it."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one rule or promise. It has numbers and names of its own, never a row's value.

    `kind` is RULE or PROMISE, `fingerprint` the rule's at that time, `run` is shared by all that
    was checked together, `time` is in seconds since 1970. `columns` are what the rule is about:
    whoever may not know of one of them may not know of the result. `value` is None where there is
    none; `threshold` a text, as ``must be 0``. `reason` says why there is no better verdict.
    """

    dataset: str
    kind: str
    rule: str
    fingerprint: str
    run: str
    time: float
    columns: tuple[str, ...]
    metric: str
    value: float | None
    threshold: str
    verdict: Verdict
    reason: str = ""
    seconds: float = 0.0


_COLUMNS = (
    "dataset, kind, rule, fingerprint, run, checked_at, columns, metric, value, threshold,"
    " verdict, reason, seconds"
)
_MARKS = ", ".join("?" * len(fields(Result)))
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[3:])


def latest(reading: Reading | Store) -> list[Result]:
    """The latest result of every rule and promise that was ever checked."""
    return [_result(row) for row in reading.rows(f"SELECT {_COLUMNS} FROM quality_latest")]


def latest_of(reading: Reading | Store, dataset: str) -> list[Result]:
    """The same of one dataset, by its address with its version."""
    rows = reading.rows(f"SELECT {_COLUMNS} FROM quality_latest WHERE dataset = ?", (dataset,))
    return [_result(row) for row in rows]


def results(
    reading: Reading | Store,
    datasets: Sequence[str] | None = None,
    since: float = 0.0,
    limit: int = 1000,
) -> list[Result]:
    """Results of the datasets at these addresses (None: of all), the newest first."""
    if datasets is None:
        rows = reading.rows(
            f"SELECT {_COLUMNS}, seq FROM quality_result WHERE checked_at >= ?"
            " ORDER BY seq DESC LIMIT ?",
            (since, limit),
        )
        return [_result(row) for row in rows]
    found: list[Row] = []
    for start in range(0, len(datasets), MANY):
        some = datasets[start : start + MANY]
        found += reading.rows(
            f"SELECT {_COLUMNS}, seq FROM quality_result"
            f" WHERE dataset IN ({', '.join('?' * len(some))}) AND checked_at >= ?"
            " ORDER BY seq DESC LIMIT ?",
            (*some, since, limit),
        )
    found.sort(key=lambda row: -int(row[-1]))
    return [_result(row) for row in found[:limit]]


def save(writing: Writing, found: Iterable[Result]) -> None:
    """Keep results, and make each the latest of its rule."""
    rows = [_row(result) for result in found]
    insert = f"INTO {{}} ({_COLUMNS}) VALUES ({_MARKS})"
    writing.execute_many(f"INSERT {insert.format('quality_result')}", rows)
    writing.execute_many(
        f"INSERT {insert.format('quality_latest')}"
        f" ON CONFLICT (dataset, kind, rule) DO UPDATE SET {_CHANGED}",
        rows,
    )


def claim(writing: Writing, dataset: str, owner: str, now: float, until: float) -> bool:
    """Take the right to check a dataset, unless somebody else has it at the moment."""
    changed = writing.execute(
        "INSERT INTO quality_claim (dataset, owner, held_until) VALUES (?, ?, ?)"
        " ON CONFLICT (dataset) DO UPDATE"
        " SET owner = excluded.owner, held_until = excluded.held_until"
        " WHERE quality_claim.held_until <= ?",
        (dataset, owner, until, now),
    )
    return changed == 1


def holds(reading: Reading, dataset: str, owner: str) -> bool:
    """Whether the claim is still the owner's: another may have taken one that ran out."""
    rows = reading.rows("SELECT owner FROM quality_claim WHERE dataset = ?", (dataset,))
    return [row[0] for row in rows] == [owner]


def release(writing: Writing, dataset: str, owner: str) -> None:
    """Give the right back."""
    writing.execute("DELETE FROM quality_claim WHERE dataset = ? AND owner = ?", (dataset, owner))


def add_probe(writing: Writing, dataset: str, now: float, *, answered: bool) -> None:
    """Note whether the source of a dataset answered."""
    writing.execute(
        "INSERT INTO quality_probe (dataset, probed_at, answered) VALUES (?, ?, ?)",
        (dataset, now, int(answered)),
    )


def probes(reading: Reading, dataset: str, since: float) -> tuple[int, int]:
    """How many probes of a dataset's source were answered, and how many there were."""
    rows = reading.rows(
        "SELECT sum(answered), count(*) FROM quality_probe WHERE dataset = ? AND probed_at >= ?",
        (dataset, since),
    )
    answered, count = rows[0]
    return int(answered or 0), int(count)


def prune(writing: Writing, now: float) -> None:
    """Forget what is older than KEPT_SECONDS: also the latest of what nobody checks any more."""
    before = now - KEPT_SECONDS
    writing.execute("DELETE FROM quality_latest WHERE checked_at < ?", (before,))
    writing.execute("DELETE FROM quality_result WHERE checked_at < ?", (before,))
    writing.execute("DELETE FROM quality_probe WHERE probed_at < ?", (before,))


def _row(result: Result) -> Row:
    values = list(astuple(result))
    values[6] = json.dumps(result.columns, ensure_ascii=False)
    values[10] = str(result.verdict)
    return tuple(values)


def _result(row: Row) -> Result:
    values = list(row[: len(fields(Result))])
    values[6] = tuple(json.loads(values[6]))
    values[10] = Verdict(values[10])
    return Result(*values)
