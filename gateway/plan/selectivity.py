"""Which share of rows a condition keeps, by what is known of the columns it reads."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Mapping, Sequence
from typing import Protocol

from substrait.proto import Expression

from connectors.capabilities import NotPushable
from gateway.plan import relations

EQUAL, RANGE, LIKE, OTHER = 0.005, 0.33, 0.1, 0.25
"""What is kept when nothing is known: by =, by <, by LIKE, by anything else."""

_TURNED = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}


class Values(Protocol):
    """What is known of a column's values."""

    @property
    def distinct(self) -> float: ...
    @property
    def null_share(self) -> float: ...
    @property
    def least(self) -> object: ...
    @property
    def greatest(self) -> object: ...


class Selectivity:
    """Shares of conditions, by the functions' canonical names."""

    def __init__(self, functions: Mapping[int, str]) -> None:
        self._functions = functions

    def of(self, condition: Expression, columns: Sequence[Values]) -> float:
        """The share of rows kept, from 0 to 1."""
        match condition.WhichOneof("rex_type"):
            case "scalar_function":
                return self._call(condition, columns)
            case "singular_or_list":
                chosen = condition.singular_or_list
                values = self._values(chosen.value, columns)
                each = EQUAL if values is None else _one_of(values)
                return min(1.0, each * len(chosen.options))
            case "literal":
                return 0.0 if condition.literal.WhichOneof("literal_type") == "null" else 1.0
        return OTHER

    def equalities(
        self, condition: Expression, width: int
    ) -> tuple[list[tuple[int, int]], list[Expression]]:
        """The pairs of columns a join condition equates, left and right, and its other words."""
        pairs, rest = [], []
        for word in self._words(condition, "and"):
            pair = None
            if self._name(word) == "equal":
                both = [field_position(_bare(a.value)) for a in word.scalar_function.arguments]
                a, b = sorted(p if p is not None else -1 for p in both)
                pair = (a, b) if 0 <= a < width <= b else None
            if pair is None:
                rest.append(word)
            else:
                pairs.append(pair)
        return pairs, rest

    def exact(self, condition: Expression, width: int) -> list[tuple[int, int]]:
        """The pairs whose columns are compared as they are: a cast may make values the same."""
        whole = [
            word
            for word in self._words(condition, "and")
            if all(field_position(a.value) is not None for a in word.scalar_function.arguments)
        ]
        return [pair for word in whole for pair in self.equalities(word, width)[0]]

    def constant(self, condition: Expression) -> set[int]:
        """The columns that have one value in all rows a condition keeps."""
        found = set()
        for word in self._words(condition, "and"):
            if self._name(word) == "equal":
                sides = [_bare(a.value) for a in word.scalar_function.arguments]
                if any(side.WhichOneof("rex_type") == "literal" for side in sides):
                    found |= {p for side in sides if (p := field_position(side)) is not None}
        return found

    def _call(self, condition: Expression, columns: Sequence[Values]) -> float:
        name = self._name(condition)
        arguments = [a.value for a in condition.scalar_function.arguments]
        match name:
            case "and":
                return self._all(condition, columns)
            case "or":
                missed = 1.0
                for word in self._words(condition, "or"):
                    missed *= 1.0 - self.of(word, columns)
                return 1.0 - missed
            case "not":
                return max(0.0, 1.0 - self.of(arguments[0], columns))
            case "is_null" | "is_not_null":
                values = self._values(arguments[0], columns)
                share = 0.05 if values is None else values.null_share
                return share if name == "is_null" else 1.0 - share
            case "like" | "ilike":
                return LIKE
            case "equal" | "not_equal":
                share = self._equal(arguments, columns)
                return share if name == "equal" else 1.0 - share
            case "lt" | "lte" | "gt" | "gte":
                found = self._range(condition, columns)
                return RANGE if found is None else found[2]
        return OTHER

    def _all(self, condition: Expression, columns: Sequence[Values]) -> float:
        """The words of an AND: two bounds of one column are a range, all else is independent."""
        share = 1.0
        bounds: dict[int, dict[bool, float]] = {}
        for word in self._words(condition, "and"):
            found = self._range(word, columns)
            if found is None:
                share *= self.of(word, columns)
            else:
                position, above, kept = found
                sides = bounds.setdefault(position, {})
                sides[above] = min(kept, sides.get(above, 1.0))
        for sides in bounds.values():
            both = sum(sides.values()) - (len(sides) - 1)
            share *= max(both, 0.0001)
        return share

    def _range(
        self, condition: Expression, columns: Sequence[Values]
    ) -> tuple[int, bool, float] | None:
        """A comparison of a column with a constant: column, whether it is from above, the share."""
        name = self._name(condition)
        if name not in _TURNED:
            return None
        left, right = (_bare(a.value) for a in condition.scalar_function.arguments)
        position = field_position(left)
        if position is None:
            left, right, name = right, left, _TURNED[name]
            position = field_position(left)
        if position is None or right.WhichOneof("rex_type") != "literal":
            return None
        above = name in {"lt", "lte"}
        values = columns[position]
        low, high, at = _number(values.least), _number(values.greatest), _number(_value(right))
        if low is None or high is None or at is None or high <= low:
            return position, above, RANGE
        below = min(max((at - low) / (high - low), 0.0), 1.0)
        return position, above, (below if above else 1.0 - below) * (1.0 - values.null_share)

    def _equal(self, arguments: Sequence[Expression], columns: Sequence[Values]) -> float:
        found = [v for a in arguments if (v := self._values(a, columns)) is not None]
        return min((_one_of(values) for values in found), default=EQUAL)

    def _values(self, expression: Expression, columns: Sequence[Values]) -> Values | None:
        position = field_position(_bare(expression))
        return None if position is None else columns[position]

    def _name(self, expression: Expression) -> str:
        if expression.WhichOneof("rex_type") != "scalar_function":
            return ""
        return self._functions.get(expression.scalar_function.function_reference, "")

    def _words(self, condition: Expression, connective: str) -> list[Expression]:
        if self._name(condition) != connective:
            return [condition]
        return [
            word
            for argument in condition.scalar_function.arguments
            for word in self._words(argument.value, connective)
        ]


def field_position(expression: Expression) -> int | None:
    """The position of the column an expression is, None if it is more than that."""
    if expression.WhichOneof("rex_type") != "selection":
        return None
    reference = expression.selection.direct_reference
    if not reference.HasField("struct_field") or reference.struct_field.HasField("child"):
        return None
    return int(reference.struct_field.field)


def _bare(expression: Expression) -> Expression:
    while expression.WhichOneof("rex_type") == "cast":
        expression = expression.cast.input
    return expression


def _one_of(values: Values) -> float:
    return (1.0 - values.null_share) / max(values.distinct, 1.0)


def _value(expression: Expression) -> object:
    try:
        return relations.literal(expression.literal)[0]
    except NotPushable:
        return None


def _number(value: object) -> float | None:
    """A place on a line for what can be compared; texts have none here."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, decimal.Decimal)):
        return float(value)
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)).total_seconds()
    if isinstance(value, dt.date):
        return (value - dt.date(1970, 1, 1)).total_seconds()
    return None
