"""Decisions: may this subject do this to that resource? No, unless the rows say yes.

Whatever goes wrong on the way is a denial.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from policies.matching import ACTIONS, parse_resource
from policies.snapshot import Snapshot
from policies.store import PRINCIPAL, ROLE

MAX_DECISIONS = 100_000
"""Decisions remembered per snapshot; at the limit the memory starts anew."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What a request brings beside who and what; an empty value satisfies only ``*``."""

    purpose: str = ""
    region: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, why, the row that decided (empty: none did), and by which policy version."""

    allowed: bool
    reason: str
    rule: tuple[str, ...] = ()
    policy_version: str = ""


class _Current:
    """A snapshot and the decisions made from it: they are replaced together."""

    __slots__ = ("decisions", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.decisions: dict[tuple[object, ...], Decision] = {}


class Authoriser:
    """Answers from the current snapshot. Safe to use from many threads, also during `swap`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._current = _Current(snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The policies decisions are made from at this moment."""
        return self._current.snapshot

    def swap(self, snapshot: Snapshot) -> None:
        """Decide from another snapshot from now on; decisions under way keep theirs."""
        self._current = _Current(snapshot)

    def decide(
        self,
        subject: str,
        roles: tuple[str, ...],
        resource: str,
        domain: str,
        action: str,
        context: Context,
    ) -> Decision:
        """Whether `subject` (``user:alice``) may do `action` to `resource`.

        `roles` are those of the user file; ``g`` rows add theirs. `resource` is the full address
        of one dataset version, or of one of its columns. Never raises.
        """
        current = self._current
        key = (subject, roles, resource, domain, action, context)
        try:
            known = current.decisions.get(key)
            if known is not None:
                return known
            decision = _decide(current.snapshot, subject, roles, resource, domain, action, context)
        except Exception:
            _log.exception("a decision failed and was turned into a denial")
            return Decision(False, "the decision failed", (), current.snapshot.version)
        if len(current.decisions) >= MAX_DECISIONS:
            current.decisions.clear()
        current.decisions[key] = decision
        return decision

    def denied_columns(
        self,
        subject: str,
        roles: tuple[str, ...],
        resource: str,
        domain: str,
        action: str,
        context: Context,
        columns: Mapping[str, tuple[str, ...]],
    ) -> frozenset[str]:
        """Those of `columns` (name -> tags) the subject may not use.

        Each is asked as ``resource#column`` with its own tags in place of the context's.
        """
        return frozenset(
            name
            for name, tags in columns.items()
            if not self.decide(
                subject,
                roles,
                f"{resource}#{name}",
                domain,
                action,
                Context(context.purpose, context.region, frozenset(tags)),
            ).allowed
        )


def _decide(
    snapshot: Snapshot,
    subject: str,
    roles: tuple[str, ...],
    resource: str,
    domain: str,
    action: str,
    context: Context,
) -> Decision:
    def deny(reason: str, rule: tuple[str, ...] = ()) -> Decision:
        return Decision(False, reason, rule, snapshot.version)

    if not PRINCIPAL.match(subject):
        return deny("the subject is not a principal")
    # A role spelt like a principal would lend that principal's rights to whoever holds it.
    if not all(ROLE.match(role) for role in roles):
        return deny("a role of the subject is not a role")
    if action not in ACTIONS:
        return deny(f"{action!r} is not an action")
    parse_resource(resource)
    enforcer = snapshot.enforcer(subject, roles)
    if enforcer is None:
        return deny(f"no policy allows {action}")
    allowed, matched = enforcer.enforce_ex(subject, domain, resource, action, context)
    rule = tuple(matched)
    if allowed is True:
        return Decision(True, f"allowed by {_where(snapshot, rule)}", rule, snapshot.version)
    return deny(
        f"denied by {_where(snapshot, rule)}" if rule else f"no policy allows {action}", rule
    )


def _where(snapshot: Snapshot, rule: tuple[str, ...]) -> str:
    row = snapshot.origin.get(rule)
    return f"{row.file}:{row.line}" if row is not None and row.file else ",".join(rule)
