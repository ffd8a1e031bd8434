"""What a source can be asked: the allow-list that makes pushdown correct.

A function, join or sort is sent to a source only if the source's `Capabilities` name it *for the
kinds of values at hand*; everything else stays with the gateway's engine. The reference is always
DataFusion: a source may only be asked what it answers exactly as DataFusion would. A conformance
test holds every entry of every list, in both directions.

Function names are canonical: those DataFusion uses in Substrait (``equal``, ``substring``,
``character_length``, ``date_part`` ...).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import pyarrow as pa


class Kind(Enum):
    """Families of types: two types of one kind compare and sort by the same rules."""

    __hash__ = object.__hash__  # there is one of each: by its name it takes five times as long

    BOOLEAN = "boolean"
    INTEGER = "integer"
    UNSIGNED = "unsigned"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    BINARY = "binary"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with zone"
    INTERVAL = "interval"
    NULL = "null"
    NESTED = "nested"
    OTHER = "other"


def kind_of(data_type: pa.DataType) -> Kind:
    """The kind of an Arrow type."""
    kind = _KINDS.get(data_type.id)
    if kind is None:
        kind = next((k for test, k in _KIND_TESTS if test(data_type)), Kind.OTHER)
        _KINDS[data_type.id] = kind
    if kind is Kind.TIMESTAMP and data_type.tz:
        return Kind.TIMESTAMP_TZ
    return kind


_KINDS: dict[int, Kind] = {}
"""What has been found out: the tests look at nothing but a type's number."""

_KIND_TESTS: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pa.types.is_boolean, Kind.BOOLEAN),
    (pa.types.is_signed_integer, Kind.INTEGER),
    (pa.types.is_unsigned_integer, Kind.UNSIGNED),
    (pa.types.is_floating, Kind.FLOAT),
    (pa.types.is_decimal, Kind.DECIMAL),
    (pa.types.is_string, Kind.TEXT),
    (pa.types.is_large_string, Kind.TEXT),
    (pa.types.is_string_view, Kind.TEXT),
    (pa.types.is_binary, Kind.BINARY),
    (pa.types.is_large_binary, Kind.BINARY),
    (pa.types.is_fixed_size_binary, Kind.BINARY),
    (pa.types.is_date, Kind.DATE),
    (pa.types.is_time, Kind.TIME),
    (pa.types.is_timestamp, Kind.TIMESTAMP),
    (pa.types.is_duration, Kind.INTERVAL),
    (pa.types.is_interval, Kind.INTERVAL),
    (pa.types.is_null, Kind.NULL),
    (pa.types.is_nested, Kind.NESTED),
)


class Relation(Enum):
    """The relational operators a source may accept, beside reading a table."""

    FILTER = "filter"
    PROJECT = "projection"
    LIMIT = "limit"
    SORT = "sort"
    AGGREGATE = "aggregate"
    INNER_JOIN = "inner join"
    LEFT_JOIN = "left join"
    RIGHT_JOIN = "right join"
    FULL_JOIN = "full join"
    SEMI_JOIN = "semi join"
    ANTI_JOIN = "anti join"
    CROSS_JOIN = "cross join"
    UNION_ALL = "union all"
    SCALAR_SUBQUERY = "scalar sub-query"
    WINDOW = "window"
    GROUPING_SETS = "grouping sets"
    MARK_JOIN = "mark join"
    INTERSECT = "intersect"
    EXCEPT = "except"


ALL_RELATIONS = frozenset(Relation)
Kinds = frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source may be asked.

    `functions` maps a canonical name to the kinds its arguments may have. `sorts`, `groups` give
    the kinds that may be ORDER BY keys and GROUP BY / DISTINCT keys; `reads` the kinds a fragment
    may return. An empty set of relations means: whole tables only. `windows` maps a function to
    the kinds its argument may have over a window; ranking functions have none. UNSIGNED among the
    kinds of a source without unsigned columns is what its windows count.
    """

    relations: frozenset[Relation] = frozenset()
    functions: Mapping[str, Kinds] = field(default_factory=dict)
    casts: frozenset[tuple[Kind, Kind]] = frozenset()
    sorts: Kinds = frozenset()
    groups: Kinds = frozenset()
    windows: Mapping[str, Kinds] = field(default_factory=dict)


def window_functions(
    *,
    values: Kinds,
    sums: Kinds,
    averages: Kinds,
    extremes: Kinds,
    defaults: bool = True,
    shares: bool = True,
) -> dict[str, Kinds]:
    """A list of window functions that has them all, by the kinds of their arguments.

    `values` may be counted and taken from other rows; `defaults` is whether LAG and LEAD take a
    value for where there is no such row, `shares` whether PERCENT_RANK and CUME_DIST are exact.
    """
    taken = ("count", "lag", "lead", "first_value", "last_value", "nth_value")
    ranks = ["row_number", "rank", "dense_rank", "ntile"]
    if shares:
        ranks += ["percent_rank", "cume_dist"]
    listed: dict[str, Kinds] = {
        **dict.fromkeys(ranks, frozenset()),
        **dict.fromkeys(taken, values),
        "sum": sums,
        "avg": averages,
        **dict.fromkeys(("min", "max"), extremes),
    }
    if defaults:
        listed |= dict.fromkeys(("lag_default", "lead_default"), values)
    return listed


class NotPushable(Exception):
    """The source may not be asked this; `reason` is what EXPLAIN shows."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
