"""What the demo prints: the question, the answer, what each source did, and the verdict."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table

from gateway.demo.questions import CONNECT, Question

SHOWN_ROWS = 5
PIPE_WIDTH = 100
INDENT = (0, 0, 0, 4)


class Screen:
    """Prints to the terminal, or plainly to a pipe."""

    def __init__(self) -> None:
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self.console = Console(highlight=False, width=width)

    @contextmanager
    def progress(self, title: str) -> Iterator[Any]:
        """A spinner with what is being done; yields the function that is told so."""
        with self.console.status(title) as status:

            def step(text: str) -> None:
                status.update(f"{title}: {text}")
                self.console.print(f"  [dim]· {escape(text)}[/]")

            yield step

    def heading(self, text: str) -> None:
        """A line across, with a title."""
        self.console.print()
        self.console.rule(f"[bold]{escape(text)}", align="left", style="dim")

    def question(self, number: int, question: Question) -> None:
        """The question, who asks it, and its SQL."""
        self.heading(f"{number}. {question.title}")
        purpose = f" [dim]for the purpose[/] {question.purpose}" if question.purpose else ""
        self.console.print(f"[dim]asked by[/] {question.user}{purpose}")
        self._sql(question.sql.strip())

    def answer(self, table: pa.Table) -> None:
        """The first rows."""
        grid = Table(box=None, header_style="bold", pad_edge=False)
        for field in table.schema:
            number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
            number = number or pa.types.is_decimal(field.type)
            grid.add_column(escape(field.name), justify="right" if number else "left")
        for row in table.slice(0, SHOWN_ROWS).to_pylist():
            grid.add_row(*(escape(_cell(value)) for value in row.values()))
        self.console.print(Padding(grid, (1, 0, 0, 2), expand=False))
        if table.num_rows > SHOWN_ROWS:
            self.console.print(f"  [dim]… {table.num_rows - SHOWN_ROWS:,} more rows[/]")

    def report(self, report: Mapping[str, Any]) -> None:
        """What each source was sent and sent back, and the whole."""
        self.console.print()
        for fragment in report["fragments"]:
            moved = f"{fragment['rows']:,} rows, {_size(fragment['bytes'])}"
            seconds = f"{fragment['seconds']:.2f} s"
            name = _short_source(fragment["source"])
            self.console.print(f"  [cyan]{escape(name)}[/]  {moved}  [dim]{seconds}[/]")
            self.console.print(Padding(f"[dim]{escape(fragment['text'])}[/]", INDENT, expand=False))
        for read in report["reads"]:
            name = _short_source(read["source"])
            self.console.print(f"  [cyan]{escape(name)}[/]  read in place by the gateway's engine")
            self.console.print(Padding(f"[dim]{escape(read['text'])}[/]", INDENT, expand=False))
        moved = sum(fragment["bytes"] for fragment in report["fragments"])
        self.console.print(
            f"  [bold]to the client[/]  {report['rows']:,} rows, {_size(report['bytes'])}"
            f" (in fragments {_size(moved)})  [dim]{report['seconds']:.2f} s[/]"
        )

    def verdict(self, difference: str, *, governed: bool) -> None:
        """Whether the answer is DuckDB's; `governed` if DuckDB was told the policies."""
        if difference:
            self.console.print(f"  [bold red]✘ differs from DuckDB:[/] {escape(difference)}")
        else:
            told = ", told the policies" if governed else ""
            self.console.print(f"  [green]✔ the same as DuckDB on the raw files{told}[/]")

    def refusal(self, message: str, expected: bool) -> None:
        """An error in place of an answer."""
        colour, sign = ("green", "✔ refused") if expected else ("bold red", "✘ failed")
        self.console.print()
        self.console.print(Padding(f"[{colour}]{sign}:[/] {escape(message)}", (0, 0, 0, 2)))

    def leak(self) -> None:
        """An answer in place of an error."""
        self.console.print("\n  [bold red]✘ answered, but policies deny it[/]")

    def visible(self, datasets: Mapping[str, list[str]]) -> None:
        """What each user can see."""
        self.heading("What each user sees")
        grid = Table.grid(padding=(0, 2))
        for user, names in datasets.items():
            grid.add_row(f"  [bold]{user}[/]", ", ".join(names))
        self.console.print(grid)

    def policies(self, people: Mapping[str, str], rows: str) -> None:
        """Who is who, and the policies as they are written."""
        self.heading("The policies behind what follows")
        for user, place in people.items():
            self.console.print(f"  [bold]{user:<6}[/]{escape(place)}")
        self.console.print()
        for line in rows.splitlines():
            style = "" if line.startswith("#") else "dim"
            self.console.print(f"  {line}", style=style, markup=False, soft_wrap=True)

    def plan(self, question: Question, table: pa.Table) -> None:
        """The rows of EXPLAIN."""
        self.heading(f"EXPLAIN: {question.title}")
        for row in table.to_pylist():
            source = _short_source(row["source"] or "")
            self.console.print(f"  [bold]{escape(row['item'])}[/]  [cyan]{escape(source)}[/]")
            self.console.print(Padding(f"[dim]{escape(row['text'])}[/]", INDENT, expand=False))

    def summary(self, right: int, asked: int) -> None:
        """How many answers were right."""
        colour = "green" if right == asked else "bold red"
        self.heading("Result")
        self.console.print(f"  [{colour}]{right} of {asked} answers are as they should be[/]")

    def connection(self, uri: str, passwords: Mapping[str, str]) -> None:
        """Who can log in, and how, until Ctrl-C."""
        self.heading(f"Serving on {uri} until you press Ctrl-C")
        for user, password in passwords.items():
            self.console.print(f"  [bold]{user:<6}[/]{escape(password)}")
        self.console.print("\n  From Python:\n")
        lines = CONNECT.format(uri=uri, user="ana", password=passwords["ana"]).strip()
        # Plain and unwrapped: these lines are for copying.
        self.console.print(lines, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A plain line."""
        self.console.print(text, markup=False)

    def _sql(self, text: str) -> None:
        syntax = Syntax(text, "sql", theme="ansi_dark", background_color="default", word_wrap=True)
        self.console.print(Padding(syntax, (1, 0, 0, 2)))


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return str(value)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _short_source(source: str) -> str:
    """The connector and the last part of where it is."""
    connector, colon, location = source.partition(":")
    tail = location.rstrip("/").rsplit("/", 1)[-1]
    return f"{connector}{colon}{'…/' if '/' in location.rstrip('/') else ''}{tail}"
