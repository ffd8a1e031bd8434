"""What PostgreSQL may be asked, and how its SQL says what DataFusion means."""

from __future__ import annotations

import datetime as dt
import math
import re
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
from connectors.forms import date_part_name, nonzero_divisor
from connectors.functions import call
from connectors.interface import PHYSICAL_TYPE
from connectors.keys import postgres_keys
from connectors.marks import mark
from connectors.operands import Builder, Native, Operand
from connectors.postgres_masks import MASKS
from connectors.postgres_transport import BLANK_PADDED
from connectors.trees import cast_to, paren

_NUMBERS: Kinds = frozenset({Kind.INTEGER, Kind.DECIMAL})
_ARITHMETIC: Kinds = _NUMBERS | {Kind.FLOAT}
_MOMENTS: Kinds = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_ORDERED: Kinds = _NUMBERS | _MOMENTS | {Kind.TEXT, Kind.BINARY}
_EQUAL: Kinds = _ORDERED | {Kind.BOOLEAN}
_COMPARED: Kinds = _EQUAL | {Kind.FLOAT}  # NaN = NaN and the greatest, -0.0 = 0.0: both sides agree
_ANY: Kinds = frozenset(Kind) - {Kind.OTHER}
_RANKS: Kinds = frozenset({Kind.UNSIGNED})
_BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
_TEXT: Kinds = frozenset({Kind.TEXT})

