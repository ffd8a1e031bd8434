"""How a source writes SQL: literals, casts, calls, sort keys, and columns as they are read.

The planner hands over typed operands and gets back sqlglot trees. Each connector declares one
`SqlDialect`; where it differs from the common form it overrides one builder.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Capabilities, Kind, NotPushable, Relation, kind_of
from connectors.functions import COMMON
from connectors.marks import mark, marked, unmarked


@dataclass(frozen=True, slots=True)
class Native:
    """The bare column behind one that is read through a cast, for the source's indexes' sake.

    Equality over two native columns of one family, or with a constant that is `canonical`, means
    the same as over the values read. Nothing else does. With `only_matches`, reading may fail on a
    value: such a value is equal to no constant, but groups and inequality must not pass over it.
    """

    sql: exp.Expr
    family: str
    canonical: Callable[[object], bool]
    only_matches: bool = False


@dataclass(frozen=True, slots=True)
class Operand:
    """An argument on its way into a source's SQL: its tree, its type, its value if constant.

    With a `seal` it is a column the source must pass on untouched: it is not what it will be yet.
    """

    sql: exp.Expr
    type: pa.DataType
    literal: object = None
    is_literal: bool = False
    native: Native | None = None
    seal: object = None

    @property
    def kind(self) -> Kind:
        """The family of the operand's type."""
        return kind_of(self.type)

    def written(self, sql: exp.Expr) -> Operand:
        """The same operand with another tree."""
        return Operand(sql, self.type, self.literal, self.is_literal, self.native, self.seal)

    @property
    def group_key(self) -> exp.Expr:
        """What GROUP BY names for the operand."""
        return self.native.sql if self.native and not self.native.only_matches else self.sql


FROM_INTEGER = "from_integer"
"""Mark on a cast: floats made of integers of up to 32 bits add up exactly in any order."""

Builder = Callable[[Sequence[Operand], pa.DataType], exp.Expr]
"""Writes a call: operands and the planned result type in, tree out. May raise NotPushable."""


def cast_to(expression: exp.Expr, type_name: str) -> exp.Cast:
    """A cast to a type named in sqlglot's own dialect, whose name is parsed only once."""
    return exp.Cast(this=expression, to=_data_type(type_name).copy())


@lru_cache(maxsize=256)
def _data_type(name: str, dialect: str | None = None) -> exp.DataType:
    tree = exp.DataType.build(name, dialect=dialect)
    unmarked(tree.walk())  # places in the name, which every copy would copy
    return tree


def paren(expression: exp.Expr) -> exp.Paren:
    """The expression in parentheses, so that precedence never depends on the dialect."""
    return exp.Paren(this=expression)


def binary(node: type[exp.Binary]) -> Builder:
    """A builder for an infix operator of two operands."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        left, right = args
        return paren(node(this=left.sql, expression=right.sql))

    return build


def chained(node: type[exp.Connector]) -> Builder:
    """A builder for AND / OR over any number of operands."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        tree = args[0].sql
        for arg in args[1:]:
            tree = node(this=tree, expression=arg.sql)
        return paren(tree)

    return build


def unary(node: type[exp.Expr]) -> Builder:
    """A builder for a function of one operand."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        (arg,) = args
        return node(this=arg.sql)

    return build


def variadic(node: type[exp.Expr]) -> Builder:
    """A builder for a function whose first operand is `this` and the rest `expressions`."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return node(this=args[0].sql, expressions=[a.sql for a in args[1:]])

    return build


