"""Building trees of a source's SQL without copying what nothing else holds."""

from __future__ import annotations

from sqlglot import exp


def adopted(node: exp.Expr) -> exp.Expr:
    """The node itself while it belongs to no tree, else a copy of it.

    What is adopted has to be put into a tree before it is adopted again.
    """
    return node if node.parent is None else node.copy()


def named(node: exp.Expr, name: str) -> exp.Alias:
    """The expression as an output column; `name` is a plain word, and left without quotes."""
    return exp.Alias(this=adopted(node), alias=exp.Identifier(this=name, quoted=False))
