"""How answers are shown: the JSON of rows and views, and the words and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.commands.policy.mesh import Question, View, because
from gateway.model import Dataset
from policies.decide import Decision
from policies.explanation import DENIED, Column
from policies.judgement import CLEAR
from policies.masks import effective, parse_mask
from policies.rows import Row

ALLOWED, MASKED = "allowed", "masked"
STYLES = {ALLOWED: "bold green", MASKED: "bold yellow", DENIED: "bold red"}
INDENT = 2


def verdict(view: View, question: Question) -> str:
    """``allowed``, ``denied``, or of one column that is masked ``masked``."""
    if not view.allowed:
        return DENIED
    return MASKED if question.column and view.shown[0].mask != CLEAR else ALLOWED


def name(view: View) -> str:
    """``user:ana``, or ``the role sales/analyst``."""
    subject = view.principal.name
    if subject.startswith("role:"):
        return f"the role {subject.removeprefix('role:')}"
    return "anybody with these roles" if subject == "any:one" else subject


def row_json(row: Row) -> dict[str, str]:
    return {"origin": row.origin, "row": str(row)}


def rows_json(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [row_json(row) for row in rows]


def filters_json(dataset: Dataset, decision: Decision) -> dict[str, list[dict[str, Any]]]:
    """The row filters by how they are joined, each with its text and the rows that grant it."""

    def each(ids: Iterable[str]) -> list[dict[str, Any]]:
        return [
            {
                "id": filter_id,
                "text": dataset.row_filters.get(filter_id, ""),
                "rules": rows_json(
                    r for r in decision.rules if r.ptype == "p2" and r.columns[5] == filter_id
                ),
            }
            for filter_id in ids
        ]

    return {"any_of": each(decision.permissive), "all_of": each(decision.restrictive)}


def column_json(dataset: Dataset, column: Column) -> dict[str, Any]:
    """A column; ``effective`` is the mask as it acts on the column's type."""
    masked = column.mask not in (CLEAR, DENIED)
    return {
        "name": column.name,
        "tags": sorted(column.tags),
        "verdict": MASKED if masked else DENIED if column.mask == DENIED else "clear",
        "mask": column.mask if masked else None,
        "effective": acting(dataset, column) if masked else None,
        "reason": because(column),
        "rules": rows_json(column.rules),
    }


def acting(dataset: Dataset, column: Column) -> str:
    """The mask as it acts: one that does not suit the type hides everything."""
    return str(effective(parse_mask(column.mask), dataset.schema.field(column.name).type))


def seen(dataset: Dataset, column: Column) -> str:
    """``clear``, ``denied``, or the mask in words."""
    if column.mask == CLEAR:
        return "clear"
    if column.mask == DENIED:
        return DENIED
    acts = acting(dataset, column)
    kind = dataset.schema.field(column.name).type
    return column.mask if acts == column.mask else f"{acts} ({column.mask} suits no {kind})"


def filters_text(decision: Decision) -> str:
    """``all``, or how the ids are joined: ``(a or b) and c``."""
    any_of = " or ".join(decision.permissive)
    if len(decision.permissive) > 1 and decision.restrictive:
        any_of = f"({any_of})"
    return " and ".join(filter(None, (any_of, *decision.restrictive))) or "all"


class Screen:
    """A page of headed sections, as wide as the terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)

    def line(self, *parts: str | tuple[str, str]) -> None:
        self.console.print(Text.assemble(*parts))

    def detail(self, text: str) -> None:
        """A line further in, folded where it has to be."""
        self._print(Text(text))

    def more(self, text: str) -> None:
        """A line below a detail."""
        self._print(Text(text), 2 * INDENT)

    def section(self, title: str) -> None:
        self.console.print()
        self.console.print(Text(title, style="bold"))

    def table(
        self, header: Sequence[str], lines: Iterable[Sequence[str]], *, indent: int = INDENT
    ) -> None:
        """Left-aligned columns without lines; columns that are empty in every line are left out."""
        rows = [[str(cell) for cell in line] for line in lines]
        kept = [n for n in range(len(header)) if any(row[n] for row in rows)]
        table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(header))
        for number in kept:
            table.add_column(header[number], overflow="fold", no_wrap=number == 0)
        for row in rows:
            table.add_row(*(self._cell(row[number]) for number in kept))
        self._print(table, indent)

    def rows(self, rows: Iterable[Row], notes: Sequence[str] = ()) -> None:
        """Policy rows with their places; below each other where they are too long for one line."""
        found = list(rows)
        places = [row.origin for row in found]
        widest = max(map(len, places), default=0)
        longest = max((len(str(row)) for row in found), default=0)
        if INDENT + widest + 2 + longest <= self.console.width and not any(notes):
            for place, row in zip(places, found, strict=True):
                self._print(Text.assemble((f"{place:<{widest}}  ", "cyan"), str(row)))
            return
        for number, (place, row) in enumerate(zip(places, found, strict=True)):
            note = notes[number] if notes else ""
            self._print(Text.assemble((place, "cyan"), f"  {note}" if note else ""))
            self._row(row, 2 * INDENT)

    def rows_below(self, rows: Iterable[Row]) -> None:
        """Policy rows below a detail, each in a line of its own."""
        for row in rows:
            self._row(row, 3 * INDENT, "dim")

    def _row(self, row: Row, indent: int, style: str = "") -> None:
        """On one line, however long: rows are for copying."""
        self.console.print(Text(" " * indent + str(row), style=style), soft_wrap=True)

    def _cell(self, text: str) -> Text:
        return Text(text, style=STYLES.get(text, ""))

    def _print(self, what: RenderableType, indent: int = INDENT) -> None:
        self.console.print(Padding(what, (0, 0, 0, indent), expand=False))
