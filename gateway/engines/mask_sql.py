"""Masks as DataFusion expressions: native, so that they run vectorised and in parallel.

Each is total by construction: what might leave the type is NULL before any arithmetic sees it,
never behind a CASE that an optimiser could reorder. Each survives Substrait, the way every
secured plan goes; a few are odd because DataFusion 55 has no Substrait word for the plain form.

The expression of `hash` contains the product's key (as the two pads of HMAC): whoever shows plans
shows the key. `conceal` takes it out of a text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pyarrow as pa
from datafusion import SessionContext, udf

from connectors.capabilities import Kind, kind_of
from connectors.engine_types import engine_name
from gateway.engines.mask_ranges import (
    LARGEST_FLOAT,
    TICKS_PER_DAY,
    bands,
    largest_banded,
    moments,
    unscaled,
)
from gateway.engines.masking import digest_integers
from policies.masks import Mask, effective

SIGNED, UNSIGNED = "mesh_digest_int64", "mesh_digest_uint64"
"""The functions `register` makes known: DataFusion has none that reads bytes as a number."""

_BLOCK = 64
"""Bytes SHA-256 takes at once, the length of the pads of HMAC."""


def register(context: SessionContext) -> None:
    """Make known what `mask_sql` needs beyond DataFusion: for hashes of 64-bit integers only."""
    for function in _FUNCTIONS:
        context.register_udf(function)


def mask_sql(mask: Mask, column_sql: str, data_type: pa.DataType, key: bytes) -> str:
    """A mask over a column, as SQL that DataFusion parses. `key` is the product's own.

    `column_sql` is the column as SQL names it, quoted where it has to be. The result has the type
    of the column, except that a constant is not nullable.
    """
    acting = effective(mask, data_type)
    return _MASKS[acting.kind](acting, column_sql, data_type, key)


def _none(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    return column


def _null(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    # A typed NULL of these types is a literal that Substrait would change or refuse.
    zoned = pa.types.is_timestamp(data_type) and data_type.tz not in {None, "UTC"}
    if zoned or pa.types.is_nested(data_type):
        return f"CASE WHEN {column} IS NULL THEN {column} END"
    return f"CASE WHEN FALSE THEN {column} END"


def _constant(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    if kind_of(data_type) is Kind.TEXT:
        return _typed(_quoted(mask.text), data_type)
    if pa.types.is_boolean(data_type):
        return "FALSE"
    if pa.types.is_date64(data_type):
        # Substrait has no literal of this type; the CASE is NULL always, but not for the optimiser.
        moment = f"arrow_cast({column}, 'Timestamp(Millisecond, None)')"
        epoch = "arrow_cast(0, 'Timestamp(Millisecond, None)')"
        empty = f"CASE WHEN {column} IS NULL THEN {moment} END"
        return f"arrow_cast(coalesce({empty}, {epoch}), 'Date64')"
    return _typed("0", data_type)


def _hash(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    integer = pa.types.is_integer(data_type)
    source = f"CAST({column} AS VARCHAR)" if integer else column
    if pa.types.is_integer(data_type) or data_type != pa.binary():
        source = f"arrow_cast({source}, 'Binary')"
    inner, outer = _pads(key)
    digest = f"sha256({outer} || sha256({inner} || {source}))"
    if integer:
        return f"{SIGNED if pa.types.is_signed_integer(data_type) else UNSIGNED}({digest})"
    if kind_of(data_type) is Kind.TEXT:
        return _as(f"encode({digest}, 'hex')", data_type, pa.string())
    return _as(digest, data_type, pa.binary())


def _pads(key: bytes) -> tuple[str, str]:
    """The two blocks HMAC puts before what it hashes, as literals."""
    block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
    block = block.ljust(_BLOCK, b"\0")
    inner, outer = (bytes(b ^ mark for b in block).hex() for mark in (0x36, 0x5C))
    return f"X'{inner}'", f"X'{outer}'"


# As SQL, as a logical plan and as an execution plan write the 64 bytes of a pad.
_PAD = re.compile(r"X'[0-9a-fA-F]{128}'|Binary\(\"(\d+, ?){63}\d+\"\)|\b[0-9A-F]{20}\.\.\.")


def conceal(text: str) -> str:
    """A plan or message without the keys of hashed columns, as SQL or as DataFusion writes them."""
    return _PAD.sub("<key>", text)


def _last4(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    short = f"character_length({column}) < 9"
    shown = f"CASE WHEN {short} THEN '' ELSE right({column}, 4) END"
    return _as(f"('****' || {shown})", data_type, pa.string())


def _partial(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    short = f"character_length({column}) < {2 * mask.prefix + 2}"
    shown = f"CASE WHEN {short} THEN '' ELSE left({column}, {mask.prefix}) END"
    return _as(f"({shown} || '***')", data_type, pa.string())


def _moment(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    """Arithmetic on days: date_trunc goes by way of nanoseconds and fails after the year 2262."""
    first, last = moments(mask, data_type)
    since = "day" if mask.kind == "month" else "doy"
    if pa.types.is_date32(data_type):
        day = f"CASE WHEN {column} BETWEEN {_day(first)} AND {_day(last)} THEN {column} END"
        # NULL in one operand is enough, and one CASE less to plan
        past = f"(date_part('{since}', {day}) - arrow_cast(1, 'Int32'))"
        return f"arrow_cast(arrow_cast({column}, 'Int32') - {past}, 'Date32')"
    if pa.types.is_date64(data_type):  # compared as a date it would be a literal Substrait lacks
        naive, number = pa.timestamp("ms"), f"arrow_cast({column}, 'Timestamp(Millisecond, None)')"
    else:
        naive, number = pa.timestamp(data_type.unit), column
    number = f"arrow_cast({number}, 'Int64')"
    number = f"CASE WHEN {number} BETWEEN {first} AND {last} THEN {number} END"
    ticks = TICKS_PER_DAY[naive.unit]
    days = f"date_part('{since}', arrow_cast({number}, '{_name(naive)}')) - 1"
    start = f"{number} - ({number} % {ticks} + {ticks}) % {ticks} - ({days}) * {ticks}"
    if pa.types.is_date64(data_type):
        return f"arrow_cast(arrow_cast({start}, '{_name(naive)}'), 'Date64')"
    return f"arrow_cast({start}, '{_name(data_type)}')"


def _day(number: int) -> str:
    return f"arrow_cast(arrow_cast({number}, 'Int32'), 'Date32')"


def _band(mask: Mask, column: str, data_type: pa.DataType, key: bytes) -> str:
    if pa.types.is_floating(data_type):
        return _floats(mask, column, data_type)
    found = bands(mask, data_type)
    zero = _typed("0", data_type)
    if found.width is None:
        return f"CASE WHEN {column} >= {zero} THEN {zero} END"
    decimal = pa.types.is_decimal(data_type)
    width, lowest = (
        _typed(f"'{unscaled(n, data_type):f}'" if decimal else f"'{n}'", data_type)
        for n in (found.width, found.lowest)
    )
    if pa.types.is_unsigned_integer(data_type):
        return f"({column} - {column} % {width})"
    value = f"CASE WHEN {column} >= {lowest} THEN {column} END"
    over = f"({value} % {width})"
    below = f"CASE WHEN {over} < {zero} THEN {width} ELSE {zero} END"
    banded = f"({value} - {over} - {below})"
    return f"arrow_cast({banded}, '{_name(data_type)}')" if decimal else banded


def _floats(mask: Mask, column: str, data_type: pa.DataType) -> str:
    value = _as(column, pa.float64(), data_type)
    width = _float(float(mask.width))
    limit = _float(largest_banded(mask, data_type))
    cases = f"WHEN abs({value}) < {limit} THEN floor({value} / {width}) * {width} + {_float(0.0)}"
    if mask.kind == "band":
        largest = _float(LARGEST_FLOAT)
        cases += f" WHEN abs({value}) > {largest} THEN {value}"
    return _as(f"CASE {cases} END", data_type, pa.float64())


def _float(value: float) -> str:
    return f"arrow_cast('{value!r}', 'Float64')"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _typed(value: str, data_type: pa.DataType) -> str:
    """A constant of a type, from its text or number: folded when the query is planned."""
    if pa.types.is_date32(data_type):
        value = f"arrow_cast({value}, 'Int32')"
    return f"arrow_cast({value}, '{_name(data_type)}')"


def _as(value: str, to: pa.DataType, of: pa.DataType) -> str:
    return value if to == of else f"arrow_cast({value}, '{_name(to)}')"


def _name(data_type: pa.DataType) -> str:
    name = engine_name(data_type)
    assert name is not None, data_type  # masks are of types without parts
    return name


_MASKS: dict[str, Callable[[Mask, str, pa.DataType, bytes], str]] = {
    "none": _none,
    "null": _null,
    "constant": _constant,
    "hash": _hash,
    "last4": _last4,
    "partial": _partial,
    "month": _moment,
    "year": _moment,
    "band": _band,
    "grid": _band,
}

_FUNCTIONS = [
    udf(
        lambda digests, to=data_type: digest_integers(digests, to),
        [pa.binary()],
        data_type,
        "immutable",
        name,
    )
    for name, data_type in ((SIGNED, pa.int64()), (UNSIGNED, pa.uint64()))
]
