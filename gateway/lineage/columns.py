"""Column lineage of a query: any language's, once it is a tree over named datasets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.model import Lineage, Output
from gateway.lineage.queries import Found, Queries
from gateway.lineage.relation import Read, Untold

Column: TypeAlias = tuple[str, str]
"""The address of a dataset, and the name of a column."""


def lineage_of(
    tree: exp.Expr, read: Read, names: Sequence[str], known: Collection[Column] = ()
) -> Lineage:
    """What the answer of a query is made of, its columns called by `names`.

    `known` are columns that an engine reads for it: all of them must be mentioned by the query.
    Raises Untold where what the answer is made of can not be told exactly.
    """
    found = Found()
    rows = Queries(read, None, found).relation(tree)
    if len(rows.names) != len(names):
        raise Untold(f"{len(names)} columns are answered, {len(rows.names)} are understood")
    for name, understood in zip(names, rows.names, strict=True):
        if understood and understood != name:
            raise Untold(f"the column {name} is understood as {understood}")
    columns = [rows.column(i) for i in range(len(names))]
    lost = set(known) - {use[:2] for use in uses.union(columns) | rows.whole}
    if lost:  # an engine may read what is mentioned and not used
        lost -= {use[:2] for relation in found.derived for use in relation.all() | relation.whole}
    if lost:
        raise Untold(f"the engine reads {sorted(lost)}")
    return Lineage(
        tuple(Output(n, uses.inputs(c)) for n, c in zip(names, columns, strict=True)),
        uses.inputs(rows.whole),
        tuple(sorted(found.datasets)),
        tuple(sorted(found.views)),
    )
