"""Statements under aliases that do not tell what else is in a plan: equal if they ask the same."""

from __future__ import annotations

import re

from sqlglot import exp

_ALIAS = re.compile(r"t\d+")


def renumbered(query: exp.Select) -> exp.Select:
    """A copy of the query with its own aliases counted from the first that is met.

    What is selected is met last: the aliases of the rows are the same, whatever is told of them.
    A copy, as the nodes of a statement may be those of the block that it was written from.
    """
    query = query.copy()
    names: dict[str, str] = {}

    def rename(identifier: object) -> None:
        if isinstance(identifier, exp.Identifier) and _ALIAS.fullmatch(identifier.name):
            new = names.setdefault(identifier.name, f"t{len(names) + 1}")
            identifier.set("this", new)

    nodes = list(query.walk())
    selected = {id(node) for output in query.expressions for node in output.walk()}
    for node in sorted(nodes, key=lambda node: id(node) in selected):
        if isinstance(node, exp.TableAlias):
            rename(node.this)
        elif isinstance(node, exp.Column):
            rename(node.args.get("table"))
    return query
