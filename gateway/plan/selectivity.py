"""Which share of its rows a condition keeps, and what is left of the columns then.

Uniform values between the bounds, independent conditions; where nothing is known the usual
defaults (Selinger et al. 1979; PostgreSQL's selfuncs.h).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from google.protobuf.message import Message
from substrait.proto import Expression

from connectors.capabilities import NotPushable
from gateway.plan.estimate import UNKNOWN_SHARE, ColumnEstimate, position
from gateway.plan.relations import literal

RANGE = 1 / 3
"""One-sided range over unknown bounds."""

LIKE_PREFIX = 0.02
LIKE_WITHIN = 0.1
UNKNOWN = 1 / 3
"""Any other condition."""

LEAST = 1e-9
"""No condition is believed to keep nothing at all."""

_COMPARISONS = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}
"""Comparison -> the same with its sides swapped."""
_EQUALITIES = {"equal", "is_not_distinct_from"}
_NEGATIONS = {"not_equal": "equal", "is_distinct_from": "is_not_distinct_from"}


class Selectivity:
    """Shares of conditions over the columns of one relation."""

    def __init__(self, functions: Mapping[int, str], columns: Sequence[ColumnEstimate]) -> None:
        self._functions = functions
        self._columns = list(columns)

    @property
    def columns(self) -> tuple[ColumnEstimate, ...]:
        """The columns after every condition given to `keep`, before the rows are thinned out."""
        return tuple(self._columns)

    def keep(self, conditions: Sequence[Expression]) -> float:
        """The share of rows that meet all conditions; narrows the columns that they name."""
        share = 1.0
        ranges: dict[int, list[tuple[str, float | None]]] = {}
        for condition in conditions:
            for part in self._conjuncts(condition):
                bound = self._bound(part)
                if bound is not None:
                    ranges.setdefault(bound[0], []).append((bound[1], bound[2]))
                    continue
                share *= self.share(part)
                self._narrow(part)
        for at, bounds in ranges.items():
            share *= self._range(at, bounds)
        return max(share, LEAST)

    def share(self, condition: Expression) -> float:
        """The share of rows that meet one condition by itself."""
        kind = condition.WhichOneof("rex_type")
        if kind == "literal":
            return 1.0 if condition.literal.boolean else LEAST
        if kind == "singular_or_list":
            listed = condition.singular_or_list
            column = self._column(listed.value)
            if column is None:
                return min(0.5, UNKNOWN_SHARE * len(listed.options))
            return min(1.0, len(listed.options) * _equal(column)) * (1 - column.null_share)
        if kind == "cast":
            return self.share(condition.cast.input)
        if kind != "scalar_function":
            return UNKNOWN if kind != "selection" else 0.5
        name = self._functions.get(condition.scalar_function.function_reference, "")
        return min(max(self._call(name, _arguments(condition)), LEAST), 1.0)

    def _call(self, name: str, args: list[Expression]) -> float:
        if name == "and":
            return Selectivity(self._functions, self._columns).keep(args)
        if name == "or":
            missed = 1.0
            for arg in args:
                missed *= 1.0 - self.share(arg)
            return 1.0 - missed
        if name == "not":
            return 1.0 - self.share(args[0])
        if name in {"is_null", "is_not_null"}:
            column = self._column(args[0])
            nulls = column.null_share if column is not None else 0.0
            return nulls if name == "is_null" else 1.0 - nulls
        if name in _NEGATIONS:
            return 1.0 - self._call(_NEGATIONS[name], args)
        if name in _EQUALITIES:
            return self._equality(args)
        if name in _COMPARISONS:
            return RANGE
        if name in {"like", "ilike"}:
            text = _constant(args[1]) if len(args) > 1 else None
            prefixed = isinstance(text, str) and text[:1] not in {"%", "_", ""}
            return LIKE_PREFIX if prefixed else LIKE_WITHIN
        return UNKNOWN

    def _equality(self, args: list[Expression]) -> float:
        columns = [c for c in map(self._column, args) if c is not None]
        if not columns:
            return UNKNOWN_SHARE
        share = min(_equal(column) for column in columns)
        for column in columns:
            share *= 1.0 - column.null_share
        constant = next((v for v in map(_constant, args) if v is not None), None)
        place = position(constant)
        if len(columns) == 1 and place is not None and _outside(columns[0], place):
            return LEAST
        return share

    def _conjuncts(self, condition: Expression) -> Iterator[Expression]:
        yield from conjuncts(self._functions, condition)

    def _bound(self, condition: Expression) -> tuple[int, str, float | None] | None:
        """The column, comparison and place of a condition that is a column against a constant."""
        if condition.WhichOneof("rex_type") != "scalar_function":
            return None
        name = self._functions.get(condition.scalar_function.function_reference, "")
        args = _arguments(condition)
        if name not in _COMPARISONS or len(args) != 2:
            return None
        if field_of(args[0]) is None:
            name, args = _COMPARISONS[name], [args[1], args[0]]
        at = field_of(args[0])
        if at is None or at >= len(self._columns) or args[1].WhichOneof("rex_type") != "literal":
            return None
        return at, name, position(_constant(args[1]))

    def _range(self, at: int, bounds: list[tuple[str, float | None]]) -> float:
        column = self._columns[at]
        low, high = column.least, column.greatest
        filled = 1.0 - column.null_share
        if low is None or high is None or any(place is None for _, place in bounds):
            share = RANGE ** len({name[0] for name, _ in bounds})  # below, above, or both
        else:
            least, greatest = low, high
            for name, place in bounds:
                assert place is not None
                if name[0] == "l":
                    greatest = min(greatest, place)
                else:
                    least = max(least, place)
            if greatest < least:
                return LEAST
            share = (greatest - least) / (high - low) if high > low else 1.0
            share = min(max(share, 1.0 / max(column.distinct, 1.0)), 1.0)
            column = replace(column, least=least, greatest=greatest)
        distinct = max(column.distinct * share, 1.0)
        self._columns[at] = replace(column, distinct=distinct, null_share=0.0)
        return share * filled

    def _narrow(self, condition: Expression) -> None:
        """A column that has to be one of few values has no more than those."""
        kind = condition.WhichOneof("rex_type")
        values: int | None = None
        tested: Expression | None = None
        if kind == "singular_or_list":
            tested = condition.singular_or_list.value
            values = len(condition.singular_or_list.options)
        elif kind == "scalar_function":
            name = self._functions.get(condition.scalar_function.function_reference, "")
            args = _arguments(condition)
            if name in _EQUALITIES and any(a.WhichOneof("rex_type") == "literal" for a in args):
                tested = next((a for a in args if field_of(a) is not None), None)
                values = 1
            elif name == "is_not_null":
                tested = args[0]
        at = field_of(tested) if tested is not None else None
        if at is None or at >= len(self._columns):
            return
        column = replace(self._columns[at], null_share=0.0)
        if values is not None:
            column = replace(column, distinct=min(column.distinct, values), known=True)
        self._columns[at] = column

    def _column(self, expression: Expression) -> ColumnEstimate | None:
        """The column behind an expression; of a function of one, that it has as many values."""
        at = field_of(expression)
        if at is not None:
            return self._columns[at] if at < len(self._columns) else None
        return None


def conjuncts(functions: Mapping[int, str], condition: Expression) -> Iterator[Expression]:
    """The words of an AND, however it is nested."""
    if condition.WhichOneof("rex_type") == "scalar_function":
        call = condition.scalar_function
        if functions.get(call.function_reference) == "and":
            for argument in call.arguments:
                yield from conjuncts(functions, argument.value)
            return
    yield condition


def field_of(expression: Expression) -> int | None:
    """The position of the column an expression is, casts aside; None for any other."""
    while expression.WhichOneof("rex_type") == "cast":
        expression = expression.cast.input
    if expression.WhichOneof("rex_type") != "selection":
        return None
    segment = expression.selection.direct_reference
    if not segment.HasField("struct_field") or segment.struct_field.HasField("child"):
        return None
    return int(segment.struct_field.field)


def call_of(functions: Mapping[int, str], expression: Expression) -> tuple[str, list[Expression]]:
    """The function's name and arguments; an empty name for anything else."""
    if expression.WhichOneof("rex_type") != "scalar_function":
        return "", []
    name = functions.get(expression.scalar_function.function_reference, "")
    return name, _arguments(expression)


def fields(message: Message) -> Iterator[int]:
    """The positions of all columns an expression names."""
    if isinstance(message, Expression.FieldReference):
        yield message.direct_reference.struct_field.field
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message) and not isinstance(item, Expression.Subquery):
                yield from fields(item)


def _arguments(expression: Expression) -> list[Expression]:
    return [a.value for a in expression.scalar_function.arguments]


def _constant(expression: Expression) -> object:
    while expression.WhichOneof("rex_type") == "cast":
        expression = expression.cast.input
    if expression.WhichOneof("rex_type") != "literal":
        return None
    try:
        return literal(expression.literal)[0]
    except NotPushable:
        return None


def _equal(column: ColumnEstimate) -> float:
    return 1.0 / max(column.distinct, 1.0) if column.known else UNKNOWN_SHARE


def _outside(column: ColumnEstimate, place: float) -> bool:
    below = column.least is not None and place < column.least
    return below or (column.greatest is not None and place > column.greatest)
