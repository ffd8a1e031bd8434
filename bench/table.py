"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.model import GATEWAY, PEER, Report, SeriesResult


def show(report: Report, console: Console) -> None:
    """Print machine, results and failures."""
    console.print(
        ", ".join(f"{name} {value}" for name, value in report.machine.items()), style="dim"
    )
    table = Table("case", "what", "unit", title="Benchmarks" + (" (quick)" if report.quick else ""))
    for name in ("gateway", "peer", "ratio", "target"):
        table.add_column(name, justify="right")
    table.add_column("met")
    previous = ""
    for result in report.results:
        if previous and result.case != previous:
            table.add_section()
        table.add_row("" if result.case == previous else result.case, *_cells(result))
        previous = result.case
    console.print(table)
    for case, reason in report.failures.items():
        console.print(f"[red]{case} failed:[/] {reason}", highlight=False)


def _cells(result: SeriesResult) -> Sequence[str]:
    medians, ratio = result.medians, result.ratio
    met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[result.met]
    return (
        result.name,
        result.unit,
        number(medians[GATEWAY]),
        number(medians[PEER]) if PEER in medians else "",
        f"{ratio:.2f}" if ratio is not None else "",
        str(result.target or ""),
        met,
    )


def number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
