"""Views as rows: what ``system.catalogue.views`` and a refresh show of them, by who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.model import Dataset
from gateway.views.health import Health

Knows = Callable[[str, str], bool]
"""Whether the caller may know of a dataset, by its address, and of a column of it ("": of none)."""


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view. `health` is "" while nobody has looked; `stands_on` are addresses, sorted."""

    dataset: str
    version: str
    language: str
    owner: str
    unmasks: bool
    health: str
    reason: str
    stands_on: tuple[str, ...]


def view_rows(
    views: Iterable[Dataset],
    healths: Mapping[str, Health],
    knows: Knows,
    looks_after: Callable[[Dataset], bool],
) -> Iterator[ViewRow]:
    """The rows of views that the caller may know of.

    What is below is named to who may know of it; who looks after a view is told everything.
    """
    for dataset in views:
        assert dataset.view is not None
        address, every = str(dataset.address), looks_after(dataset)
        health = healths.get(address)
        told: Knows = _everything if every else knows
        yield ViewRow(
            dataset=address,
            version=dataset.address.version or "",
            language=dataset.view.language,
            owner=dataset.view.owner,
            unmasks=dataset.view.unmasks,
            health="" if health is None else str(health.level),
            reason="" if health is None else health.reason(told),
            stands_on=()
            if health is None
            else tuple(sorted(below for below in health.stands_on if told(below, ""))),
        )


def _everything(address: str, column: str) -> bool:
    return True
