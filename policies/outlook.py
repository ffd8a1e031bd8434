"""What one subject may do with all datasets of a mesh: `judge`, for every dataset at once.

Of each row that speaks of the subject the model itself says whether it counts for the action, the
purpose and the region, asked about a dataset made to suit the row. Which datasets it suits is then
worked out over arrays: by pattern, domains and tags. The few datasets of which columns are left
only by rows that name columns are decided one by one. Whatever goes wrong hides everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from policies.estate import Bools, Estate, Place
from policies.judgement import USES, granted_purposes, serves
from policies.matching import Segments, parse_pattern
from policies.model import Asked
from policies.request import Context, Subject
from policies.rows import ALL_ROWS, PRINCIPAL, ROLE, Row
from policies.snapshot import Moment

_log = logging.getLogger(__name__)

Decide = Callable[[int, str, str], bool]
"""Whether a dataset, by its position, is allowed for an action and a purpose."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A row with where it leads, and the traits it asks for; None: any."""

    row: Row
    pattern: Segments
    places: tuple[Place, ...]
    tagged: Bools | None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`allowed`; and of these, `whole` keep every column as it is, `free` owe nothing at all."""

    allowed: Bools
    whole: Bools
    free: Bools


class Outlook:
    """Of a subject with a purpose, in a region, over an estate, while a moment of policies lasts.

    Each answer is an array with an element for each dataset, not to be written to. They are worked
    out when first asked for. Safe to use from many threads.
    """

    def __init__(
        self, estate: Estate, moment: Moment, subject: Subject, context: Context, decide: Decide
    ) -> None:
        self.estate = estate
        self._moment = moment
        self._subject = subject
        self._context = context
        self._decide = decide
        self._holder = moment.holder(subject.name, subject.roles)

    @cached_property
    def discoverable(self) -> Bools:
        """Whether ``discover`` is allowed."""
        return self._discover.allowed

    @cached_property
    def readable(self) -> Bools:
        """Whether ``read`` is allowed."""
        return self._read.allowed

    @cached_property
    def unchanged(self) -> Bools:
        """Those of `discoverable` known to be shown with every column just as it is."""
        read = self._read
        return _kept(np.where(read.allowed, read.whole, self._discover.whole) & self.discoverable)

    @cached_property
    def free(self) -> Bools:
        """Those of `readable` known to be read without any obligation."""
        return self._read.free

    @cached_property
    def known(self) -> Bools:
        """Whether ``read`` is allowed for this or any purpose granted, or ``discover``."""
        found = self.discoverable | self.readable
        try:
            for purpose in self._purposes():
                found |= self._weighed("read", purpose).allowed
        except Exception:
            _log.exception("an outlook failed and was turned into less")
        return _kept(found)

    @cached_property
    def products(self) -> tuple[tuple[str, str], ...]:
        """The domains and products of what is `discoverable`, in the order of the estate."""
        found = self._products(self.discoverable)
        return tuple(self.estate.products[number] for number in np.flatnonzero(found))

    @cached_property
    def known_products(self) -> Bools:
        """Which of the products of the estate have a dataset that is `known`."""
        return _kept(self._products(self.known))

    def _products(self, shown: Bools) -> Bools:
        found = np.zeros(len(self.estate.products), np.bool_)
        found[self.estate.product[shown]] = True
        return found

    @cached_property
    def _discover(self) -> _Verdict:
        return self._weighed("discover", self._context.purpose)

    @cached_property
    def _read(self) -> _Verdict:
        return self._weighed("read", self._context.purpose)

    def _weighed(self, action: str, purpose: str) -> _Verdict:
        try:
            if self._may_ask(purpose):
                found = self._weigh(action, purpose)
                shown = (found.allowed, found.whole, found.free)
                return _Verdict(*(_kept(part & self._there) for part in shown))
        except Exception:
            _log.exception("an outlook failed and was turned into denials")
        none = _kept(np.zeros(len(self.estate), np.bool_))
        return _Verdict(none, none, none)

    @cached_property
    def _there(self) -> Bools:
        """What is published, and what is not yet that the subject may publish or administer."""
        there = ~self._trait([t.unpublished for t in self.estate.traits])
        purpose = self._context.purpose
        if not there.all() and self._may_ask(purpose):
            for action in ("publish", "admin"):
                there |= self._weigh(action, purpose).allowed
        return _kept(there)

    def _may_ask(self, purpose: str) -> bool:
        subject = self._subject
        if not PRINCIPAL.match(subject.name) or not all(map(ROLE.match, subject.roles)):
            return False
        return not purpose or purpose in granted_purposes(self._moment, subject)

    def _purposes(self) -> Iterator[str]:
        """The purposes granted, of those that the same rows speak of only one."""
        named = {
            purpose
            for placed, column in ((self._access, 4), (self._filters, 3))
            for each in placed
            for purpose in each.row.columns[column].split("|")
        }.union(*(trait.purposes for trait in self.estate.traits))
        seen: set[frozenset[str]] = set()
        for purpose in sorted(granted_purposes(self._moment, self._subject)):
            spoken = self._moment.tree.ancestors(purpose) & named
            if spoken not in seen:
                seen.add(spoken)
                yield purpose

    @cached_property
    def _access(self) -> list[_Placed]:
        return [self._placed(row, 6) for row in self._rows if row.ptype == "p"]

    @cached_property
    def _filters(self) -> list[_Placed]:
        """The row filters that speak of datasets, those that have ended as well."""
        filters = [row for row in self._moment.begun(self._holder) if row.ptype == "p2"]
        return [p for p in map(self._placed, filters) if p.pattern[4] is None]

    @cached_property
    def _rows(self) -> list[Row]:
        return [row for row in self._moment.begun(self._holder) if self._moment.holds(row)]

    def _placed(self, row: Row, tags: int | None = None) -> _Placed:
        pattern = parse_pattern(row.columns[2])
        places = tuple(self.estate.places(pattern, row.columns[1]))
        wanted = "*" if tags is None else row.columns[tags]
        tagged = None
        if wanted != "*":
            names = frozenset(wanted.split("|"))
            tagged = self._by_trait([not names.isdisjoint(t.tags) for t in self.estate.traits])
        return _Placed(row, pattern, places, tagged)

    def _counts(self, each: _Placed, action: str | None, purpose: str) -> bool:
        """Whether a row counts at all: what the model says of a dataset that suits it."""
        columns = each.row.columns
        parts = ["x" if part == "*" else part for part in each.pattern[:4]]
        address = "mesh://{}/{}/{}@{}".format(*parts)
        if each.pattern[4] is not None:
            address += f"#{each.pattern[4]}"
        domain = "x" if columns[1] == "*" else columns[1].partition("|")[0]
        section = self._moment.model.filters if action is None else self._moment.model.access
        tags = frozenset(columns[6].split("|")) if action is not None else frozenset[str]()
        asked = Asked(purpose, self._moment.tree.ancestors(purpose), self._context.region, tags)
        request = (self._holder.name, domain, address, action or "", asked)
        return bool(section.matching(request, [each.row], self._holder.is_member))

    def _weigh(self, action: str, purpose: str) -> _Verdict:
        estate = self.estate
        access = [each for each in self._access if self._counts(each, action, purpose)]
        of_datasets = [each for each in access if each.pattern[4] is None]
        plain = [each for each in of_datasets if each.tagged is None]
        special = [each for each in of_datasets if each.tagged is not None]
        opened = self._covered(plain, "allow")
        allowed = opened | self._covered(special, "allow")
        allowed &= ~(self._covered(of_datasets, "deny")) & estate.valid
        if not purpose:
            allowed &= ~self._trait([t.requires_purpose for t in estate.traits])
        if action in USES:
            spoken = self._moment.tree.ancestors(purpose)
            allowed &= self._trait([serves(t.purposes, spoken) for t in estate.traits])
        filters = [
            each
            for each in self._filters
            if self._moment.holds(each.row) and self._counts(each, None, purpose)
        ]
        allowed &= ~self._covered(filters, "deny")
        if action not in ("read", "discover"):
            return _Verdict(allowed, allowed, allowed)
        left = self._columns_left(opened, special)
        width = self._trait_numbers([t.width for t in estate.traits])
        named = [each for each in access if each.pattern[4] is not None]
        closing, opening = self._numbers(named, "deny"), self._covered(named, "allow")
        whole = allowed & (left == width) & (closing == 0)
        doubtful = allowed & np.where(left > 0, (closing > 0) & (left <= closing), opening)
        allowed &= (left > 0) | (width == 0)
        free = whole
        if action == "read":
            allowed, free = self._filtered(allowed, whole, filters)
            doubtful &= estate.valid
            sensitive = self._moment.sensitive
            masked = [
                any(not sensitive.isdisjoint(tags) for tags, _ in t.columns) for t in estate.traits
            ]
            clear = ~self._trait(masked)
            whole, free = whole & clear, free & clear
        for position in np.flatnonzero(doubtful):
            allowed[position] = self._decide(int(position), action, purpose)
        return _Verdict(_kept(allowed), _kept(whole & allowed), _kept(free & allowed))

    def _filtered(
        self, allowed: Bools, whole: Bools, filters: Sequence[_Placed]
    ) -> tuple[Bools, Bools]:
        """What may be read under these row filters, and what of it whole and with all rows."""
        traits = self.estate.traits
        granted, everything, limited = (np.zeros(len(allowed), np.bool_) for _ in range(3))
        for each in filters:
            kind, name = each.row.columns[4], each.row.columns[5]
            if name != ALL_ROWS:
                self._mark(limited, each, None)
                undeclared = self._by_trait([name not in t.row_filters for t in traits])
                unknown = np.zeros(len(allowed), np.bool_)
                self._mark(unknown, each, undeclared)
                allowed &= ~unknown
            if kind == "permissive":
                self._mark(granted, each, None)
                if name == ALL_ROWS:
                    self._mark(everything, each, None)
        restricted = np.zeros(len(allowed), np.bool_)
        for each in filters:
            if each.row.columns[4] != "permissive" and each.row.columns[5] != ALL_ROWS:
                self._mark(restricted, each, None)
        owed = np.zeros(len(allowed), np.bool_)
        for each in self._filters:
            if each.row.columns[4] == "permissive" and each.row.effect == "allow":
                self._mark(owed, each, None)
        demanded = self._trait([t.requires_row_filter for t in traits])
        allowed = allowed & (granted | ~(demanded | owed))
        return allowed, whole & ~restricted & (everything | ~granted)

    def _columns_left(self, opened: Bools, special: Sequence[_Placed]) -> npt.NDArray[np.int64]:
        """How many columns rows leave that speak of no column by its name."""
        estate = self.estate
        if not special:
            named = self._trait_numbers([t.width - t.unnamed for t in estate.traits])
            return np.where(opened, named, 0)
        wanted = [frozenset(each.row.columns[6].split("|")) for each in special]
        groups: dict[tuple[bool, ...], dict[int, int]] = {}
        for number, trait in enumerate(estate.traits):
            for tags, count in trait.columns:
                speaking = tuple(not names.isdisjoint(tags) for names in wanted)
                group = groups.setdefault(speaking, {})
                group[number] = group.get(number, 0) + count
        left = np.zeros(len(estate), np.int64)
        for speaking, counts in groups.items():
            rows = [each for each, speaks in zip(special, speaking, strict=True) if speaks]
            shown = opened | self._covered(rows, "allow", tagged=False)
            shown &= ~self._covered(rows, "deny", tagged=False)
            numbers = np.zeros(len(estate.traits), np.int64)
            numbers[list(counts)] = list(counts.values())
            left += np.where(shown, numbers[estate.of], 0)
        return left

    def _covered(self, rows: Sequence[_Placed], effect: str, *, tagged: bool = True) -> Bools:
        """The datasets some of the rows cover; their own tags count where rows are `tagged`."""
        found = np.zeros(len(self.estate), np.bool_)
        for each in rows:
            if each.row.effect == effect:
                self._mark(found, each, each.tagged if tagged else None)
        return found

    def _numbers(self, rows: Sequence[_Placed], effect: str) -> npt.NDArray[np.int64]:
        """How many of the rows cover each dataset, whatever its tags."""
        found = np.zeros(len(self.estate), np.int64)
        for each in rows:
            if each.row.effect == effect:
                for stretch, meant in each.places:
                    found[stretch] += 1 if meant is None else meant
        return found

    def _mark(self, found: Bools, each: _Placed, by_trait: Bools | None) -> None:
        for stretch, meant in each.places:
            if by_trait is None:
                found[stretch] |= True if meant is None else meant
            else:
                suits = by_trait[self.estate.of[stretch]]
                found[stretch] |= suits if meant is None else suits & meant

    def _trait(self, of_traits: list[bool]) -> Bools:
        return self._by_trait(of_traits)[self.estate.of]

    def _trait_numbers(self, of_traits: list[int]) -> npt.NDArray[np.int64]:
        return np.array(of_traits, np.int64)[self.estate.of]

    def _by_trait(self, of_traits: list[bool]) -> Bools:
        return np.array(of_traits, np.bool_)


def _kept(found: Bools) -> Bools:
    found.setflags(write=False)
    return found
