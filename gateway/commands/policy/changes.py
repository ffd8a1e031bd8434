"""What differs between two sets of policies for one recorded request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.audit.record import Record
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.entries import resource
from gateway.commands.policy.mesh import because
from gateway.commands.policy.shown import filters_text
from gateway.errors import GatewayError
from gateway.model import SCHEME, Address, Dataset
from policies.decide import Authoriser, Context, Decision, Subject
from policies.explanation import DENIED, Asked
from policies.judgement import CLEAR
from policies.masks import parse_mask, strength
from policies.rows import Row

TIGHTER, LOOSER, EITHER = "tighter", "looser", "either"

KINDS = {
    "denied": "Newly denied",
    "allowed": "Newly allowed",
    "column_denied": "Columns that are no longer there",
    "column_masked": "Columns that are masked otherwise",
    "column_clear": "Columns that become clear",
    "row_filters": "Row filters that change",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `direction` tells whether the new policies give less or more.

    `rules` decide under the new policies; `reason` also says what is no longer there.
    """

    kind: str
    dataset: str
    column: str
    before: str
    after: str
    direction: str
    reason: str
    rules: tuple[Row, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Judged:
    """A recorded request under both policies. `missing` are names no dataset has (any more)."""

    before: bool
    after: bool
    changes: tuple[Change, ...] = ()
    missing: tuple[str, ...] = ()


class Comparison:
    """Decides recorded requests under the current and the new policies, both as of `now`."""

    def __init__(
        self, catalogue: Catalogue, current: Authoriser, changed: Authoriser, now: float
    ) -> None:
        self._catalogue = catalogue
        self._current, self._changed = current, changed
        self._now = now
        self._datasets: dict[str, Dataset | None] = {}
        self._known: dict[tuple[Any, ...], _Pair] = {}

    def judge(self, record: Record) -> Judged:
        """What both policies make of the request.

        What its identity restricts purposes to is not recorded, and left out of account.
        """
        uses: dict[str, set[str]] = {}
        for use in record.datasets:
            if use.address.startswith(SCHEME):
                uses.setdefault(use.address, set()).update(use.columns)
        names = [use.address for use in record.datasets if use.address not in uses]
        pairs = {a: pair for a in uses if (pair := self._pair(record, a)) is not None}
        missing = [address for address in uses if address not in pairs]
        pairs |= self._lent(record, pairs)
        groups: list[list[str]] = []
        for name in names:  # it was denied whatever it might have meant
            meant = {str(d.address) for d in self._catalogue.named(tuple(name.split(".")))}
            pairs |= {a: pair for a in meant if (pair := self._pair(record, a)) is not None}
            if meant:
                groups.append(sorted(meant))
            else:
                missing.append(name)
        in_groups = {address for group in groups for address in group}
        groups += [[address] for address in pairs if address not in in_groups]
        if missing or not groups:
            return Judged(False, False, (), tuple(missing))
        before = all(any(pairs[a].before.allowed for a in group) for group in groups)
        after = all(any(pairs[a].after.allowed for a in group) for group in groups)
        changes = [
            change
            for address, pair in pairs.items()
            for change in _changes(pair, uses.get(address))
        ]
        return Judged(before, after, tuple(changes))

    def _lent(self, record: Record, pairs: dict[str, _Pair]) -> dict[str, _Pair]:
        """What a view of the request reads with its owner's rights, where the caller has none."""
        views = (pair.dataset.view for pair in pairs.values())
        owners = sorted({view.owner for view in views if view is not None and view.unmasks})
        lent: dict[str, _Pair] = {}
        for owner in owners:
            asks = replace(record, principal=f"role:{owner}", roles=(owner,), purpose="")
            for address, pair in pairs.items():
                other = None if pair.before.allowed else self._pair(asks, address)
                if other is not None and other.before.allowed:
                    lent[address] = other
        return lent

    def _pair(self, record: Record, address: str) -> _Pair | None:
        """Both answers for one dataset of a request; None where there is no such dataset."""
        subject = Subject(record.principal, record.roles)
        context = Context(record.purpose, record.region)
        key = (subject, context, record.action, address)
        known = self._known.get(key)
        if known is None:
            dataset = self._dataset(address)
            if dataset is None:
                return None
            asked = Asked(
                *(self._current, self._now, subject, resource(dataset), record.action, context)
            )
            known = self._known[key] = _Pair(
                dataset, asked, replace(asked, authoriser=self._changed)
            )
        return known

    def _dataset(self, address: str) -> Dataset | None:
        if address not in self._datasets:
            try:
                self._datasets[address] = self._catalogue.get(Address.parse(address))
            except GatewayError:
                self._datasets[address] = None
        return self._datasets[address]


class _Pair:
    """One dataset for one subject, under both policies; columns are compared once."""

    def __init__(self, dataset: Dataset, current: Asked, changed: Asked) -> None:
        self.dataset = dataset
        self.before, self.after = current.decision(), changed.decision()
        self.columns: tuple[Change, ...] = ()
        same = (self.before.masks, self.before.denied_columns) == (
            *(self.after.masks, self.after.denied_columns),
        )
        if self.before.allowed and self.after.allowed and not same:
            self.columns = tuple(self._compare(current, changed))

    def _compare(self, current: Asked, changed: Asked) -> Iterator[Change]:
        pairs = zip(current.columns(self.before), changed.columns(self.after), strict=True)
        for old, new in pairs:
            if old.mask == new.mask:
                continue
            kind = {DENIED: "column_denied", CLEAR: "column_clear"}.get(new.mask, "column_masked")
            before, after = ({CLEAR: "clear"}.get(c.mask, c.mask) for c in (old, new))
            direction = TIGHTER if _weight(new.mask) > _weight(old.mask) else LOOSER
            gone = f"no longer {because(old)}" if because(old) else ""
            address = str(self.dataset.address)
            reason = because(new) or gone
            yield Change(kind, address, old.name, before, after, direction, reason, new.rules)


def _changes(pair: _Pair, columns: set[str] | None) -> Iterator[Change]:
    """What differs for a request that used these columns; empty or None stands for all."""
    before, after, address = pair.before, pair.after, str(pair.dataset.address)
    if before.allowed != after.allowed:
        kind, direction = ("allowed", LOOSER) if after.allowed else ("denied", TIGHTER)
        old, new = (("denied", "allowed")[d.allowed] for d in (before, after))
        yield Change(kind, address, "", old, new, direction, after.reason, after.rules)
    if not before.allowed or not after.allowed:
        return
    yield from _filters(address, before, after)
    used = columns or set(pair.dataset.schema.names)
    for change in pair.columns:
        # A column that was not there could not be used: it is news to everybody.
        if change.column in used or change.before == DENIED:
            yield change


def _filters(address: str, before: Decision, after: Decision) -> Iterator[Change]:
    old, new = filters_text(before), filters_text(after)
    if old == new:
        return
    direction = TIGHTER if old == "all" else LOOSER if new == "all" else EITHER
    rules = tuple(row for row in after.rules if row.ptype == "p2")
    gone = [row.origin for row in before.rules if row.ptype == "p2"]
    reason = ", ".join(row.origin for row in rules) or f"no longer {', '.join(gone)}"
    yield Change("row_filters", address, "", old, new, direction, reason, rules)


def _weight(mask: str) -> tuple[int, Any]:
    """How little is seen: denied is less than any mask."""
    return (1, ()) if mask == DENIED else (0, strength(parse_mask(mask)))
