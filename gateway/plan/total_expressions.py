"""Which expressions have a result for every value and give the same one each time.

Only those may be computed for other rows than the query's author computes them for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
from substrait.proto import Expression

from connectors.capabilities import NotPushable
from gateway.plan import relations, totality
from gateway.plan.columns import declared, field_position

Types = Callable[[int], pa.DataType | None]
"""The type of a column by its position, None where it is not known."""


class NotTotal(Exception):
    """The expression may fail, or nothing is known of it."""


class TotalExpressions:
    """Tells whether expressions of one plan are total."""

    def __init__(self, functions: Mapping[int, str]) -> None:
        """`functions`: the names by anchor."""
        self._functions = functions

    def total(self, message: Expression, types: Types) -> bool:
        """True when the expression over columns of these types can not fail."""
        try:
            self._type(message, types)
        except NotTotal:
            return False
        return True

    def _type(self, message: Expression, types: Types) -> pa.DataType | None:
        match message.WhichOneof("rex_type"):
            case "selection":
                position = field_position(message)
                if position is None:
                    raise NotTotal
                return types(position)
            case "literal":
                try:
                    return relations.literal(message.literal)[1]
                except NotPushable:
                    return None
            case "cast":
                to = declared(message.cast.type)
                if not totality.total_cast(self._type(message.cast.input, types), to):
                    raise NotTotal
                return to
            case "scalar_function":
                return self._call(message.scalar_function, types)
            case "singular_or_list":
                listed = message.singular_or_list
                value = self._type(listed.value, types)
                if not all(
                    totality.comparable((value, self._type(option, types)))
                    for option in listed.options
                ):
                    raise NotTotal
                return pa.bool_()
            case "if_then":
                return self._case(message.if_then, types)
        raise NotTotal

    def _call(self, message: Expression.ScalarFunction, types: Types) -> pa.DataType | None:
        name = self._functions.get(message.function_reference, "")
        args = [self._type(a.value, types) for a in message.arguments]
        if name in totality.LIKE:
            pattern = message.arguments[1].value
            known = pattern.WhichOneof("rex_type") == "literal"
            total = known and "\\" not in pattern.literal.string
        elif name in totality.COMPARISONS:
            total = totality.comparable(args)
        elif name in totality.DIVISIONS:
            total = totality.divides(args[0], message.arguments[1].value)
        else:
            total = name in totality.TESTS or name in totality.TOTAL_STRICT
        if not total:
            raise NotTotal
        return declared(message.output_type) if message.HasField("output_type") else pa.bool_()

    def _case(self, message: Expression.IfThen, types: Types) -> pa.DataType | None:
        results: list[pa.DataType | None] = []
        for clause in message.ifs:
            self._type(getattr(clause, "if"), types)
            results.append(self._type(clause.then, types))
        if message.HasField("else"):
            results.append(self._type(getattr(message, "else"), types))
        return next((r for r in results if r is not None), None)
