"""When a quality rule or a promise is checked, and what its breach does: read from a contract."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cronsim import CronSim, CronSimError

from gateway.catalogue.document import Document
from gateway.catalogue.governance import CHECK, GATE, MAX_AGE, lookup
from gateway.catalogue.problems import Path, Problem
from gateway.model import Timing

DEFAULT_MAX_AGE = 60.0
"""How old a result may be that a query asks for, in seconds, without a ``mesh.maxAge``."""

GATES = ("warn", "deny")
CHECKS = ("schedule", "query")

_CRON = ("", "cron")


class Malformed(Exception):
    """An entry breaks a rule; `path` leads to the place below the entry."""

    def __init__(self, rule: str, *path: str | int) -> None:
        super().__init__(rule)
        self.path = path


@dataclass(slots=True)
class Levels:
    """A schema object of a contract at `path`: what it says of all its rules, and its contract."""

    contract: Document
    path: Path
    problems: list[Problem] = field(default_factory=list)

    def check(self) -> None:
        """Note what is wrong with what is said for all rules, be there one or not."""
        self._properties((self.path, ()))

    def timing(self, place: Path, entry: Mapping[str, Any], *, scheduled: bool) -> Timing:
        """Of the entry at `place`; what it does not say itself its object does, or the contract.

        Raises Malformed for its schedule.
        """
        gate, checks, age = self._properties((place, self.path, ()))
        max_age = None
        if checks == "query" or (checks is None and age is not None):
            max_age = DEFAULT_MAX_AGE if age is None else float(age)
        schedule = ""
        if scheduled and str(entry.get("scheduler") or "") in _CRON:
            schedule = str(entry.get("schedule") or "")
            if schedule:
                check_cron(schedule)
        return Timing(gate or "warn", schedule, max_age)

    def own_gate(self, place: Path) -> tuple[str, Path] | None:
        """The gate that an entry has itself, and where it says so."""
        found = lookup(self.contract, place, GATE)
        return None if found is None else (str(found[0]), found[1])

    def _properties(self, levels: tuple[Path, ...]) -> tuple[str | None, str | None, Any]:
        return (
            self._nearest(levels, GATE, lambda value: _one_of(value, GATES)),
            self._nearest(levels, CHECK, lambda value: _one_of(value, CHECKS)),
            self._nearest(levels, MAX_AGE, _age),
        )

    def _nearest(self, levels: tuple[Path, ...], name: str, wrong: Any) -> Any:
        for level in levels:
            found = lookup(self.contract, level, name)
            if found is not None:
                value, place = found
                rule = wrong(value)
                if not rule:
                    return value
                self.problems.append(self.contract.problem(place, rule))
                return None
        return None


def check_cron(schedule: str) -> None:
    """Raises Malformed for a schedule that is no cron line."""
    try:
        next(CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise Malformed(f"{schedule!r} is no cron line, as 0 20 * * *", "schedule") from None


def is_number(value: Any) -> bool:
    """Whether a value of a document is a number that can be compared with."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every floating-point number
        return False


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    return "" if value in known else f"must be {' or '.join(known)}"


def _age(value: Any) -> str:
    return "" if is_number(value) and value >= 0 else "must be a number of seconds"
