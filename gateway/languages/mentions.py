"""Which columns of what it reads a statement may use: never too few, perhaps too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is answered once for each text."""

    text: str
    columns: tuple[str, ...]
    tree: exp.Expr = field(compare=False, repr=False)


@lru_cache(maxsize=1024)
def mentioned_in(asked: Asked) -> frozenset[str]:
    """`mentioned`, remembered."""
    return mentioned(asked.tree, asked.columns)


def mentioned(tree: exp.Expr, columns: Iterable[str]) -> frozenset[str]:
    """Those of the columns that taking away could change what the statement means.

    A name that occurs anywhere counts, whatever it is the name of there: without a column an inner
    query would find an outer one of that name. A star and a natural join take all there are, and
    so do names given by position (``staff AS s (a, b)``).
    """
    every = frozenset(columns)
    names = set[str]()
    for node in tree.walk():
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            return every
        if isinstance(node, exp.Join) and str(node.args.get("method") or "").upper() == "NATURAL":
            return every
        if isinstance(node, exp.TableAlias) and node.columns and isinstance(node.parent, exp.Table):
            return every
        if isinstance(node, exp.Identifier):
            names.add(node.name.casefold())
    return frozenset(name for name in every if name.casefold() in names)
