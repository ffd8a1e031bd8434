"""Compatibility: what changes from one state of a dataset to another, and whom it breaks.

Breaking is what can make a query fail, or answer otherwise, that a reader has written for the
earlier state, and what takes a right or a promise from somebody. Compatible is what adds to it.
Editorial is what only people read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from gateway.catalogue.facts import Facts, facts_of
from gateway.catalogue.service_levels import is_kept
from gateway.catalogue.widening import widens
from gateway.model import Dataset


class Effect(StrEnum):
    """What a change does to readers, the worst first."""

    BREAKING = "breaking"
    COMPATIBLE = "compatible"
    EDITORIAL = "editorial"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `place` is a column, or "" for the dataset; `text` says it to people."""

    kind: str
    place: str
    effect: Effect
    text: str

    def __str__(self) -> str:
        return f"{self.effect}: {self.text}"

    def as_values(self) -> dict[str, str]:
        """What JSON can hold of it: all."""
        return asdict(self)


BREAKING, COMPATIBLE, EDITORIAL = Effect.BREAKING, Effect.COMPATIBLE, Effect.EDITORIAL


def changes_between(old: Dataset, new: Dataset) -> tuple[Change, ...]:
    """Every difference that readers of `old` may care about, the worst first."""
    return compare(facts_of(old), facts_of(new))


def compare(old: Facts, new: Facts) -> tuple[Change, ...]:
    """`changes_between` of facts. What only one of them knows anything of is passed over."""
    found = [
        change
        for key, differences in _COMPARED.items()
        if key in old and key in new and old[key] != new[key]
        for change in differences(old[key], new[key])
    ]
    order = list(Effect)
    return tuple(sorted(found, key=lambda change: order.index(change.effect)))


def worst(changes: Sequence[Change]) -> Effect | None:
    """The effect of all of them together; None when there are none."""
    return min((change.effect for change in changes), key=list(Effect).index, default=None)


def _columns(old: Sequence[Facts], new: Sequence[Facts]) -> Iterator[Change]:
    before, after = ({column["name"]: column for column in each} for each in (old, new))
    for name in before.keys() - after.keys():
        yield Change("column_removed", name, BREAKING, f"column {name} is gone")
    for name in after.keys() - before.keys():
        yield Change("column_added", name, COMPATIBLE, f"column {name} is new")
    kept = [[name for name in each if name in before and name in after] for each in (before, after)]
    if kept[0] != kept[1]:
        text = "its columns stand in another order, which is what SELECT * gives"
        yield Change("columns_reordered", "", BREAKING, text)
    for name in kept[1]:
        yield from _column(name, before[name], after[name])


def _column(name: str, old: Facts, new: Facts) -> Iterator[Change]:
    if old["type"] != new["type"]:
        wider = widens(old["type"], new["type"])
        kind, effect = ("type_widened", COMPATIBLE) if wider else ("type_changed", BREAKING)
        said = f"{_said(old['type'])} became {_said(new['type'])}"
        yield Change(kind, name, effect, f"column {name}: {said}")
    if old["nullable"] != new["nullable"]:
        if new["nullable"]:
            yield Change("became_nullable", name, BREAKING, f"column {name} may be NULL now")
        else:
            yield Change("became_required", name, COMPATIBLE, f"column {name} is never NULL now")
    yield from _tags_of(f"column {name}", name, old["tags"], new["tags"])
    if old["comment"] != new["comment"]:
        yield Change("comment", name, EDITORIAL, f"column {name} is described otherwise")


