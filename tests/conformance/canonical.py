"""The tables every connector is held to: two columns of every kind, full of what goes wrong."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

ROWS = 240
NULLS = 0.12
SAME = 0.25
"""The chance that the second column of a kind repeats the first, so that equality is seen."""

WORDS = (
    *("a", "A", "b", "B", "z", "Z", "ä", "Ä", "é", "e\u0301", "ß", "ss", "SS", "ö", "o"),
    *("", " ", "a ", "a  ", " a", "A ", "aa", "ab", "aB", "Ab", "AB", "abc", "abcd"),
    *("10", "9", "09", "1e1", "%", "_", "a%b", "a_b", "axb", "it's", 'say "x"', "a\\b", "x\ty"),
    *("line\nbreak", "日本", "🙂", "🙂a", "naïve", "Straße", "STRASSE", "null", "NULL", "0x41"),
    *("\u00a0", "ﬁ", "fi", "\U0010ffff", "\uffff", "\x7f", "\x01"),
)
INTEGERS = (0, 1, -1, 2, 3, -7, 7, 8, -8, 100, -100, 46_340, -46_340)
LARGE = (*INTEGERS, 3_000_000_000, -3_000_000_000, 2**31, 2**53 // 3_000_000_000)
MONEY = tuple(
    Decimal(text)
    for text in (
        *("0.00", "0.01", "-0.01", "1.05", "-1.05", "9.99", "2.00", "-7.00", "1234567.89"),
        *("9999999999999.99", "-9999999999999.99"),
    )
)
FLOATS = (
    0.0,
    -0.0,
    1.5,
    -1.5,
    0.1,
    -2.5e100,
    1e-100,
    3.0,
    16_777_217.0,
    math.nan,
    math.inf,
    -math.inf,
)
DAYS = tuple(
    dt.date.fromisoformat(text)
    for text in (
        *("1970-01-01", "1969-12-31", "2000-02-29", "1900-03-01", "1000-01-01"),
        *("9999-12-31", "2024-12-31", "2024-01-01"),
    )
)
MOMENTS = tuple(
    dt.datetime.combine(day, time)
    for day in DAYS
    for time in (dt.time(0), dt.time(23, 59, 59, 999_999), dt.time(10, 30, 0, 1))
)
INSTANTS = tuple(
    dt.datetime(year, 6, 15, hour, 30, 59, micro, dt.UTC)
    for year in (1971, 2000, 2024, 2037)
    for hour, micro in ((0, 0), (23, 999_999))
)
TIMES = (dt.time(0), dt.time(23, 59, 59, 999_999), dt.time(10, 30), dt.time(10, 30, 0, 1))
BYTES = (b"", b"\x00", b"\xff", b"a", b"A", b"ab", b"a\x00", b"\x80")

COLUMNS: dict[str, tuple[pa.DataType, Sequence[object]]] = {
    "i": (pa.int32(), INTEGERS),
    "j": (pa.int32(), INTEGERS),
    "n": (pa.int32(), (1, -1, 2, 3, -7, 10)),  # never zero: a divisor
    "k": (pa.int64(), LARGE),
    "l": (pa.int64(), LARGE),
    "d": (pa.decimal128(15, 2), MONEY),
    "e": (pa.decimal128(15, 2), MONEY),
    "w": (pa.decimal128(9, 4), tuple(map(Decimal, ("0.0001", "-3.0000", "7.0000", "99.9999")))),
    "f": (pa.float64(), FLOATS),
    "g": (pa.float64(), FLOATS),
    "s": (pa.string(), WORDS),
    "t": (pa.string(), WORDS),
    "u": (pa.date32(), DAYS),
    "v": (pa.date32(), DAYS),
    "x": (pa.timestamp("us"), MOMENTS),
    "y": (pa.timestamp("us"), MOMENTS),
    "q": (pa.timestamp("us", "UTC"), INSTANTS),
    "r": (pa.timestamp("us", "UTC"), INSTANTS),
    "m": (pa.time64("us"), TIMES),
    "z": (pa.time64("us"), TIMES),
    "b": (pa.bool_(), (True, False)),
    "c": (pa.bool_(), (True, False)),
    "h": (pa.binary(), BYTES),
    "o": (pa.binary(), BYTES),
    "p": (pa.uint32(), (0, 1, 7, 4_294_967_295)),
    "a": (pa.uint32(), (0, 1, 7, 4_294_967_295)),
}
"""Column name -> type and the values it is drawn from."""

_TWINS = {"j": "i", "l": "k", "e": "d", "g": "f", "t": "s", "v": "u", "y": "x", "r": "q"} | {
    "z": "m",
    "c": "b",
    "o": "h",
    "a": "p",
}


def canonical() -> pa.Table:
    """The rows, always the same; `id` counts from 0."""
    chance = random.Random(11)
    columns: dict[str, list[object]] = {}
    for name, (_, pool) in COLUMNS.items():
        twin = columns.get(_TWINS.get(name, ""), [None] * ROWS)
        columns[name] = [
            None
            if chance.random() < NULLS
            else (twin[row] if name in _TWINS and chance.random() < SAME else chance.choice(pool))
            for row in range(ROWS)
        ]
    arrays = {"id": pa.array(range(ROWS), pa.int32())}
    arrays |= {name: pa.array(columns[name], COLUMNS[name][0]) for name in columns}
    fields = [pa.field(n, a.type, n != "id") for n, a in arrays.items()]
    return pa.table(arrays, schema=pa.schema(fields))
