"""Values written into the text of a statement, where the gateway is not given parameters.

Every ``?`` outside quotes and comments is a placeholder, in order, as with parameters.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
import uuid
from collections.abc import Sequence

from meshgate_sqlalchemy.errors import DataError, ProgrammingError

_WORDS = re.compile(
    r"""
      (?P<placeholder>\?)
    | [eE]'(?:[^'\\]|\\.|'')*'      # E'it\'s'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar)
    | --[^\n]*
    | /\*
    | [A-Za-z_]\w*
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")

_BIGINT = 2**63
_MAX_DIGITS = 76
_TOUCHING = re.compile(r"[\w'\"$-]")
"""What a literal may not stand beside without a blank."""


def with_values(statement: str, values: Sequence[object]) -> str:
    """The statement with the values for its placeholders. ProgrammingError if counts differ."""
    pieces: list[str] = []
    end = used = at = 0
    while found := _WORDS.search(statement, at):
        at = found.end()
        if found[0] == "/*":
            at = _end_of_comment(statement, at)
        elif found["placeholder"]:
            if used < len(values):
                pieces += [statement[end : found.start()], _apart(statement, found, values[used])]
                end = at
            used += 1
    if used != len(values):
        raise _error(ProgrammingError, f"{used} placeholders, but {len(values)} values")
    return "".join([*pieces, statement[end:]])


def literal(value: object) -> str:
    """A value as SQL that gives exactly this value, and that nothing can follow into."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return _integer(int(value))
        case float():
            return _float(float(value))
        case decimal.Decimal():
            return _decimal(value)
        case str():
            return _text(str(value))
        case bytes() | bytearray() | memoryview():
            return f"X'{bytes(value).hex()}'"
        case dt.datetime():
            return _timestamp(value)
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case dt.time():
            if value.tzinfo is not None:
                raise _error(DataError, "a time with a time zone has no type here")
            return f"TIME '{value.isoformat()}'"
        case dt.timedelta():
            return _interval(value)
        case uuid.UUID():
            return f"'{value}'"
        case list() | tuple():
            return f"ARRAY[{', '.join(map(literal, value))}]"
    item = getattr(value, "item", None)  # a scalar of numpy
    if callable(item) and type(value).__module__ == "numpy":
        return literal(item())
    raise _error(DataError, f"a value of the type {type(value).__name__} has no literal")


def _apart(statement: str, found: re.Match[str], value: object) -> str:
    """The literal, with a blank where it would run into its neighbour."""
    before, after = statement[: found.start()][-1:], statement[found.end() :][:1]
    text = literal(value)
    return (" " if _TOUCHING.match(before) else "") + text + (" " if _TOUCHING.match(after) else "")


def _end_of_comment(statement: str, at: int) -> int:
    depth = 1
    while depth:
        found = _COMMENT.search(statement, at)
        if found is None:
            return len(statement)
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return at


def _integer(value: int) -> str:
    if not -_BIGINT < value < _BIGINT:
        return _decimal(decimal.Decimal(value))
    return _signed(str(value))


def _float(value: float) -> str:
    if not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE PRECISION)"
    return _signed(repr(value) if "e" in repr(value) else f"{value!r}e0")


def _signed(number: str) -> str:
    """Two minus signs would begin a comment."""
    return f"({number})" if number.startswith("-") else number


def _decimal(value: decimal.Decimal) -> str:
    if not value.is_finite():
        raise _error(DataError, f"there is no decimal {value}")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    precision = max(len(digits) + max(0, exponent), scale, 1)
    if precision > _MAX_DIGITS:
        raise _error(DataError, f"a decimal has at most {_MAX_DIGITS} digits, not {precision}")
    return f"CAST('{value:f}' AS DECIMAL({precision}, {scale}))"


def _text(value: str) -> str:
    if "\x00" in value:
        raise _error(DataError, "a text may not hold a NUL character")
    return "'" + value.replace("'", "''") + "'"


def _timestamp(value: dt.datetime) -> str:
    text = value.isoformat(" ", "microseconds")
    return f"CAST('{text}' AS {'TIMESTAMP' if value.tzinfo is None else 'TIMESTAMPTZ'})"


def _interval(value: dt.timedelta) -> str:
    micros = value.microseconds
    return f"INTERVAL '{value.days} days {value.seconds}.{micros:06} seconds'"


def _error(kind: type[ProgrammingError] | type[DataError], text: str) -> Exception:
    from adbc_driver_manager import AdbcStatusCode

    return kind(text, status_code=AdbcStatusCode.INVALID_ARGUMENT)
