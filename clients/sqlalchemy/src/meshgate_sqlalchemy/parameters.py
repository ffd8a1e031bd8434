"""Parameters sent to the server: each value as the type it is.

The server infers the type of a placeholder from what stands around it, and takes it for text where
nothing does. A value of another kind would change on its way: it goes through a cast, or, where
there is no parameter of its type, into the text.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from meshgate_sqlalchemy.exceptions import Error
from meshgate_sqlalchemy.literals import literal
from meshgate_sqlalchemy.placeholders import check, filled, pieces

REMEMBERED = 1000
"""How many statements are remembered with the casts they need."""

Prepare = Callable[[str], "pa.Schema | None"]
"""Has the server look at a text; gives the types of its parameters."""


@dataclass(frozen=True)
class Bound:
    """A value to send: `array` holds it alone. `cast` is the SQL type it has by itself."""

    array: pa.Array
    cast: str
    fits: Callable[[pa.DataType], bool]


class Parameters:
    """How statements are sent with values; it remembers which casts they turned out to need."""

    def __init__(self) -> None:
        self._casts: dict[tuple[str, tuple[str, ...]], tuple[bool, ...]] = {}

    def send(
        self, statement: str, values: Sequence[Any], prepare: Prepare
    ) -> tuple[str, pa.RecordBatch | None]:
        """The text to execute, and the row of values to bind to it. Raises what `prepare` does."""
        text = pieces(statement)
        check(text, values)
        given = [bound(value) for value in values]
        key = (statement, tuple(b.cast if b else "" for b in given))
        casts = self._casts.get(key)
        if casts is None:
            casts = self._needed(text, values, given, prepare)
            if len(self._casts) >= REMEMBERED:
                self._casts.clear()
            self._casts[key] = casts
        return _text(text, values, given, casts), _row(given)

    def _needed(
        self,
        text: Sequence[str],
        values: Sequence[Any],
        given: Sequence[Bound | None],
        prepare: Prepare,
    ) -> tuple[bool, ...]:
        """Which values the server would take for something else."""
        everywhere = tuple(value is not None for value in given)
        try:
            schema = prepare(_text(text, values, given, (False,) * len(given)))
        except Error:
            return everywhere  # it may be understood with casts; if not, that error is the one
        kinds = iter(schema.types if schema is not None else ())
        needed = []
        for value in given:
            kind = None if value is None else next(kinds, None)
            needed.append(value is not None and not (kind is not None and value.fits(kind)))
        return tuple(needed)


def _text(
    text: Sequence[str],
    values: Sequence[Any],
    given: Sequence[Bound | None],
    casts: Sequence[bool],
) -> str:
    words = []
    for value, sent, cast in zip(values, given, casts, strict=True):
        if sent is None:
            words.append(literal(value))
        else:
            words.append(f"CAST(? AS {sent.cast})" if cast else "?")
    return filled(text, words)


def _row(given: Sequence[Bound | None]) -> pa.RecordBatch | None:
    arrays = [value.array for value in given if value is not None]
    names = [str(number) for number in range(1, len(arrays) + 1)]
    return pa.RecordBatch.from_arrays(arrays, names) if arrays else None


def bound(value: Any) -> Bound | None:
    """How a value is sent; None when there is no parameter of its type."""
    is_ = pa.types
    match value:
        case bool():
            return Bound(pa.array([value]), "BOOLEAN", is_.is_boolean)
        case int() if -(2**63) <= value < 2**63:
            return Bound(pa.array([int(value)], pa.int64()), "BIGINT", _is_number)
        case float():
            return Bound(pa.array([float(value)]), "DOUBLE PRECISION", is_.is_floating)
        case decimal.Decimal() if value.is_finite():
            array = pa.array([value])
            kind = array.type
            return Bound(array, f"DECIMAL({kind.precision}, {kind.scale})", is_.is_decimal)
        case str() | uuid.UUID():
            return Bound(pa.array([str(value)]), "VARCHAR", _is_known)
        case bytes() | bytearray() | memoryview():
            return Bound(pa.array([bytes(value)]), "BYTEA", is_.is_binary)
        case dt.datetime() if value.tzinfo is None:
            return Bound(pa.array([value], pa.timestamp("us")), "TIMESTAMP(6)", _is_local)
        case dt.datetime():
            return Bound(pa.array([value], pa.timestamp("us", "UTC")), "TIMESTAMPTZ(6)", _is_zoned)
        case dt.date():
            return Bound(pa.array([value]), "DATE", _is_day)
        case dt.time() if value.tzinfo is None:
            return Bound(pa.array([value], pa.time64("us")), "TIME", is_.is_time)
    return None


def _is_known(kind: pa.DataType) -> bool:
    """A text is read as whatever the server takes it for."""
    return not pa.types.is_null(kind)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_local(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is None)


def _is_zoned(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is not None)


def _is_day(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))
