"""The columns that a SELECT gives: what it names, and what its stars stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from gateway.lineage.expressions import Expressions, is_aggregate
from gateway.lineage.relation import Relation, Untold
from gateway.lineage.scope import Place, Scope, folded, path_of
from gateway.lineage.uses import Uses


@dataclass(frozen=True, slots=True)
class Output:
    """A column of an answer: an expression, or one that a star stands for.

    Its `name` is "" where the engine makes one.
    """

    name: str
    node: exp.Expr | None
    place: Place | None = None

    def uses(self, expressions: Expressions, scope: Scope) -> Uses:
        """What goes into it."""
        if self.place is not None:
            return self.place.uses
        assert self.node is not None
        return expressions.value(self.node, scope)

    @property
    def aggregates(self) -> bool:
        """Whether it is made of many rows: GROUP BY ALL does not group by it."""
        nodes = self.node.walk(prune=_is_apart) if self.node is not None else ()
        return any(is_aggregate(node) for node in nodes)


def _is_apart(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)


def outputs_of(written: Sequence[exp.Expr], scope: Scope) -> list[Output]:
    """The columns of a list of expressions and stars, in order. Raises Untold."""
    outputs: list[Output] = []
    for node in written:
        if isinstance(node, exp.Star):
            outputs += _chosen(node, _of_all(scope))
        elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            outputs += _chosen(node.this, _of_one(node, scope))
        else:
            outputs.append(Output(_name(node, scope), node))
    return outputs


def _name(node: exp.Expr, scope: Scope) -> str:
    """What an output is called; "" for what has no name but one the engine makes."""
    if isinstance(node, exp.Alias):
        return folded(node.args["alias"])
    while isinstance(node, exp.Paren):
        node = node.this
    if not isinstance(node, exp.Column):
        return ""
    path = path_of(node)
    place = scope.place(path) if len(path) > 1 else None
    return "" if place is not None and place.inside else path[-1]


def _of_all(scope: Scope) -> Iterator[Output]:
    """A ``*``: each source with its columns, but those that USING has merged once only."""
    seen: set[str] = set()
    for source in scope.visible:
        for position, name in enumerate(source.relation.names):
            merged = scope.merged.get(name)
            if merged is None or name not in seen:
                yield Output(name, None, Place(source, position, merged, inside=False))
            if merged is not None:
                seen.add(name)


def _of_one(star: exp.Column, scope: Scope) -> Iterator[Output]:
    """A ``dataset.*``."""
    qualifier = path_of(star)[:-1]
    found = [source for source in scope.visible if source.called(qualifier)]
    if len(found) != 1:
        raise Untold(f"{'.'.join(qualifier)}.* may mean several")
    for position, name in enumerate(found[0].relation.names):
        yield Output(name, None, Place(found[0], position, None, inside=False))


def _chosen(star: exp.Star, outputs: Iterator[Output]) -> Iterator[Output]:
    """What is left of a star's columns, under the names it gives them."""
    if star.args.get("ilike"):
        raise Untold("a * with a pattern")
    without = {folded(c.this if isinstance(c, exp.Column) else c) for c in _list(star, "except_")}
    replaced = {folded(a.args["alias"]): a.this for a in _list(star, "replace")}
    renamed = {folded(a.this.this): folded(a.args["alias"]) for a in _list(star, "rename")}
    for output in outputs:
        if output.name in replaced:
            yield Output(output.name, replaced[output.name])
        elif output.name not in without:
            yield replace(output, name=renamed.get(output.name, output.name))


def _list(star: exp.Star, key: str) -> list[exp.Expr]:
    return star.args.get(key) or []


def keys_of(written: Sequence[exp.Expr], rows: Relation) -> Iterator[int | exp.Expr]:
    """What a list of keys stands for: columns of the answer by their numbers, or expressions."""
    for key in written:
        node = key.this if isinstance(key, exp.Ordered) else key
        if isinstance(node, exp.Literal) and node.is_int:
            position = int(node.name) - 1
            if not 0 <= position < len(rows.names):
                raise Untold("a key is no column of the answer")
            yield position
        else:
            yield node
