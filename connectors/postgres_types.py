"""PostgreSQL's types in Arrow, and the question to its catalogue that finds them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode


def decimal_type(modifier: int) -> pa.DataType:
    """numeric(p, s) from its type modifier; a scale may be negative there."""
    precision = ((modifier - 4) >> 16) & 0xFFFF
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    if precision > 76:
        return pa.string()
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


TYPES: Mapping[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "bytea": pa.binary(),
    "interval": pa.month_day_nano_interval(),
    **dict.fromkeys(
        (
            *("text", "varchar", "bpchar", "name", "char", "citext"),
            *("uuid", "json", "jsonb", "xml", "inet", "cidr", "macaddr", "macaddr8"),
        ),
        pa.string(),
    ),
}

FOREIGN_KEYS = """
SELECT n.nspname::text AS schema, c.relname::text AS name, k.conname::text AS constraint,
  m.nspname::text AS target_schema, f.relname::text AS target,
  (SELECT array_agg(a.attname::text ORDER BY u.place)
     FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number) AS columns,
  (SELECT array_agg(a.attname::text ORDER BY u.place)
     FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
     JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = u.number) AS target_columns
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace m ON m.oid = f.relnamespace
WHERE k.contype = 'f' AND NOT c.relispartition AND NOT f.relispartition
ORDER BY 1, 2, 3
"""
"""What partitions inherit, on either side, is the whole table's."""

COLUMNS = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
  CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view' ELSE 'table' END AS kind,
  obj_description(c.oid, 'pg_class') AS table_comment,
  (SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::int2[], k.attnum))
     FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid
      AND k.attnum = ANY (i.indkey::int2[])
    WHERE i.indrelid = c.oid AND i.indisprimary) AS primary_key,
  a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
  t.typname::text AS base, t.typtype::text AS base_kind, t.modifier AS modifier,
  e.typname::text AS element, e.typtype::text AS element_kind,
  col_description(c.oid, a.attnum) AS comment,
  coalesce(l.collisdeterministic, true) AS deterministic, l.collname::text AS collation
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN LATERAL (
  WITH RECURSIVE base(oid, modifier) AS (
    SELECT a.atttypid, a.atttypmod
    UNION ALL
    SELECT d.typbasetype, CASE WHEN d.typtypmod >= 0 THEN d.typtypmod ELSE b.modifier END
    FROM base b JOIN pg_type d ON d.oid = b.oid AND d.typtype = 'd')
  SELECT y.*, b.modifier FROM base b JOIN pg_type y ON y.oid = b.oid AND y.typtype <> 'd'
) t ON true
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND {conditions}
  AND has_schema_privilege(n.oid, 'USAGE')
  AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY n.nspname, c.relname, a.attnum
"""


_AS_THEY_COME = (
    *("bool", "int2", "int4", "int8", "oid", "float4", "float8", "date", "time", "timestamp"),
    *("timestamptz", "bytea", "text", "varchar", "bpchar", "name", "json", "jsonb"),
)
"""Types that the driver sends in the form the gateway plans with, without a cast in the query."""


def own_type(field: pa.Field) -> pa.DataType:
    """The type of a column of an own query, from what the driver says of it.

    Raises TYPE_UNSUPPORTED.
    """
    physical = (field.metadata or {}).get(b"ADBC:postgresql:typname", b"").decode()
    if physical == "numeric" or getattr(field.type, "type_name", "") == "numeric":
        return pa.string()
    if physical in _AS_THEY_COME:
        return TYPES[physical]
    if not physical and field.type in {TYPES[name] for name in _AS_THEY_COME}:
        return field.type
    raise SourceError(
        SourceErrorCode.TYPE_UNSUPPORTED,
        f"column {field.name!r} of the query has type {physical or field.type}, which has no exact "
        "counterpart in Arrow",
        hint="cast it in the query, to text for one",
    )
