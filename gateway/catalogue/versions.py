"""Versions of a dataset: their order, and which one a request without a version gets."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.model import Dataset

VERSION = re.compile(r"v?\d+(\.\d+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?\Z", re.ASCII)
"""``1.2.0``, shorter or longer, with an optional pre-release as in semantic versioning."""

_CHOSEN = ("active", "deprecated", "retired")

Order = tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]


@lru_cache(maxsize=4096)  # every request asks for every version of what it names
def version_order(version: str) -> Order:
    """The key that sorts versions as semantic versioning does; missing numbers count as 0."""
    numbers, _, pre = version.removeprefix("v").partition("-")
    release = [int(number) for number in numbers.split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".") if pre
    )
    return tuple(release), 0 if pre else 1, parts


def _order(dataset: Dataset) -> Order:
    return version_order(dataset.address.version or "0")


def newest_first(datasets: list[Dataset]) -> list[Dataset]:
    """The versions of one dataset, highest first."""
    return sorted(datasets, key=_order, reverse=True)


def choose_version(datasets: list[Dataset], version: str | None) -> Dataset | None:
    """The version a request means, out of those it may know of; None when there is none.

    Without a version: the highest active one, or else the highest that is deprecated: to deprecate
    a dataset takes it from nobody. With one: that version exactly, or else the same of those that
    start with its numbers: ``1`` finds ``1.2.0``. Drafts are found by their whole version only, and
    what is retired where there is nothing else, so that its reader can be told.
    """
    ordered = newest_first(datasets)
    if version is not None:
        exact = [d for d in ordered if d.address.version == version]
        if exact:
            return exact[0]
        prefix = f"{version}."
        ordered = [d for d in ordered if str(d.address.version).startswith(prefix)]
    found = (d for status in _CHOSEN for d in ordered if d.status == status)
    return next(found, None)
