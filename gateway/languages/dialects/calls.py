"""Calls: functions by their names, aggregates with what stands around them, and windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp

from gateway.errors import did_you_mean
from gateway.languages.dialects import (
    aggregates,
    choices,
    date_differences,
    date_formats,
    date_parts,
    dates,
    numbers,
    texts,
)
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    INTEGER,
    SHORT,
    TEXT,
    Operand,
    call,
    cast,
    is_text,
    text,
)
from gateway.languages.dialects.operators import as_condition, as_value, result
from gateway.languages.dialects.registry import FUNCTIONS, Call

DATES = (dates, date_differences, date_formats, date_parts)
TABLES = (aggregates, choices, *DATES, numbers, texts)
"""The modules that say what functions there are."""

_SHORT = {
    "spark": {
        *("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "LEN", "OCTET_LENGTH", "INSTR", "LOCATE"),
        *("POSITION", "CHARINDEX", "YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"),
        *("DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "WEEKDAY", "WEEKOFYEAR", "DATEDIFF", "DATEPART"),
        *("DATE_PART", "ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE"),
    },
    "postgres": {
        *("LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "OCTET_LENGTH", "STRPOS", "ASCII"),
        *("GROUPING", "NTILE"),
    },
}
"""Functions that give whole numbers of 32 bits."""

_FRAMED_WHOLE = {"FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"}


def called(node: exp.Anonymous, context: Context) -> Operand:
    """A call without anything around it."""
    return _call(node, context, _as_is)


def _as_is(sql: exp.Expr) -> exp.Expr:
    return sql


def _call(
    node: exp.Expr,
    context: Context,
    over: Callable[[exp.Expr], exp.Expr],
    *,
    windowed: bool = False,
    order: Sequence[exp.Expr] = (),
) -> Operand:
    name = context.client.called(node)
    known = FUNCTIONS[context.dialect.name]
    found = known.get(name)
    if found is None:
        shown = name or node.name.upper()
        raise context.refused(
            node, f"the function {shown}", did_you_mean(shown, known) or _said_hint(context)
        )
    arguments, distinct, ordered = _arguments(node, context)
    if not found.least <= len(arguments) <= found.most:
        raise context.wrong(node, f"{name} takes {_counted(found.least, found.most)}")
    if found.window and not windowed:
        raise context.wrong(node, f"{name} is a function of a window: write OVER behind it")
    if (distinct or ordered or order) and not found.aggregate:
        raise context.refused(node, f"DISTINCT or ORDER BY in {name}")
    if windowed and not (found.aggregate or found.window):
        raise context.wrong(node, f"{name} is no function of a window")
    if (found.aggregate or found.window) and context.inside_aggregate and not windowed:
        raise context.wrong(node, f"{name} in an aggregate")
    inner = context.aggregated() if found.aggregate and not windowed else context
    given = Call(
        name,
        node,
        inner,
        arguments,
        distinct=distinct,
        order=[*_orders(ordered, inner), *order],
        over=over,
        windowed=windowed,
    )
    made = found.build(given)
    if made.kind == INTEGER and name in _SHORT.get(context.dialect.name, ()):
        made = replace(made, kind=SHORT)
    return replace(
        made,
        aggregate=made.aggregate or (found.aggregate and not windowed),
        window=made.window or windowed,
    )


def _said_hint(context: Context) -> str:
    return f"docs/dialects.md lists the functions of {context.dialect.title} that are"


def _counted(least: int, most: int) -> str:
    if least == most:
        return f"{least} argument{'s' if least != 1 else ''}"
    return f"{least} to {most} arguments" if most < 255 else f"at least {least} arguments"


def _arguments(node: exp.Expr, context: Context) -> tuple[list[exp.Expr], bool, Sequence[exp.Expr]]:
    """The arguments, whether they are DISTINCT, and the ORDER BY behind the last of them."""
    arguments, distinct = list(node.expressions), False
    ordered: Sequence[exp.Expr] = ()
    if arguments and isinstance(arguments[-1], exp.Order):
        last = arguments.pop()
        ordered = last.expressions
        arguments.append(last.this)
    if arguments and isinstance(arguments[0], exp.Distinct):
        first = arguments.pop(0)
        if first.args.get("on"):
            raise context.refused(node, "DISTINCT ON in a function")
        distinct, arguments = True, [*first.expressions, *arguments]
    return arguments, distinct, ordered


def _orders(ordered: Sequence[exp.Expr], context: Context) -> list[exp.Expr]:
    return [sort_key(o, context) for o in ordered]


def sort_key(node: exp.Expr, context: Context, made: exp.Expr | None = None) -> exp.Ordered:
    """A key of ORDER BY, with NULLs where the dialect has them."""
    if not isinstance(node, exp.Ordered) or node.args.get("with_fill"):
        raise context.refused(node, "such an ORDER BY")
    if made is None:
        operand = as_value(context.operand(node.this), context)
        if operand.constant is not None:
            raise context.refused(node, "ORDER BY a constant here")
        made = operand.sql
    first = bool(node.args.get("nulls_first"))
    return exp.Ordered(this=made, desc=bool(node.args.get("desc")), nulls_first=first)


# --- around calls


def windowed(node: exp.Window, context: Context) -> Operand:
    """``f(...) OVER (...)``."""
    inner = node.this
    if node.args.get("alias") or node.args.get("first") is not None or not _plain_over(node):
        raise context.refused(node, "a named window", "write the window where it is used")
    if isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
        if isinstance(inner, exp.IgnoreNulls):
            raise context.refused(node, "IGNORE NULLS")
        inner = inner.this
    condition = None
    if isinstance(inner, exp.Filter):
        condition, inner = _condition(inner, context), inner.this
    if not isinstance(inner, exp.Anonymous):
        raise context.refused(node, "such a window")
    partition = [
        as_value(context.operand(p), context).sql for p in node.args.get("partition_by") or []
    ]
    order = node.args.get("order")
    keys = _orders(order.expressions, context) if order is not None else []
    spec = _frame(node.args.get("spec"), node, context)
    name = context.client.called(inner)
    if spec is None and context.dialect.whole_window_values and name in _FRAMED_WHOLE:
        spec = _whole_frame()

    def over(sql: exp.Expr) -> exp.Expr:
        if condition is not None:
            sql = exp.Filter(this=sql, expression=exp.Where(this=condition.copy()))
        return exp.Window(
            this=sql,
            partition_by=[p.copy() for p in partition],
            order=exp.Order(expressions=[k.copy() for k in keys]) if keys else None,
            spec=spec.copy() if spec is not None else None,
            over="OVER",
        )

    return _call(inner, context, over, windowed=True)


def _plain_over(node: exp.Window) -> bool:
    return str(node.args.get("over") or "OVER").upper() == "OVER"


def _whole_frame() -> exp.WindowSpec:
    return exp.WindowSpec(
        kind="ROWS",
        start="UNBOUNDED",
        start_side="PRECEDING",
        end="UNBOUNDED",
        end_side="FOLLOWING",
    )


def _frame(spec: exp.Expr | None, node: exp.Expr, context: Context) -> exp.WindowSpec | None:
    if spec is None:
        return None
    if spec.args.get("exclude"):
        raise context.refused(node, "EXCLUDE in a window")
    parts: dict[str, object] = {"kind": str(spec.args.get("kind")).upper()}
    for name in ("start", "end"):
        bound = spec.args.get(name)
        if isinstance(bound, exp.Expr):
            constant = context.operand(bound).constant
            if not isinstance(constant, int):
                raise context.refused(node, "a window whose width is no whole number")
            if parts["kind"] == "RANGE":
                raise context.refused(node, "a RANGE of a width", "ROWS may have one")
            bound = exp.Literal.number(constant)
        parts[name] = bound.upper() if isinstance(bound, str) else bound
        side = spec.args.get(f"{name}_side")
        parts[f"{name}_side"] = side.upper() if isinstance(side, str) else side
    return exp.WindowSpec(**parts)


def _condition(node: exp.Filter, context: Context) -> exp.Expr:
    where = node.expression
    condition = where.this if isinstance(where, exp.Where) else where
    inner = context.aggregated()
    return as_condition(inner.operand(condition), condition, inner)


def filtered(node: exp.Filter, context: Context) -> Operand:
    """``f(...) FILTER (WHERE ...)``."""
    condition, inner = _condition(node, context), node.this

    def over(sql: exp.Expr) -> exp.Expr:
        return exp.Filter(this=sql, expression=exp.Where(this=condition.copy()))

    if isinstance(inner, exp.WithinGroup):
        return _within(inner, context, over)
    if not isinstance(inner, exp.Anonymous):
        raise context.refused(node, "such a FILTER")
    made = _call(inner, context, over)
    if not made.aggregate:
        raise context.wrong(node, "FILTER belongs behind an aggregate")
    return made


def ordered(node: exp.WithinGroup, context: Context) -> Operand:
    """``f(...) WITHIN GROUP (ORDER BY ...)``."""
    return _within(node, context, _as_is)


def _within(
    node: exp.WithinGroup, context: Context, over: Callable[[exp.Expr], exp.Expr]
) -> Operand:
    order = node.expression
    if not isinstance(node.this, exp.Anonymous) or not isinstance(order, exp.Order):
        raise context.refused(node, "such a WITHIN GROUP")
    inner = context.aggregated()
    keys = _orders(order.expressions, inner)
    if context.client.called(node.this) == "PERCENTILE_CONT":
        keys = [
            exp.Ordered(this=cast(k.this, "DOUBLE"), desc=k.args["desc"], nulls_first=False)
            for k in keys
        ]
    return _call(node.this, context, over, order=keys)


def group_concat(node: exp.GroupConcat, context: Context) -> Operand:
    """MySQL's GROUP_CONCAT, which has a word for its separator."""
    inner, order = node.this, ()
    if isinstance(inner, exp.Order):
        inner, order = inner.this, inner.expressions
    distinct = isinstance(inner, exp.Distinct)
    arguments = inner.expressions if distinct else [inner]
    separator = node.args.get("separator")
    if len(arguments) != 1 or not isinstance(separator, exp.Literal | None):
        raise context.refused(node, "such a GROUP_CONCAT")
    within = context.aggregated()
    given = Call(
        "GROUP_CONCAT",
        node,
        within,
        arguments,
        distinct=distinct,
        order=_orders(order, within),
    )
    made = aggregates.joined(given, separator.name if separator is not None else ",")
    return replace(made, aggregate=True)


