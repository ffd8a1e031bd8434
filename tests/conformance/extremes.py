"""Tables full of what masks could fail on: the ends of every type, as each source declares them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from connectors import open_connector
from connectors.interface import Binding
from tests import services
from tests.conformance.reference import TABLE
from tests.conformance.specs import Source, holdings

Columns = Mapping[str, tuple[str, Sequence[str]]]
"""Column -> how it is declared, and its values as SQL writes them."""

_TEXTS = (
    *(
        "''",
        "'a'",
        "'12345678'",
        "'123456789'",
        "'1234567890123456'",
        "'         '",
        "'it''s a ''x'''",
    ),
    *(
        "'🙂🙂🙂🙂🙂🙂🙂🙂'",
        "'🙂🙂🙂🙂🙂🙂🙂🙂🙂'",
        "'日本語日本語日本語日本'",
        "'e\u0301e\u0301e\u0301e\u0301e\u0301'",
    ),
    *(
        "'👩‍👩‍👧‍👦👩‍👩‍👧‍👦'",
        "'abc\u00a0def\uffffgh \u200b'",
        "'abcd\U0010ffff\U0010ffff\U0010ffff'",
        "'ÄÖÜäöüßßß'",
        "'1234'",
    ),
)
_INT16 = ("-32768", "-32767", "-32761", "-11", "-10", "-9", "-1", "0", "1", "9", "10", "32767")
_INT32 = (*_INT16, "-2147483648", "-2147483647", "-2147483641", "2147483647", "123456")
_INT64 = (*_INT32, "-9223372036854775807 - 1", "-9223372036854775800", "9223372036854775807")
_UINT64 = (
    "0",
    "1",
    "9",
    "10",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
)
_MONEY = ("0", "0.01", "-0.01", "1.05", "-1.05", "999.99", "-999.99", "-990.00", "-990.01", "7")
_FULL = (
    *("0", "0.01", "-0.01", "-10", "999999999999999999999999999999999999.99"),
    *("-999999999999999999999999999999999999.99", "-999999999999999999999999999999999990.00"),
)
_FINITE = (
    *("0.0", "1.5", "-1.5", "0.1", "-0.1", "0.3", "0.7", "-0.7", "9.999999999999998", "-10.0"),
    *("52.520008", "-13.404954", "1e-300", "-1e-300", "1.7976931348623157e308", "1e15", "-1e15"),
    *("9007199254740992", "9007199254740993", "90071992547409920", "-1.7976931348623157e308"),
)
_TINY = ("2.5e-320", "-2.5e-320", "4.94065645841247e-324", "-4.94065645841247e-324")
_DAYS = (
    "1970-01-01",
    "1969-12-31",
    "0001-01-01",
    "0001-12-31",
    "9999-12-31",
    "2024-02-29",
    "1677-09-21",
)
_TIMES = (
    *("1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00"),
    *("9999-12-31 23:59:59.999999", "2024-02-29 12:30:00.000001", "2262-04-11 23:47:16.854775"),
)

_ENDLESS = ("'infinity'", "'-infinity'")
ENDLESS = "endless"
"""Begins the names of columns whose values Arrow does not have: only masked can they be read."""


def _written(values: Sequence[str], form: str) -> tuple[str, ...]:
    return tuple(form.format(value) for value in values)


_POSTGRES: Columns = {
    "text": ("text", _TEXTS),
    "padded": ("character(12)", ("'a'", "'123456789012'", "'12345678 '")),
    "small": ("smallint", _INT16),
    "middle": ("integer", _INT32),
    "large": ("bigint", _INT64),
    "money": ("numeric(5,2)", _MONEY),
    "full": ("numeric(38,2)", _FULL),
    "wide": ("numeric(50,2)", ("0", "-1")),
    "real": (
        "double precision",
        _written((*_FINITE, *_TINY, "-0.0", "NaN", "Infinity", "-Infinity"), "'{}'::float8"),
    ),
    "single": (
        "real",
        _written(
            ("0.1", "-0", "1.5", "3.4028235e38", "-3.4028235e38", "1e-45", "NaN", "-Infinity"),
            "'{}'::float4",
        ),
    ),
    "day": (
        "date",
        _written(
            (
                *_DAYS,
                "4713-01-01 BC",
                "0001-12-31 BC",
                "10000-01-01",
            ),
            "'{}'::date",
        ),
    ),
    "moment": (
        "timestamp",
        _written(
            (
                *_TIMES,
                "4713-01-01 00:00:00 BC",
            ),
            "'{}'::timestamp",
        ),
    ),
    "instant": (
        "timestamptz",
        _written(
            _TIMES,
            "'{}+00'::timestamptz",
        ),
    ),
    "flag": ("boolean", ("true", "false")),
    "bytes": ("bytea", ("'\\x00ff'", "''")),
    "clock": ("time", ("'23:59:59'",)),
    "uuid": ("uuid", ("'00000000-0000-0000-0000-0000000000ff'",)),
    # the driver counts from 2000 and wraps around at the end
    "endless_day": ("date", (*_ENDLESS, "'5874897-12-31'")),
    "endless_moment": ("timestamp", (*_ENDLESS, "'294276-12-31 23:59:59.999999'")),
    "endless_instant": ("timestamptz", (*_ENDLESS, "'294276-12-31 23:59:59.999999+00'")),
    "list": ("integer[]", ("'{1,2}'",)),
}
_MARIADB: Columns = {
    "text": ("varchar(60)", (*_TEXTS, r"'a\0b\0c\0d\0e\0f'", r"'back\\slash\\es'")),
    "folded": ("varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", _TEXTS),
    "latin": ("varchar(60) CHARACTER SET latin1", ("'ÄÖÜäöüßßß'", "'abc'")),
    "small": ("smallint", _INT16),
    "middle": ("int", _INT32),
    "large": ("bigint", _INT64),
    "natural": ("bigint unsigned", _UINT64),
    "counter": ("int unsigned", ("0", "9", "10", "4294967295")),
    "money": ("decimal(5,2)", _MONEY),
    "full": ("decimal(38,2)", _FULL),
    "real": ("double", (*_FINITE, *_TINY)),
    "single": ("float", ("0.1", "1.5", "1e30", "-1e30", "-0.7")),
    "day": ("date", _written(_DAYS, "'{}'")),
    "moment": ("datetime(6)", _written(_TIMES, "'{}'")),
    "instant": (
        "timestamp(6)",
        _written(
            ("1970-01-01 00:00:01", "2024-02-29 12:30:00.000001", "2038-01-19 03:14:07"), "'{}'"
        ),
    ),
    "flag": ("bit(1)", ("b'0'", "b'1'")),
    "bytes": ("varbinary(20)", ("x'00ff'", "x''")),
}
_SQLITE: Columns = {
    "text": ("text", (*_TEXTS, "char(49, 0, 50)")),
    "loose": ("varchar(10) COLLATE NOCASE", _TEXTS),
    "large": ("bigint", _INT64),
    "money": ("decimal(5,2)", _MONEY),
    "real": ("double", _FINITE),
    "day": ("date", _written((*_DAYS, "0000-12-31"), "'{}'")),
    "moment": ("timestamp", _written(_TIMES, "'{}'")),
    "flag": ("boolean", ("0", "1")),
    "bytes": ("blob", ("x'00ff'", "x''")),
}
_DUCKDB: Columns = {
    "text": ("varchar", (*_TEXTS, "'12345' || chr(0) || '6789'", r"'back\slash\es'")),
    "tiny": ("tinyint", ("-128", "-127", "-121", "-1", "0", "127")),
    "small": ("smallint", _INT16),
    "middle": ("integer", _INT32),
    "large": ("bigint", _INT64),
    "natural": ("ubigint", _UINT64),
    "octet": ("utinyint", ("0", "9", "10", "255")),
    "counter": ("uinteger", ("0", "9", "10", "4294967295")),
    "money": ("decimal(5,2)", _MONEY),
    "full": ("decimal(38,2)", _FULL),
    "eighteen": ("decimal(18,2)", ("-9999999999999999.99", "9999999999999999.99", "-1")),
    "real": (
        "double",
        _written((*_FINITE, *_TINY, "-0.0", "nan", "inf", "-inf"), "'{}'::double"),
    ),
    "single": (
        "float",
        _written(
            ("0.1", "-0.0", "1.5", "3.4028235e38", "-3.4028235e38", "1e-45", "nan", "-inf"),
            "'{}'::float",
        ),
    ),
    "day": (
        "date",
        _written(
            (
                *_DAYS,
                "4713-01-01 (BC)",
                "0001-12-31 (BC)",
                "10000-01-01",
            ),
            "'{}'::date",
        ),
    ),
    "moment": (
        "timestamp",
        _written(
            (
                *_TIMES,
                "4713-01-01 (BC) 00:00:00",
                "294247-01-10 04:00:54.775806",
            ),
            "'{}'::timestamp",
        ),
    ),
    "endless_day": ("date", _ENDLESS),
    "endless_moment": ("timestamp", _ENDLESS),
    "seconds": ("timestamp_s", ("'1970-01-01'",)),
    "nanoseconds": ("timestamp_ns", ("'1970-01-01'",)),
    "instant": ("timestamptz", _written(_TIMES, "'{}+00'")),
    "flag": ("boolean", ("true", "false")),
    "bytes": ("blob", (r"'\x00\xff'::blob", "''::blob")),
    "clock": ("time", ("'23:59:59'",)),
}

COLUMNS: Mapping[str, Columns] = {
    "postgres": _POSTGRES,
    "mariadb": _MARIADB,
    "sqlite": _SQLITE,
    "duckdb": _DUCKDB,
}


def statements(columns: Columns, quote: str) -> Iterator[str]:
    """The table: one row for every value and one of NULLs; `id` counts."""
    declared = ", ".join(f"{quote}{n}{quote} {columns[n][0]}" for n in columns)
    yield f"CREATE TABLE {quote}{TABLE}{quote} ({quote}id{quote} int NOT NULL, {declared})"
    rows = 1 + max(len(values) for _, values in columns.values())
    for row in range(rows):
        written = [v[row] if row < len(v) else "NULL" for _, v in columns.values()]
        yield f"INSERT INTO {quote}{TABLE}{quote} VALUES ({row}, {', '.join(written)})"


@contextmanager
def _opened(name: str, binding: Binding) -> Iterator[Source]:
    connector = open_connector(binding)
    yield Source(f"extremes of {name}", connector, holdings(name), "", binding=binding)
    connector.close()


@contextmanager
def _postgres(folder: Path) -> Iterator[Source]:
    server = services.postgres()
    with server.database() as uri:
        database = uri.rpartition("/")[2].partition("?")[0]
        server.execute(*statements(_POSTGRES, '"'), database=database)
        with _opened("postgres", Binding("postgres", uri, TABLE)) as source:
            yield source


@contextmanager
def _mariadb(folder: Path) -> Iterator[Source]:
    server = services.mariadb()
    with server.database() as database:
        utc = "SET time_zone = '+00:00'"
        server.execute(utc, *statements(_MARIADB, "`"), database=database)
        with _opened("mariadb", Binding("mariadb", server.uri(database), TABLE)) as source:
            yield source


@contextmanager
def _sqlite(folder: Path) -> Iterator[Source]:
    path = folder / "extremes.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements(_SQLITE, '"'):
            connection.execute(statement)
    with _opened("sqlite", Binding("sqlite", str(path), TABLE)) as source:
        yield source


@contextmanager
def _duckdb(folder: Path) -> Iterator[Source]:
    path = folder / "extremes.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements(_DUCKDB, '"'):
            connection.execute(statement)
    with _opened("duckdb", Binding("duckdb", str(path), TABLE)) as source:
        yield source


OPENERS: Mapping[str, Callable[[Path], object]] = {
    "postgres": _postgres,
    "mariadb": _mariadb,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
}
