"""Casts of scalar subqueries, where a source computes them once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from connectors.operands import Operand

Cast = Callable[[Operand, pa.DataType], exp.Expr]


def cast_inside(cast: Cast, operand: Operand, target: pa.DataType) -> exp.Expr:
    """The operand cast; of a subquery that is one aggregate over all rows, its output is cast.

    ``CAST((SELECT sum(x) ...) AS t)`` is computed again for each row it is compared with, the same
    within the subquery only once. Of other subqueries a cast may change how many rows they have.
    """
    tree = operand.sql
    query = tree.this if isinstance(tree, exp.Subquery) else None
    if not isinstance(query, exp.Select) or not _is_one_aggregate(query):
        return cast(operand, target)
    subquery = tree.copy()
    (output,) = subquery.this.expressions
    written = cast(replace(operand, sql=output.unalias()), target)
    label = output.args.get("alias")
    subquery.this.set("expressions", [exp.alias_(written, label) if label else written])
    return subquery


def _is_one_aggregate(query: exp.Select) -> bool:
    parts = {name for name, value in query.args.items() if value}
    if not parts <= {"expressions", "from_", "where", "joins"} or len(query.expressions) != 1:
        return False
    output = query.expressions[0].unalias()
    if output.find(exp.Query, exp.Window) is not None:
        return False
    return output.find(exp.AggFunc) is not None
