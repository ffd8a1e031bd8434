"""Policy rows: what each type holds, and the checks a row passes before it counts.

A row Casbin would skip or misread (an unknown type, ``Deny`` for ``deny``, a missing column) can
make a denial vanish. Here it is an error that names file, line and reason.
"""

from __future__ import annotations

import graphlib
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf

from policies.masks import parse_mask
from policies.matching import ACTIONS, parse_pattern

ALL_ROWS = "all_rows"
"""The row filter every dataset has: true for each row."""

PRINCIPAL = re.compile(r"[a-z]+:[^\s,|*]+\Z")
"""Who can ask: kind and name, such as ``user:alice`` or ``svc:loader``."""

ROLE = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
"""A role; its domain, if it has one, is part of it: ``sales/analyst``."""

PURPOSE = ROLE
"""A purpose: ``fraud`` or ``research/clinical``. The slash means nothing: ``g2`` rows do."""


class PolicyError(Exception):
    """A policy that can not be used. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class StoreError(PolicyError):
    """The policies could not be read just now; they may be right, and trying again may help."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy: its type, its columns, from when until when it holds, and where it is written.

    Times are seconds since 1970; a row holds while ``starts <= now < ends``. A row that is not
    checked yet may still have its limits as text (``until=2027-01-01``) at the end of `columns`.
    """

    ptype: str
    columns: tuple[str, ...]
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    starts: float = -inf
    ends: float = inf

    def __str__(self) -> str:
        limits = [
            f"{name}={datetime.fromtimestamp(at, UTC).isoformat()}"
            for name, at in (("from", self.starts), ("until", self.ends))
            if abs(at) != inf
        ]
        return ",".join((self.ptype, *self.columns, *limits))

    @property
    def origin(self) -> str:
        """``file:line``, or the row itself where it has no file."""
        return f"{self.file}:{self.line}" if self.file else str(self)

    @property
    def effect(self) -> str:
        """``allow`` or ``deny``: the last column of ``p``, ``p2`` and ``p3``."""
        return self.columns[-1]

    @property
    def limited(self) -> bool:
        """True when the row does not hold at all times."""
        return self.starts != -inf or self.ends != inf

    def holds(self, now: float) -> bool:
        """Whether the row is in force at `now`, in seconds since 1970."""
        return self.starts <= now < self.ends


@dataclass(frozen=True, slots=True)
class PolicyRows:
    """Rows in the order of their files. Whatever way it is made, every row is checked."""

    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        known: set[tuple[Check, str]] = set()
        object.__setattr__(self, "rows", tuple(_checked(row, known) for row in self.rows))
        _check_tree([row for row in self.rows if row.ptype == "g2"])

    @classmethod
    def checked(cls, rows: Iterable[Row]) -> PolicyRows:
        """Rows from anywhere, each validated. Raises PolicyError."""
        return cls(tuple(rows))


def sort_out(rows: Iterable[Row | PolicyError]) -> tuple[PolicyRows, tuple[PolicyError, ...]]:
    """The rows that are right, and everything that is wrong, in the order of the files."""
    good: list[Row] = []
    wrong: list[PolicyError] = []
    for row in rows:
        try:
            if isinstance(row, PolicyError):
                raise row
            good.append(_checked(row, set()))
        except PolicyError as error:
            wrong.append(error)
    try:
        return PolicyRows.checked(good), tuple(wrong)
    except PolicyError as error:  # the purposes are no tree
        good = [row for row in good if row.ptype != "g2"]
        return PolicyRows.checked(good), (*wrong, error)


Check = Callable[[str], str]
"""What is wrong with a value; empty when nothing is."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FILTER_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?\Z", re.ASCII
)


