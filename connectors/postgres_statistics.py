"""PostgreSQL's statistics of a table: pg_class and pg_stats, as the last ANALYZE left them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from connectors.statistics import ColumnStatistics, TableStatistics, value_of

Ask = Callable[[str], Sequence[Mapping[str, Any]]]

BYTES_A_ROW = 100.0
"""What a row takes in a table that was never analysed."""


def statistics(ask: Ask, schema: str, name: str) -> TableStatistics:
    """What the server knows of a table; little of a view. Raises SourceError."""
    quoted = {
        "schema": exp.Literal.string(schema).sql(dialect="postgres"),
        "name": exp.Literal.string(name).sql(dialect="postgres"),
    }
    rows = ask(_COLUMNS.format(**quoted))
    if not rows:
        return TableStatistics()
    count = _rows(rows[0])
    columns = {row["column"]: _column(row, count) for row in rows}
    indexes = ask(_INDEXES.format(**quoted))
    return TableStatistics(
        count,
        columns,
        tuple(tuple(i["columns"]) for i in indexes if i["identifies"]),
        tuple(tuple(i["columns"]) for i in indexes),
    )


def _rows(row: Mapping[str, Any]) -> float | None:
    """Rows as the last ANALYZE counted them, by the size if there was none; None of a view."""
    if row["rows"] >= 0 and row["kind"] in "rpm":
        grown = row["bytes"] > 2 * row["analysed_bytes"] > 0
        factor = row["bytes"] / row["analysed_bytes"] if grown else 1.0
        return float(row["rows"]) * factor if row["rows"] or not row["bytes"] else None
    return row["bytes"] / BYTES_A_ROW if row["kind"] in "rpm" else None


def _column(row: Mapping[str, Any], count: float | None) -> ColumnStatistics:
    distinct = row["n_distinct"]
    if distinct is not None:  # negative: a share of the rows, as it grows with them; 0: not known
        if distinct < 0:
            distinct = None if count is None else -distinct * count
        elif distinct == 0:
            distinct = None
    bounds = [value_of(text) for text in (*(row["bounds"] or ()), *(row["common"] or ()))]
    least, greatest = _extremes(bounds)
    return ColumnStatistics(distinct, row["null_frac"], least, greatest, row["avg_width"])


def _extremes(values: Sequence[object]) -> tuple[object, object]:
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or str in kinds:  # texts are sorted by the server's own collation
        return None, None
    comparable: Any = values
    return min(comparable), max(comparable)


_COLUMNS = """
SELECT a.attname::text AS column, c.reltuples::float8 AS rows, c.relkind::text AS kind,
  CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) ELSE 0 END::float8 AS bytes,
  c.relpages::float8 * current_setting('block_size')::float8 AS analysed_bytes,
  s.n_distinct::float8 AS n_distinct, s.null_frac::float8 AS null_frac,
  s.avg_width::float8 AS avg_width,
  CASE WHEN s.histogram_bounds IS NOT NULL THEN ARRAY[
    (s.histogram_bounds::text::text[])[1],
    (s.histogram_bounds::text::text[])[array_upper(s.histogram_bounds::text::text[], 1)]
  ] END AS bounds,
  s.most_common_vals::text::text[] AS common
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
  AND s.attname = a.attname AND (s.inherited = (c.relkind = 'p'))
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
WHERE n.nspname = {schema} AND c.relname = {name}
  AND (t.typelem = 0 OR t.typlen > 0)
"""

_INDEXES = """
SELECT i.indisunique AND i.indimmediate AND i.indpred IS NULL AND NOT EXISTS (
    SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = i.indrelid AND NOT a.attnotnull
    AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])
  ) AS identifies,
  ARRAY(
    SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) AS k
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] ORDER BY k
  ) AS columns
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relname = {name} AND i.indisvalid AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, i.indexrelid
"""
