"""What a statement may not hold: what the engine would misread, or what grows without end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.errors import InvalidQuery, LimitExceeded, Unsupported

MAX_EXPANSION = 2000
"""How many tables a query may read once its common table expressions are written out: each one
that reads its predecessor twice doubles them, and the optimiser writes them all out."""

_NO_LIST = (exp.Parameter, exp.Literal)

Nodes = Sequence[exp.Expr]
"""All nodes of a tree, from the top: it is walked once for all that is looked for in it."""


def check(nodes: Nodes) -> None:
    """Raise Unsupported, InvalidQuery or LimitExceeded for what is not answered."""
    _refuse_unsafe(nodes)
    _check_expansion(nodes)


def _refuse_unsafe(nodes: Nodes) -> None:
    """What the engine would read as something else, or answer wrongly."""
    if any(isinstance(node, exp.TableSample) for node in nodes):
        raise Unsupported("TABLESAMPLE is not offered", hint="use LIMIT, or filter by a hash")
    if any(isinstance(node, exp.Star) and node.args.get("ilike") for node in nodes):
        raise Unsupported("a * with a pattern of names is not offered", hint="name the columns")
    if any(isinstance(node, exp.Select) and not node.expressions for node in nodes):
        raise Unsupported("a SELECT without columns is not offered", hint="write SELECT * FROM ...")
    for node in nodes:
        if isinstance(node, exp.In) and isinstance(node.args.get("field"), _NO_LIST):
            raise InvalidQuery(
                "IN takes a list in parentheses",
                hint="for a list that is bound write = ANY(?), and <> ALL(?) in place of NOT IN",
            )
    for test in (node for node in nodes if isinstance(node, (exp.Any, exp.All))):
        inner = {t.alias_or_name for t in test.find_all(exp.Table)}
        scope = test.find_ancestor(exp.Select)
        outer = set()
        while scope is not None:
            sources = [scope.args.get("from_"), *(scope.args.get("joins") or [])]
            outer |= {s.this.alias_or_name for s in sources if s is not None}
            scope = scope.find_ancestor(exp.Select)
        if inner & outer:
            raise Unsupported(
                "ANY and ALL over a dataset that the query reads outside as well are not offered",
                hint="give the datasets inside and outside different aliases, or use IN",
            )


def _check_expansion(nodes: Nodes) -> None:
    tables: dict[str, int] = {}
    for clause in (node for node in nodes if isinstance(node, exp.With)):
        for cte in clause.expressions:
            read = sum(tables.get(t.name.lower(), 1) for t in cte.this.find_all(exp.Table))
            if read > MAX_EXPANSION:
                raise LimitExceeded(
                    f"written out, {cte.alias} reads more than {MAX_EXPANSION} tables",
                    hint="read each common table expression once, or join less often",
                )
            tables[cte.alias.lower()] = max(read, 1)
