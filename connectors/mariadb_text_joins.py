"""Equalities of two text columns, said so that MariaDB can find their partners by a hash.

Text compares by its bytes, through a cast and a collation of its own, and with that on both sides
MariaDB compares every row with every row. Where both columns have one collation, they are compared
as they are as well: texts of equal bytes are equal in every collation, so that this takes no row
away, and it is by the bare columns that the server hashes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

_UNICODE = ("utf8mb4_", "utf8mb3_", "utf8_")
"""In these the cast keeps every character. Others have bytes that it makes one character of."""


class Collations:
    """The collations of text columns, as the catalogue said last. Used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Mapping[str, str]] = {}

    def keep(self, table: str, columns: Iterable[Mapping[str, Any]]) -> None:
        """Remember those of a table, from rows with `column` and `collation`."""
        found = {str(c["column"]): str(c["collation"]) for c in columns if c["collation"]}
        with self._lock:
            self._known[table] = found

    def of(self, table: str, column: str) -> str | None:
        """The collation of a column, None if it is not known, or not one of Unicode's."""
        with self._lock:
            found = self._known.get(table, {}).get(column)
        return found if found is not None and found.startswith(_UNICODE) else None


def hashed(tree: exp.Query, collations: Collations) -> exp.Query:
    """The query with equalities of two text columns that compare these as they are as well."""
    if not _alike(tree, collations):
        return tree
    tree = tree.copy()
    for equality, one, other in _alike(tree, collations):
        own = exp.EQ(this=one.copy(), expression=other.copy())
        equality.replace(exp.Paren(this=exp.And(this=own, expression=equality.copy())))
    return tree


def _alike(tree: exp.Query, collations: Collations) -> list[tuple[exp.EQ, exp.Column, exp.Column]]:
    """The equalities of two columns of one collation."""
    tables: dict[str, str] = {}
    pairs: list[tuple[exp.EQ, exp.Column, exp.Column]] = []
    for node in tree.walk():
        if isinstance(node, exp.Table):
            tables[node.alias_or_name] = node.name
        elif isinstance(node, exp.EQ):
            one, other = text_column(node.this), text_column(node.expression)
            if one is not None and other is not None:
                pairs.append((node, one, other))
    return [
        (equality, one, other)
        for equality, one, other in pairs
        if one.table in tables
        and other.table in tables
        and (known := collations.of(tables[one.table], one.name)) is not None
        and known == collations.of(tables[other.table], other.name)
    ]


def text_column(read: exp.Expr) -> exp.Column | None:
    """The text column that the dialect reads through a cast and a collation, if this is one."""
    if isinstance(read, exp.Collate) and isinstance(read.this, exp.Cast):
        column = read.this.this
        return column if isinstance(column, exp.Column) else None
    return None
