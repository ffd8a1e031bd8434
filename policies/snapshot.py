"""One version of all policies, immutable: replaced as a whole, never changed.

Casbin walks every row it holds, and its live reload loses denials while it runs. So a snapshot is
never asked with all rows: rows are found by subject and by dataset, and only those few are matched.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf

from policies.matching import Segments, parse_pattern
from policies.memory import Memory
from policies.model import Model
from policies.purposes import PurposeTree
from policies.rows import PolicyRows, Row

MAX_SUBJECTS = 4096
"""Subjects whose roles and purposes are kept; the others are worked out again."""

Dataset = tuple[str, str, str]
"""Domain, product and dataset of a pattern, each a name or ``*``."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A subject with all its roles. `granted` are the purposes the policies let it declare."""

    name: str
    roles: frozenset[str]
    granted: frozenset[str]

    def is_member(self, subject: str, role: str) -> bool:
        """``g`` of the matchers."""
        return subject == self.name and role in self.roles


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows that can touch one subject and one dataset, by type, in the order of their files.

    `owed` are the permissive row filters the subject was ever given, those that have ended too:
    where there is one, a reading without any would be a reading of more than was ever granted.
    """

    access: tuple[Row, ...]
    filters: tuple[Row, ...]
    masks: tuple[Row, ...]
    owed: tuple[Row, ...]


class Snapshot:
    """All rows of one policy version, indexed. Safe to read from many threads.

    `version` is made of all rows, `sensitive` are the tags that mask a column unless a ``p3`` row
    relaxes it, and `changes` the instants, sorted, at which a row begins or ceases to hold.
    """

    def __init__(self, rows: PolicyRows) -> None:
        self.rows = rows.rows
        self.model = _MODEL
        digest = hashlib.sha256()
        index: dict[str, dict[Dataset, list[tuple[int, Row]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        named: dict[str, dict[str, set[tuple[float, float]]]] = defaultdict(
            lambda: defaultdict(set)
        )
        links: dict[str, list[Row]] = defaultdict(list)
        parents: list[Row] = []
        sensitive: set[str] = set()
        changes: set[float] = set()
        for number, row in enumerate(self.rows):
            columns = row.columns
            digest.update(f"{row.ptype!r}{columns!r}{row.starts!r} {row.ends!r}\n".encode())
            if row.limited:
                changes.update((row.starts, row.ends))
            if row.ptype == "g":
                links[columns[0]].append(row)
                continue
            if row.ptype == "g2":
                parents.append(row)
                continue
            index[columns[0]][parse_pattern(columns[2])[:3]].append((number, row))
            if row.ptype == "p3":
                # Whether or not the row holds now: a tag must not become harmless when it ends.
                sensitive.update(columns[3].split("|"))
            purposes = columns[_PURPOSE[row.ptype]]
            if purposes != "*" and row.effect == "allow":
                for purpose in purposes.split("|"):
                    named[columns[0]][purpose].add((row.starts, row.ends))
        self.version = digest.hexdigest()[:16]
        self.sensitive = frozenset(sensitive)
        self.changes = tuple(sorted(changes - {inf, -inf}))
        self._index = {subject: dict(rows) for subject, rows in index.items()}
        self._named = {subject: dict(purposes) for subject, purposes in named.items()}
        self._links = dict(links)
        self._parents = parents

    def at(self, now: float) -> Moment:
        """The policies that are in force at `now`, in seconds since 1970."""
        return Moment(self, now)

    def same_as(self, other: Snapshot) -> bool:
        """True when the rows are equal and written in the same places."""
        return self.version == other.version and all(
            (mine.file, mine.line) == (theirs.file, theirs.line)
            for mine, theirs in zip(self.rows, other.rows, strict=True)
        )

    def subjects(self) -> tuple[str, ...]:
        """Every principal and role that some row names, sorted; ``*`` is not one."""
        return self._subjects

    @cached_property
    def _subjects(self) -> tuple[str, ...]:
        found = set(self._index) | set(self._links)
        found.update(row.columns[1] for rows in self._links.values() for row in rows)
        return tuple(sorted(found - {"*"}))


class Moment:
    """A snapshot while no row begins or ceases to hold: ``begins <= now < ends``."""

    __slots__ = ("_holders", "_now", "_snapshot", "begins", "ends", "model", "sensitive", "tree")

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        changes = snapshot.changes
        following = bisect_right(changes, now)
        self.begins = changes[following - 1] if following else -inf
        self.ends = changes[following] if following < len(changes) else inf
        self.model = snapshot.model
        self.sensitive = snapshot.sensitive
        self._snapshot = snapshot
        self._now = now
        self.tree = PurposeTree(
            (row.columns[0], row.columns[1]) for row in snapshot._parents if self._holds(row)
        )
        self._holders: Memory[tuple[str, tuple[str, ...]], Holder] = Memory(MAX_SUBJECTS)

    @property
    def version(self) -> str:
        """The version of the snapshot."""
        return self._snapshot.version

    def holder(self, subject: str, roles: tuple[str, ...]) -> Holder:
        """The subject with the roles given, those of ``g`` rows, and the roles of these roles."""
        key = (subject, roles)
        holder = self._holders.get(key)
        if holder is None:
            found = self._roles(subject, roles)
            holder = Holder(subject, found, self._granted((subject, *found)))
            self._holders.put(key, holder)
        return holder

    def candidates(self, holder: Holder, segments: Segments) -> Candidates:
        """Every row that could match this subject and this dataset or a column of it."""
        index = self._snapshot._index
        domain, product, dataset = segments[:3]
        keys = [(d, p, n) for d in (domain, "*") for p in (product, "*") for n in (dataset, "*")]
        found: list[tuple[int, Row]] = []
        for name in (holder.name, *holder.roles, "*"):
            rows = index.get(name)
            if rows is not None:
                for key in keys:
                    found += rows.get(key, ())
        found.sort(key=_number)
        sections: dict[str, list[Row]] = {"p": [], "p2": [], "p3": []}
        owed = []
        for _, row in found:
            if self._holds(row):
                sections[row.ptype].append(row)
            if row.ptype == "p2" and _grants_rows(row) and row.starts <= self._now:
                owed.append(row)
        access, filters, masks = map(tuple, sections.values())
        return Candidates(access, filters, masks, tuple(owed))

    def _roles(self, subject: str, roles: tuple[str, ...]) -> frozenset[str]:
        links = self._snapshot._links
        found = set(roles)
        queue = [subject, *found]
        while queue:
            for row in links.get(queue.pop(), ()):
                role = row.columns[1]
                if role not in found and self._holds(row):
                    found.add(role)
                    queue.append(role)
        return frozenset(found)

    def _granted(self, names: Iterable[str]) -> frozenset[str]:
        named = self._snapshot._named
        now = self._now
        return self.tree.descendants(
            purpose
            for name in names
            for purpose, times in named.get(name, {}).items()
            if any(starts <= now < ends for starts, ends in times)
        )

    def _holds(self, row: Row) -> bool:
        return row.holds(self._now)


def _grants_rows(row: Row) -> bool:
    return row.columns[4] == "permissive" and row.effect == "allow"


def _number(entry: tuple[int, Row]) -> int:
    return entry[0]


_MODEL = Model()

_PURPOSE = {"p": 4, "p2": 3, "p3": 4}
"""Which column of a row holds its purposes."""
