"""Writes expressions of a plan the engine has made in the engine's own SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from substrait.proto import AggregateFunction, Expression, Rel, SortField

from connectors.capabilities import NotPushable
from gateway.plan.types import arrow_type
from gateway.substrait.constants import NotWritable, cast, constant

FUNCTION = re.compile(r"[a-z_][a-z0-9_]*\Z", re.ASCII)
"""What the engine's functions are called."""

Columns = Sequence[str]
SubqueryWriter = Callable[[Rel], str]

_INFIX = {
    "equal": "=",
    "not_equal": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "is_distinct_from": "IS DISTINCT FROM",
    "is_not_distinct_from": "IS NOT DISTINCT FROM",
    "and": "AND",
    "or": "OR",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "modulus": "%",
    "str_concat": "||",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_shift_left": "<<",
    "bitwise_shift_right": ">>",
    "regex_match": "~",
    "regex_imatch": "~*",
    "regex_not_match": "!~",
    "regex_not_imatch": "!~*",
}
_POSTFIX = {
    "is_null": "IS NULL",
    "is_not_null": "IS NOT NULL",
    "is_true": "IS TRUE",
    "is_not_true": "IS NOT TRUE",
    "is_false": "IS FALSE",
    "is_not_false": "IS NOT FALSE",
    "is_unknown": "IS UNKNOWN",
    "is_not_unknown": "IS NOT UNKNOWN",
}
_PREFIX = {"not": "NOT ", "negate": "-"}
_LIKE = {"like": "LIKE", "ilike": "ILIKE"}

_THROW = Expression.Cast.FAILURE_BEHAVIOR_THROW_EXCEPTION
_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT
_DIRECTIONS = {
    SortField.SORT_DIRECTION_ASC_NULLS_FIRST: "ASC NULLS FIRST",
    SortField.SORT_DIRECTION_ASC_NULLS_LAST: "ASC NULLS LAST",
    SortField.SORT_DIRECTION_DESC_NULLS_FIRST: "DESC NULLS FIRST",
    SortField.SORT_DIRECTION_DESC_NULLS_LAST: "DESC NULLS LAST",
}
_BOUNDS = {
    Expression.WindowFunction.BOUNDS_TYPE_ROWS: "ROWS",
    Expression.WindowFunction.BOUNDS_TYPE_RANGE: "RANGE",
}


