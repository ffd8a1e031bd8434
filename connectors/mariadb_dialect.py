"""What MariaDB and MySQL may be asked, and how their SQL says what DataFusion means."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import (
    Capabilities,
    Kind,
    Kinds,
    NotPushable,
    Relation,
    window_functions,
)
from connectors.dialect import SqlDialect
from connectors.forms import FUNCTIONS, date_part_name, made_of_integers, nonzero_divisor
from connectors.functions import (
    call,
    found,
    shrinking_replace,
    strict_extreme,
    trimmed_of_one,
    truncation,
)
from connectors.interface import PHYSICAL_TYPE
from connectors.keys import mariadb_keys
from connectors.mariadb_masks import MASKS
from connectors.mariadb_text_joins import text_column
from connectors.operands import Builder, Operand
from connectors.trees import cast_to, paren

_NUMBERS: Kinds = frozenset({Kind.INTEGER, Kind.DECIMAL})
_MOMENTS: Kinds = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_ORDERED: Kinds = _NUMBERS | _MOMENTS | {Kind.UNSIGNED, Kind.TEXT}
_EQUAL: Kinds = _ORDERED | {Kind.BOOLEAN}
_BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
_TEXT: Kinds = frozenset({Kind.TEXT})
_ANY: Kinds = _EQUAL | {Kind.FLOAT, Kind.BINARY}

_CAPABILITIES = Capabilities(
    relations=frozenset(Relation) - {Relation.FULL_JOIN, Relation.GROUPING_SETS},
    functions={
        **dict.fromkeys(("equal", "not_equal", "lt", "lte", "gt", "gte"), _EQUAL),
        **dict.fromkeys(("is_distinct_from", "is_not_distinct_from"), _EQUAL),
        **dict.fromkeys(("and", "or", "not"), _BOOLEAN),
        **dict.fromkeys(("is_true", "is_not_true", "is_false", "is_not_false"), _BOOLEAN),
        **dict.fromkeys(("is_null", "is_not_null", "count"), _ANY),
        **dict.fromkeys(("add", "subtract", "multiply", "negate", "abs"), _NUMBERS),
        "modulus": _NUMBERS,
        "divide": frozenset({Kind.INTEGER}),
        **dict.fromkeys(("like", "character_length", "length", "str_concat"), _TEXT),
        **dict.fromkeys(("substring", "substr"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("coalesce", "nullif"), _EQUAL - _BOOLEAN - {Kind.UNSIGNED}),
        "date_part": _TEXT | {Kind.DATE, Kind.TIMESTAMP},
        # Not lower and upper, which know other letters than the engine; not split_part, which
        # there is none of; not what makes texts longer, since a text too long becomes NULL.
        **dict.fromkeys(("btrim", "ltrim", "rtrim", "replace", "strpos", "ends_with"), _TEXT),
        **dict.fromkeys(("concat", "reverse", "octet_length"), _TEXT),
        **dict.fromkeys(("left", "right"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("greatest", "least"), _ORDERED - {Kind.UNSIGNED}),
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
            (Kind.DATE, Kind.TIMESTAMP),
            (Kind.TEXT, Kind.TEXT),
        }
    ),
    sorts=_EQUAL,
    groups=_EQUAL,
    windows=window_functions(
        values=_EQUAL,
        sums=_NUMBERS,
        averages=frozenset({Kind.FLOAT}),
        extremes=_ORDERED,
        defaults=False,  # LAG and LEAD take none
        shares=False,  # PERCENT_RANK and CUME_DIST are rounded to ten digits
    ),
)

_UTF8 = exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.var("utf8mb4"))
_UNSIGNED = exp.DataType(this=exp.DataType.Type.UBIGINT)
_COLLATION = exp.var("utf8mb4_nopad_bin")


def _equal(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """Equality, with the column's own comparison first, which can use its index.

    Equal bytes are equal in every collation: the column's own test only takes away other rows. It
    is a test in the column's own character set, which may have no word for what is not ASCII:
    MariaDB refuses to compare it with such a constant.
    """
    exact = FUNCTIONS["equal"](args, returns)
    for one, other in (args, tuple(reversed(args))):
        column = text_column(one.sql)
        if column is not None and isinstance(other.literal, str) and other.literal.isascii():
            rough = exp.EQ(this=column.copy(), expression=other.sql.copy())
            return paren(exp.And(this=rough, expression=exact))
    return exact


def _by_nonzero(args: Sequence[Operand]) -> None:
    if not nonzero_divisor(args):
        raise NotPushable("division by what may be zero, which is NULL here")


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    _by_nonzero(args)
    return paren(exp.IntDiv(this=args[0].sql, expression=args[1].sql))


def _modulus(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    _by_nonzero(args)
    return FUNCTIONS["modulus"](args, returns)


def _avg(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if not made_of_integers(args[0].sql):
        raise NotPushable("average of floats, which depends on the order of the rows")
    return exp.Avg(this=args[0].sql)


def _date_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part = date_part_name(args[0], calendar=True)
    kind = args[1].kind
    if kind is Kind.TEXT or (kind is Kind.DATE and part in {"hour", "minute"}):
        raise NotPushable(f"date_part of {part} of a {kind.value}")
    day = args[1].sql
    match part:
        case "week":
            return call("WEEK", day, exp.Literal.number(3))  # the mode of ISO 8601
        case "dow":
            return paren(exp.Sub(this=call("DAYOFWEEK", day), expression=exp.Literal.number(1)))
        case "doy":
            return call("DAYOFYEAR", day)
    return exp.Extract(this=exp.var(part.upper()), expression=day)


_TRUNCATED = {
    "year": "%Y-01-01 00:00:00",
    "month": "%Y-%m-01 00:00:00",
    "day": "%Y-%m-%d 00:00:00",
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%i:00",
    "second": "%Y-%m-%d %H:%i:%s",
}


def _date_trunc(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part, moment = truncation(args[0], among=tuple(_TRUNCATED)), args[1]
    if moment.kind is not Kind.TIMESTAMP or returns != moment.type:
        raise NotPushable("date_trunc of what is no timestamp of microseconds")
    text = call("DATE_FORMAT", moment.sql, exp.Literal.string(_TRUNCATED[part]))
    return exp.cast(text, exp.DataType.build("DATETIME(6)", dialect="mysql"))


def _literal(value: object, data_type: pa.DataType) -> exp.Expr | None:
    if value is None and (pa.types.is_floating(data_type) or pa.types.is_boolean(data_type)):
        # one of no type comes as a text
        return cast_to(exp.null(), "DOUBLE" if pa.types.is_floating(data_type) else "BIGINT")
    if isinstance(value, str) and "\x00" not in value:
        return exp.Literal.string(value)
    if isinstance(value, dt.datetime):
        naive = value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
        text = exp.Literal.string(naive.isoformat(sep=" "))
        return exp.Anonymous(this="TIMESTAMP", expressions=[text])
    return None


def _read(column: exp.Column, field: pa.Field) -> exp.Expr:
    """Text compares by its bytes from the moment it leaves its table."""
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode().lower()
    if pa.types.is_string(field.type):
        text = exp.Cast(this=column, to=_UTF8.copy())
        return exp.Collate(this=text, expression=_COLLATION.copy())
    if physical.startswith("bit"):
        return exp.cast(column, _UNSIGNED.copy())
    return column


_INTEGERS = {
    "tinyint": (pa.int8(), pa.uint8()),
    "smallint": (pa.int16(), pa.uint16()),
    "mediumint": (pa.int32(), pa.uint32()),
    "int": (pa.int32(), pa.uint32()),
    "bigint": (pa.int64(), pa.uint64()),
}
_TYPES: Mapping[str, pa.DataType] = {
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "timestamp": pa.timestamp("us", "UTC"),
    "year": pa.int16(),
    **dict.fromkeys(("binary", "varbinary"), pa.binary()),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob"), pa.binary()),
    **dict.fromkeys(
        ("char", "varchar", "enum", "set", "json", "uuid", "inet4", "inet6"), pa.string()
    ),
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext", "time"), pa.string()),
}


def arrow_type(physical: str) -> pa.DataType | None:
    """The Arrow type of a column type as the server writes it, or None when there is none.

    tinyint(1) stays a number, since it may hold more than 0 and 1; a time, which may be longer
    than a day, is text.
    """
    base = re.match(r"[a-z0-9]+", physical.lower())
    name = base[0] if base else ""
    if name in _INTEGERS:
        return _INTEGERS[name][" unsigned" in physical]
    if name == "decimal":
        digits = re.match(r"decimal\((\d+),(\d+)\)", physical)
        precision, scale = (int(digits[1]), int(digits[2])) if digits else (10, 0)
        make = pa.decimal128 if precision <= 38 else pa.decimal256
        return make(precision, scale)
    if name == "bit":
        return pa.bool_() if physical == "bit(1)" else pa.uint64()
    return _TYPES.get(name)


_BUILDERS: Mapping[str, Builder] = {
    "equal": _equal,
    "divide": _divide,
    "modulus": _modulus,
    "avg": _avg,
    "date_part": _date_part,
    "date_trunc": _date_trunc,
    "btrim": trimmed_of_one("BOTH"),
    "ltrim": trimmed_of_one("LEADING"),
    "rtrim": trimmed_of_one("TRAILING"),
    "replace": shrinking_replace,
    "strpos": found("LOCATE", text_first=False),
    "greatest": strict_extreme("GREATEST"),
    "least": strict_extreme("LEAST"),
}

MARIADB = SqlDialect(
    name="mysql",
    capabilities=_CAPABILITIES,
    builders=_BUILDERS,
    type_names={
        Kind.INTEGER: "BIGINT",
        Kind.FLOAT: "DOUBLE",
        Kind.TEXT: "CHAR",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "DATETIME(6)",
    },
    read=_read,
    write_literal=_literal,
    masks=MASKS,
    keys=mariadb_keys,
    places_nulls=False,
    joins_slowly=True,
)
