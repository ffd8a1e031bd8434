"""What has a result for every value, in the engine and in every source, and what may fail.

What is in none of these lists may fail whatever it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from substrait.proto import Expression

from connectors.capabilities import Kind, kind_of
from connectors.dialect import widens

COMPARISONS = frozenset({"equal", "not_equal", "lt", "lte", "gt", "gte"})
TESTS = frozenset(
    {"is_null", "is_not_null", "is_true", "is_not_true", "is_false", "is_not_false"}
    | {"is_distinct_from", "is_not_distinct_from", "and", "or", "coalesce"}
    | {"is_unknown", "is_not_unknown", "concat", "greatest", "least"}
)
"""Total, and not NULL where an argument is."""

TOTAL_STRICT = COMPARISONS | {
    "not",
    "lower",
    "upper",
    "character_length",
    "length",
    "octet_length",
    "str_concat",
}
FALLIBLE_STRICT = frozenset(
    {"add", "subtract", "multiply", "divide", "modulus", "negate", "abs", "ceil", "floor", "round"}
    | {"sqrt", "ln", "log10", "exp", "power", "substring", "substr", "date_part", "date_trunc"}
    | {"trim", "btrim", "ltrim", "rtrim", "replace", "strpos", "left", "right", "ends_with"}
    | {"split_part", "reverse"}
)
DIVISIONS = frozenset({"divide", "modulus"})
LIKE = frozenset({"like", "ilike"})


def comparable(types: Sequence[pa.DataType | None]) -> bool:
    """True when no side is converted on the way: both are of one known kind, and not nested."""
    kinds = {kind_of(t) for t in types if t is not None}
    if None in types:
        return False
    kinds.discard(Kind.NULL)
    return len(kinds) <= 1 and not kinds & {Kind.NESTED, Kind.OTHER, Kind.INTERVAL}


def divides(dividend: pa.DataType | None, divisor: Expression) -> bool:
    """True for whole numbers divided by a constant other than 0, and -1 for which one overflows."""
    kind = divisor.literal.WhichOneof("literal_type") if divisor.HasField("literal") else None
    if dividend is None or kind_of(dividend) is not Kind.INTEGER or kind not in _WHOLE:
        return False
    return getattr(divisor.literal, kind) not in (0, -1)


_WHOLE = frozenset({"i8", "i16", "i32", "i64"})
_TO_TEXT = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.UNSIGNED, Kind.TEXT})


def total_cast(source: pa.DataType | None, target: pa.DataType | None) -> bool:
    """True when every value of `source` has a value of `target`, in every engine."""
    if source is None or target is None:
        return False
    a, b = kind_of(source), kind_of(target)
    if source == target or a is Kind.NULL:
        return True
    if b is Kind.TEXT:
        return a in _TO_TEXT
    if (a, b) in {(Kind.DATE, Kind.TIMESTAMP), (Kind.TIMESTAMP, Kind.TIMESTAMP)}:
        return False  # a far date overflows nanoseconds
    if (a, b) == (Kind.TIMESTAMP_TZ, Kind.TIMESTAMP_TZ):
        return False
    if (a, b) == (Kind.DECIMAL, Kind.DECIMAL):
        whole = target.precision - target.scale >= source.precision - source.scale
        return bool(target.scale >= source.scale and whole)
    if (a, b) == (Kind.FLOAT, Kind.DECIMAL):
        return False
    return widens(source, target)
