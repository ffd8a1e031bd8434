"""What stands around any query: ORDER BY, and how many rows."""

from __future__ import annotations

from sqlglot import exp

from gateway.languages.dialects.client import PARAMETER
from gateway.languages.dialects.context import Context, only


def keys_of(node: exp.Expr) -> list[exp.Expr]:
    order = node.args.get("order")
    return list(order.expressions) if order is not None else []


def ordinal(node: exp.Expr, most: int, context: Context) -> int | None:
    if not (isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit()):
        return None
    place = int(node.name)
    if not 1 <= place <= most:
        raise context.wrong(node, f"there is no output number {place}")
    return place


def finish(
    sql: exp.Expr,
    with_: exp.With | None,
    keys: list[exp.Expr],
    node: exp.Expr,
    context: Context,
) -> None:
    """Add what stands around a query: WITH, ORDER BY and how many rows."""
    if with_ is not None:
        sql.set("with_", with_)
    if (order := node.args.get("order")) is not None:
        only(order, context, "expressions")
        sql.set("order", exp.Order(expressions=keys))
    if (limit := node.args.get("limit")) is not None:
        options = limit.args.get("limit_options")
        if limit.args.get("expressions") or (
            options is not None and any(options.args.get(k) for k in ("percent", "with_ties"))
        ):
            raise context.refused(node, "LIMIT in per cent, WITH TIES or BY")
        count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
        sql.set("limit", exp.Limit(expression=_rows(count, node, context)))
        if (skipped := limit.args.get("offset")) is not None:
            sql.set("offset", exp.Offset(expression=_rows(skipped, node, context)))
    if (offset := node.args.get("offset")) is not None:
        sql.set("offset", exp.Offset(expression=_rows(offset.expression, node, context)))


def _rows(count: exp.Expr | None, node: exp.Expr, context: Context) -> exp.Expr:
    """A number of rows: written out, or a parameter."""
    count = exp.Literal.number(1) if count is None else count.unnest()
    parameter = isinstance(count, exp.Column) and count.name.startswith(PARAMETER)
    if not parameter and not (isinstance(count, exp.Literal) and count.name.isdigit()):
        raise context.refused(count or node, "a number of rows that is computed")
    return context.operand(count).sql
