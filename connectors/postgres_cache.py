"""Joins for which PostgreSQL is told how little it holds in memory itself.

By default PostgreSQL expects 4 GB of its pages to lie in memory, and walks an index for each row of
a join even where the rows found lie all over the table: every page is then fetched again and again,
from the operating system at best. The groups that leave a source to be joined with another's
are such joins: many rows, neither grouped nor limited. For them alone it is told for the length of
the statement that no more than its own buffers is in memory, and it hashes where it would walk.

Where two large tables lie in the order of the very columns they are joined by, the walk is one pass
over both, which the server's estimate does not see: such a join is planned as ever. So is all for
which an operator, the database or the role has set another value.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sqlglot import exp

_SETTING, _DEFAULT = "effective_cache_size", "4GB"

LITTLE_CACHE = (
    f"SELECT CASE WHEN current_setting('{_SETTING}', true) = '{_DEFAULT}' THEN"
    f" set_config('{_SETTING}', current_setting('shared_buffers'), false) END IS NOT NULL AS done"
)
"""Lowers the expectation in the session. One row: whether it was lowered."""

USUAL_CACHE = f"SELECT set_config('{_SETTING}', '{_DEFAULT}', false) AS done"
"""Takes it back."""

Column = tuple[str, str, str]
"""Schema, table, column."""

Equalities = frozenset[tuple[Column, Column]]

_LARGE = 1000
"""Pages from which it matters how a table's rows lie."""

_TOGETHER = 0.9
"""Correlation of a column with the place of its rows from which they count as lying in order."""

_KEPT = 1024
"""Statements, and joins, that are remembered; one that is forgotten is planned as ever."""

_AGE = 60.0
"""Seconds for which it is believed how rows lie."""

_ORDER = """SELECT s.schemaname::text AS schema, s.tablename::text AS table,
 s.attname::text AS column FROM pg_catalog.pg_stats AS s
 JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
 JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
 WHERE c.relpages >= {pages} AND abs(s.correlation) >= {together}
 AND (s.schemaname, s.tablename, s.attname) IN ({columns})"""


class LittleCache:
    """Which of the rendered statements are planned with little cache. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: OrderedDict[str, Equalities] = OrderedDict()
        self._apart: OrderedDict[Equalities, tuple[float, bool]] = OrderedDict()

    def remember(self, text: str, equalities: Equalities) -> None:
        """That a rendered text is a join by these columns."""
        with self._lock:
            _put(self._statements, text, equalities)

    def helps(self, text: str, ask: Callable[[str], Sequence[dict[str, Any]]]) -> bool:
        """Whether a text is a join of rows that lie apart. `ask` runs a query on the catalogue."""
        now = time.monotonic()
        with self._lock:
            equalities = self._statements.get(text)
            if equalities is None:
                return False
            taken, apart = self._apart.get(equalities, (-_AGE, False))
        if now - taken < _AGE:
            return apart
        apart = False
        with suppress(Exception):  # a catalogue that is not shown decides nothing
            apart = not _lies_together(equalities, ask)
        with self._lock:
            _put(self._apart, equalities, (now, apart))
        return apart


def _put(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def _lies_together(equalities: Equalities, ask: Callable[[str], Sequence[dict[str, Any]]]) -> bool:
    columns = sorted({column for pair in equalities for column in pair})
    listed = ", ".join(f"({', '.join(_text(part) for part in column)})" for column in columns)
    rows = ask(_ORDER.format(pages=_LARGE, together=_TOGETHER, columns=listed))
    ordered = {(r["schema"], r["table"], r["column"]) for r in rows}
    return any(one in ordered and other in ordered for one, other in equalities)


def plain_join(tree: exp.Query) -> Equalities | None:
    """The equalities of a statement that only joins, filters and projects tables, else None."""
    if not isinstance(tree, exp.Select) or not tree.args.get("joins"):
        return None
    if any(v for k, v in tree.args.items() if k not in {"expressions", "from_", "where", "joins"}):
        return None
    more = (exp.AggFunc, exp.Window, exp.Query)
    if any(isinstance(node, more) for node in tree.walk() if node is not tree):
        return None
    tables: dict[str, tuple[str, str]] = {}
    for source in (tree.args["from_"].this, *(join.this for join in tree.args["joins"])):
        if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
            return None
        tables[source.alias_or_name] = (source.db, source.name)
    found = set()
    for equality in tree.find_all(exp.EQ):
        sides = [s for s in (equality.left, equality.right) if isinstance(s, exp.Column)]
        if len(sides) == 2 and sides[0].table != sides[1].table:
            if not all(side.table in tables for side in sides):
                return None
            one, other = ((*tables[side.table], side.name) for side in sides)
            found.add((min(one, other), max(one, other)))
    return frozenset(found) or None


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(dialect="postgres")
