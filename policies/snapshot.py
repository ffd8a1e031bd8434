"""One version of all policies, immutable: replaced as a whole, never changed.

Casbin walks every row it holds, and its live reload loses denials while it runs. So a snapshot is
never asked with all rows: rows are found by subject and by dataset, and only those few are matched.
"""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
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

Entry = tuple[int, Row, str | None]
"""A row, its place among all rows, and the column its pattern names."""


class Holder:
    """A subject with all its roles."""

    __slots__ = ("_granted", "_purposes", "name", "roles")

    def __init__(
        self,
        name: str,
        roles: frozenset[str],
        purposes: Callable[[Iterable[str]], frozenset[str]],
    ) -> None:
        self.name = name
        self.roles = roles
        self._purposes = purposes
        self._granted: frozenset[str] | None = None

    @property
    def granted(self) -> frozenset[str]:
        """The purposes the policies let it declare. Most decisions need not know."""
        if self._granted is None:
            self._granted = self._purposes((self.name, *self.roles))
        return self._granted

    def is_member(self, subject: str, role: str) -> bool:
        """``g`` of the matchers."""
        return subject == self.name and role in self.roles


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows that can touch one subject and one dataset, each list in the order of their files.

    `plain` and `special` are ``p`` rows: a plain one speaks of no tag and no column, so it matches
    all columns of a dataset or none. `named` are the columns that rows name. `owed` are the
    permissive row filters the subject was ever given, those that have ended too: where there is
    one, a reading without any would be a reading of more than was ever granted.
    """

    plain: list[Row]
    special: list[Row]
    filters: list[Row]
    masks: list[Row]
    named: set[str]
    owed: list[Row]


class Snapshot:
    """All rows of one policy version, indexed. Safe to read from many threads.

    `version` is made of all rows, `sensitive` are the tags that mask a column unless a ``p3`` row
    relaxes it, and `changes` the instants, sorted, at which a row begins or ceases to hold.
    """

    def __init__(self, rows: PolicyRows) -> None:
        self.rows = rows.rows
        self.model = _MODEL
        digest = hashlib.sha256()
        index: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        named: dict[str, dict[str, set[tuple[float, float]]]] = defaultdict(
            lambda: defaultdict(set)
        )
        links: dict[str, list[tuple[str, Row]]] = defaultdict(list)
        parents: list[Row] = []
        shapes: set[tuple[bool, bool, bool]] = set()
        sensitive: set[str] = set()
        changes: set[float] = set()
        for number, row in enumerate(self.rows):
            columns = row.columns
            digest.update(f"{row.ptype!r}{columns!r}{row.starts!r} {row.ends!r}\n".encode())
            if row.limited:
                changes.update((row.starts, row.ends))
            if row.ptype == "g":
                links[columns[0]].append((sys.intern(columns[1]), row))
                continue
            if row.ptype == "g2":
                parents.append(row)
                continue
            domain, product, dataset, _, column = parse_pattern(columns[2])
            shapes.add((domain == "*", product == "*", dataset == "*"))
            # One string to look up, and names that are the same object: less memory is touched.
            subjects = index[f"{domain}/{product}/{dataset}"]
            subjects[sys.intern(columns[0])].append((number, row, column))
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
        # Which of the eight ways to put stars into a pattern occur at all: mostly three or four.
        self._shapes = tuple(sorted(shapes))
        self._index = {dataset: dict(subjects) for dataset, subjects in index.items()}
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
        found = set(self._links).union(*self._index.values())
        found.update(role for links in self._links.values() for role, _ in links)
        return tuple(sorted(found - {"*"}))

    @cached_property
    def _spoken(self) -> dict[str, list[tuple[int, Row]]]:
        """The rows that allow and deny, by whom they speak of, with their places."""
        found: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        for number, row in enumerate(self.rows):
            if row.ptype in _PURPOSE:
                found[row.columns[0]].append((number, row))
        return dict(found)


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
            (row.columns[0], row.columns[1]) for row in snapshot._parents if self.holds(row)
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
            holder = Holder(subject, self._roles(subject, roles), self._granted)
            self._holders.put(key, holder)
        return holder

    def candidates(self, holder: Holder, segments: Segments) -> Candidates:
        """Every row that could match this subject and this dataset or a column of it."""
        index = self._snapshot._index
        domain, product, dataset = segments[:3]
        keys = [
            f"{'*' if every[0] else domain}/{'*' if every[1] else product}"
            f"/{'*' if every[2] else dataset}"
            for every in self._snapshot._shapes
        ]
        names = (holder.name, *holder.roles, "*")
        found: list[Entry] = []
        for key in keys:
            subjects = index.get(key)
            if subjects is not None:
                for name in names:
                    entries = subjects.get(name)
                    if entries is not None:
                        found += entries
        found.sort()  # numbers differ: rows are not compared
        now = self._now
        rows = Candidates([], [], [], [], set(), [])
        for _, row, column in found:
            if not row.starts <= now:
                continue
            if row.ptype == "p2" and _grants_rows(row):
                rows.owed.append(row)
            if not now < row.ends:
                continue
            if column is not None:
                rows.named.add(column)
            if row.ptype == "p2":
                rows.filters.append(row)
            elif row.ptype == "p3":
                rows.masks.append(row)
            elif column is None and row.columns[6] == "*":
                rows.plain.append(row)
            else:
                rows.special.append(row)
        return rows

    def begun(self, holder: Holder) -> list[Row]:
        """Every row that speaks of this subject and has begun, those that have ended as well."""
        found: list[tuple[int, Row]] = []
        for name in (holder.name, *holder.roles, "*"):
            found += self._snapshot._spoken.get(name, ())
        found.sort(key=lambda entry: entry[0])
        return [row for _, row in found if row.starts <= self._now]

    def holds(self, row: Row) -> bool:
        """Whether a row is in force."""
        return row.holds(self._now)

    def _roles(self, subject: str, roles: tuple[str, ...]) -> frozenset[str]:
        links = self._snapshot._links
        found = set(roles)
        queue = [subject, *found]
        while queue:
            for role, row in links.get(queue.pop(), ()):
                if role not in found and self.holds(row):
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


def _grants_rows(row: Row) -> bool:
    return row.columns[4] == "permissive" and row.effect == "allow"


_MODEL = Model()

_PURPOSE = {"p": 4, "p2": 3, "p3": 4}
"""Which column of a row holds its purposes."""
