"""Expressions of the sweep over dates and times."""

# ruff: noqa: E501  (expressions of one kind a line)

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_UNITS = (
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "decade",
)


def dates(dialect: str) -> Iterator[str]:
    """Parts, sums, differences and formats of dates."""
    for unit, column in product(_UNITS, ("dt", "ts")):
        yield f"DATE_TRUNC('{unit}', {column})"
        yield f"EXTRACT({unit.upper()} FROM {column})"
        yield f"{unit.upper()}({column})"
        for count in ("1", "-1", "13", "0"):
            yield f"{column} + INTERVAL '{count}' {unit.upper()}"
            yield f"{column} - INTERVAL '{count}' {unit.upper()}"
            yield f"DATE_ADD('{unit}', {count}, {column})"
            yield f"DATEADD({unit}, {count}, {column})"
            yield f"TIMESTAMPADD({unit}, {count}, {column})"
            yield f"DATE_ADD({column}, INTERVAL {count} {unit.upper()})"
        for other in ("DATE '2024-02-29'", "TIMESTAMP '2024-01-31 12:00:00'", column):
            yield f"DATE_DIFF('{unit}', {column}, {other})"
            yield f"DATE_DIFF('{unit}', {other}, {column})"
            yield f"DATEDIFF({unit}, {column}, {other})"
            yield f"TIMESTAMPDIFF({unit}, {other}, {column})"
            yield f"TIMESTAMPDIFF({unit}, {column}, {other})"
    for part in ("DOW", "DOY", "ISODOW", "EPOCH", "DAYOFWEEK", "DAYOFYEAR", "DAY_OF_WEEK", "DAY_OF_YEAR", "DAYOFMONTH",
                 "DAY_OF_MONTH", "WEEKOFYEAR", "WEEK_OF_YEAR", "YEAROFWEEK", "YEAR_OF_WEEK", "YOW", "DAYOFWEEK_ISO", "ISOYEAR",
                 "CENTURY", "WEEKDAY", "LAST_DAY", "LAST_DAY_OF_MONTH", "DATE", "TO_DATE", "UNIX_TIMESTAMP", "TO_UNIXTIME",
                 "DAYNAME", "MONTHNAME", "TO_DAYS", "ISODATE", "MICROSECOND"):  # fmt: skip
        for column in ("dt", "ts", "'2024-02-29'", "'2024-02-29 10:11:12'", "t"):
            yield f"EXTRACT({part} FROM {column})"
            yield f"{part}({column})"
            yield f"DATE_PART('{part.lower()}', {column})"
    for column in ("dt", "ts"):
        for other in (
            "dt",
            "ts",
            "DATE '2024-03-01'",
            "TIMESTAMP '2024-03-01 12:00:00'",
            "'2024-03-01'",
            "1",
            "i % 40",
            "0.5",
        ):
            yield f"{column} - {other}"
            yield f"{column} + {other}"
            yield f"DATEDIFF({column}, {other})"
            yield f"DATE_ADD({column}, {other})"
            yield f"DATE_SUB({column}, {other})"
            yield f"ADD_MONTHS({column}, {other})"
            yield f"MONTHS_BETWEEN({column}, {other})"
        yield from (f"{column} + INTERVAL 1 MONTH + INTERVAL 1 DAY", f"{column} + INTERVAL '1 month 2 days'",
                    f"{column} + INTERVAL '1-2' YEAR TO MONTH", f"{column} + INTERVAL '1' DAY * 2", f"INTERVAL '1' DAY + {column}",
                    f"NEXT_DAY({column}, 'Monday')", f"CAST({column} AS TIMESTAMP) + INTERVAL '90' MINUTE",
                    f"{column} + INTERVAL (k) DAY", f"{column} + INTERVAL '1.5' SECOND", f"{column} + INTERVAL '36' HOUR")  # fmt: skip
        codes = {
            "spark": ("yyyy", "yy", "y", "MM", "M", "MMM", "MMMM", "dd", "d", "D", "DDD", "HH", "H", "hh", "h", "mm", "m", "ss", "s",
                      "SSS", "SSSSSS", "S", "a", "E", "EEE", "EEEE", "Q", "u", "w", "''", "'x'", "yyyy-MM-dd HH:mm:ss", "yyyy''MM", "/", "yyyyMMdd", "[HH]", "G",
                      "uuuu", "kk", "F"),
            "postgres": ("YYYY", "YY", "MM", "DD", "HH24", "HH12", "HH", "MI", "SS", "MS", "US", "Mon", "Month", "Dy", "Day", "D", "ID", "DDD", "Q", "WW", "IW", "AM",
                         "YYYY-MM-DD HH24:MI:SS", "YYYYMMDD", "FMMM", "Y,YYY", "TMMonth", "YYYY\"x\"MM", "yyyy-mm-dd", "J"),
        }.get(dialect, tuple(f"%{letter}" for letter in "YymcdejHkhlIisSfpTMbaWwUuvVxXDrBAFRnt%qN"))  # fmt: skip
        for code in codes:
            for name in {
                "spark": ("DATE_FORMAT",),
                "postgres": ("TO_CHAR",),
                "duckdb": ("STRFTIME",),
            }.get(dialect, ("DATE_FORMAT",)):
                yield f"{name}({column}, '{code.replace(chr(39), chr(39) * 2) if dialect != 'spark' else code.replace(chr(39), chr(92) + chr(39))}')"
        if dialect == "trino":
            for code in ("yyyy-MM-dd", "HH:mm:ss"):
                yield f"FORMAT_DATETIME({column}, '{code}')"
    yield from ("MAKE_DATE(2024, 2, 30)", "MAKE_DATE(2024, 2, 29)", "MAKE_DATE(k, 1, 1)", "DATE '2024-02-30'", "TIMESTAMP '2024-01-01'",
                "TIMESTAMP '2024-01-01 10:00'", "TIMESTAMP '2024-01-01 10:00:00.123'", "DATE '2024-1-5'", "TIME '10:00:00'",
                "FROM_UNIXTIME(0)", "FROM_UNIXTIME(k)", "TO_DATE('2024-01-05', 'yyyy-MM-dd')", "TO_DATE('05/01/2024', 'dd/MM/yyyy')", "DATE_PARSE('2024-01-05', '%Y-%m-%d')",
                "STR_TO_DATE('2024-01-05', '%Y-%m-%d')", "TO_TIMESTAMP('2024-01-05 10:00:00')", "FROM_ISO8601_DATE('2024-01-05')", "DATE(ts)", "DATE('2024-01-05 10:00:00')",
                "DATE(t)", "LAST_DAY('2024-02-01')", "YEAR('2024-02-01')", "HOUR('2024-02-01')", "AT_TIMEZONE(ts, 'Europe/Brussels')", "ts AT TIME ZONE 'UTC'",
                "MAX(dt) OVER ()", "DATE_ADD('day', k, dt)", "DATE_ADD('month', k, dt)", "DATE_ADD(dt, CAST(k AS INT))", "DATEADD(DAY, k, dt)", "dt + k")  # fmt: skip
