"""Outputs of a finished query in the form that a driver transports best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import pyarrow as pa
from sqlglot import exp

from connectors.trees import cast_to


def cast_outputs(
    query: exp.Query, schema: pa.Schema, wanted: Sequence[int], type_name: str
) -> exp.Query:
    """The query with the outputs at positions `wanted` cast, if that can not change its meaning.

    Only a plain SELECT whose other clauses can not mean an output column is rewritten; another
    query stays as it is, and its values travel as the driver sends them.
    """
    if not wanted or not rewritable(query, schema):
        return query
    rewritten = query.copy()
    put_casts(rewritten, wanted, type_name)
    return rewritten


def put_casts(query: exp.Select, wanted: Sequence[int], type_name: str) -> None:
    """Cast the outputs at positions `wanted`, in place, and keep their names."""
    for i in wanted:
        output = query.expressions[i]
        value = output.this if isinstance(output, exp.Alias) else output.copy()
        name = output.alias_or_name or f"c{i}"
        alias = exp.to_identifier(name, quoted=True)
        output.replace(exp.Alias(this=cast_to(value, type_name), alias=alias))


def rewritable(query: exp.Query, schema: pa.Schema) -> TypeGuard[exp.Select]:
    """Whether outputs may be written in another form without a change of anything else."""
    if not isinstance(query, exp.Select) or query.args.get("distinct"):
        return False
    outputs = query.expressions
    if len(outputs) != len(schema) or any(o.is_star for o in outputs):
        return False
    clauses = [query.args.get(name) for name in ("group", "having", "order", "windows", "qualify")]
    for clause in clauses:
        if clause is None:
            continue
        if not isinstance(clause, exp.Expr):
            return False
        names = (c for c in clause.find_all(exp.Column) if not c.table)
        ordinals = (x for x in clause.expressions if isinstance(_key(x), exp.Literal))
        if next(names, None) is not None or next(ordinals, None) is not None:
            return False
    return True


def _key(expression: exp.Expr) -> exp.Expr:
    """A sort or group key without its direction and parentheses: only a bare number counts."""
    while isinstance(expression, (exp.Ordered, exp.Paren, exp.Collate)):
        expression = expression.this
    return expression
