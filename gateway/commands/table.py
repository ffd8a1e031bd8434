"""A result as a table for people: aligned, NULL told from empty, wide rows as blocks of lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from gateway.flight.client import Rows

SHOWN_ROWS = 1000
MIN_COLUMN_WIDTH = 20
"""A terminal with less room than this for each column gets a block of lines for each record."""
COLUMN_FRAME = 3
"""What a column takes beside its text: padding and a line."""


def print_table(rows: Rows) -> None:
    """Print the first SHOWN_ROWS rows, and how many there are in all."""
    shown: list[list[Text]] = []
    count = 0
    for batch in rows:
        room = max(0, SHOWN_ROWS - count)
        shown += [[_cell(v) for v in record] for record in _records(batch.slice(0, room))]
        count += batch.num_rows
    console = Console()
    if _fits(rows.schema, shown, console.width):
        console.print(_table(rows.schema, shown))
    else:
        for number, cells in enumerate(shown, start=1):
            console.print(_block(rows.schema, number, cells))
    more = f", the first {SHOWN_ROWS} shown" if count > SHOWN_ROWS else ""
    print(f"{count} {'row' if count == 1 else 'rows'}{more}")


def _records(batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _cell(value: Any) -> Text:
    return Text("NULL", style="dim") if value is None else Text(str(value))


def _fits(schema: pa.Schema, records: Sequence[Sequence[Text]], width: int) -> bool:
    """Whether every column gets its text's width, or at least MIN_COLUMN_WIDTH of it."""
    widest = [len(name) for name in schema.names]
    for record in records:
        widest = [max(most, cell.cell_len) for most, cell in zip(widest, record, strict=True)]
    needed = sum(min(most, MIN_COLUMN_WIDTH) + COLUMN_FRAME for most in widest) + 1
    return needed <= width


def _table(schema: pa.Schema, records: Iterable[Sequence[Text]]) -> Table:
    table = Table()
    for field in schema:
        justify: JustifyMethod = "right" if _is_number(field.type) else "left"
        table.add_column(Text(field.name), justify=justify, overflow="fold")
    for record in records:
        table.add_row(*record)
    return table


def _block(schema: pa.Schema, number: int, record: Sequence[Text]) -> Table:
    """``name  value`` lines under the number of the record."""
    block = Table(
        title=f"row {number}",
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    for name, cell in zip(schema.names, record, strict=True):
        block.add_row(Text(name, style="bold"), cell)
    return block


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
