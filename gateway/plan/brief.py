"""Which queries are brief: a few simple words over one small table, done before anybody gives up.

What is brief need not be watched while it runs. So nothing counts that could take long over few
rows: joins, functions that make much of little, anything unknown.
"""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.source import Tables, Views

BRIEF_ROWS = 100_000
"""How many rows a table may have, as far as is known."""

BRIEF_NODES = 400
"""Of how many parts a query may be: each may be computed for every row."""

_SIMPLE = (
    exp.Select,
    exp.From,
    exp.Table,
    exp.TableAlias,
    exp.Identifier,
    exp.Column,
    exp.Star,
    exp.Alias,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Where,
    exp.And,
    exp.Or,
    exp.Not,
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Between,
    exp.In,
    exp.Is,
    exp.Neg,
    exp.Group,
    exp.Order,
    exp.Ordered,
    exp.Limit,
    exp.Offset,
    exp.Count,
    exp.Sum,
    exp.Min,
    exp.Max,
    exp.Cast,
    exp.DataType,
    exp.DataTypeParam,
)


def is_brief(tree: exp.Query | exp.Values, tables: Tables, views: Views) -> bool:
    """Whether the query is brief over these tables."""
    if views or len(tables) != 1:
        return False
    (table,) = tables.values()
    rows = table.statistics.rows
    if rows is None or rows > BRIEF_ROWS:
        return False
    nodes = list(tree.walk())
    if len(nodes) > BRIEF_NODES:
        return False
    selects = sum(isinstance(node, exp.Select) for node in nodes)
    return selects == 1 and all(type(node) in _SIMPLE for node in nodes)
