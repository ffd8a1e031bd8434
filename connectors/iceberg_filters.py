"""A pyarrow filter as Iceberg's own, as far as both mean the same: it may only ever keep more rows.

Iceberg decides by it which manifests, files and row groups are read. What is left out here is
computed by the engine alone: every test over floats (NaN), and whatever this file does not know.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from substrait.proto import Expression, ExtendedExpression

_SIMPLE = (pa.types.is_integer, pa.types.is_string, pa.types.is_date, pa.types.is_boolean)
"""Types whose values compare alike in Arrow, in Iceberg's bounds and in the engine."""


def iceberg_filter(condition: pc.Expression | None, schema: pa.Schema) -> Any:
    """An Iceberg expression that is true wherever `condition` over `schema` is."""
    from pyiceberg.expressions import AlwaysTrue

    if condition is None:
        return AlwaysTrue()
    try:
        message = ExtendedExpression.FromString(bytes(condition.to_substrait(schema)))
        names = {
            e.extension_function.function_anchor: e.extension_function.name.split(":")[0]
            for e in message.extensions
        }
        return _weaker(message.referred_expr[0].expression, schema, names)
    except (pa.ArrowException, LookupError, ValueError, TypeError):
        return AlwaysTrue()


def _weaker(message: Expression, schema: pa.Schema, names: Mapping[int, str]) -> Any:
    """The expression, or one that is true more often: of an AND, the words that are known."""
    from pyiceberg.expressions import AlwaysTrue, And, Or

    if message.WhichOneof("rex_type") == "singular_or_list":
        return _any_of(message.singular_or_list, schema) or AlwaysTrue()
    if message.WhichOneof("rex_type") != "scalar_function":
        return AlwaysTrue()
    function = message.scalar_function
    name = names[function.function_reference]
    arguments = [argument.value for argument in function.arguments]
    if name in {"and", "and_kleene"}:
        return And(*(_weaker(a, schema, names) for a in arguments))
    if name in {"or", "or_kleene"}:
        return Or(*(_weaker(a, schema, names) for a in arguments))
    return _test(name, arguments, schema) or AlwaysTrue()


def _test(name: str, arguments: list[Expression], schema: pa.Schema) -> Any:
    """One comparison of a column with a constant, or None."""
    from pyiceberg import expressions

    tests: Mapping[str, Callable[[str, Any], Any]] = {
        "equal": expressions.EqualTo,
        "lt": expressions.LessThan,
        "lte": expressions.LessThanOrEqual,
        "gt": expressions.GreaterThan,
        "gte": expressions.GreaterThanOrEqual,
    }
    turned = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte", "equal": "equal"}
    if name in {"is_null", "is_not_null"} and (field := _column(arguments[0], schema)):
        test = expressions.IsNull if name == "is_null" else expressions.NotNull
        return test(field.name)
    if name not in tests or len(arguments) != 2:
        return None
    left, right = arguments
    if (field := _column(left, schema)) is None:
        left, right, name = right, left, turned[name]
        field = _column(left, schema)
    if field is None or not _comparable(field.type):
        return None
    value = _constant(right, field.type)
    return None if value is None else tests[name](field.name, value)


def _any_of(message: Expression.SingularOrList, schema: pa.Schema) -> Any:
    from pyiceberg.expressions import In

    field = _column(message.value, schema)
    if field is None or not _comparable(field.type):
        return None
    values = [_constant(option, field.type) for option in message.options]
    return None if None in values or not values else In(field.name, values)


def _column(message: Expression, schema: pa.Schema) -> pa.Field | None:
    if message.WhichOneof("rex_type") != "selection":
        return None
    reference = message.selection.direct_reference
    if reference.struct_field.HasField("child"):
        return None
    return schema.field(reference.struct_field.field)


def _comparable(data_type: pa.DataType) -> bool:
    return any(test(data_type) for test in _SIMPLE)


def _constant(message: Expression, data_type: pa.DataType) -> Any:
    """A constant of the column's own type, or None."""
    if message.WhichOneof("rex_type") != "literal":
        return None
    kind = message.literal.WhichOneof("literal_type")
    value: Any = getattr(message.literal, kind) if kind else None
    if pa.types.is_integer(data_type) and kind in {"i8", "i16", "i32", "i64"}:
        return int(value)
    if pa.types.is_boolean(data_type) and kind == "boolean":
        return bool(value)
    if pa.types.is_string(data_type) and kind in {"string", "fixed_char"}:
        return str(value)
    if pa.types.is_string(data_type) and kind == "var_char":
        return str(value.value)
    if pa.types.is_date(data_type) and kind == "date":
        return dt.date(1970, 1, 1) + dt.timedelta(days=value)
    return None


def bound_value(data: bytes, iceberg_type: Any) -> object:
    """A bound as the manifests write it, as a Python value; None for one that says too little."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import DateType, DecimalType, IntegerType, LongType, StringType

    if not isinstance(iceberg_type, IntegerType | LongType | DateType | DecimalType | StringType):
        return None
    value = from_bytes(iceberg_type, data)
    if isinstance(iceberg_type, DateType) and isinstance(value, int):
        return dt.date(1970, 1, 1) + dt.timedelta(days=value)
    return value if isinstance(value, int | str | decimal.Decimal | dt.date) else None
