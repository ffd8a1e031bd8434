"""What another Flight SQL server may be asked: everything where it is a Meshgate, else nothing.

A Meshgate is asked in the SQL its engine reads, which is this gateway's own engine: what it means
is what DataFusion means. Constants carry their Arrow type, so that both compute in the same types.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import ALL_RELATIONS, Capabilities, Kind, Kinds, NotPushable, Relation
from connectors.dialect import SqlDialect
from connectors.engine_types import engine_name

_NUMBERS: Kinds = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_MOMENTS: Kinds = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_ORDERED: Kinds = _NUMBERS | _MOMENTS | {Kind.UNSIGNED, Kind.TEXT}
_EQUAL: Kinds = _ORDERED | {Kind.BOOLEAN}
_BOOLEAN: Kinds = frozenset({Kind.BOOLEAN})
_TEXT: Kinds = frozenset({Kind.TEXT})
_ANY: Kinds = frozenset(Kind) - {Kind.OTHER}

_NOT_YET = frozenset(
    {
        *(Relation.WINDOW, Relation.GROUPING_SETS, Relation.MARK_JOIN),
        *(Relation.INTERSECT, Relation.EXCEPT),
    }
)
"""What no test has asked a second gateway for."""

_CAPABILITIES = Capabilities(
    relations=ALL_RELATIONS - _NOT_YET,
    functions={
        **dict.fromkeys(("equal", "not_equal", "lt", "lte", "gt", "gte"), _EQUAL),
        **dict.fromkeys(("and", "or", "not"), _BOOLEAN),
        **dict.fromkeys(("is_true", "is_not_true", "is_false", "is_not_false"), _BOOLEAN),
        **dict.fromkeys(("is_null", "is_not_null", "count"), _ANY),
        **dict.fromkeys(("add", "subtract", "multiply", "negate", "abs"), _NUMBERS),
        "divide": frozenset({Kind.INTEGER, Kind.DECIMAL}),
        "modulus": frozenset({Kind.INTEGER, Kind.DECIMAL}),
        **dict.fromkeys(("like", "character_length", "length", "str_concat"), _TEXT),
        **dict.fromkeys(("substring", "substr"), _TEXT | {Kind.INTEGER}),
        **dict.fromkeys(("coalesce", "nullif"), _EQUAL),
        "date_part": _TEXT | {Kind.DATE, Kind.TIMESTAMP},
        "sum": _NUMBERS,
        "avg": _NUMBERS,
        **dict.fromkeys(("min", "max"), _ORDERED - {Kind.FLOAT}),
    },
    casts=frozenset(
        {
            (Kind.INTEGER, Kind.INTEGER),
            (Kind.INTEGER, Kind.DECIMAL),
            (Kind.INTEGER, Kind.FLOAT),
            (Kind.INTEGER, Kind.TEXT),
            (Kind.DECIMAL, Kind.DECIMAL),
            (Kind.DECIMAL, Kind.FLOAT),
            (Kind.TEXT, Kind.TEXT),
        }
    ),
    sorts=_EQUAL - {Kind.FLOAT},
    groups=_EQUAL - {Kind.FLOAT},
)


def arrow_name(data_type: pa.DataType) -> str:
    """The engine's name of a type, for its arrow_cast. Raises NotPushable."""
    name = engine_name(data_type) if any(is_(data_type) for is_ in _WRITTEN) else None
    if name is None or getattr(data_type, "tz", None) is not None:
        raise NotPushable(f"a constant of type {data_type}")
    return name


_WRITTEN = (
    *(pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_decimal128),
    *(pa.types.is_date32, pa.types.is_timestamp),
)
"""The types of numbers and moments that constants are written in."""


def _literal(value: object, data_type: pa.DataType) -> exp.Expr | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if "\x00" in value:
            raise NotPushable("a text constant with a NUL")
        return exp.Literal.string(value)
    if isinstance(value, int) and pa.types.is_int64(data_type) and value > -(2**63):
        return None
    if isinstance(value, float):
        text = repr(value) if math.isfinite(value) else {"inf": "Infinity"}.get(str(value), "")
        text = text or {"-inf": "-Infinity", "nan": "NaN"}[str(value)]
    elif isinstance(value, decimal.Decimal):
        text = format(value, "f")
    elif isinstance(value, dt.datetime):
        text = value.isoformat(sep=" ")
    elif isinstance(value, dt.date | int):
        text = str(value)
    else:
        raise NotPushable(f"a constant of type {data_type}")
    arguments = [exp.Literal.string(text), exp.Literal.string(arrow_name(data_type))]
    return exp.Anonymous(this="arrow_cast", expressions=arguments)


MESHGATE = SqlDialect(
    name="postgres",
    capabilities=_CAPABILITIES,
    type_names={
        Kind.INTEGER: "BIGINT",
        Kind.FLOAT: "DOUBLE PRECISION",
        Kind.TEXT: "TEXT",
        Kind.DATE: "DATE",
        Kind.BOOLEAN: "BOOLEAN",
    },
    write_literal=_literal,
    believes_statistics=True,
)
"""Another Meshgate."""

UNKNOWN = SqlDialect(name="postgres", capabilities=Capabilities())
"""A server nobody has tested: columns of whole tables, no more."""
