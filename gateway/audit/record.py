"""What is recorded, and its one written form: canonical JSON (RFC 8785), without fractions.

The written form is what is hashed, so it never changes for the same value: keys sorted, no blanks,
UTF-8, whole numbers only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

FORMAT = 1
"""Changes when a reader of older bodies would misunderstand a newer one."""

DECISION, OUTCOME = "decision", "outcome"

ALLOWED, DENIED = "allowed", "denied"

ABANDONED = "abandoned"

SQL = "sql"
WRITTEN = frozenset({SQL, "substrait"})
"""The doors whose statements can be kept without their literals; of others the fingerprint is.

One in another dialect than the gateway's own has that behind a colon: ``sql:mysql``.
"""

canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""The written form of a body: text, whole numbers, lists, and dictionaries with ASCII keys."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """One dataset of a request, and what the policies made of it.

    `address` is the dataset's, or the name as it was asked for where there is none. `columns` are
    those the request may see; `masks` are pairs (column, mask id); `residency` the regions its rows
    may be in; `rules` the policy rows that had a part, as ``file:line``. `version` is what its
    source calls the state of it, "" where it does not say.
    """

    address: str
    columns: tuple[str, ...] = ()
    row_filters: tuple[str, ...] = ()
    masks: tuple[tuple[str, str], ...] = ()
    residency: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One decision. `text` is the client's statement: given raw, it is kept without its literals.

    `door` is the way the request came in (``sql``, ``sql:mysql``, ``metadata``). `code` is the
    error's code when the verdict is `DENIED`, whether the policies said no or the names led
    nowhere. `shape` is the hash of a text kept beside the records: what the answer is made of.
    Read back, `text` is the normalised statement, or "" where only its fingerprint was kept.
    """

    id: str
    principal: str
    verdict: str
    roles: tuple[str, ...] = ()
    region: str = ""
    purpose: str = ""
    door: str = SQL
    action: str = "read"
    text: str = field(default="", repr=False)
    datasets: tuple[DatasetUse, ...] = ()
    policy_version: str = ""
    reason: str = ""
    code: str = ""
    shape: str = ""
    time: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an allowed request ended: ``completed``, ``cancelled``, ``failed: CODE``, or
    ``abandoned``: nobody fetched its answer, or its gateway is no more.
    """

    outcome: str
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    time: datetime = field(default_factory=now)


def decision_parts(record: Record, statement: str) -> tuple[str, str]:
    """The body of a decision: what comes before its number, and what after.

    `statement` is from `statement_part`. Put together by hand, since it is on the way of every
    request: what recurs is remembered, and the rest is a dozen short texts.
    """
    text = canonical
    before = (
        f'{{"action":{text(record.action)},"code":{text(record.code)}'
        f',"datasets":{_datasets(record.datasets)},"door":{text(record.door)}'
        f',"format":{FORMAT},"id":{text(record.id)},"kind":"{DECISION}"'
        f',"policy_version":{text(record.policy_version)},"principal":{text(record.principal)}'
        f',"purpose":{text(record.purpose)},"reason":{text(record.reason)}'
        f',"region":{text(record.region)},"roles":{_texts(record.roles)},"seq":'
    )
    after = (
        f',"shape":"{record.shape}",{statement},"time":"{written_time(record.time)}"'
        f',"verdict":{text(record.verdict)}}}'
    )
    return before, after


def statement_part(statement: str | None, fingerprint: str) -> str:
    """The members of a decision's body that tell of its statement."""
    return f'"statement":{canonical(statement)},"statement_fingerprint":"{fingerprint}"'


@lru_cache(maxsize=4096)
def _texts(texts: tuple[str, ...]) -> str:
    return canonical(texts)


@lru_cache(maxsize=4096)
def _datasets(uses: tuple[DatasetUse, ...]) -> str:
    return canonical([asdict(use) for use in uses])


def outcome_parts(outcome: Outcome, query: str, decision: int | None) -> tuple[str, str]:
    """The body of an outcome, in two parts as well; `decision` is the number of its decision."""
    before = (
        f'{{"bytes":{int(outcome.bytes)},"decision":{canonical(decision)},"format":{FORMAT}'
        f',"id":{canonical(query)},"kind":"{OUTCOME}"'
        f',"microseconds":{round(outcome.seconds * 1e6)}'
        f',"outcome":{canonical(outcome.outcome)},"rows":{int(outcome.rows)},"seq":'
    )
    return before, f',"time":"{written_time(outcome.time)}"}}'


def record_of(body: Mapping[str, Any]) -> Record:
    """The decision a body tells of."""
    return Record(
        id=body["id"],
        principal=body["principal"],
        verdict=body["verdict"],
        roles=tuple(body["roles"]),
        region=body["region"],
        purpose=body["purpose"],
        door=body["door"],
        action=body["action"],
        text=body["statement"] or "",
        datasets=tuple(
            DatasetUse(
                use["address"],
                tuple(use["columns"]),
                tuple(use["row_filters"]),
                tuple((column, mask) for column, mask in use["masks"]),
                tuple(use["residency"]),
                tuple(use["rules"]),
                use.get("version", ""),  # records of the first log had none, nor a shape
            )
            for use in body["datasets"]
        ),
        policy_version=body["policy_version"],
        reason=body["reason"],
        code=body["code"],
        shape=body.get("shape", ""),
        time=datetime.fromisoformat(body["time"]),
    )


def outcome_of(body: Mapping[str, Any]) -> Outcome:
    """The outcome a body tells of."""
    return Outcome(
        body["outcome"],
        body["rows"],
        body["bytes"],
        body["microseconds"] / 1e6,
        datetime.fromisoformat(body["time"]),
    )


def written_time(time: datetime) -> str:
    """``2026-01-31T12:00:00.000123Z``: as text it sorts as the times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
