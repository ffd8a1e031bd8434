"""The functions of each dialect by their names there, and what a call of one has to offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from gateway.errors import UserError
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.dialect import DIALECT_NAMES
from gateway.languages.dialects.operands import Kind, Operand, call, is_open
from gateway.languages.dialects.operators import as_value, result

EVERY = " ".join(DIALECT_NAMES)


def but(*names: str) -> str:
    """Every dialect but some."""
    return " ".join(name for name in DIALECT_NAMES if name not in names)


def _bare(sql: exp.Expr) -> exp.Expr:
    return sql


@dataclass(frozen=True)
class Call:
    """One call. `over` puts what makes an aggregate a window, or filters it, around one.

    `distinct`, `order` and `within` are what may stand in an aggregate's brackets or behind them.
    """

    name: str
    node: exp.Expr
    context: Context
    arguments: Sequence[exp.Expr]
    distinct: bool = False
    order: Sequence[exp.Expr] = ()
    over: Callable[[exp.Expr], exp.Expr] = _bare
    windowed: bool = False
    framed: bool = False
    _known: dict[int, Operand] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arguments)

    def raw(self, i: int) -> Operand:
        """An argument as it is; again as a copy."""
        if i in self._known:
            return self._known[i].copied()
        made = self._known[i] = self.context.operand(self.arguments[i])
        return made

    def value(self, i: int) -> Operand:
        """An argument as a value."""
        return as_value(self.raw(i), self.context)

    @cached_property
    def values(self) -> list[Operand]:
        """All arguments as values."""
        return [self.value(i) for i in range(len(self.arguments))]

    def taken(self, i: int, *tests: Callable[[Kind], bool], what: str = "") -> Operand:
        """An argument as a value of one of these kinds. Raises UserError for others."""
        made = self.value(i)
        if not is_open(made.kind) and not any(test(made.kind) for test in tests):
            said = f"{self.name} of {what or made.kind}"
            raise self.context.refused(self.arguments[i], said, "cast the argument")
        return made

    def whole(self, i: int, least: int = 0) -> int:
        """An argument that has to be a written-out whole number."""
        constant = self.value(i).constant
        if not isinstance(constant, int) or constant < least:
            raise self.refused(f"with an argument that is no whole number from {least} on")
        return constant

    def said(self, i: int) -> str:
        """An argument that has to be a written-out text."""
        constant = self.value(i).constant
        if not isinstance(constant, str):
            raise self.refused("with an argument that is no written-out text")
        return constant

    def word(self, i: int) -> str:
        """An argument that is a word of the language, such as a unit, in capitals."""
        node = self.arguments[i]
        inner = self.context.client.called(node)
        if inner and isinstance(node, exp.Anonymous):  # WEEK(MONDAY)
            return f"{inner}({', '.join(a.name.upper() for a in node.expressions)})"
        return node.name.upper() if isinstance(node, (exp.Column, exp.Var, exp.Literal)) else ""

    def refused(self, how: str = "", hint: str | None = None) -> UserError:
        """The error for a form of the function that is not translated."""
        return self.context.refused(self.node, f"{self.name} {how}".strip(), hint)

    def made(self, sql: exp.Expr, kind: Kind, *, computed: bool = False) -> Operand:
        """The outcome, made of all arguments that have been looked at."""
        return result(sql, kind, *self._known.values(), computed=computed)


Builder = Callable[[Call], Operand]


@dataclass(frozen=True, slots=True)
class Function:
    """How a function is translated: it takes `least` to `most` arguments."""

    build: Builder
    least: int
    most: int
    aggregate: bool = False
    window: bool = False


FUNCTIONS: dict[str, dict[str, Function]] = {name: {} for name in DIALECT_NAMES}
"""The functions of each dialect that are translated."""


def function(
    names: str,
    dialects: str = EVERY,
    least: int = 1,
    most: int | None = None,
    *,
    aggregate: bool = False,
    window: bool = False,
) -> Callable[[Builder], Builder]:
    """Register what translates functions, under each name in each of the dialects."""

    def register(build: Builder) -> Builder:
        made = Function(build, least, least if most is None else most, aggregate, window)
        for dialect in dialects.split():
            for name in names.split():
                FUNCTIONS[dialect][name] = made
        return build

    return register


def plain(own: str, kind: Kind) -> Builder:
    """A function that is one of the engine's, with the arguments as they are."""

    def build(given: Call) -> Operand:
        return given.made(call(own, *(o.sql for o in given.values)), kind)

    return build