def parse_instant(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 instant. Without an offset it is UTC.

    A date alone is its midnight, UTC. ValueError for anything else.
    """
    if not _INSTANT.match(text):
        raise ValueError(f"{text!r} is not an instant such as 2027-01-31 or 2027-01-31T18:00:00Z")
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not an instant: {error}") from error


def _checked(row: Row, known: set[tuple[Check, str]]) -> Row:
    """The row with its limits as numbers. Raises PolicyError unless it means what it says.

    `known` holds what has passed before: values repeat.
    """
    checks = _CHECKS.get(row.ptype)
    if checks is None:
        reason = f"unknown row type {row.ptype!r}: use {', '.join(_CHECKS)}"
        raise PolicyError(row.file, row.line, reason)
    if len(row.columns) > len(checks):
        row = _limit(row, len(checks))
    if len(row.columns) != len(checks):
        names = ", ".join((row.ptype, *checks))
        reason = f"{len(row.columns) + 1} columns instead of {len(checks) + 1}: {names}"
        raise PolicyError(row.file, row.line, reason)
    for value, (name, check) in zip(row.columns, checks.items(), strict=True):
        if (check, value) in known:
            continue
        if not value.strip() or value != value.strip() or _CONTROL.search(value):
            reason = f"column {name}: {value!r} is blank, padded or not printable"
            raise PolicyError(row.file, row.line, reason)
        wrong = check(value)
        if wrong:
            raise PolicyError(row.file, row.line, f"column {name}: {wrong}")
        known.add((check, value))
    return row


def _limit(row: Row, count: int) -> Row:
    """The row without its ``from=`` and ``until=``, of which it holds the meaning."""
    limits = {"from": row.starts, "until": row.ends}
    seen: set[str] = set()
    for text in row.columns[count:]:
        name, _, instant = text.partition("=")
        if name not in limits or name in seen:
            reason = (
                f"{len(row.columns) + 1} columns instead of {count + 1}:"
                " after them only from=INSTANT and until=INSTANT may follow, each once"
            )
            raise PolicyError(row.file, row.line, reason)
        seen.add(name)
        try:
            limits[name] = parse_instant(instant)
        except ValueError as error:
            raise PolicyError(row.file, row.line, f"{name}: {error}") from error
    if limits["from"] >= limits["until"]:
        raise PolicyError(row.file, row.line, "until: the row would end before it begins")
    return replace(row, columns=row.columns[:count], starts=limits["from"], ends=limits["until"])


def _check_tree(rows: list[Row]) -> None:
    """Raise PolicyError for a purpose that is its own ancestor, at whatever time a row holds."""
    parents: dict[str, set[str]] = {}
    for row in rows:
        parents.setdefault(row.columns[0], set()).add(row.columns[1])
    try:
        graphlib.TopologicalSorter(parents).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1]
        steps = {*itertools.pairwise(circle), *itertools.pairwise(circle[::-1])}
        last = [row for row in rows if row.columns in steps][-1]
        reason = f"the purpose {last.columns[0]!r} would be its own ancestor"
        raise PolicyError(last.file, last.line, reason) from error


def _check_subject(value: str) -> str:
    if value == "*" or PRINCIPAL.match(value) or ROLE.match(value):
        return ""
    return f"{value!r} is not a principal (user:alice), a role (sales/analyst) or *"


def _check_member(value: str) -> str:
    if PRINCIPAL.match(value) or ROLE.match(value):
        return ""
    return f"{value!r} is not a principal (user:alice) or a role (sales/analyst)"


def _check_role(value: str) -> str:
    return "" if ROLE.match(value) else f"{value!r} is not a role (sales/analyst)"


def _check_purpose(value: str) -> str:
    if PURPOSE.match(value):
        return ""
    return f"{value!r} is not a purpose (fraud, research/clinical)"


def _check_purposes(value: str) -> str:
    if value == "*":
        return ""
    return next(filter(None, map(_check_purpose, value.split("|"))), "")


def _check_alternatives(value: str) -> str:
    if value == "*":
        return ""
    parts = value.split("|")
    if any(not part or part != part.strip() or "*" in part for part in parts):
        return f"{value!r} is not * or values joined by |"
    return ""


def _check_tags(value: str) -> str:
    if value == "*":
        return "a mask is for tags that are named, not for *"
    return _check_alternatives(value)


def _check_object(value: str) -> str:
    try:
        parse_pattern(value)
    except ValueError as error:
        return str(error)
    return ""


def _check_dataset(value: str) -> str:
    try:
        column = parse_pattern(value)[4]
    except ValueError as error:
        return str(error)
    return f"{value!r}: rows are those of a dataset, not of a column" if column else ""


def _check_actions(value: str) -> str:
    unknown = sorted(set(value.split("|")) - ACTIONS)
    return f"{unknown[0]!r} is none of {'|'.join(sorted(ACTIONS))}" if unknown else ""


def _check_effect(value: str) -> str:
    return "" if value in ("allow", "deny") else f"{value!r} is neither allow nor deny"


def _check_kind(value: str) -> str:
    known = ("permissive", "restrictive")
    return "" if value in known else f"{value!r} is neither permissive nor restrictive"


def _check_filter(value: str) -> str:
    return "" if _FILTER_ID.match(value) else f"{value!r} is not the id of a row filter"


def _check_mask(value: str) -> str:
    try:
        parse_mask(value)
    except ValueError as error:
        return str(error)
    return ""


_CHECKS: Mapping[str, Mapping[str, Check]] = {
    "p": {
        "sub": _check_subject,
        "dom": _check_alternatives,
        "obj": _check_object,
        "act": _check_actions,
        "purpose": _check_purposes,
        "region": _check_alternatives,
        "tags": _check_alternatives,
        "eft": _check_effect,
    },
    "p2": {
        "sub": _check_subject,
        "dom": _check_alternatives,
        "obj": _check_dataset,
        "purpose": _check_purposes,
        "kind": _check_kind,
        "filter_id": _check_filter,
        "eft": _check_effect,
    },
    "p3": {
        "sub": _check_subject,
        "dom": _check_alternatives,
        "obj": _check_object,
        "tag": _check_tags,
        "purpose": _check_purposes,
        "mask_id": _check_mask,
        "eft": _check_effect,
    },
    "g": {"member": _check_member, "role": _check_role},
    "g2": {"purpose": _check_purpose, "parent": _check_purpose},
}

COLUMNS: Mapping[str, tuple[str, ...]] = {ptype: tuple(names) for ptype, names in _CHECKS.items()}
"""The columns of each row type, by name."""
