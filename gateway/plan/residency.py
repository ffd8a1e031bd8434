"""What of a dataset bound to its region may leave it: aggregates over enough of its rows.

Decided where a source's aggregation is written. Whatever does not pass leaves the block bound,
and a bound block is never sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp
from substrait.proto import AggregateFunction, AggregateRel

from connectors.capabilities import NotPushable
from connectors.dialect import Operand
from gateway.plan.block import Block

_COUNTING = {"count", "sum", "avg"}
"""Aggregates no single row can be read from. The least or greatest value is some row's own."""

Arguments = Sequence[Sequence[Operand]]
"""The arguments of each aggregate of a list."""

_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT


def enough_rows(
    block: Block, names: Sequence[str], measures: Sequence[AggregateRel.Measure], args: Arguments
) -> tuple[exp.Expr, ...]:
    """The HAVING conditions under which groups of the block may leave its region.

    `names` are those of the aggregates, `args` their written arguments. Raises NotPushable where
    no condition would do: over joined rows a group counts more rows than it has, and a computed
    argument may single a row out.
    """
    least = block.minimum_rows
    assert least is not None
    if len(block.tables) != 1 or not isinstance(block.tables[0].table, exp.Table):
        raise NotPushable("rows bound to their region may only be counted in their own dataset")
    counted = [exp.Count(this=exp.Star())]
    for name, measure, operands in zip(names, measures, args, strict=True):
        distinct = measure.measure.invocation == _DISTINCT
        if name not in _COUNTING or measure.HasField("filter") or (distinct and name != "count"):
            raise NotPushable(f"{name} may show a single row that is bound to its region")
        for operand in operands:
            if operand.is_literal:
                continue
            column = operand.sql.this if isinstance(operand.sql, exp.Cast) else operand.sql
            if column.sql() not in block.bases and operand.sql.sql() not in block.bases:
                raise NotPushable("a computed value may single out a row bound to its region")
            counted.append(exp.Count(this=operand.sql.copy()))
    unique = {condition.sql(): condition for condition in counted}
    return tuple(
        exp.GTE(this=condition, expression=exp.Literal.number(least))
        for condition in unique.values()
    )
