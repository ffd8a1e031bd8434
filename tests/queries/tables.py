"""The tables of the query tests: small, and full of what goes wrong.

The same rows are loaded into every source, so that a query may read each of its tables from
anywhere and has one right answer.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pyarrow as pa

from bench.sources import Column, Table

ARROW_TYPES = {
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE PRECISION": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR(40)": pa.string(),
    "CHAR(6)": pa.string(),
    "DECIMAL(10,2)": pa.decimal128(10, 2),
    "DECIMAL(12,4)": pa.decimal128(12, 4),
    "DECIMAL(8,3)": pa.decimal128(8, 3),
}

WORDS = (
    *("a", "A", "b", "B", "z", "Z", "ä", "Ä", "é", "e\u0301", "ß", "ss", "SS", "o", "ö"),
    *("", " ", "a ", "a  ", " a", "A ", "aa", "ab", "aB", "Ab", "AB", "abc"),
    *("10", "9", "09", "1e1", "%", "_", "a%b", "a_b", "axb", "it's", 'say "x"', "a\\b", "x\ty"),
    *("line\nbreak", "日本", "🙂", "naïve", "Straße", "strasse", "STRASSE", "null", "NULL"),
    *("0x41", "-", "--", ";", "a;b", "\u00a0", "ﬁ", "fi", None, None),
)


def tables() -> tuple[Table, ...]:
    """All tables, always with the same rows."""
    return (
        _people(),
        _orders(),
        _items(),
        _words(),
        _numbers(),
        _days(),
        _empty(),
        _nulls(),
        _quoted(),
    )


def _people() -> Table:
    chance = random.Random(1)
    cities = ["Berlin", "berlin", "Zürich", "Paris", "", None, "São Paulo", "Ürümqi"]
    columns = (
        ("id", "INTEGER"),
        ("name", "VARCHAR(40)"),
        ("city", "VARCHAR(40)"),
        ("born", "DATE"),
        ("salary", "DECIMAL(10,2)"),
        ("score", "DOUBLE PRECISION"),
        ("boss", "INTEGER"),
    )
    rows = [
        (
            number,
            f"{chance.choice(['Ann', 'ann', 'Bob', 'Ça', 'Zoë', 'émile'])} {number % 17}",
            chance.choice(cities),
            _maybe(chance, dt.date(1950, 1, 1) + dt.timedelta(days=chance.randrange(20_000))),
            _maybe(chance, Decimal(chance.randrange(-500_00, 9000_00)) / 100),
            _maybe(chance, round(chance.uniform(-10, 10), 3)),
            _maybe(chance, chance.randrange(1, 60), 0.3),
        )
        for number in range(1, 61)
    ]
    return _table("people", columns, rows, ("id",))


def _orders() -> Table:
    chance = random.Random(2)
    columns = (
        ("id", "BIGINT"),
        ("person", "INTEGER"),
        ("placed", "TIMESTAMP"),
        ("amount", "DECIMAL(12,4)"),
        ("status", "CHAR(6)"),
        ("qty", "INTEGER"),
    )
    rows = [
        (
            number * 10_000_000_000,
            _maybe(chance, chance.randrange(1, 80)),  # some belong to nobody there is
            _maybe(
                chance,
                dt.datetime(2023, 12, 30) + dt.timedelta(seconds=chance.randrange(7_000_000)),
            ),
            _maybe(chance, Decimal(chance.randrange(-10_0000, 9999_0000)) / 10_000),
            chance.choice(["open", "paid", "Paid", "void", None]),
            chance.randrange(-3, 12),
        )
        for number in range(1, 151)
    ]
    return _table("orders", columns, rows, ("id",))


def _items() -> Table:
    chance = random.Random(3)
    columns = (
        ("order_id", "BIGINT"),
        ("line", "INTEGER"),
        ("product", "VARCHAR(40)"),
        ("qty", "SMALLINT"),
        ("price", "DECIMAL(8,3)"),
    )
    rows = [
        (
            order * 10_000_000_000,
            line,
            chance.choice(["bolt", "Bolt", "nut", "washer ", "washer", "Öse", ""]),
            _maybe(chance, chance.randrange(-2, 30)),
            _maybe(chance, Decimal(chance.randrange(0, 99_999)) / 1000),
        )
        for order in range(1, 161)
        for line in range(1, chance.randrange(1, 4))
    ]
    return _table("items", columns, rows, ("order_id", "line"))


def _words() -> Table:
    columns = (("id", "INTEGER"), ("word", "VARCHAR(40)"))
    return _table("words", columns, list(enumerate(WORDS, 1)), ("id",))


def _numbers() -> Table:
    columns = (
        ("id", "INTEGER"),
        ("a", "INTEGER"),
        ("b", "INTEGER"),
        ("x", "DOUBLE PRECISION"),
        ("d", "DECIMAL(12,4)"),
        ("big", "BIGINT"),
    )
    whole = [-7, -3, -1, 0, 1, 2, 3, 7, 10, None]
    doubles = [0.0, -0.0, 0.1, 0.2, -2.5, 2.5, 1e300, -1e-300, 0.5, 1.5, None]
    exact = [Decimal(n) / 10_000 for n in (0, 1, -1, 25_000, -25_000, 99_999_999, 12_345, 5_000)]
    large = [0, -1, 2**53, 2**53 + 1, 2**62, -(2**62), 9_007_199_254_740_993, None]
    chance = random.Random(4)
    rows = [
        (
            number,
            whole[number % len(whole)],
            whole[(number // len(whole)) % len(whole)],
            doubles[number % len(doubles)],
            chance.choice([*exact, None]),
            large[number % len(large)],
        )
        for number in range(100)
    ]
    return _table("numbers", columns, rows, ("id",))


def _days() -> Table:
    columns = (("id", "INTEGER"), ("day", "DATE"), ("moment", "TIMESTAMP"))
    moments = [
        dt.datetime(2024, 2, 29, 23, 59, 59, 999_999),
        dt.datetime(2024, 12, 30, 0, 0, 0),
        dt.datetime(2024, 12, 31, 12, 30, 15, 1),
        dt.datetime(2021, 1, 1, 0, 0, 0, 500_000),
        dt.datetime(2020, 1, 31, 6, 0, 0),
        dt.datetime(1999, 12, 31, 23, 59, 59),
        dt.datetime(1969, 7, 20, 20, 17, 40),
        dt.datetime(1970, 1, 1, 0, 0, 0),
        dt.datetime(2038, 1, 19, 3, 14, 8),
        dt.datetime(1900, 3, 1, 1, 2, 3, 456_000),
        None,
    ]
    rows = [(n, m.date() if m else None, m) for n, m in enumerate([*moments, *moments[:4]])]
    return _table("days", columns, rows, ("id",))


def _empty() -> Table:
    columns = (("id", "INTEGER"), ("name", "VARCHAR(40)"), ("amount", "DECIMAL(10,2)"))
    return _table("nothing", columns, [], ("id",))


def _nulls() -> Table:
    columns = (
        ("id", "INTEGER"),
        ("n", "INTEGER"),
        ("t", "VARCHAR(40)"),
        ("d", "DECIMAL(10,2)"),
        ("day", "DATE"),
        ("x", "DOUBLE PRECISION"),
    )
    return _table("nulls", columns, [(n, None, None, None, None, None) for n in range(5)], ("id",))


def _quoted() -> Table:
    columns = (
        ("select", "INTEGER"),
        ("Order Id", "INTEGER"),
        ("MixedCase", "VARCHAR(40)"),
        ("größe", "DOUBLE PRECISION"),
        ("from", "VARCHAR(40)"),
        ("a.b", "INTEGER"),
    )
    rows = [(n, 10 - n, "xyz"[n % 3], n / 4, ["to", None][n % 2], n * n) for n in range(8)]
    return _table("group", columns, rows, ("select",))


def _maybe(chance: random.Random, value: object, nulls: float = 0.15) -> object:
    return None if chance.random() < nulls else value


def _table(
    name: str,
    columns: Iterable[tuple[str, str]],
    rows: Sequence[Sequence[object]],
    key: tuple[str, ...],
) -> Table:
    declared = tuple(Column(c, declared, nullable=c not in key) for c, declared in columns)
    arrays = [
        pa.array([row[index] for row in rows], ARROW_TYPES[column.type])
        for index, column in enumerate(declared)
    ]
    schema = pa.schema([pa.field(c.name, ARROW_TYPES[c.type], c.nullable) for c in declared])
    return Table(name, declared, key, pa.table(arrays, schema=schema))
