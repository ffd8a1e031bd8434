"""What DuckDB may be asked, and how its SQL says what DataFusion means."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import (
    ALL_RELATIONS,
    Capabilities,
    Kind,
    Kinds,
    NotPushable,
    kind_of,
    window_functions,
)
from connectors.dialect import SqlDialect
from connectors.duckdb_masks import MASKS
from connectors.forms import date_part_name, made_of_integers
from connectors.functions import named_text, trimmed
from connectors.interface import PHYSICAL_TYPE
from connectors.keys import duckdb_keys
from connectors.operands import Builder, Operand
from connectors.trees import paren

AS_TEXT = frozenset({"UUID", "JSON", "ENUM"})
"""Types that are read as text."""

_NUMBERS: Kinds = frozenset({Kind.INTEGER, Kind.DECIMAL})
_MOMENTS: Kinds = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_ORDERED: Kinds = _NUMBERS | _MOMENTS | {Kind.UNSIGNED, Kind.TEXT}
_EQUAL: Kinds = _ORDERED | {Kind.BOOLEAN}
_COMPARED: Kinds = _EQUAL | {Kind.FLOAT}
_BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
_TEXT: Kinds = frozenset({Kind.TEXT})
_ANY: Kinds = frozenset(Kind) - {Kind.OTHER}

_CAPABILITIES = Capabilities(
    relations=ALL_RELATIONS,
    functions={
        **dict.fromkeys(("equal", "not_equal", "lt", "lte", "gt", "gte"), _COMPARED),
        **dict.fromkeys(("is_distinct_from", "is_not_distinct_from"), _COMPARED),
        **dict.fromkeys(("and", "or", "not"), _BOOLEAN),
        **dict.fromkeys(("is_true", "is_not_true", "is_false", "is_not_false"), _BOOLEAN),
        **dict.fromkeys(("is_null", "is_not_null", "count"), _ANY),
        **dict.fromkeys(("add", "subtract", "multiply", "negate", "abs"), _NUMBERS),
        "modulus": _NUMBERS,
        "divide": frozenset({Kind.INTEGER}),  # decimals divide as doubles here
        **dict.fromkeys(("like", "character_length", "length", "str_concat"), _TEXT),
        **dict.fromkeys(("substring", "substr"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("coalesce", "nullif"), _EQUAL),
        "date_part": _TEXT | {Kind.DATE, Kind.TIMESTAMP},
        # Not lower and upper, which know other letters than the engine; not reverse, which
        # reverses what looks like one character; not float functions, as floats do not compare.
        **dict.fromkeys(("btrim", "ltrim", "rtrim", "replace", "strpos", "ends_with"), _TEXT),
        **dict.fromkeys(("concat", "octet_length"), _TEXT),
        **dict.fromkeys(("left", "right", "split_part"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("greatest", "least"), _ORDERED),
        **dict.fromkeys(("ceil", "floor"), frozenset({Kind.FLOAT})),
        "round": _NUMBERS,
        "date_trunc": _TEXT | {Kind.TIMESTAMP},
        **dict.fromkeys(("is_unknown", "is_not_unknown"), _BOOLEAN),
        "sum": _NUMBERS,
        "avg": frozenset({Kind.FLOAT}),  # of integers only, see _avg
        **dict.fromkeys(("min", "max"), _ORDERED),
    },
    casts=frozenset(
        {
            (Kind.INTEGER, Kind.INTEGER),
            (Kind.INTEGER, Kind.DECIMAL),
            (Kind.INTEGER, Kind.FLOAT),
            (Kind.INTEGER, Kind.TEXT),
            (Kind.DECIMAL, Kind.DECIMAL),
            (Kind.DATE, Kind.TIMESTAMP),
            (Kind.TIMESTAMP, Kind.TIMESTAMP),
            (Kind.TEXT, Kind.TEXT),
        }
    ),
    sorts=_EQUAL,
    groups=_EQUAL,
    windows=window_functions(
        values=_COMPARED,
        sums=_NUMBERS,
        averages=frozenset({Kind.FLOAT}),
        extremes=_ORDERED,
    ),
)


def base_type(physical: str) -> str:
    """The name of a type without its arguments; of a list or array, with the brackets."""
    if physical.endswith("]"):
        return physical
    return physical.partition("(")[0].strip()


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    return paren(exp.IntDiv(this=args[0].sql, expression=args[1].sql))


def _wide(node: type[exp.Binary]) -> Builder:
    """Decimals at full width: here 18 digits times 18 digits overflow 18 digits."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        left, right = args
        first = left.sql
        if kind_of(left.type) is Kind.DECIMAL:
            first = exp.cast(first, f"DECIMAL(38, {left.type.scale})")
        return paren(node(this=first, expression=right.sql))

    return build


def _sum(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    total = exp.Sum(this=args[0].sql)
    # The sum of integers is a HUGEINT here, which Arrow knows only as a decimal.
    return exp.cast(total, "BIGINT") if kind_of(returns) is Kind.INTEGER else total


def _avg(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if not made_of_integers(args[0].sql):
        raise NotPushable("average of floats, which depends on the order of the rows")
    return exp.Avg(this=args[0].sql)


def _date_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part = date_part_name(args[0], calendar=True)
    kind = args[1].kind
    if kind is Kind.TEXT or (kind is Kind.DATE and part in {"hour", "minute"}):
        raise NotPushable(f"date_part of {part} of a {kind.value}")
    return exp.cast(exp.Extract(this=exp.var(part.upper()), expression=args[1].sql), "INT")


def _literal(value: object, data_type: pa.DataType) -> exp.Expr | None:
    if isinstance(value, str) and "\x00" not in value:
        return exp.Literal.string(value)
    return None


_BINARY = exp.to_identifier("binary", quoted=True)


def _read(column: exp.Column, field: pa.Field) -> exp.Expr:
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    base = base_type(physical)
    if pa.types.is_string(field.type):
        text = column if base == "VARCHAR" else exp.cast(column, "TEXT")
        # a column may have a collation of its own, which no catalogue of DuckDB shows
        return paren(exp.Collate(this=text, expression=_BINARY.copy()))
    if base in {"HUGEINT", "UHUGEINT"}:
        return exp.cast(column, "DECIMAL(38, 0)")
    if base.endswith("]") and not base.endswith("[]"):
        items, _, _ = base.rpartition("[")  # an array of fixed length is read as a list
        return exp.cast(column, exp.DataType.build(f"{items}[]", dialect="duckdb"))
    return column


DUCKDB = SqlDialect(
    name="duckdb",
    capabilities=_CAPABILITIES,
    builders={
        "add": _wide(exp.Add),
        "subtract": _wide(exp.Sub),
        "multiply": _wide(exp.Mul),
        "divide": _divide,
        "sum": _sum,
        "avg": _avg,
        "date_part": _date_part,
        "btrim": trimmed("TRIM"),
        "octet_length": named_text("STRLEN"),
    },
    type_names={
        Kind.INTEGER: "BIGINT",
        Kind.FLOAT: "DOUBLE",
        Kind.TEXT: "TEXT",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP",
        Kind.BOOLEAN: "BOOLEAN",
    },
    read=_read,
    write_literal=_literal,
    masks=MASKS,
    keys=duckdb_keys,
    believes_statistics=True,
)
