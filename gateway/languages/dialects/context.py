"""Where an expression stands: what it may name, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from gateway.errors import InvalidQuery, Unsupported, UserError
from gateway.languages.dialects.client import Client
from gateway.languages.dialects.dialect import Dialect
from gateway.languages.dialects.operands import Operand
from gateway.languages.dialects.scope import Column, Scope


@dataclass(frozen=True, slots=True)
class Translated:
    """A query of the gateway's own SQL and the columns of its answer."""

    sql: exp.Query
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Context:
    """A clause of a query: its names, and how what is in it is translated.

    `clause` decides whether outputs may be named. `query` translates a sub-query, `expression`
    anything else.
    """

    client: Client
    scope: Scope
    query: Callable[[exp.Expr, Scope], Translated]
    translate: Callable[[exp.Expr, Context], Operand]
    clause: str = "select"
    inside_aggregate: bool = False

    @property
    def dialect(self) -> Dialect:
        return self.client.dialect

    def operand(self, node: exp.Expr) -> Operand:
        """The expression, as a value: what is a number in the dialect has become one."""
        return self.translate(node, self)

    def within(self, clause: str) -> Context:
        return replace(self, clause=clause)

    def aggregated(self) -> Context:
        return replace(self, inside_aggregate=True)

    def refused(self, node: exp.Expr | None, what: str, hint: str | None = None) -> UserError:
        """The error for what this dialect has and the gateway can not answer as it does."""
        return Unsupported(
            f"{what} is not translated from {self.dialect.title}",
            position=self.client.at(node),
            hint=hint or "docs/dialects.md lists what is",
        )

    def wrong(self, node: exp.Expr | None, message: str, hint: str | None = None) -> UserError:
        """The error for what makes no sense in this dialect either."""
        return InvalidQuery(message, position=self.client.at(node), hint=hint)


def only(node: exp.Expr, context: Context, *parts: str) -> None:
    """Refuse a node with parts that are not known here: they would be lost."""
    for name, part in node.args.items():
        if part and name not in parts and name != "comments":
            raise context.refused(
                node, f"{name.strip('_').upper()} of {type(node).__name__.upper()}"
            )