def substring(node: exp.Substring, context: Context) -> Operand:
    """``SUBSTRING(x FROM 2 FOR 3)``."""
    parts = [node.this, node.args.get("start"), node.args.get("length")]
    if parts[1] is None:
        raise context.refused(node, "SUBSTRING without a start")
    given = Call("SUBSTRING", node, context, [p for p in parts if p is not None])
    return FUNCTIONS["postgres"]["SUBSTRING"].build(given)


def trim(node: exp.Trim, context: Context) -> Operand:
    """``TRIM(BOTH 'x' FROM y)``."""
    letters = node.args.get("expression")
    value = as_value(context.operand(node.this), context)
    said = " " if letters is None else as_value(context.operand(letters), context).constant
    if not isinstance(said, str) or not is_text(value.kind) or node.args.get("collation"):
        raise context.refused(node, "such a TRIM")
    if letters is not None and len(said) != 1 and context.dialect.name in {"mysql", "trino"}:
        raise context.refused(node, "TRIM of more than one letter")
    if letters is None and context.dialect.name in {"bigquery", "trino"}:
        said = texts.BLANKS
    own = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position")).upper())
    return result(call(own or "btrim", value.sql, text(said)), TEXT, value)


def position(node: exp.StrPosition, context: Context) -> Operand:
    """``POSITION('a' IN b)``."""
    if any(v for k, v in node.args.items() if k not in {"this", "substr"}):
        raise context.refused(node, "such a POSITION")
    value = as_value(context.operand(node.this), context)
    needle = as_value(context.operand(node.args["substr"]), context)
    if not (is_text(value.kind) and is_text(needle.kind)):
        raise context.refused(node, "POSITION in what is no text")
    return result(cast(call("strpos", value.sql, needle.sql), "BIGINT"), INTEGER, value, needle)
