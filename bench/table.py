"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.model import GATEWAY, PEER, Report, SeriesResult


def show(report: Report, console: Console) -> None:
    """Print machine, results and failures; a case with several peers has a table of its own."""
    console.print(
        ", ".join(f"{name} {value}" for name, value in report.machine.items()), style="dim"
    )
    suffix = " (quick)" if report.quick else ""
    cases = list(dict.fromkeys(result.case for result in report.results))
    named = {case: _named_peers(report, case) for case in cases}
    plain = [result for result in report.results if not named[result.case]]
    if plain or not cases:
        console.print(_table("Benchmarks" + suffix, plain))
    for case in cases:
        if named[case]:
            results = [result for result in report.results if result.case == case]
            console.print(_matrix(case + suffix, results, named[case]))
            for text, names in _withdrawals(results).items():
                console.print(f"[yellow]{', '.join(names)}:[/] {text}", highlight=False)
    for case, reason in report.failures.items():
        console.print(f"[red]{case} failed:[/] {reason}", highlight=False)


def _named_peers(report: Report, case: str) -> Sequence[str]:
    results = [result for result in report.results if result.case == case]
    names = (name for result in results for name in (*result.samples, *result.withdrawn))
    return [name for name in dict.fromkeys(names) if name not in (GATEWAY, PEER)]


def _table(title: str, results: Sequence[SeriesResult]) -> Table:
    table = Table("case", "what", "unit", title=title)
    for name in ("gateway", "peer", "ratio", "target"):
        table.add_column(name, justify="right")
    table.add_column("met")
    previous = ""
    for result in results:
        if previous and result.case != previous:
            table.add_section()
        table.add_row("" if result.case == previous else result.case, *_cells(result))
        previous = result.case
    return table


def _matrix(title: str, results: Sequence[SeriesResult], peers: Sequence[str]) -> Table:
    """One column a peer, its value and in brackets the gateway's ratio to it."""
    table = Table("what", "unit", title=title)
    for name in ("gateway", *peers, "to best", "target"):
        table.add_column(name, justify="right")
    table.add_column("met")
    previous: tuple[str, bool] | None = None
    for result in results:
        block = (result.unit, ":" in result.name)  # the queries, and what they come to
        if block != previous and not (previous and block[1] and previous[1]):
            table.add_section()
        previous = block
        name, unit, mine, _, *rest = _cells(result)
        table.add_row(name, unit, mine, *(_against(result, peer) for peer in peers), *rest)
    return table


def _against(result: SeriesResult, peer: str) -> str:
    if peer in result.withdrawn:
        return "[yellow]none[/]"
    if peer not in result.medians:
        return ""
    ratio = result.against(peer)
    value = number(result.medians[peer])
    return value if ratio is None else f"{value} ({ratio:.2f})"


def _withdrawals(results: Sequence[SeriesResult]) -> dict[str, list[str]]:
    """Who withdrew from what, by the reason: a peer that is missing withdraws from everything."""
    found: dict[str, list[str]] = {}
    for result in results:
        for name, text in result.withdrawn.items():
            names = found.setdefault(f"{name}: {text.splitlines()[0][:200] if text else ''}", [])
            if result.name not in names:
                names.append(result.name)
    return found


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