def _said(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    return "another " + next(iter(kind)) if isinstance(kind, dict) else str(kind)


def _tags(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    yield from _tags_of("the dataset", "", old, new)


def _tags_of(what: str, place: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Policies go by tags, so that what somebody sees may change: by their rules, not by ours."""
    for tag in sorted(set(new) - set(old)):
        yield Change("tag_added", place, COMPATIBLE, f"{what} has the tag {tag} now")
    for tag in sorted(set(old) - set(new)):
        yield Change("tag_removed", place, COMPATIBLE, f"{what} has no longer the tag {tag}")


def _primary_key(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Columns that hold a key remain unique when more are added to them, and not otherwise."""
    said = f"({', '.join(old)}) became ({', '.join(new)})"
    if not old:
        yield Change("key_added", "", COMPATIBLE, f"it has the primary key ({', '.join(new)}) now")
    elif new and set(new) <= set(old):
        yield Change("key_narrowed", "", COMPATIBLE, f"its primary key {said}")
    else:
        text = f"its primary key {said}" if new else f"its primary key ({', '.join(old)}) is gone"
        yield Change("key_changed", "", BREAKING, text)


def _foreign_keys(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    """Nothing holds rows to a foreign key, and no query goes by it: it tells people what belongs
    together."""
    for key in new:
        if key not in old:
            text = f"its foreign key ({', '.join(key[0])}) is new"
            yield Change("foreign_key_added", "", COMPATIBLE, text)
    for key in old:
        if key not in new:
            text = f"its foreign key ({', '.join(key[0])}) is gone"
            yield Change("foreign_key_removed", "", COMPATIBLE, text)


def _row_filters(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Policies name filters by id: who is granted one that is gone is denied."""
    for name in sorted(old.keys() - new.keys()):
        yield Change("row_filter_removed", "", BREAKING, f"its row filter {name} is gone")
    for name in sorted(new.keys() - old.keys()):
        yield Change("row_filter_added", "", COMPATIBLE, f"its row filter {name} is new")
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            text = f"its row filter {name} asks for something else"
            yield Change("row_filter_changed", "", COMPATIBLE, text)


def _demand(kind: str, what: str) -> Callable[[bool, bool], Iterator[Change]]:
    def compared(old: bool, new: bool) -> Iterator[Change]:
        if new:
            yield Change(f"{kind}_demanded", "", BREAKING, f"it asks for {what} now")
        else:
            yield Change(f"{kind}_dropped", "", COMPATIBLE, f"it asks no longer for {what}")

    return compared


def _residency(old: Facts | None, new: Facts | None) -> Iterator[Change]:
    if new is None:
        yield Change("residency_dropped", "", COMPATIBLE, "its rows may be anywhere now")
        return
    regions = ", ".join(new["regions"])
    tighter = old is None or not set(old["regions"]) <= set(new["regions"])
    if old is not None and not tighter and old["minimum_rows"] != new["minimum_rows"]:
        was, now = old["minimum_rows"], new["minimum_rows"]
        tighter = was is not None and (now is None or now > was)
    if tighter:
        text = f"its rows are bound more tightly: to {regions}{_leaving(new)}"
        yield Change("residency_tightened", "", BREAKING, text)
    else:
        text = f"its rows are bound less tightly: to {regions}{_leaving(new)}"
        yield Change("residency_loosened", "", COMPATIBLE, text)


def _leaving(residency: Facts) -> str:
    rows = residency["minimum_rows"]
    return f", but for aggregates over {rows} rows" if rows else ""


def _purposes(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """No purposes named is any purpose."""
    lost = sorted(set(old) - set(new))
    if new and (lost or not old):
        text = f"it may be used for {', '.join(new)} only"
        yield Change("purposes_narrowed", "", BREAKING, text)
    else:
        said = ", ".join(new) or "any purpose"
        yield Change("purposes_widened", "", COMPATIBLE, f"it may be used for {said} now")


def _promises(old: Mapping[str, Facts], new: Mapping[str, Facts]) -> Iterator[Change]:
    for name in sorted(old.keys() - new.keys()):
        yield Change("promise_removed", "", BREAKING, f"its {name} is promised no longer")
    for name in sorted(new.keys() - old.keys()):
        yield Change("promise_added", "", COMPATIBLE, f"its {name} is promised now")
    for name in sorted(old.keys() & new.keys()):
        was, now = old[name], new[name]
        if was == now:
            continue
        said = f"its {name} was {_level(was)} and is {_level(now)}"
        if is_kept(was["name"], (was["value"], was["unit"]), (now["value"], now["unit"])):
            yield Change("promise_raised", "", COMPATIBLE, said)
        else:
            yield Change("promise_lowered", "", BREAKING, said)


def _level(promise: Facts) -> str:
    return f"{promise['value']} {promise['unit']}".strip()


def _quality(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Rules look at rows, and promise none."""
    names = sorted(old.keys() | new.keys())
    changed = [name for name in names if old.get(name) != new.get(name)]
    text = f"its quality rules differ: {', '.join(changed)}"
    yield Change("quality_changed", "", COMPATIBLE, text)


def _view(old: str | None, new: str | None) -> Iterator[Change]:
    """That the same columns come by another query says nothing of the rows."""
    yield Change("view_changed", "", COMPATIBLE, "its rows are computed otherwise")


def _editorial(kind: str, text: str) -> Callable[[Any, Any], Iterator[Change]]:
    def compared(old: Any, new: Any) -> Iterator[Change]:
        yield Change(kind, "", EDITORIAL, text)

    return compared


_COMPARED: Mapping[str, Callable[[Any, Any], Iterator[Change]]] = {
    "columns": _columns,
    "primary_key": _primary_key,
    "foreign_keys": _foreign_keys,
    "row_filters": _row_filters,
    "requires_row_filter": _demand("row_filter", "a row filter that is granted"),
    "requires_purpose": _demand("purpose", "a purpose"),
    "residency": _residency,
    "purposes": _purposes,
    "promises": _promises,
    "quality": _quality,
    "view": _view,
    "tags": _tags,
    "terms": _editorial("terms", "its business terms differ"),
    "title": _editorial("title", "its title differs"),
    "description": _editorial("description", "it is described otherwise"),
    "owner": _editorial("owner", "it has another owner"),
}
