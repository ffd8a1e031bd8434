"""Writes window functions: what a source computes for a row from other rows of the same relation.

Substrait gives a window no type and DataFusion 55 writes it there without its DISTINCT, FILTER and
IGNORE NULLS and without the widths of a RANGE: `guards.lost_windows` keeps such plans away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
from sqlglot import exp
from substrait.proto import AggregateFunction, Expression, SortField

from connectors.capabilities import Kind, NotPushable
from connectors.dialect import SqlDialect
from connectors.forms import made_of_integers
from connectors.operands import Operand
from connectors.trees import paren
from gateway.plan.expressions import aggregate_type

Write = Callable[[Expression], Operand]

RANKS = frozenset({"row_number", "rank", "dense_rank", "ntile"})
SHARES = frozenset({"percent_rank", "cume_dist"})
NEIGHBOURS = frozenset({"lag", "lead"})
PICKS = frozenset({"first_value", "last_value", "nth_value"})
AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})

_Sorts = Sequence[SortField]
_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT
_DESCENDING = {
    SortField.SORT_DIRECTION_DESC_NULLS_FIRST,
    SortField.SORT_DIRECTION_DESC_NULLS_LAST,
}
_NULLS_FIRST = {
    SortField.SORT_DIRECTION_ASC_NULLS_FIRST,
    SortField.SORT_DIRECTION_DESC_NULLS_FIRST,
}


def is_window(expression: Expression) -> bool:
    """True for a window function itself."""
    return str(expression.WhichOneof("rex_type")) == "window_function"


def write_window(
    call: Expression.WindowFunction,
    dialect: SqlDialect,
    functions: Mapping[int, str],
    write: Write,
) -> Operand:
    """A window function as the source computes it. Raises NotPushable.

    `functions` gives the names of function anchors, `write` writes an argument or a key.
    """
    name = functions[call.function_reference]
    if call.invocation == _DISTINCT:
        raise NotPushable(f"{name} over a window of distinct values")
    args = [write(argument.value) for argument in call.arguments]
    kinds = dialect.capabilities.windows.get(name)
    if kinds is None:
        raise NotPushable(f"window function {name} is not in the source's list")
    if name not in RANKS | SHARES:
        for arg in args[:1]:
            dialect.require_kind(f"{name} over a window of", kinds, arg.type)
    partition, order = _partition(call, dialect, write), _order(call.sorts, dialect, write)
    spec = None if name in RANKS | SHARES | NEIGHBOURS else _frame(call)
    tree, returns = _function(name, args, dialect)

    def over(function: exp.Expr) -> exp.Expr:
        return exp.Window(
            this=function,
            partition_by=[key.copy() for key in partition],
            order=exp.Order(expressions=[key.copy() for key in order]) if order else None,
            spec=spec.copy() if spec is not None else None,
        )

    return Operand(_everywhere(tree, over) if name in AGGREGATES else over(tree), returns)


def _function(
    name: str, args: Sequence[Operand], dialect: SqlDialect
) -> tuple[exp.Expr, pa.DataType]:
    """The function before its window, and the type DataFusion gives it."""
    if name in AGGREGATES:
        returns = aggregate_type(name, [a.type for a in args])
        if name == "avg" and args[0].kind is Kind.FLOAT and not made_of_integers(args[0].sql):
            raise NotPushable("a moving average of floats, which depends on how it is computed")
        return dialect.aggregate(name, args, returns), returns
    plain = exp.Anonymous(this=name.upper(), expressions=[a.sql for a in args])
    if name in RANKS:
        if name == "ntile":
            _whole(args[0], least=1)
        return plain, pa.uint64()
    if name in SHARES:
        return plain, pa.float64()
    if name == "nth_value":
        _whole(args[1], least=1)
    if name in NEIGHBOURS and len(args) > 1:
        _whole(args[1], least=0)
    if name in NEIGHBOURS and len(args) > 2:
        if not dialect.capabilities.windows.get(f"{name}_default"):
            raise NotPushable(f"{name} with a default is not in the source's list")
        if args[2].type != args[0].type:
            raise NotPushable(f"{name} with a default of another type")
    return plain, args[0].type


def _whole(arg: Operand, *, least: int) -> None:
    if not arg.is_literal or not isinstance(arg.literal, int) or arg.literal < least:
        raise NotPushable("a window function whose distance is not a plain constant")


def _everywhere(tree: exp.Expr, over: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """The tree with each of its aggregates over the window: an average may be made of two."""
    if isinstance(tree, exp.AggFunc):
        return over(tree)
    for node in list(tree.find_all(exp.AggFunc)):
        node.replace(over(node.copy()))
    return tree


def _partition(
    call: Expression.WindowFunction, dialect: SqlDialect, write: Write
) -> list[exp.Expr]:
    keys = []
    for expression in call.partitions:
        key = write(expression)
        if key.is_literal:
            continue
        dialect.require_kind("PARTITION BY", dialect.capabilities.groups, key.type)
        keys.append(key.sql)
    return keys


def _order(sorts: _Sorts, dialect: SqlDialect, write: Write) -> list[exp.Ordered]:
    keys: list[exp.Ordered] = []
    for sort in sorts:
        key = write(sort.expr)
        if key.is_literal:
            continue
        dialect.require_kind("ORDER BY", dialect.capabilities.sorts, key.type)
        keys += _ordered(dialect, key, sort.direction)
    return keys


def _ordered(dialect: SqlDialect, key: Operand, direction: int) -> list[exp.Ordered]:
    """One key; two where NULLs have to be put in their place by hand."""
    descending, nulls_first = direction in _DESCENDING, direction in _NULLS_FIRST
    tree = dialect.sort_key(key)
    if dialect.places_nulls:
        return [exp.Ordered(this=tree, desc=descending, nulls_first=nulls_first)]
    by_itself = not descending  # NULLs are the least values there
    keys = [exp.Ordered(this=tree, desc=descending, nulls_first=by_itself)]
    if nulls_first is not by_itself:
        test = paren(exp.Is(this=key.sql.copy(), expression=exp.null()))
        keys.insert(0, exp.Ordered(this=test, desc=nulls_first, nulls_first=not nulls_first))
    return keys


def _frame(call: Expression.WindowFunction) -> exp.WindowSpec:
    """The frame, written out in full. Raises NotPushable."""
    kind = {
        Expression.WindowFunction.BOUNDS_TYPE_ROWS: "ROWS",
        Expression.WindowFunction.BOUNDS_TYPE_RANGE: "RANGE",
    }.get(call.bounds_type)
    if kind is None:
        raise NotPushable("a window with a frame of another kind than ROWS or RANGE")
    start, start_side = _bound(call.lower_bound, "PRECEDING")
    end, end_side = _bound(call.upper_bound, "FOLLOWING")
    if kind == "RANGE" and not (isinstance(start, str) and isinstance(end, str)):
        raise NotPushable("a window with a RANGE of values")
    return exp.WindowSpec(kind=kind, start=start, start_side=start_side, end=end, end_side=end_side)


def _bound(bound: Expression.WindowFunction.Bound, side: str) -> tuple[str | exp.Expr, str | None]:
    match bound.WhichOneof("kind"):
        case "unbounded":
            return "UNBOUNDED", side
        case "current_row":
            return "CURRENT ROW", None
        case "preceding":
            return exp.Literal.number(bound.preceding.offset), "PRECEDING"
        case "following":
            return exp.Literal.number(bound.following.offset), "FOLLOWING"
    raise NotPushable("a window without a bound")


def names() -> frozenset[str]:
    """Every function that any source may be asked over a window."""
    return RANKS | SHARES | NEIGHBOURS | PICKS | AGGREGATES