def named(function: str) -> Builder:
    """A builder for a function written by name, whatever the dialect calls its siblings."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return exp.Anonymous(this=function, expressions=[a.sql for a in args])

    return build


def _not(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    return paren(exp.Not(this=paren(args[0].sql)))


def _negate(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    return paren(exp.Neg(this=paren(args[0].sql)))


def _is(value: exp.Expr, *, negated: bool = False) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        test: exp.Expr = exp.Is(this=args[0].sql, expression=value.copy())
        return paren(exp.Not(this=test) if negated else test)

    return build


def _like(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if len(args) > 2 and args[2].literal not in (None, "", "\\"):
        raise NotPushable("LIKE with an escape character")
    pattern = args[1]
    if not pattern.is_literal:
        raise NotPushable("LIKE with a pattern that is not a constant")
    like: exp.Expr = exp.Like(this=args[0].sql, expression=pattern.sql)
    if isinstance(pattern.literal, str) and "\\" in pattern.literal:
        if "\\" in _ESCAPED.sub("", pattern.literal):
            raise NotPushable("LIKE with a backslash that escapes nothing")
        like = exp.Escape(this=like, expression=exp.Literal.string("\\"))
    return paren(like)


_ESCAPED = re.compile(r"\\[%_]")
"""What every source takes for a character that matches only itself."""


def _substring(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    for bound in args[1:]:
        if not bound.is_literal or not isinstance(bound.literal, int):
            raise NotPushable("substring with a bound that is not a constant")
    if args[1].literal < 1 or (len(args) > 2 and args[2].literal < 0):  # type: ignore[operator]
        raise NotPushable("substring that starts before the first character")
    length = args[2].sql if len(args) > 2 else None
    return exp.Substring(this=args[0].sql, start=args[1].sql, length=length)


DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "quarter"})
"""Parts that every source calls and counts alike."""

CALENDAR_PARTS = frozenset({"week", "dow", "doy"})
"""Weeks by ISO 8601, days of the week from Sunday, 0, days of the year: written by each source."""


def date_part_name(operand: Operand, *, calendar: bool = False) -> str:
    """The constant part of a date_part call, lower case. Raises NotPushable.

    With `calendar` it may be one of CALENDAR_PARTS as well.
    """
    part = str(operand.literal).lower() if operand.is_literal else ""
    if part not in DATE_PARTS and not (calendar and part in CALENDAR_PARTS):
        raise NotPushable(f"date_part of {part or 'a part that is not constant'}")
    return part


def _date_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part = date_part_name(args[0])
    if kind_of(args[1].type) is Kind.DATE and part in {"hour", "minute"}:
        raise NotPushable(f"date_part of {part} of a date")
    return exp.Extract(this=exp.var(part.upper()), expression=args[1].sql)


def nonzero_divisor(args: Sequence[Operand]) -> bool:
    """True when the divisor is a constant other than zero: no source disagrees about it then."""
    divisor = args[1]
    return divisor.is_literal and divisor.literal not in (None, 0)


def made_of_integers(value: exp.Expr) -> bool:
    """True for floats that are 32-bit integers cast on the spot (a DISTINCT looked through)."""
    if isinstance(value, exp.Distinct) and len(value.expressions) == 1:
        value = value.expressions[0]
    return isinstance(value, exp.Cast) and marked(value, FROM_INTEGER)


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if kind_of(returns) is Kind.FLOAT and not nonzero_divisor(args):
        raise NotPushable("division of floats by what may be zero")
    return paren(exp.Div(this=args[0].sql, expression=args[1].sql, typed=True, safe=False))


FUNCTIONS: Mapping[str, Builder] = {
    "equal": binary(exp.EQ),
    "not_equal": binary(exp.NEQ),
    "lt": binary(exp.LT),
    "lte": binary(exp.LTE),
    "gt": binary(exp.GT),
    "gte": binary(exp.GTE),
    "is_distinct_from": binary(exp.NullSafeNEQ),
    "is_not_distinct_from": binary(exp.NullSafeEQ),
    "and": chained(exp.And),
    "or": chained(exp.Or),
    "not": _not,
    "is_null": _is(exp.null()),
    "is_not_null": _is(exp.null(), negated=True),
    "is_true": _is(exp.true()),
    "is_not_true": _is(exp.true(), negated=True),
    "is_false": _is(exp.false()),
    "is_not_false": _is(exp.false(), negated=True),
    "add": binary(exp.Add),
    "subtract": binary(exp.Sub),
    "multiply": binary(exp.Mul),
    "divide": _divide,
    "modulus": binary(exp.Mod),
    "negate": _negate,
    "abs": unary(exp.Abs),
    "like": _like,
    "substring": _substring,
    "substr": _substring,
    "character_length": unary(exp.Length),
    "length": unary(exp.Length),
    "str_concat": binary(exp.DPipe),
    "coalesce": variadic(exp.Coalesce),
    "nullif": lambda args, _: exp.Nullif(this=args[0].sql, expression=args[1].sql),
    "date_part": _date_part,
    **COMMON,
}
"""The common form of every scalar function that any source may be asked."""


def _count(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if not args or (args[0].is_literal and args[0].literal is not None):
        return exp.Count(this=exp.Star())
    return exp.Count(this=args[0].sql)


AGGREGATES: Mapping[str, Builder] = {
    "count": _count,
    "sum": unary(exp.Sum),
    "avg": unary(exp.Avg),
    "min": unary(exp.Min),
    "max": unary(exp.Max),
}
"""The common form of every aggregate that any source may be asked."""


MaskBuilder = Callable[["SqlDialect", str, Operand], exp.Expr]
"""Writes a mask: the dialect, the mask's argument and the operand in. May raise NotPushable."""


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """A source's SQL: what it may be asked (`capabilities`) and how that is written.

    `name` is the sqlglot dialect that turns trees into text. `builders` override FUNCTIONS and
    AGGREGATES by canonical name, `casts` the form of a cast. `type_names` give the cast target
    per kind (decimals carry their precision and scale by themselves). `sort_key` wraps ORDER BY
    keys, `read` wraps a column as it leaves its table (a collation, a cast of uuid to text); it
    gets the field with its PHYSICAL_TYPE metadata, and so does `native`. `masks` are the masks the
    source computes exactly (see connectors/masking.py); any other stays with the gateway.
    `believes_statistics`: a condition that the least and greatest value of a column rule out is
    taken for false before any row is read, and what stands beside it is never computed.
    `keys` writes that a column holds one of many keys (see connectors/keys.py); a source without
    it is never told any.
    `places_nulls`: ORDER BY takes NULLS FIRST and NULLS LAST, also in a window.
    `joins_slowly`: large joins and groups are left to the engine unless they save much transfer.
    `nests_expressions`: a join over expressions compares every pair of rows, unless the rows of
    the side that is computed are made first.
    """

    name: str
    capabilities: Capabilities
    builders: Mapping[str, Builder] = field(default_factory=dict)
    casts: Mapping[tuple[Kind, Kind], Builder] = field(default_factory=dict)
    type_names: Mapping[Kind, str] = field(default_factory=dict)
    sort_key: Callable[[Operand], exp.Expr] = lambda operand: operand.sql
    read: Callable[[exp.Column, pa.Field], exp.Expr] = lambda column, _: column
    native: Callable[[exp.Column, pa.Field], Native | None] = lambda column, _: None
    write_literal: Callable[[object, pa.DataType], exp.Expr | None] = lambda value, _: None
    masks: Mapping[str, MaskBuilder] = field(default_factory=dict)
    believes_statistics: bool = False
    keys: Callable[[Operand, pa.Array], exp.Expr | None] | None = None
    places_nulls: bool = True
    joins_slowly: bool = False
    nests_expressions: bool = False

    def require(self, relation: Relation) -> None:
        """Raise NotPushable unless the source takes this relational operator."""
        if relation not in self.capabilities.relations:
            raise NotPushable(f"{relation.value} is not in the source's list")

    def require_kind(self, use: str, kinds: frozenset[Kind], data_type: pa.DataType) -> None:
        """Raise NotPushable unless `data_type` is of a kind that may be used so."""
        kind = kind_of(data_type)
        if kind not in kinds and kind is not Kind.NULL:
            raise NotPushable(f"{use} {kind.value} is not in the source's list")

    def call(self, name: str, args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        """A scalar call. Raises NotPushable when the allow-list does not have it."""
        self._allow(name, args)
        if name == "equal" or (name == "not_equal" and not _only_matches(args)):
            args = natively(args) or args
        builder = self.builders.get(name) or FUNCTIONS.get(name)
        if builder is None:
            raise NotPushable(f"function {name} is not in the source's list")
        return builder(args, returns)

    def aggregate(self, name: str, args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        """An aggregate call (without DISTINCT and FILTER). Raises NotPushable."""
        self._allow(name, args)
        builder = self.builders.get(name) or AGGREGATES.get(name)
        if builder is None:
            raise NotPushable(f"aggregate {name} is not in the source's list")
        return builder(args, returns)

    def cast(self, operand: Operand, to: pa.DataType) -> exp.Expr:
        """A cast between types whose values every side agrees on. Raises NotPushable."""
        if operand.type == to:
            return operand.sql
        pair = (operand.kind, kind_of(to))
        if pair not in self.capabilities.casts or not widens(operand.type, to):
            raise NotPushable(f"cast from {operand.type} to {to} is not in the source's list")
        own = self.casts.get(pair)
        if own is not None:
            return own((operand,), to)
        tree = exp.cast(operand.sql, self.type_name(to))
        if operand.kind is Kind.INTEGER and operand.type.bit_width <= 32:
            mark(tree, FROM_INTEGER)
        return tree

    def type_name(self, data_type: pa.DataType) -> exp.DataType:
        """The source's name of a type. Raises NotPushable when it has none."""
        kind = kind_of(data_type)
        if kind is Kind.DECIMAL:
            text = f"DECIMAL({data_type.precision}, {data_type.scale})"
        else:
            text = self.type_names.get(kind, "")
        if not text:
            raise NotPushable(f"the source has no type for {data_type}")
        return _data_type(text, self.name).copy()

    def mask(self, kind: str, argument: str, operand: Operand) -> exp.Expr:
        """The column behind a mask, which is nothing native any more. Raises NotPushable.

        `kind` and `argument` are of a mask that suits the operand's type (see policies/masks.py).
        """
        builder = self.masks.get(kind)
        if builder is None:
            raise NotPushable(f"mask {kind} is not in the source's list")
        return builder(self, argument, operand)

    def literal(self, value: object, data_type: pa.DataType) -> exp.Expr:
        """A constant. Raises NotPushable for a value that can not be written exactly."""
        own = self.write_literal(value, data_type)
        return own if own is not None else common_literal(value, data_type)

    def _allow(self, name: str, args: Sequence[Operand]) -> None:
        kinds = self.capabilities.functions.get(name)
        if kinds is None:
            raise NotPushable(f"function {name} is not in the source's list")
        for arg in args:
            if arg.kind not in kinds and arg.kind is not Kind.NULL:
                raise NotPushable(f"{name} over {arg.kind.value} is not in the source's list")


def natively(args: Sequence[Operand]) -> list[Operand] | None:
    """The operands of an equality as the source has them, or None where that is another."""
    families = {a.native.family for a in args if a.native}
    if len(families) != 1:
        return None
    native = next(a.native for a in args if a.native)
    for arg in args:
        constant = arg.is_literal and native.canonical(arg.literal)
        if arg.native is None and not constant:
            return None
    return [a.written(a.native.sql.copy()) if a.native else a for a in args]


def _only_matches(args: Sequence[Operand]) -> bool:
    return any(a.native.only_matches for a in args if a.native)


def widens(source: pa.DataType, target: pa.DataType) -> bool:
    """True when every value of `source` is a value of `target`: a cast that can not change it."""
    a, b = kind_of(source), kind_of(target)
    if a is Kind.INTEGER and b is Kind.INTEGER:
        return bool(target.bit_width >= source.bit_width)
    if a is Kind.INTEGER and b is Kind.FLOAT:
        return bool(target.bit_width == 64)  # beyond 2^53 every side rounds to nearest
    if a is Kind.INTEGER and b is Kind.DECIMAL:
        digits = {8: 3, 16: 5, 32: 10, 64: 19}[source.bit_width]
        return bool(target.precision - target.scale >= digits)
    if a is Kind.FLOAT and b is Kind.FLOAT:
        return bool(target.bit_width >= source.bit_width)
    if a is Kind.FLOAT and b is Kind.DECIMAL:
        return bool(target.scale >= 15)  # how the engine compares a decimal with a float
    if a is Kind.DECIMAL and b is Kind.DECIMAL:
        return bool(target.scale >= source.scale)  # too large a number fails on every side
    return (a, b) in {
        (Kind.INTEGER, Kind.TEXT),
        (Kind.DECIMAL, Kind.FLOAT),
        (Kind.DATE, Kind.TIMESTAMP),
        (Kind.TIMESTAMP, Kind.TIMESTAMP),
        (Kind.TIMESTAMP_TZ, Kind.TIMESTAMP_TZ),
        (Kind.TEXT, Kind.TEXT),
    }


def common_literal(value: object, data_type: pa.DataType) -> exp.Expr:
    """A constant in the form every SQL dialect reads, or NotPushable."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return _number(str(value))
    if isinstance(value, decimal.Decimal):
        return _number(format(value, "f"))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotPushable("a float constant that is not finite")
        return cast_to(exp.Literal.string(repr(value)), "DOUBLE")
    if isinstance(value, str):
        if "\\" in value or "\x00" in value:
            raise NotPushable("a text constant with a backslash or a NUL")
        return exp.Literal.string(value)
    if isinstance(value, dt.datetime):
        if data_type.tz is not None:
            raise NotPushable("a constant time with a zone")
        return cast_to(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP")
    if isinstance(value, dt.date):
        return cast_to(exp.Literal.string(value.isoformat()), "DATE")
    raise NotPushable(f"a constant of type {data_type}")


def _number(text: str) -> exp.Expr:
    if text.startswith("-"):
        return paren(exp.Neg(this=exp.Literal.number(text[1:])))
    return exp.Literal.number(text)
