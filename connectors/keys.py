"""Conditions that a column holds one of many keys, in the form each source answers fastest.

Keys come from rows another source has sent. A writer gets the column as an operand and its keys,
distinct, without NULL and of the column's own Arrow type; it returns None where it can not say
exactly this, and then the source is not told. Nothing is built key by key as a tree: ten thousand
nodes take longer to write than the source takes to answer.

How the forms compare was measured over indexed columns of a million rows: arrays in PostgreSQL, IN
up to some ten thousand keys in MariaDB and a JSON table above.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, kind_of
from connectors.operands import Operand
from connectors.trees import paren

KEY_KINDS = frozenset({Kind.INTEGER, Kind.TEXT, Kind.DATE, Kind.DECIMAL})
"""Kinds whose equality is the same everywhere. Floats are not among them."""

MOST_TEXT = 4 << 20
"""Characters of a list of keys; a longer one costs a source more than it saves."""

MOST_TEXT_SQLITE = 900_000
"""SQLite takes statements of a million bytes unless it was built for more."""

LONG_LIST = 10_000
"""Keys from which on MariaDB reads a JSON table faster than a list."""

MANY_OPTIONS = 32
"""A list that a query writes itself is handed over as keys are from so many options on."""

MANY_FOR_DUCKDB = 1000
"""Keys from which on DuckDB splits one text faster than it reads a list."""

FEW_FOR_DUCKDB = 32
"""Keys up to which a list is as good for DuckDB as a table of them."""

_SEPARATOR = "\x1f"

Key = int | str | dt.date | Decimal
KeyWriter = Callable[[Operand, pa.Array], exp.Expr | None]


def written_list(
    keys_of: KeyWriter | None, value: Operand, options: Sequence[Operand]
) -> exp.Expr | None:
    """``value IN (...)`` over many constants as a source takes keys; None for any other list.

    Sources read a chain of ORs, or a long list, in a time that grows with its square.
    """
    if keys_of is None or len(options) < MANY_OPTIONS or value.is_literal:
        return None
    constants = [o.literal for o in options if o.is_literal and o.type == value.type]
    if len(constants) < len(options) or None in constants:
        return None
    try:
        return keys_of(value, pa.array(dict.fromkeys(constants), value.type))
    except (pa.ArrowException, TypeError, OverflowError):
        return None


def postgres_keys(operand: Operand, keys: pa.Array) -> exp.Expr | None:
    """``column = ANY('{...}'::type[])``: one constant, whatever the number of keys."""
    values = _python(keys)
    if values is None:
        return None
    column = operand.sql
    kind = kind_of(keys.type)
    name = {Kind.TEXT: "text", Kind.DATE: "date", Kind.DECIMAL: "numeric"}.get(kind, "bigint")
    if kind is Kind.INTEGER:
        name = {8: "smallint", 16: "smallint", 32: "integer"}.get(keys.type.bit_width, name)
    if kind is Kind.TEXT:
        values = [v for v in values if "\x00" not in str(v)]  # no text of this source has a NUL
        native = operand.native
        if native and native.family in _NATIVE_ARRAYS and all(map(native.canonical, values)):
            column, name = native.sql, _NATIVE_ARRAYS[native.family]
    words = map(_array_text, values) if kind is Kind.TEXT else map(_plain, values)
    text = _joined(words)
    if text is None:
        return None
    array_type = exp.DataType.build(f"{name}[]", dialect="postgres", udt=True)
    array = exp.Cast(this=exp.Literal.string(f"{{{text}}}"), to=array_type)
    return paren(exp.EQ(this=column.copy(), expression=exp.Any(this=paren(array))))


_NATIVE_ARRAYS = {"character": "bpchar", "uuid": "uuid"}


def mariadb_keys(operand: Operand, keys: pa.Array) -> exp.Expr | None:
    """``column IN (...)``, or a JSON table of many numbers.

    A text column is compared in its own collation first, which its index knows, and then by bytes:
    equal bytes are equal in every collation. Only with ASCII, which every character set has.
    """
    values = _python(keys)
    if values is None:
        return None
    kind = kind_of(keys.type)
    if kind is Kind.INTEGER and len(values) > LONG_LIST:
        return _in_json_table(operand.sql, values)
    listed = _in_list(operand.sql, map(_mariadb_word, values))
    if listed is None or kind is not Kind.TEXT or any("\x00" in str(v) for v in values):
        return listed if kind is not Kind.TEXT else None
    read = operand.sql
    ascii_only = all(str(value).isascii() for value in values)
    if ascii_only and isinstance(read, exp.Collate) and isinstance(read.this, exp.Cast):
        column = read.this.this
        rough = _in_list(column, map(_mariadb_word, values))
        if isinstance(column, exp.Column) and rough is not None:
            return paren(exp.And(this=rough, expression=listed))
    return listed


def sqlite_keys(operand: Operand, keys: pa.Array) -> exp.Expr | None:
    """``column IN (...)`` over the bare column, whose index it can use."""
    values = _python(keys)
    if values is None or any("\x00" in str(v) for v in values):
        return None
    if kind_of(keys.type) is Kind.DECIMAL:
        return None
    native = operand.native
    use_native = native is not None and all(map(native.canonical, values))
    column = native.sql if native is not None and use_native else operand.sql
    return _in_list(column, map(_sqlite_word, values), MOST_TEXT_SQLITE)


def duckdb_keys(operand: Operand, keys: pa.Array) -> exp.Expr | None:
    """``column IN (...)``, which DuckDB also tests against what it knows of blocks of rows.

    It takes some 80 us to read each value of a list: many come as one text that it splits.
    """
    values = _python(keys)
    if values is None or any("\x00" in str(v) for v in values):
        return None
    if len(values) >= MANY_FOR_DUCKDB:
        split = _split(operand.sql, values, kind_of(keys.type))
        if split is not None:
            return split
    return _in_list(operand.sql, map(_standard_word, values))


def duckdb_key_table(keys: pa.Array, alias: str) -> exp.Subquery | None:
    """The keys as a derived table with the column k; None where they can not be written as one.

    Joined with these, DuckDB lets a scan skip what they rule out while it reads; a list, or a
    sub-query in IN, is tested row by row after that.
    """
    values, kind = _python(keys), kind_of(keys.type)
    if values is None or len(values) < FEW_FOR_DUCKDB or any("\x00" in str(v) for v in values):
        return None
    parts = _parts(values, kind)
    if parts is None:
        return None
    key = exp.Cast(this=parts, to=exp.DataType.build(_DUCKDB_NAMES[kind]))
    query = exp.Select(expressions=[exp.alias_(key, "k")])
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(alias)))


def _python(keys: pa.Array) -> Sequence[Key] | None:
    """The keys as Python values; None for a date beyond Python's."""
    if kind_of(keys.type) not in KEY_KINDS:
        return None
    try:
        values: list[Key] = keys.to_pylist()
    except (ValueError, OverflowError):
        return None
    return values


