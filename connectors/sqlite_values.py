"""Values of SQLite as Arrow arrays: each of the planned type exactly, or VALUE_UNEXPECTED."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from connectors.capabilities import Kind, kind_of
from connectors.interface import SourceError, SourceErrorCode

Converter = Callable[[Sequence[object], pa.DataType], pa.Array]


def to_array(values: Sequence[object], field: pa.Field) -> pa.Array:
    """The values of one column as the field's type."""
    found = set(map(type, values)) - {type(None)}
    allowed, convert = _CONVERTERS.get(kind_of(field.type), (frozenset(), _plain))
    try:
        if found <= allowed:
            return convert(values, field.type)
        problem = "a value of another kind"
    except (pa.ArrowInvalid, OverflowError, ValueError):
        problem = "a value that does not fit"
    raise SourceError(
        SourceErrorCode.VALUE_UNEXPECTED,
        f"column {field.name!r} ({field.type}): the source sent {problem}",
        hint="correct the value, or publish a view that casts the column",
    )


def _plain(values: Sequence[object], target: pa.DataType) -> pa.Array:
    return pa.array(values, target)


def _boolean(values: Sequence[object], target: pa.DataType) -> pa.Array:
    if not set(values) <= {0, 1, None}:
        raise ValueError
    return pa.array(values, pa.int8()).cast(target)


def _float(values: Sequence[object], target: pa.DataType) -> pa.Array:
    if any(type(v) is int and int(float(v)) != v for v in values):
        raise ValueError
    return pa.array([None if v is None else float(v) for v in values], target)  # type: ignore[arg-type]


def _decimal(values: Sequence[object], target: pa.DataType) -> pa.Array:
    # The shortest text of a REAL is the decimal that was stored, for up to 15 digits.
    texts = [v if v is None or type(v) is str else repr(v) for v in values]
    return pa.array(texts, pa.string()).cast(target)


def _moment(values: Sequence[object], target: pa.DataType) -> pa.Array:
    return pa.array(values, pa.string()).cast(target)


_CONVERTERS: dict[Kind, tuple[frozenset[type], Converter]] = {
    Kind.BOOLEAN: (frozenset({int}), _boolean),
    Kind.INTEGER: (frozenset({int}), _plain),
    Kind.UNSIGNED: (frozenset({int}), _plain),
    Kind.FLOAT: (frozenset({int, float}), _float),
    Kind.DECIMAL: (frozenset({int, float, str}), _decimal),
    Kind.TEXT: (frozenset({str}), _plain),
    Kind.BINARY: (frozenset({bytes}), _plain),
    Kind.DATE: (frozenset({str}), _moment),
    Kind.TIMESTAMP: (frozenset({str}), _moment),
}
