"""Notices: what a reader of a dataset should know of it, and what keeps it from being read.

Background tasks look at datasets and say what they have found (`Standing`); a request takes with it
what is said of everything it reads. A dataset's own declarations add to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.errors import DatasetUnfit
from gateway.model import Dataset


class Severity(StrEnum):
    """Whether readers are only told, or the dataset is not to be read."""

    WARN = "warn"
    DENY = "deny"


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """One thing to know of the dataset at an address. `code` is in capitals, as in errors.

    `columns` are those the message speaks of: who may not know of one is not told that it is there.
    """

    dataset: str
    code: str
    message: str
    severity: Severity = Severity.WARN
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.dataset}: {self.message} ({self.code})"

    def to(self, dataset: Dataset) -> Notice | None:
        """The notice as somebody is told it who sees of its dataset what is here.

        None: it is about what is hidden, and keeps nobody from reading the rest.
        """
        if all(name in dataset.schema.names for name in self.columns):
            return self
        if self.severity is Severity.WARN:
            return None
        return replace(self, code=UNFIT, message=VEILED, columns=())


UNFIT = "DATASET_UNFIT"
VEILED = "it is not as it should be"
"""What is said, and no more, where a dataset is unfit because of something hidden."""


class Standing:
    """What is known of datasets at this moment, by who found it. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Mapping[str, tuple[Notice, ...]]] = {}
        self._by_dataset: Mapping[str, tuple[Notice, ...]] = {}
        self.version = 0
        """Changes whenever something else is known."""

    def set(self, finder: str, notices: Iterable[Notice]) -> None:
        """Replace all that `finder` has said."""
        found: dict[str, tuple[Notice, ...]] = {}
        for notice in sorted(set(notices)):
            found[notice.dataset] = (*found.get(notice.dataset, ()), notice)
        with self._lock:
            if self._found.get(finder, {}) == found:
                return
            self._found[finder] = found
            together: dict[str, tuple[Notice, ...]] = {}
            for said in self._found.values():
                for dataset, some in said.items():
                    together[dataset] = (*together.get(dataset, ()), *some)
            self._by_dataset = together
            self.version += 1

    def of(self, dataset: str) -> tuple[Notice, ...]:
        """Everything that is said of the dataset at an address."""
        return self._by_dataset.get(dataset, ())


Declared = Callable[[Dataset], Iterable[Notice]]
"""What a dataset's own files say to its readers."""


def notices_of(
    shown: Iterable[Dataset], hidden: Iterable[Dataset], standing: Standing, declared: Declared
) -> tuple[Notice, ...]:
    """The notices of what a request reads, each once.

    Of the `hidden`, which are read below a view with its owner's rights, nothing is told.
    Raises DatasetUnfit for the first notice that keeps a dataset from being read.
    """
    found: dict[Notice, None] = {}
    for dataset in shown:
        said = (notice.to(dataset) for notice in standing.of(str(dataset.address)))
        found.update((notice, None) for notice in said if notice is not None)
        found.update(dict.fromkeys(declared(dataset)))
    for notice in found:
        if notice.severity is Severity.DENY:
            raise DatasetUnfit(
                f"{notice.dataset} is not to be read at present: {notice.message}",
                hint="its owner has to mend it, or its contract must not ask for that any more",
            )
    below = (notice for dataset in hidden for notice in standing.of(str(dataset.address)))
    if any(notice.severity is Severity.DENY for notice in below):
        raise DatasetUnfit(
            "a view of this query is not to be read at present: what it stands on is unfit",
            hint="its owner has to mend it",
        )
    return tuple(found)
