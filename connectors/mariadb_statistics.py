"""MariaDB's statistics of a table: what InnoDB estimates, and the ends of its indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from connectors.statistics import ColumnStatistics, TableStatistics, value_of

Ask = Callable[[str], Sequence[Mapping[str, Any]]]

BOUNDED = 8
"""So many indexed columns are asked for their least and greatest value."""

_ORDERED = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime"}


def statistics(ask: Ask, name: str, table: exp.Table) -> TableStatistics:
    """What the server knows of a table; next to nothing of a view. Raises SourceError."""
    quoted = exp.Literal.string(name).sql(dialect="mysql")
    found = ask(_TABLE.format(name=quoted))
    if not found or found[0]["rows"] is None:
        return TableStatistics()
    rows = float(found[0]["rows"])
    parts = ask(_INDEXES.format(name=quoted))
    indexes: dict[str, list[Mapping[str, Any]]] = {}
    for part in parts:
        indexes.setdefault(part["index"], []).append(part)
    distinct = {
        index[0]["column"]: float(index[0]["cardinality"])
        for index in indexes.values()
        if index[0]["cardinality"] is not None
    }
    led = [index[0] for index in indexes.values() if index[0]["type"] in _ORDERED]
    bounds = _bounds(ask, table, list(dict.fromkeys(part["column"] for part in led))[:BOUNDED])
    columns = {
        column: ColumnStatistics(distinct.get(column), None, *bounds.get(column, (None, None)))
        for column in distinct.keys() | bounds.keys()
    }
    keys = [
        index
        for index in indexes.values()
        if not any(p["repeats"] or p["nullable"] == "YES" or p["part"] for p in index)
    ]
    return TableStatistics(rows, columns, _named(keys), _named(indexes.values()))


def _named(indexes: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(str(part["column"]) for part in index) for index in indexes)


def _bounds(ask: Ask, table: exp.Table, columns: Sequence[str]) -> dict[str, tuple[object, object]]:
    """The ends of each column's index, which is all the server looks at."""
    if not columns:
        return {}
    outputs = []
    for number, column in enumerate(columns):
        for function in (exp.Min, exp.Max):
            end = function(this=exp.column(column, quoted=True))
            label = f"{function.__name__.lower()}{number}"
            outputs.append(exp.alias_(exp.cast(end, "CHAR"), label))
    (row,) = ask(exp.select(*outputs).from_(table.copy()).sql(dialect="mysql"))
    return {
        column: (value_of(row[f"min{number}"]), value_of(row[f"max{number}"]))
        for number, column in enumerate(columns)
    }


_TABLE = """
SELECT CAST(TABLE_ROWS AS DOUBLE) AS `rows` FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND BINARY TABLE_NAME = BINARY {name}
"""

_INDEXES = """
SELECT s.INDEX_NAME AS `index`, s.COLUMN_NAME AS `column`, s.NON_UNIQUE AS `repeats`,
  CAST(s.CARDINALITY AS DOUBLE) AS `cardinality`, c.IS_NULLABLE AS `nullable`,
  c.DATA_TYPE AS `type`, s.SUB_PART AS `part`
FROM information_schema.STATISTICS AS s
JOIN information_schema.COLUMNS AS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA
  AND BINARY c.TABLE_NAME = BINARY s.TABLE_NAME AND BINARY c.COLUMN_NAME = BINARY s.COLUMN_NAME
WHERE s.TABLE_SCHEMA = DATABASE() AND BINARY s.TABLE_NAME = BINARY {name}
ORDER BY s.INDEX_NAME = 'PRIMARY' DESC, s.INDEX_NAME, s.SEQ_IN_INDEX
"""
