"""Why a decision is as it is, for people who write policies. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from policies.decide import Authoriser
from policies.judgement import CLEAR, HIDDEN, Decision
from policies.matching import act_match, any_of, mesh_match, one_of, parse_pattern, parse_resource
from policies.request import Context, Resource, Subject
from policies.rows import Row
from policies.snapshot import Moment

DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the subject sees it: `mask` is an id, ``none`` (clear), or ``denied``.

    `rules` are the rows that made it so; there are none where it is so because no row speaks.
    """

    name: str
    tags: frozenset[str]
    mask: str
    reason: str = ""
    rules: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to policies, as they are in force at `now`."""

    authoriser: Authoriser
    now: float
    subject: Subject
    resource: Resource
    action: str
    context: Context

    @property
    def _moment(self) -> Moment:
        return self.authoriser.snapshot.at(self.now)

    def decision(self) -> Decision:
        """The answer to the question as a whole."""
        return self.authoriser.decide(self.subject, self.resource, self.action, self.context)

    def columns(self, decision: Decision) -> Iterator[Column]:
        """Every column, each with the rows that made it what it is in an allowed `decision`.

        A column is decided by itself, so each is asked about as if there were no other.
        """
        masks = dict(decision.masks)
        for name, tags in self.resource.columns:
            alone = replace(self, resource=replace(self.resource, columns=((name, tags),)))
            found = alone.decision().rules
            if name in decision.denied_columns:
                rules = tuple(row for row in found if row.ptype == "p" and row.effect == "deny")
                reason = "" if rules else f"no row allows to {self.action} this column"
                yield Column(name, tags, DENIED, reason, rules)
            else:
                mask = masks.get(name, CLEAR)
                yield self._shown(name, tags, mask, [row for row in found if row.ptype == "p3"])

    def roles(self) -> dict[str, tuple[Row, ...]]:
        """All roles of the subject, sorted, each with the ``g`` rows that give it.

        The subject's identity gives those of ``subject.roles``, whatever rows there are.
        """
        found = self._moment.holder(self.subject.name, self.subject.roles).roles
        members = {self.subject.name, *found}
        given: dict[str, list[Row]] = {role: [] for role in sorted(found)}
        for row in self.authoriser.snapshot.rows:
            if row.ptype == "g" and row.columns[0] in members and row.holds(self.now):
                given[row.columns[1]].append(row)
        return {role: tuple(rows) for role, rows in given.items()}

    def near_misses(self) -> Iterator[tuple[Row, str]]:
        """Rows that would allow it if something were otherwise, and what."""
        moment = self._moment
        names = {self.subject.name, *self.roles(), "*"}
        purposes = moment.tree.ancestors(self.context.purpose)
        tags = self.resource.tags
        for row in self.authoriser.snapshot.rows:
            if row.ptype != "p" or row.effect != "allow" or row.columns[0] not in names:
                continue
            _, domains, pattern, actions, purpose, region, tagged, _ = row.columns
            if not one_of(self.resource.domain, domains) or not _covers(pattern, self.resource):
                continue
            reasons = []
            if not row.holds(self.now):
                reasons.append(not_in_force(row, self.now))
            if not act_match(self.action, actions):
                reasons.append(f"allows {actions}")
            if not any_of(purposes, purpose):
                reasons.append(f"for the purpose {purpose}")
            if not one_of(self.context.region, region):
                reasons.append(f"from the region {region}")
            if not any_of(tags, tagged):
                reasons.append(f"for what is tagged {tagged}")
            if (column := parse_pattern(pattern)[4]) is not None:
                reasons.append(f"of the column {column}, not of the dataset")
            if reasons:
                yield row, "; ".join(reasons)

    def _shown(self, name: str, tags: frozenset[str], mask: str, rows: list[Row]) -> Column:
        """A column that is there; `rows` are the masks chosen for its tags."""
        rules = tuple(row for row in rows if row.columns[5] == mask or row.effect == "deny")
        spoken = {tag for row in rows for tag in row.columns[3].split("|")}
        silent = sorted(tags & self.authoriser.snapshot.sensitive - spoken)
        if mask == HIDDEN and silent and not rules:
            return Column(name, tags, mask, f"no row grants a mask for {' or '.join(silent)}")
        return Column(name, tags, mask, "", rules)


def not_in_force(row: Row, now: float) -> str:
    """``ended 2026-01-01`` or ``begins 2027-01-01``; empty for a row that holds."""
    if row.holds(now):
        return ""
    word, at = ("begins", row.starts) if now < row.starts else ("ended", row.ends)
    instant = datetime.fromtimestamp(at, UTC)
    text = instant.date().isoformat() if instant.time() == datetime.min.time() else str(instant)
    return f"{word} {text}"


def _covers(pattern: str, resource: Resource) -> bool:
    """Whether the pattern is about the dataset or a column of it."""
    column = parse_pattern(pattern)[4]
    if column is None:
        return mesh_match(resource.address, pattern)
    try:
        parse_resource(f"{resource.address}#{column}")
    except ValueError:
        return False
    return mesh_match(f"{resource.address}#{column}", pattern)
