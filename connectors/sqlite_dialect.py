"""What SQLite may be asked: little, because its values have types and its columns have not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import (
    Capabilities,
    Kind,
    Kinds,
    NotPushable,
    Relation,
    kind_of,
    window_functions,
)
from connectors.dialect import SqlDialect
from connectors.forms import FUNCTIONS, nonzero_divisor
from connectors.functions import found, strict_extreme, trimmed
from connectors.interface import PHYSICAL_TYPE
from connectors.keys import sqlite_keys
from connectors.operands import Builder, Native, Operand
from connectors.sqlite_masks import MASKS

FIXED = "STRICT"
"""Ends the physical type of a column whose values SQLite itself keeps to the declared type."""

UNFIT = "mesh_unfit_value"
"""A function of the session that refuses the value it gets."""

_INTEGER: Kinds = frozenset({Kind.INTEGER})
_BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
_TEXT: Kinds = frozenset({Kind.TEXT})
_EQUAL: Kinds = frozenset({Kind.INTEGER, Kind.TEXT, Kind.DATE, Kind.BOOLEAN})
_ORDERED: Kinds = _EQUAL - _BOOLEAN
_RANKS: Kinds = frozenset({Kind.UNSIGNED})
_ANY: Kinds = _EQUAL | {Kind.FLOAT, Kind.DECIMAL, Kind.BINARY, Kind.TIMESTAMP}

_CAPABILITIES = Capabilities(
    # Not scalar sub-queries: one of several rows gives its first row here, and fails elsewhere.
    relations=frozenset(Relation)
    - {
        Relation.SCALAR_SUBQUERY,
        Relation.RIGHT_JOIN,
        Relation.FULL_JOIN,
        Relation.GROUPING_SETS,
    },
    functions={
        **dict.fromkeys(("equal", "not_equal", "lt", "lte", "gt", "gte"), _EQUAL | _RANKS),
        **dict.fromkeys(("is_distinct_from", "is_not_distinct_from"), _EQUAL),
        **dict.fromkeys(("and", "or", "not"), _BOOLEAN),
        **dict.fromkeys(("is_true", "is_not_true", "is_false", "is_not_false"), _BOOLEAN),
        **dict.fromkeys(("is_null", "is_not_null", "count"), _ANY),
        **dict.fromkeys(("add", "subtract", "multiply", "negate", "abs"), _INTEGER),
        **dict.fromkeys(("divide", "modulus", "sum"), _INTEGER),
        "str_concat": frozenset({Kind.TEXT}),
        **dict.fromkeys(("coalesce", "nullif"), _EQUAL),
        **dict.fromkeys(("min", "max"), _ORDERED),
        # Not length, substr, left, right and GLOB, which end at a NUL; not LIKE, which takes
        # large letters for small ones; no dates, which are texts; no decimals, which are floats.
        **dict.fromkeys(("btrim", "ltrim", "rtrim", "replace", "strpos", "concat"), _TEXT),
        **dict.fromkeys(("greatest", "least"), _ORDERED),
        **dict.fromkeys(("is_unknown", "is_not_unknown"), _BOOLEAN),
    },
    casts=frozenset({(Kind.INTEGER, Kind.INTEGER), (Kind.TEXT, Kind.TEXT)}),
    sorts=_EQUAL | _RANKS,
    groups=_EQUAL | _RANKS,
    windows=window_functions(
        values=_EQUAL | _RANKS, sums=_INTEGER, averages=frozenset(), extremes=_ORDERED
    ),
)


def _by_nonzero(name: str) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        if not nonzero_divisor(args):
            raise NotPushable("division by what may be zero, which is NULL here")
        return FUNCTIONS[name](args, returns)

    return build


def _literal(value: object, data_type: pa.DataType) -> exp.Expr | None:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return exp.Literal.string(value.isoformat())
    if isinstance(value, bool):
        return exp.Literal.number(int(value))
    if isinstance(value, str) and "\x00" not in value:
        return exp.Literal.string(value)
    return None


_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"


def _read(column: exp.Column, field: pa.Field) -> exp.Expr:
    """The column, with a guard where SQLite would keep values of another type in it.

    The guard also takes away a collation of the column: what is read compares by bytes.
    """
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    kind = kind_of(field.type)
    if kind not in _EQUAL:
        return column
    if physical.endswith(FIXED) and kind is Kind.INTEGER:
        return column
    if physical.endswith(FIXED) and kind is Kind.TEXT:
        return exp.Collate(this=column, expression=exp.var("BINARY"))
    text = column.sql(dialect="sqlite")
    test = {
        Kind.INTEGER: f"TYPEOF({text}) = 'integer'",
        Kind.TEXT: f"TYPEOF({text}) = 'text'",
        Kind.BOOLEAN: f"TYPEOF({text}) = 'integer' AND {text} IN (0, 1)",
        Kind.DATE: f"TYPEOF({text}) = 'text' AND {text} GLOB '{_DAY}'",
    }[kind]
    fits = exp.condition(f"{text} IS NULL OR ({test})", dialect="sqlite")
    failure = exp.Anonymous(this=UNFIT, expressions=[column.copy()])
    return exp.Case(ifs=[exp.If(this=fits, true=column)], default=failure)


def _native(column: exp.Column, field: pa.Field) -> Native | None:
    """A column whose affinity is its type: what is not of the type equals nothing that is.

    Only there: elsewhere SQLite would turn a constant into what the column holds by mistake.
    """
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode().upper()
    integer = "INT" in physical
    text = not integer and any(word in physical for word in ("CHAR", "CLOB", "TEXT"))
    kind = kind_of(field.type)
    if kind is Kind.INTEGER and integer:
        return Native(column, "integer", lambda value: type(value) is int, only_matches=True)
    if kind is Kind.TEXT and text:
        bytewise = exp.Collate(this=column, expression=exp.var("BINARY"))
        return Native(bytewise, "text", lambda value: type(value) is str, only_matches=True)
    return None


SQLITE = SqlDialect(
    name="sqlite",
    capabilities=_CAPABILITIES,
    builders={
        **{name: _by_nonzero(name) for name in ("divide", "modulus")},
        "btrim": trimmed("TRIM"),
        "strpos": found("INSTR"),
        "greatest": strict_extreme("MAX"),
        "least": strict_extreme("MIN"),
    },
    type_names={Kind.INTEGER: "INTEGER", Kind.TEXT: "TEXT"},
    read=_read,
    native=_native,
    write_literal=_literal,
    masks=MASKS,
    keys=sqlite_keys,
    nests_expressions=True,
)