def _joined(words: Iterable[str], most: int = MOST_TEXT) -> str | None:
    text = ",".join(words)
    return text if len(text) <= most else None


def _in_list(column: exp.Expr, words: Iterable[str], most: int = MOST_TEXT) -> exp.Expr | None:
    text = _joined(words, most)
    if text is None:
        return None
    if not text:
        return exp.false()
    return paren(exp.In(this=column.copy(), expressions=[exp.Var(this=text)]))


def _split(column: exp.Expr, values: Sequence[Key], kind: Kind) -> exp.Expr | None:
    parts = _parts(values, kind)
    if parts is None:
        return None
    inner = exp.Subquery(
        this=exp.Select(expressions=[exp.alias_(parts, "k")]),
        alias=exp.TableAlias(this=exp.to_identifier("ks")),
    )
    key = exp.Cast(this=exp.column("k", table="ks"), to=exp.DataType.build(_DUCKDB_NAMES[kind]))
    query = exp.Select(expressions=[key])
    query.set("from_", exp.From(this=inner))
    return paren(exp.In(this=column.copy(), query=exp.Subquery(this=query)))


_DUCKDB_NAMES = {Kind.INTEGER: "BIGINT", Kind.DATE: "DATE", Kind.TEXT: "VARCHAR"}


def _parts(values: Sequence[Key], kind: Kind) -> exp.Expr | None:
    """The texts of keys, one a row, split off one text. None where that can not be said."""
    words = [str(value) for value in values]
    if kind not in _DUCKDB_NAMES or (kind is Kind.TEXT and any(_SEPARATOR in w for w in words)):
        return None
    text = _SEPARATOR.join(words) if kind is Kind.TEXT else ",".join(words)
    if len(text) > MOST_TEXT:
        return None
    between = exp.Literal.string(_SEPARATOR if kind is Kind.TEXT else ",")
    parts = exp.Anonymous(this="STRING_SPLIT", expressions=[exp.Literal.string(text), between])
    return exp.Anonymous(this="UNNEST", expressions=[parts])


def _in_json_table(column: exp.Expr, values: Sequence[Key]) -> exp.Expr:
    array = exp.Literal.string(json.dumps(values, separators=(",", ":")))
    path = exp.Literal.string("$[*]").sql(dialect="mysql")
    table = f"JSON_TABLE({array.sql(dialect='mysql')}, {path} COLUMNS (k BIGINT PATH '$')) AS ks"
    query = exp.Select(expressions=[exp.column("k", table="ks")])
    query.set("from_", exp.From(this=exp.Var(this=table)))
    return paren(exp.In(this=column.copy(), query=exp.Subquery(this=query)))


def _plain(value: Key) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _array_text(value: Key) -> str:
    """One text inside PostgreSQL's own form of an array."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _standard_word(value: Key) -> str:
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    return _quoted(value) if isinstance(value, str) else _plain(value)


def _mariadb_word(value: Key) -> str:
    """Backslashes escape here: the session's sql_mode leaves it so."""
    return _standard_word(value.replace("\\", "\\\\") if isinstance(value, str) else value)


def _sqlite_word(value: Key) -> str:
    return _quoted(value.isoformat()) if isinstance(value, dt.date) else _standard_word(value)
