"""Statements that only filter and project one table, and what is remembered of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlglot import exp

_KEPT = 1024
"""Statements that are remembered as plain scans; one that is forgotten is read whole."""


@dataclass(frozen=True, slots=True)
class PlainScan:
    """A statement that only filters and projects one table, up to the server's own opinion.

    `table` is the table's name and `alias` the prefix of its columns, as `dialect` writes them.
    """

    tree: exp.Select
    table: str
    alias: str
    dialect: str

    @property
    def name(self) -> str:
        """The table's name alone, as nobody writes it."""
        return str(self.tree.args["from_"].this.name)

    @property
    def has_schema(self) -> bool:
        """Whether the table is named with its schema."""
        return bool(self.tree.args["from_"].this.db)

    def statement(self, index: str | None = None) -> str:
        """The statement, ready for one more condition; with `index`, read by that index only."""
        tree = self.tree.copy()
        if index is not None:
            name = exp.to_identifier(index)
            hint = exp.IndexTableHint(this="FORCE", expressions=[name])
            tree.args["from_"].this.set("hints", [hint])
        where = tree.args.get("where")
        if where is not None:
            where.set("this", exp.Paren(this=where.this))
        joint = "WHERE" if where is None else "AND"
        return f"{tree.sql(dialect=self.dialect, comments=False)} {joint}"


def plain_scan(tree: exp.Query, dialect: str) -> PlainScan | None:
    """The scan that a statement is, or None for everything that is more than a scan."""
    if not isinstance(tree, exp.Select):
        return None
    if any(v for k, v in tree.args.items() if k not in {"expressions", "from_", "where"}):
        return None
    source = tree.args.get("from_")
    table = None if source is None else source.this
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return None
    if any(v for k, v in table.args.items() if k not in {"this", "db", "alias"}):
        return None
    inner = (exp.AggFunc, exp.Window, exp.Query)
    if any(isinstance(node, inner) for node in tree.walk() if node is not tree):
        return None
    schema = table.args.get("db")
    name = exp.Table(this=table.this.copy(), db=schema.copy() if schema else None)
    alias = table.args.get("alias")
    called = alias.this if alias else table.this
    return PlainScan(tree, name.sql(dialect=dialect), called.sql(dialect=dialect), dialect)


class ScanMemory:
    """Which rendered texts are plain scans. Used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scans: OrderedDict[str, PlainScan] = OrderedDict()

    def keep(self, text: str, scan: PlainScan) -> None:
        """Remember the text; the one that was kept longest ago may be forgotten."""
        with self._lock:
            self._scans[text] = scan
            self._scans.move_to_end(text)
            if len(self._scans) > _KEPT:
                self._scans.popitem(last=False)

    def get(self, text: str) -> PlainScan | None:
        """The scan that a text is, if it is remembered."""
        with self._lock:
            return self._scans.get(text)
