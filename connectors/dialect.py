"""How a source writes SQL: literals, casts, calls, sort keys, and columns as they are read.

The planner hands over typed operands and gets back sqlglot trees. Each connector declares one
`SqlDialect`; where it differs from the common form it overrides one builder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Capabilities, Kind, NotPushable, Relation, kind_of
from connectors.forms import AGGREGATES, FROM_INTEGER, FUNCTIONS
from connectors.marks import mark
from connectors.operands import Builder, Native, Operand, natively, only_matches
from connectors.trees import common_literal, data_type_named

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
        if name == "equal" or (name == "not_equal" and not only_matches(args)):
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
        return data_type_named(text, self.name).copy()

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
