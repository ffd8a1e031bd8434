"""Marks on nodes of trees: what their writer knows of them and their reader can not see.

A node has no `meta` until it is asked for it, even in vain; whatever has one takes longer to copy.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp


def mark(node: exp.Expr, name: str, value: object = True) -> None:
    """Put a mark on the node; copies of it have the mark as well."""
    node.meta[name] = value


def marked(node: exp.Expr, name: str) -> bool:
    """Whether the node has the mark."""
    return node._meta is not None and name in node._meta


def unmarked(nodes: Iterable[exp.Expr]) -> None:
    """Take all marks away, in place, those of the parser (places in the text) too."""
    for node in nodes:
        node._meta = None
