"""Filters over batches as DataFusion means them.

DataFusion hands a table a filter as a pyarrow expression and does not look again, but pyarrow
means other things by it: NOT IN is true for NULL, and NaN equals and exceeds nothing. So the
expression is taken apart and computed here, by DataFusion's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from substrait.proto import Expression, ExtendedExpression

from connectors.capabilities import NotPushable
from gateway.plan.relations import literal

Column: TypeAlias = pa.Array | pa.Scalar


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter over batches that have at least the columns it names."""

    columns: tuple[str, ...]
    over_floats: bool
    _compute: Callable[[pa.RecordBatch], Any]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows for which the filter is true."""
        mask = self._compute(batch)
        if isinstance(mask, pa.Scalar):
            return batch if mask.as_py() is True else batch.slice(0, 0)
        return batch.filter(mask)


def row_filter(condition: pc.Expression, schema: pa.Schema) -> RowFilter:
    """The filter behind a pyarrow expression over `schema`.

    What this file does not know (nothing DataFusion 55 sends) is left to pyarrow.
    """
    message = ExtendedExpression.FromString(bytes(condition.to_substrait(schema)))
    names = {
        e.extension_function.function_anchor: e.extension_function.name.split(":")[0]
        for e in message.extensions
    }
    fields: list[int] = []
    try:
        compute = _compile(message.referred_expr[0].expression, schema, names, fields)
    except (LookupError, NotPushable, OverflowError):
        used, compute = tuple(schema.names), None
    else:
        used = tuple(schema.names[i] for i in dict.fromkeys(fields))
    floats = any(pa.types.is_floating(schema.field(name).type) for name in used)
    return RowFilter(used, floats, compute or (lambda batch: _by_pyarrow(batch, condition)))


def constants(condition: pc.Expression, schema: pa.Schema) -> dict[str, object]:
    """The columns that the expression demands to be equal to a constant, which is no NULL."""
    message = ExtendedExpression.FromString(bytes(condition.to_substrait(schema)))
    names = {
        e.extension_function.function_anchor: e.extension_function.name.split(":")[0]
        for e in message.extensions
    }
    found: dict[str, object] = {}
    waiting = [message.referred_expr[0].expression]
    while waiting:
        part = waiting.pop()
        if part.WhichOneof("rex_type") != "scalar_function":
            continue
        name = names[part.scalar_function.function_reference]
        arguments = [argument.value for argument in part.scalar_function.arguments]
        if name in ("and", "and_kleene"):
            waiting += arguments
        elif name == "equal":
            by_kind = {argument.WhichOneof("rex_type"): argument for argument in arguments}
            if by_kind.keys() == {"selection", "literal"}:
                position = by_kind["selection"].selection.direct_reference.struct_field.field
                try:
                    value, _ = literal(by_kind["literal"].literal)
                except NotPushable:
                    continue
                if value is not None:
                    found.setdefault(schema.names[position], value)
    return found


def _by_pyarrow(batch: pa.RecordBatch, condition: pc.Expression) -> Any:
    kept = batch.append_column("__row", pa.array(range(batch.num_rows))).filter(condition)
    return pc.is_in(pa.array(range(batch.num_rows)), kept.column("__row"))


def _compile(
    message: Expression, schema: pa.Schema, names: dict[int, str], fields: list[int]
) -> Callable[[pa.RecordBatch], Any]:
    def inner(part: Expression) -> Callable[[pa.RecordBatch], Any]:
        return _compile(part, schema, names, fields)

    match message.WhichOneof("rex_type"):
        case "selection":
            position = message.selection.direct_reference.struct_field.field
            fields.append(position)
            name = schema.names[position]
            return lambda batch: batch.column(name)
        case "literal":
            value, data_type = literal(message.literal)
            scalar = pa.scalar(value, data_type)
            return lambda batch: scalar
        case "cast":
            raise LookupError("cast")
        case "singular_or_list":
            value_of = inner(message.singular_or_list.value)
            options = [inner(o) for o in message.singular_or_list.options]
            return lambda batch: _any(_equal(value_of(batch), o(batch)) for o in options)
        case "scalar_function":
            function = _FUNCTIONS[names[message.scalar_function.function_reference]]
            arguments = [inner(a.value) for a in message.scalar_function.arguments]
            return lambda batch: function(*(a(batch) for a in arguments))
    raise LookupError(message.WhichOneof("rex_type"))


def _any(tests: Any) -> Any:
    result = next(tests)
    for test in tests:
        result = pc.or_kleene(result, test)
    return result


def _floats(left: Column, right: Column) -> bool:
    return bool(pa.types.is_floating(left.type) or pa.types.is_floating(right.type))


def _equal(left: Column, right: Column) -> Any:
    same = pc.equal(left, right)
    if not _floats(left, right):
        return same
    return pc.or_kleene(same, pc.and_kleene(_nan(left), _nan(right)))


def _less(left: Column, right: Column) -> Any:
    below = pc.less(left, right)
    if not _floats(left, right):
        return below
    number_below_nan = pc.and_kleene(pc.invert(_nan(left)), _nan(right))
    return pc.or_kleene(below, number_below_nan)


def _nan(value: Column) -> Any:
    """Whether it is NaN; NULL stays NULL, and nothing but a float is NaN."""
    return pc.is_nan(value) if pa.types.is_floating(value.type) else pc.not_equal(value, value)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "equal": _equal,
    "not_equal": lambda a, b: pc.invert(_equal(a, b)),
    "lt": _less,
    "lte": lambda a, b: pc.invert(_less(b, a)),
    "gt": lambda a, b: _less(b, a),
    "gte": lambda a, b: pc.invert(_less(a, b)),
    "and": pc.and_kleene,
    "or": pc.or_kleene,
    "not": pc.invert,
    "is_null": pc.is_null,
    "is_not_null": pc.is_valid,
}
