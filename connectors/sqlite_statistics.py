"""SQLite's statistics of a table: sqlite_stat1 if ANALYZE has run, else how far rowids go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from connectors.interface import SourceError
from connectors.statistics import ColumnStatistics, TableStatistics

Ask = Callable[[str], Sequence[Mapping[str, Any]]]


def statistics(ask: Ask, name: str) -> TableStatistics:
    """What the file knows of a table. Raises SourceError."""
    quoted = exp.Literal.string(name).sql(dialect="sqlite")
    parts = ask(_INDEXES.format(name=quoted))
    indexes: dict[str, list[Mapping[str, Any]]] = {}
    for part in parts:
        indexes.setdefault(part["name"], []).append(part)
    columns = {row["name"]: row for row in ask(_COLUMNS.format(name=quoted))}
    primary = tuple(
        name for name, _ in sorted(((n, r["pk"]) for n, r in columns.items() if r["pk"]),
                                   key=lambda pair: pair[1])
    )  # fmt: skip
    counted = _analysed(ask, quoted)
    rows = next(iter(counted.values()))[0] if counted else _last_row(ask, name)
    distinct: dict[str, ColumnStatistics] = {}
    for index, numbers in counted.items():
        if index in indexes and len(numbers) > 1 and numbers[1]:
            lead = str(indexes[index][0]["column"])
            distinct[lead] = ColumnStatistics(numbers[0] / numbers[1])
    unique = [primary] if primary and _required(primary, columns) else []
    for index_parts in indexes.values():
        names = tuple(str(p["column"]) for p in index_parts)
        whole = index_parts[0]["unique"] and not index_parts[0]["partial"]
        if whole and None not in [p["column"] for p in index_parts] and _required(names, columns):
            unique.append(names)
    named = [tuple(str(p["column"]) for p in ps if p["column"]) for ps in indexes.values()]
    single = [primary] if len(primary) == 1 else []
    return TableStatistics(
        rows, distinct, tuple(dict.fromkeys(unique)), tuple(dict.fromkeys([*single, *named]))
    )


def _required(names: Sequence[str], columns: Mapping[str, Mapping[str, Any]]) -> bool:
    """True when none of the columns can be NULL: SQLite lets even a primary key be."""
    return all(n in columns and (columns[n]["notnull"] or columns[n]["rowid_alias"]) for n in names)


def _analysed(ask: Ask, quoted: str) -> dict[str, list[float]]:
    try:
        rows = ask(f"SELECT idx, stat FROM sqlite_stat1 WHERE tbl = {quoted}")
    except SourceError:  # never analysed
        return {}
    found = {}
    for row in rows:
        words = str(row["stat"]).split()
        found[str(row["idx"])] = [float(word) for word in words if word.isdigit()]
    return {index: numbers for index, numbers in found.items() if numbers}


def _last_row(ask: Ask, name: str) -> float | None:
    """The last rowid: not below the number of rows unless some were numbered by hand."""
    table = exp.to_table(exp.to_identifier(name, quoted=True).sql(dialect="sqlite"))
    query = exp.select(exp.alias_(exp.func("max", exp.column("rowid")), "last")).from_(table)
    try:
        (row,) = ask(query.sql(dialect="sqlite"))
    except SourceError:  # a view, or WITHOUT ROWID
        return None
    last = row["last"]
    return float(max(last, 0)) if isinstance(last, (int, float)) else 0.0


_COLUMNS = (
    "SELECT c.name, c.pk, c.\"notnull\", c.pk = 1 AND upper(c.type) = 'INTEGER' AND NOT EXISTS "
    "(SELECT 1 FROM pragma_index_list({name}) WHERE origin = 'pk') AS rowid_alias "
    "FROM pragma_table_info({name}) AS c"
)
_INDEXES = (
    'SELECT l.name, l."unique", l.partial, i.name AS "column" '
    "FROM pragma_index_list({name}) AS l, pragma_index_info(l.name) AS i ORDER BY l.seq, i.seqno"
)
