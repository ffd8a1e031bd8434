"""What the planner hands over: an argument on its way into a source's SQL, typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, kind_of


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


Builder = Callable[[Sequence[Operand], pa.DataType], exp.Expr]
"""Writes a call: operands and the planned result type in, tree out. May raise NotPushable."""


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


def only_matches(args: Sequence[Operand]) -> bool:
    """Whether reading one of them may fail on a value, as `Native.only_matches` says."""
    return any(a.native.only_matches for a in args if a.native)