_CAPABILITIES = Capabilities(
    relations=ALL_RELATIONS,
    functions={
        **dict.fromkeys(("equal", "not_equal", "lt", "lte", "gt", "gte"), _COMPARED | _RANKS),
        **dict.fromkeys(("is_distinct_from", "is_not_distinct_from"), _COMPARED),
        **dict.fromkeys(("and", "or", "not"), _BOOLEAN),
        **dict.fromkeys(("is_true", "is_not_true", "is_false", "is_not_false"), _BOOLEAN),
        **dict.fromkeys(("is_null", "is_not_null", "count"), _ANY),
        **dict.fromkeys(("add", "subtract", "multiply", "negate", "abs"), _ARITHMETIC),
        "divide": _ARITHMETIC,
        "modulus": _NUMBERS,
        **dict.fromkeys(("like", "character_length", "length", "str_concat"), _TEXT),
        **dict.fromkeys(("substring", "substr"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("coalesce", "nullif"), _EQUAL),
        "date_part": _TEXT | {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ},
        # Not lower, upper, initcap and ilike, which follow the database's locale; not lpad and
        # rpad, which count characters where the engine counts what looks like one; not exp, ln,
        # power and the like, whose last digits differ; not sqrt, which fails below zero.
        **dict.fromkeys(("btrim", "ltrim", "rtrim", "replace", "strpos", "ends_with"), _TEXT),
        **dict.fromkeys(("concat", "reverse", "octet_length"), _TEXT),
        **dict.fromkeys(("left", "right", "split_part"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("greatest", "least"), _ORDERED - {Kind.BINARY}),
        **dict.fromkeys(("ceil", "floor"), frozenset({Kind.FLOAT})),
        "round": _NUMBERS,
        "date_trunc": _TEXT | {Kind.TIMESTAMP},
        **dict.fromkeys(("is_unknown", "is_not_unknown"), _BOOLEAN),
        "sum": _ARITHMETIC,
        "avg": _ARITHMETIC,
        **dict.fromkeys(("min", "max"), _ORDERED - {Kind.BINARY}),
    },
    casts=frozenset(
        {
            (Kind.INTEGER, Kind.INTEGER),
            (Kind.INTEGER, Kind.DECIMAL),
            (Kind.INTEGER, Kind.FLOAT),
            (Kind.INTEGER, Kind.TEXT),
            (Kind.DECIMAL, Kind.DECIMAL),
            (Kind.DECIMAL, Kind.FLOAT),
            (Kind.FLOAT, Kind.FLOAT),
            (Kind.FLOAT, Kind.DECIMAL),
            (Kind.DATE, Kind.TIMESTAMP),
            (Kind.TIMESTAMP, Kind.TIMESTAMP),
            (Kind.TIMESTAMP_TZ, Kind.TIMESTAMP_TZ),
            (Kind.TEXT, Kind.TEXT),
        }
    ),
    sorts=_EQUAL | _RANKS,
    groups=_EQUAL | _RANKS,
    windows=window_functions(
        values=_COMPARED | _RANKS,
        sums=_NUMBERS,
        averages=_ARITHMETIC,  # of floats only those made of integers
        extremes=_ORDERED - {Kind.BINARY},
    ),
)

_C = exp.to_identifier("C", quoted=True)


def _bytewise(operand: Operand) -> exp.Expr:
    """Text that compares by its bytes, as Arrow's does, whatever the database's collation."""
    if operand.kind is not Kind.TEXT:
        return operand.sql
    if isinstance(operand.sql, exp.Distinct):
        values = [_collate(value) for value in operand.sql.expressions]
        return exp.Distinct(expressions=values)
    return _collate(operand.sql)


def _collate(text: exp.Expr) -> exp.Expr:
    return exp.Collate(this=paren(text), expression=_C.copy())


def _ordering(node: type[exp.Binary]) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return paren(node(this=_bytewise(args[0]), expression=args[1].sql))

    return build


def _extreme(node: type[exp.Expr]) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return node(this=_bytewise(args[0]))

    return build


def _extreme_of(name: str) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return call(name, _bytewise(args[0]), *(a.sql for a in args[1:]))

    return build


def _truncated_quotient(dividend: exp.Expr, divisor: exp.Expr, scale: int) -> exp.Expr:
    """dividend / divisor cut to `scale` digits: div() is exact where / rounds to 16 digits."""
    shifted = exp.Mul(this=paren(dividend), expression=exp.Literal.number("1" + "0" * scale))
    unit = exp.Literal.number("0." + "0" * (scale - 1) + "1" if scale else "1")
    whole = exp.Anonymous(this="DIV", expressions=[shifted, divisor])
    return paren(exp.Mul(this=whole, expression=unit))


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    left, right = args
    if kind_of(returns) is Kind.DECIMAL:
        return _truncated_quotient(left.sql, right.sql, returns.scale)
    quotient = exp.Div(this=left.sql, expression=right.sql, typed=True, safe=False)
    if kind_of(returns) is Kind.FLOAT and not nonzero_divisor(args):
        return _float_quotient(quotient, left.sql, right.sql)
    return paren(quotient)


def _float_to_decimal(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """By way of text, which has all digits: a direct cast keeps only 15 of them."""
    return cast_to(cast_to(args[0].sql, "TEXT"), f"DECIMAL({returns.precision}, {returns.scale})")


def _float_quotient(quotient: exp.Expr, left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Division by zero is an error here, but an infinity or NaN in IEEE arithmetic and in Arrow.

    NaN is the greatest number here, and only its text tells a negative zero from zero.
    """
    zero = exp.Literal.number(0)

    def number(text: str) -> exp.Expr:
        return cast_to(exp.Literal.string(text), "DOUBLE")

    def test(node: type[exp.Binary], one: exp.Expr, other: exp.Expr) -> exp.Expr:
        return paren(node(this=paren(one.copy()), expression=other.copy()))

    positive = test(exp.GT, left, zero)
    positive_zero = test(exp.NEQ, cast_to(right.copy(), "TEXT"), exp.Literal.string("-0"))
    undefined = test(exp.Or, test(exp.EQ, left, zero), test(exp.EQ, left, number("NaN")))
    by_zero = exp.Case(
        ifs=[
            exp.If(this=undefined, true=number("NaN")),
            exp.If(this=test(exp.EQ, positive, positive_zero), true=number("Infinity")),
            exp.If(this=test(exp.NEQ, positive, positive_zero), true=number("-Infinity")),
        ]
    )
    return paren(
        exp.Case(
            ifs=[
                exp.If(this=test(exp.NEQ, right, zero), true=quotient),
                exp.If(this=test(exp.EQ, right, zero), true=paren(by_zero)),
            ]
        )
    )


def _avg(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    (arg,) = args
    if arg.kind is Kind.DECIMAL:
        # div() is strict: over no rows sum is NULL, and so is the answer, before 0 matters.
        count = exp.Count(this=arg.sql.copy())
        return _truncated_quotient(exp.Sum(this=arg.sql), count, returns.scale)
    return exp.Avg(this=arg.sql)


def _sum(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    total = exp.Sum(this=args[0].sql)
    # The sum of bigints is numeric here: left so, a later division would not be an integer one.
    return cast_to(total, "BIGINT") if kind_of(returns) is Kind.INTEGER else total


def _date_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part = date_part_name(args[0], calendar=True)
    kind = args[1].kind
    if kind is Kind.TEXT or (kind is Kind.DATE and part in {"hour", "minute"}):
        raise NotPushable(f"date_part of {part} of a {kind.value}")
    extract = exp.Extract(this=exp.var(part.upper()), expression=args[1].sql)
    return cast_to(extract, "INT")


_NULLS = {
    "int16": "SMALLINT",
    "int32": "INT",
    "int64": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
}


def _null(data_type: pa.DataType) -> exp.Expr:
    """NULL of a type: one of none becomes a text where it leaves the source."""
    name = _NULLS.get(str(data_type))
    if pa.types.is_decimal(data_type):
        name = f"DECIMAL({data_type.precision}, {data_type.scale})"
    elif pa.types.is_timestamp(data_type):
        name = "TIMESTAMP" if data_type.tz is None else "TIMESTAMPTZ"
    return exp.null() if name is None else cast_to(exp.null(), name)


def _literal(value: object, data_type: pa.DataType) -> exp.Expr | None:
    if value is None:
        return _null(data_type)
    if isinstance(value, str):
        if "\x00" in value:
            raise NotPushable("a text constant with a NUL")
        return exp.Literal.string(value)
    if isinstance(value, float) and not math.isfinite(value):
        text = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return cast_to(exp.Literal.string(text), "DOUBLE")
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        text = value.astimezone(dt.UTC).isoformat(sep=" ")
        return cast_to(exp.Literal.string(text), "TIMESTAMPTZ")
    return None


def _read(column: exp.Column, field: pa.Field) -> exp.Expr:
    """Text that is not text in the source becomes text as it leaves its table."""
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    if pa.types.is_list(field.type):
        return _read_array(column, field, physical)
    if pa.types.is_string(field.type):
        if " COLLATE " in physical:
            return exp.Collate(this=cast_to(column, "TEXT"), expression=_C.copy())
        plain = physical == "text" or physical.startswith("character varying")
        if plain:
            return column
        text = cast_to(column, "TEXT")
        if _PADDED.fullmatch(physical):
            mark(text, BLANK_PADDED)
        return text
    return cast_to(column, "BIGINT") if physical == "oid" else column


_PADDED = re.compile(r"character(\(\d+\))?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _native(column: exp.Column, field: pa.Field) -> Native | None:
    """Blank-padded text and uuids compare for equality as their text does."""
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    if _PADDED.fullmatch(physical):
        return Native(column, "character", _ends_unpadded)
    if physical == "uuid":
        return Native(column, "uuid", _is_uuid)
    return None


def _ends_unpadded(value: object) -> bool:
    return isinstance(value, str) and not value.endswith(" ")


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _read_array(column: exp.Column, field: pa.Field, physical: str) -> exp.Expr:
    """An array of one dimension; of more, the driver would silently make one flat list."""
    array: exp.Expr = column
    name = physical
    if pa.types.is_string(field.type.value_type):
        name = "TEXT[]"
        if physical not in {"text[]", "character varying[]"}:
            array = exp.cast(column, name)
    dimensions = exp.Anonymous(this="ARRAY_NDIMS", expressions=[column.copy()])
    shape = exp.Anonymous(this="ARRAY_DIMS", expressions=[column.copy()])
    # The text of a shape is no array: casting it fails in the source, with the column's type.
    failure = exp.cast(shape, exp.DataType.build(name, dialect="postgres", udt=True))
    nested = exp.GT(this=dimensions, expression=exp.Literal.number(1))
    return exp.Case(ifs=[exp.If(this=nested, true=failure)], default=array)


POSTGRES = SqlDialect(
    name="postgres",
    capabilities=_CAPABILITIES,
    builders={
        "lt": _ordering(exp.LT),
        "lte": _ordering(exp.LTE),
        "gt": _ordering(exp.GT),
        "gte": _ordering(exp.GTE),
        "min": _extreme(exp.Min),
        "max": _extreme(exp.Max),
        "divide": _divide,
        "sum": _sum,
        "avg": _avg,
        "date_part": _date_part,
        "greatest": _extreme_of("GREATEST"),
        "least": _extreme_of("LEAST"),
    },
    casts={(Kind.FLOAT, Kind.DECIMAL): _float_to_decimal},
    type_names={
        Kind.INTEGER: "BIGINT",
        Kind.FLOAT: "DOUBLE PRECISION",
        Kind.TEXT: "TEXT",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP",
        Kind.TIMESTAMP_TZ: "TIMESTAMPTZ",
        Kind.BOOLEAN: "BOOLEAN",
    },
    sort_key=_bytewise,
    read=_read,
    native=_native,
    write_literal=_literal,
    masks=MASKS,
    keys=postgres_keys,
)
