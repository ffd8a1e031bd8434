"""`python -m bench compare OLD NEW`: what changed between two reports."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.model import GATEWAY, Report, SeriesResult
from bench.table import number

MORE_IS_BETTER = frozenset({"rows/s", "queries/s", "MB/s"})


@dataclass(frozen=True, slots=True)
class Change:
    """One series in both reports; `ratio` is new / old of the gateway's median.

    Machines differ from run to run: `against_peer` is the same for gateway / peer, which cancels
    the machine out where there is a peer.
    """

    case: str
    name: str
    unit: str
    old: float
    new: float
    against_peer: float | None

    @property
    def ratio(self) -> float:
        """New over old."""
        return self.new / self.old if self.old else float("inf")

    @property
    def slowdown(self) -> float:
        """How many times worse it became, by the fairest comparison there is; below 1 is better."""
        ratio = self.ratio if self.against_peer is None else self.against_peer
        return 1 / ratio if self.unit in MORE_IS_BETTER and ratio else ratio


def changes(old: Report, new: Report) -> list[Change]:
    """The series both reports have, in the order of `new`."""
    before = {(result.case, result.name): result for result in old.results}
    return [
        _change(before[result.case, result.name], result)
        for result in new.results
        if (result.case, result.name) in before
    ]


def _change(old: SeriesResult, new: SeriesResult) -> Change:
    against_peer = new.ratio / old.ratio if new.ratio and old.ratio else None
    return Change(
        new.case, new.name, new.unit, old.medians[GATEWAY], new.medians[GATEWAY], against_peer
    )


def compare(old: Report, new: Report, threshold: float, console: Console) -> int:
    """Print the changes; 1 if any series became worse by more than `threshold` times, else 0."""
    found = changes(old, new)
    if old.quick != new.quick:
        console.print("[yellow]one of the runs is quick, the other is not[/]")
    table = Table("case", "what", "unit", title=f"{_name(old)} → {_name(new)}")
    for name in ("old", "new", "new / old", "against peer", "worse by"):
        table.add_column(name, justify="right")
    for change in found:
        worse = change.slowdown > threshold
        table.add_row(
            change.case,
            change.name,
            change.unit,
            number(change.old),
            number(change.new),
            f"{change.ratio:.2f}",
            "" if change.against_peer is None else f"{change.against_peer:.2f}",
            f"[red]{change.slowdown:.2f}[/]" if worse else f"{change.slowdown:.2f}",
        )
    console.print(table)
    if not found:
        console.print("[red]the reports have no series in common[/]")
    return int(not found or any(change.slowdown > threshold for change in found))


def _name(report: Report) -> str:
    return f"{report.machine.get('commit', '?')} ({report.machine.get('date', '?')})"
