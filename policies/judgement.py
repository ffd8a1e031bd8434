"""The judgement of one request against the policies in force: pure, and it may raise."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policies.masks import parse_mask, strength
from policies.matching import ACTIONS, is_column, mesh_match, one_of, parse_resource
from policies.model import Asked
from policies.request import Context, Resource, Subject
from policies.rows import ALL_ROWS, PRINCIPAL, ROLE, Row
from policies.snapshot import Candidates, Holder, Moment

USES = frozenset({"read", "execute", "remote_query"})
"""What terms of use speak of. That a dataset is there, and for what it may be used, may be known to
those who may not use it."""

HIDDEN, CLEAR = "null", "none"
"""The ids of the strongest mask and of no mask at all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, why, the rows that had a part in it (those that decided first).

    `purposes`: denied for want of a purpose only, these granted ones would do. The rest is what an
    allowed request owes: columns that are not there, row filters by id (any of `permissive`, and
    each of `restrictive`; the built-in ``all_rows`` is already worked in and never named), and
    masks by column. Reads owe all of it, ``discover`` only the columns, other actions nothing.
    """

    allowed: bool
    reason: str
    rules: tuple[Row, ...] = ()
    policy_version: str = ""
    purposes: tuple[str, ...] = ()
    denied_columns: frozenset[str] = frozenset()
    permissive: tuple[str, ...] = ()
    restrictive: tuple[str, ...] = ()
    masks: tuple[tuple[str, str], ...] = ()


def judge(
    moment: Moment, subject: Subject, resource: Resource, action: str, context: Context
) -> Decision:
    """Decide. Whatever it raises has to be taken for a denial."""

    def deny(reason: str) -> Decision:
        return Decision(False, reason, (), moment.version)

    if not PRINCIPAL.match(subject.name):
        return deny("the subject is not a principal")
    # A role spelt like a principal would lend that principal's rights to whoever holds it.
    if not all(ROLE.match(role) for role in subject.roles):
        return deny("a role of the subject is not a role")
    if action not in ACTIONS:
        return deny(f"{action!r} is not an action")
    segments = parse_resource(resource.address)
    if segments[0] != resource.domain or segments[4] is not None:
        return deny("the resource is not one version of a dataset of its domain")
    if resource.unpublished and action in ("read", "discover"):
        makers = (judge(moment, subject, resource, each, context) for each in ("publish", "admin"))
        if not any(decision.allowed for decision in makers):
            return deny("the dataset is not published yet, and the subject may not publish it")
    holder = moment.holder(subject.name, subject.roles)
    case = _Case(moment, holder, moment.candidates(holder, segments), resource, action, context)
    purpose = context.purpose
    if purpose and purpose not in granted_purposes(moment, subject):
        decision = deny(f"the purpose {purpose!r} is not granted")
    else:
        decision = case.weigh(purpose)
    if decision.allowed:
        return decision
    others = granted_purposes(moment, subject) - {purpose}
    return replace(decision, purposes=case.helpful(others)) if others else decision


def granted_purposes(moment: Moment, subject: Subject) -> frozenset[str]:
    """What the subject may declare: what its allow rows name, and everything below that."""
    granted = moment.holder(subject.name, subject.roles).granted
    if subject.purposes is None or not granted:
        return granted
    return granted & moment.tree.descendants(subject.purposes)


Groups = dict[tuple[frozenset[str], str], list[str]]
"""Columns by their tags, and by their own name where some row has it (else empty)."""


class _Case:
    """One request, to be weighed under any purpose."""

    __slots__ = ("_action", "_context", "_holder", "_moment", "_resource", "_rows")

    def __init__(
        self,
        moment: Moment,
        holder: Holder,
        rows: Candidates,
        resource: Resource,
        action: str,
        context: Context,
    ) -> None:
        self._moment = moment
        self._holder = holder
        self._rows = rows
        self._resource = resource
        self._action = action
        self._context = context

    def weigh(self, purpose: str) -> Decision:
        """The decision under a purpose the subject may declare, or under none (``""``)."""
        resource, action = self._resource, self._action
        asked = self._asked(purpose, resource.tags)
        plain = self._access(resource.address, asked, self._rows.plain)
        rules = plain + self._access(resource.address, asked, self._rows.special)
        if not self._moment.model.allows(rules):
            denying = _denials(rules)
            return self._deny(_denied_by(denying) or f"no policy allows {action}", denying)
        if resource.requires_purpose and not purpose:
            return self._deny("a purpose is required")
        if action in USES and not self._serves(purpose):
            return self._deny(f"its contract allows {action} for {_listed(resource.purposes)} only")
        filters = self._moment.model.filters.matching(
            (self._holder.name, resource.domain, resource.address, action, asked),
            self._rows.filters,
            self._holder.is_member,
        )
        denying = _denials(filters)
        if denying:
            return self._deny(_denied_by(denying), denying)
        reason = f"allowed by {rules[0].origin}"
        if action not in ("read", "discover"):
            return Decision(True, reason, _once(rules), self._moment.version)
        groups = self._groups()
        denied, more = self._denied_columns(groups, purpose, plain)
        rules += more
        if denied and len(denied) == sum(map(len, groups.values())):
            return self._deny("every column is denied", [*more, *rules])
        if action == "discover":
            return Decision(True, reason, _once(rules), self._moment.version, denied_columns=denied)
        rules += filters
        for row in filters:
            if row.columns[5] not in resource.row_filters and row.columns[5] != ALL_ROWS:
                return self._deny(
                    f"{row.origin} names the row filter {row.columns[5]!r},"
                    " which the dataset does not declare",
                    [row],
                )
        permissive = {row.columns[5] for row in filters if row.columns[4] == "permissive"}
        restrictive = {row.columns[5] for row in filters if row.columns[4] == "restrictive"}
        if resource.requires_row_filter and not permissive:
            return self._deny("the dataset requires a row filter, and none is granted", rules)
        if not permissive and (owed := self._owed()):
            return self._deny("no row filter of the subject holds for this purpose and time", owed)
        masks, more = self._masks(groups, denied, purpose)
        return Decision(
            True,
            reason,
            _once([*rules, *more]),
            self._moment.version,
            (),
            denied,
            () if ALL_ROWS in permissive else tuple(sorted(permissive)),
            tuple(sorted(restrictive - {ALL_ROWS})),
            masks,
        )

    def helpful(self, purposes: frozenset[str]) -> tuple[str, ...]:
        """Those of the purposes under which the request is allowed, sorted.

        Purposes that the same rows speak of are weighed once.
        """
        named = {
            purpose
            for rows, column in (
                *((self._rows.plain, 4), (self._rows.special, 4), (self._rows.filters, 3)),
            )
            for row in rows
            for purpose in row.columns[column].split("|")
        } | self._resource.purposes
        verdicts: dict[frozenset[str], bool] = {}
        found = []
        for purpose in sorted(purposes):
            spoken = self._moment.tree.ancestors(purpose) & named
            if spoken not in verdicts:
                verdicts[spoken] = self.weigh(purpose).allowed
            if verdicts[spoken]:
                found.append(purpose)
        return tuple(found)

    def _serves(self, purpose: str) -> bool:
        """Whether the dataset may be used for the purpose, as its terms of use say."""
        return serves(self._resource.purposes, self._moment.tree.ancestors(purpose))

    def _asked(self, purpose: str, tags: frozenset[str]) -> Asked:
        purposes = self._moment.tree.ancestors(purpose)
        return Asked(purpose, purposes, self._context.region, tags)

    def _access(self, address: str, asked: Asked, rows: Sequence[Row]) -> list[Row]:
        """Those of the ``p`` rows that match the dataset, or a column of it."""
        return self._moment.model.access.matching(
            (self._holder.name, self._resource.domain, address, self._action, asked),
            rows,
            self._holder.is_member,
        )

    def _owed(self) -> list[Row]:
        """The permissive row filters that cover the dataset, whatever their purpose and time."""
        resource = self._resource
        return [
            row
            for row in self._rows.owed
            if one_of(resource.domain, row.columns[1])
            and mesh_match(resource.address, row.columns[2])
        ]

    def _groups(self) -> Groups:
        """The columns by their tags; a column that some row names is a group of its own."""
        named = self._rows.named
        groups: Groups = {}
        for name, tags in self._resource.columns:
            groups.setdefault((tags, name if name in named else ""), []).append(name)
        return groups

    def _denied_columns(
        self, groups: Groups, purpose: str, plain: Sequence[Row]
    ) -> tuple[frozenset[str], list[Row]]:
        """The columns that may not be used, and the rows that deny them.

        `plain` are the plain rows that match the dataset: they match each column as well.
        """
        denied: list[str] = []
        rules: list[Row] = []
        for (tags, _), names in groups.items():
            usable = [name for name in names if is_column(name)]
            denied += set(names).difference(usable)
            if not usable:
                continue
            address = f"{self._resource.address}#{usable[0]}"
            special = self._access(address, self._asked(purpose, tags), self._rows.special)
            if not self._moment.model.allows(plain, special):
                denied += usable
                rules += _denials(special)
        return frozenset(denied), rules

    def _masks(
        self, groups: Groups, denied: frozenset[str], purpose: str
    ) -> tuple[tuple[tuple[str, str], ...], list[Row]]:
        """The masks of columns in the order of columns, and the rows that chose them."""
        chosen: dict[str, str] = {}
        answers: dict[tuple[str, str], tuple[str, Sequence[Row]]] = {}
        rules: list[Row] = []
        for (tags, named), names in groups.items():
            sensitive = tags & self._moment.sensitive
            shown = [name for name in names if name not in denied]
            if not sensitive or not shown:
                continue
            needed = CLEAR
            for tag in sorted(sensitive):
                # To a mask row, columns differ in the tag asked about, or it names one of them.
                answer = answers.get((tag, named))
                if answer is None:
                    answer = self._mask(shown[0], tag, self._asked(purpose, tags))
                    answers[tag, named] = answer
                mask, rows = answer
                rules += rows
                needed = max(needed, mask, key=_strength)
            chosen.update(dict.fromkeys(shown, needed))
        masks = (
            (name, chosen[name])
            for name, _ in self._resource.columns
            if chosen.get(name, CLEAR) != CLEAR
        )
        return tuple(masks), rules

    def _mask(self, column: str, tag: str, asked: Asked) -> tuple[str, Sequence[Row]]:
        """The weakest mask granted for one tag; the strongest where none is, or one is denied."""
        address = f"{self._resource.address}#{column}"
        matching = self._moment.model.masks.matching(
            (self._holder.name, self._resource.domain, address, tag, asked),
            self._rows.masks,
            self._holder.is_member,
        )
        denying = _denials(matching)
        if denying or not matching:
            return HIDDEN, denying
        weakest = min(matching, key=lambda row: _strength(row.columns[5]))
        return weakest.columns[5], [weakest]

    def _deny(self, reason: str, rules: Iterable[Row] = ()) -> Decision:
        return Decision(False, reason, _once(rules), self._moment.version)


def serves(terms: frozenset[str], purposes: Container[str]) -> bool:
    """Whether terms of use allow a purpose, given as itself and all that is above it."""
    return not terms or any(purpose in purposes for purpose in terms)


def _listed(purposes: Iterable[str]) -> str:
    return " or ".join(sorted(purposes))


def _denials(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.effect == "deny"]


def _denied_by(denying: Sequence[Row]) -> str:
    return f"denied by {denying[0].origin}" if denying else ""


def _once(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple({id(row): row for row in rows}.values())


@functools.lru_cache(maxsize=4096)
def _strength(mask: str) -> Any:
    return strength(parse_mask(mask))
