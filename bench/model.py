"""The values that travel through a benchmark run, and their JSON form."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
GATEWAY = "gateway"
PEER = "peer"
RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is done. `quick` asks every case for its smallest meaningful size.

    The others narrow the case `federated` down; None leaves it its choice.
    """

    quick: bool = False
    rounds: int | None = None
    scale: float | None = None
    layouts: tuple[str, ...] | None = None
    peers: tuple[str, ...] | None = None
    queries: tuple[str, ...] | None = None
    moved: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """What a median has to reach: `bound` is a ratio gateway / peer, or a value without a peer."""

    bound: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """True when `value` is on the right side of the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


class Withdrawn(Exception):
    """A peer that can not do the work of a series; the others go on without it."""


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity, measured for one contender or more.

    Each contender is a function that does the work once and returns the quantity in `unit`, or
    raises Withdrawn. The gateway is compared with the contender named `PEER`, else with the
    smallest of the others.
    """

    name: str
    unit: str
    contenders: Mapping[str, Callable[[], float]]
    target: Target | None = None
    rounds: int = 5
    warmups: int = 1


@dataclass(frozen=True, slots=True)
class Total:
    """The sum, sample by sample, of the series of the case measured before it."""

    name: str
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from the series measured before it: one value a contender, or nothing.

    Its target is one for a ratio: that of the gateway to the peer, or the value, in RATIO.
    """

    name: str
    unit: str
    values: Callable[[Sequence[SeriesResult]], Mapping[str, float] | None]
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """The samples of one series in the order they were taken; `withdrawn` says who gave up, why."""

    case: str
    name: str
    unit: str
    samples: Mapping[str, tuple[float, ...]]
    target: Target | None = None
    withdrawn: Mapping[str, str] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, float]:
        """Median of each contender, in `unit`."""
        return {name: statistics.median(values) for name, values in self.samples.items()}

    @property
    def peer(self) -> str | None:
        """The contender the gateway is compared with."""
        others = {name: value for name, value in self.medians.items() if name != GATEWAY}
        return PEER if PEER in others else min(others, key=lambda n: others[n], default=None)

    @property
    def ratio(self) -> float | None:
        """Median of the gateway over median of the peer; None without a peer."""
        return self.against(self.peer)

    def against(self, peer: str | None) -> float | None:
        """Median of the gateway over that of one contender; None when it has none, or zero."""
        medians = self.medians
        return medians[GATEWAY] / medians[peer] if peer and medians.get(peer) else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        ratio = self.ratio
        return self.target.met(self.medians[GATEWAY] if ratio is None else ratio)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run of the benchmarks found out."""

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    quick: bool
    results: tuple[SeriesResult, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The report with samples, and with medians and ratios for the reader's convenience."""
        results = [
            asdict(result) | {"medians": result.medians, "ratio": result.ratio, "met": result.met}
            for result in self.results
        ]
        return json.dumps(
            {
                "format": FORMAT,
                "machine": dict(self.machine),
                "versions": dict(self.versions),
                "quick": self.quick,
                "results": results,
                "failures": dict(self.failures),
            },
            indent=1,
        )

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read a report written by `to_json`. Raises ValueError for anything else."""
        try:
            document = json.loads(path.read_text())
            if document["format"] != FORMAT:
                raise ValueError(f"{path}: format {document['format']} is not {FORMAT}")
            return cls(
                document["machine"],
                document["versions"],
                document["quick"],
                tuple(_result(entry) for entry in document["results"]),
                document["failures"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a benchmark report: {error!r}") from error


def _result(entry: Mapping[str, Any]) -> SeriesResult:
    target = entry["target"]
    return SeriesResult(
        entry["case"],
        entry["name"],
        entry["unit"],
        {name: tuple(values) for name, values in entry["samples"].items()},
        Target(**target) if target else None,
        entry.get("withdrawn", {}),
    )