class Writer:
    """Writes expressions over columns given as SQL; every refusal is a NotWritable."""

    def __init__(self, functions: Mapping[int, str], subquery: SubqueryWriter) -> None:
        self._functions = functions
        self._subquery = subquery

    def function(self, anchor: int) -> str:
        """The name of a function."""
        name = self._functions.get(anchor, "")
        if not FUNCTION.match(name):
            raise NotWritable("a function nobody has named")
        return name

    def write(self, message: Expression, columns: Columns) -> str:
        """One expression, in parentheses where it needs them."""
        match message.WhichOneof("rex_type"):
            case "selection":
                return self._field(message.selection, columns)
            case "literal":
                return constant(message.literal)
            case "cast":
                return self._cast(message.cast, columns)
            case "scalar_function":
                return self._call(message.scalar_function, columns)
            case "window_function":
                return self._window(message.window_function, columns)
            case "singular_or_list":
                among = message.singular_or_list
                options = ", ".join(self.write(option, columns) for option in among.options)
                return f"({self.write(among.value, columns)} IN ({options}))"
            case "if_then":
                return self._case(message.if_then, columns)
            case "subquery":
                return self._nested(message.subquery, columns)
            case other:
                raise NotWritable(f"an expression of kind {other}")

    def _field(self, reference: Expression.FieldReference, columns: Columns) -> str:
        segment = reference.direct_reference
        if reference.WhichOneof("root_type") not in {"root_reference", None}:
            raise NotWritable("a reference to a relation outside")
        if not segment.HasField("struct_field") or segment.struct_field.HasField("child"):
            raise NotWritable("a part of a nested value")
        position: int = segment.struct_field.field
        return columns[position]

    def _cast(self, message: Expression.Cast, columns: Columns) -> str:
        try:
            data_type = arrow_type(message.type)
        except NotPushable as refusal:
            raise NotWritable(refusal.reason) from None
        tried = message.failure_behavior != _THROW
        return cast(self.write(message.input, columns), data_type, tried=tried)

    def _call(self, message: Expression.ScalarFunction, columns: Columns) -> str:
        name = self.function(message.function_reference)
        args = [self.write(a.value, columns) for a in message.arguments]
        if name in _INFIX and len(args) >= 2:
            return f"({f' {_INFIX[name]} '.join(args)})"
        if name in _POSTFIX and len(args) == 1:
            return f"({args[0]} {_POSTFIX[name]})"
        if name in _PREFIX and len(args) == 1:
            return f"({_PREFIX[name]}{args[0]})"
        if name in _LIKE and len(args) >= 2:
            escape = (
                f" ESCAPE {args[2]}" if args[2:] and _is_text(message.arguments[2].value) else ""
            )
            return f"({args[0]} {_LIKE[name]} {args[1]}{escape})"
        return f"{name}({', '.join(args)})"

    def _case(self, message: Expression.IfThen, columns: Columns) -> str:
        clauses, parts = list(message.ifs), []
        if clauses and not clauses[0].HasField("then"):  # the engine's way to say CASE value WHEN
            parts.append(self.write(getattr(clauses.pop(0), "if"), columns))
        for clause in clauses:
            test = self.write(getattr(clause, "if"), columns)
            parts.append(f"WHEN {test} THEN {self.write(clause.then, columns)}")
        if message.HasField("else"):
            parts.append(f"ELSE {self.write(getattr(message, 'else'), columns)}")
        return f"(CASE {' '.join(parts)} END)"

    def _nested(self, subquery: Expression.Subquery, columns: Columns) -> str:
        match subquery.WhichOneof("subquery_type"):
            case "scalar":
                return f"({self._subquery(subquery.scalar.input)})"
            case "in_predicate" if len(subquery.in_predicate.needles) == 1:
                needle = self.write(subquery.in_predicate.needles[0], columns)
                return f"({needle} IN ({self._subquery(subquery.in_predicate.haystack)}))"
            case "set_predicate":
                exists = Expression.Subquery.SetPredicate.PREDICATE_OP_EXISTS
                if subquery.set_predicate.predicate_op == exists:
                    return f"(EXISTS ({self._subquery(subquery.set_predicate.tuples)}))"
        raise NotWritable("a sub-query of this kind")

    def _window(self, call: Expression.WindowFunction, columns: Columns) -> str:
        name = self.function(call.function_reference)
        args = ", ".join(self.write(a.value, columns) for a in call.arguments)
        if not args and name == "count":
            args = "*"
        distinct = "DISTINCT " if call.invocation == _DISTINCT else ""
        parts = []
        if call.partitions:
            keys = ", ".join(self.write(p, columns) for p in call.partitions)
            parts.append(f"PARTITION BY {keys}")
        if call.sorts:
            parts.append(f"ORDER BY {written_sorts(call.sorts, self, columns)}")
        kind = _BOUNDS.get(call.bounds_type)
        if kind is not None:
            lower, upper = (
                _bound(call.lower_bound, "PRECEDING"),
                _bound(call.upper_bound, "FOLLOWING"),
            )
            parts.append(f"{kind} BETWEEN {lower} AND {upper}")
        return f"{name}({distinct}{args}) OVER ({' '.join(parts)})"


def is_window(expression: Expression) -> bool:
    """Whether an expression looks at other rows than its own, itself or in a part of it."""
    if expression.WhichOneof("rex_type") == "window_function":
        return True
    return any(_windows(expression))


def _windows(message: object) -> list[bool]:
    found = []
    for field, value in message.ListFields():  # type: ignore[attr-defined]
        if field.message_type is None:
            continue
        for part in value if field.is_repeated else [value]:
            if isinstance(part, Expression) and is_window(part):
                found.append(True)
            elif not isinstance(part, (Rel, Expression)):
                found += _windows(part)
    return found


def written_sorts(sorts: Sequence[SortField], writer: Writer, columns: Columns) -> str:
    """The keys of an ORDER BY; constants are none."""
    keys = []
    for sort in sorts:
        direction = _DIRECTIONS.get(sort.direction)
        if direction is None:
            raise NotWritable("an order of another kind")
        if sort.expr.WhichOneof("rex_type") != "literal":  # ORDER BY 1 means the first column
            keys.append(f"{writer.write(sort.expr, columns)} {direction}")
    return ", ".join(keys)


def _is_text(expression: Expression) -> bool:
    literal = expression.literal
    return bool(literal.WhichOneof("literal_type") == "string" and literal.string)


def _bound(bound: Expression.WindowFunction.Bound, side: str) -> str:
    match bound.WhichOneof("kind"):
        case "unbounded":
            return f"UNBOUNDED {side}"
        case "current_row":
            return "CURRENT ROW"
        case "preceding":
            return f"{bound.preceding.offset} PRECEDING"
        case "following":
            return f"{bound.following.offset} FOLLOWING"
    raise NotWritable("a window without a bound")
