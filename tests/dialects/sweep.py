"""Hundreds of expressions at the edges of what functions and operators mean, made for a dialect.

Each is asked of the engine itself and of the gateway in its dialect. The gateway's answer is the
same, or a refusal: a sweep does not say what is translated, only that nothing is translated wrongly.
"""

# ruff: noqa: E501  (expressions of one kind a line)

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import product

from tests.dialects.sweep_dates import dates
from tests.dialects.sweep_queries import whole_queries
from tests.dialects.sweep_texts import patterns, texts

_NUMBERS = ("i", "n", "d", "f")
_COLUMNS = (*_NUMBERS, "t", "dt", "ts")
_SMALL = "k NOT IN (6, 9)"  # products of the others fit everywhere

_TYPES = {
    "spark": ("INT", "BIGINT", "SMALLINT", "DOUBLE", "DECIMAL(12, 1)", "DECIMAL(20, 4)", "STRING",
              "VARCHAR(3)", "DATE", "TIMESTAMP_NTZ", "BOOLEAN"),
    "trino": ("INTEGER", "BIGINT", "SMALLINT", "DOUBLE", "DECIMAL(12, 1)", "DECIMAL(20, 4)",
              "VARCHAR", "VARCHAR(3)", "DATE", "TIMESTAMP", "TIMESTAMP(6)", "TIMESTAMP(0)",
              "BOOLEAN"),
    "postgres": ("INT", "BIGINT", "SMALLINT", "DOUBLE PRECISION", "NUMERIC(12, 1)", "NUMERIC(20, 4)",
                 "TEXT", "VARCHAR(3)", "DATE", "TIMESTAMP", "TIMESTAMP(0)", "BOOLEAN"),
    "mysql": ("SIGNED", "DECIMAL(12, 1)", "DECIMAL(20, 4)", "CHAR", "CHAR(3)", "DATE",
              "DATETIME", "DATETIME(6)", "DOUBLE"),
    "bigquery": (
        "INT64",
        "FLOAT64",
        "NUMERIC",
        "STRING",
        "DATE",
        "DATETIME",
        "BOOL",
    ),
    "duckdb": ("INT", "BIGINT", "SMALLINT", "DOUBLE", "DECIMAL(12, 1)", "DECIMAL(20, 4)",
               "VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN"),
}  # fmt: skip
_SAID_NUMBERS = ("12", " 12 ", "+5", "-7", "1e3", "12.7", "12.5", "-12.5", "", "abc", "0x1F", "1.",
                 ".5", "1_000", "99999999999", "\\t12")  # fmt: skip
_SAID_TIMES = ("2024-01-05", "2024-1-5", " 2024-01-05 ", "2024-01-05 10:00", "2024-01-05T10:00:00",
               "2024-01-05 10:00:00.1234567", "2024", "2024-01", "20240105", "2024-02-30",
               "2024-01-05 10:00:00Z", "2024-01-05 10:00:00+02:00", "0001-01-01", "now",
               "2024-01-05 24:00:00")  # fmt: skip
_SAID_BOOLEANS = ("true", "TRUE", "t", "yes", "on", "1", "0", "no", "f", " true ", "2")


SHARE = 8
"""One of so many queries is asked in each run of the tests; all are by `tests.dialects.live`."""

_DEVIATIONS = {
    "": (
        r"(UPPER|LOWER)\('Straße",  # Unicode's full mapping: docs/dialects.md
    ),
    "postgres": (
        r"^SELECT k, 2.5 / \(d / 3\)",  # places of a quotient: docs/dialects.md
    ),
    "mysql": (
        r"STDDEV\(.* OVER",  # MariaDB gives few places; MySQL all
        r"REPLACE\(t, .*, NULL\)",  # MariaDB gives the text, where nothing is found
        r"n = 9007199254740992e0",  # a whole number beside a float is one
    ),
    "trino": (r"NaN",),  # is equal to itself here, and larger than all else: docs/dialects.md
    "duckdb": (r"COUNT_IF\(NULL\)",),
}
"""What is known to be answered otherwise, by dialect; "" for all."""


def queries(dialect: str) -> list[str]:
    """All queries of a dialect's sweep: mostly an expression beside a key, in its order."""
    known = re.compile("|".join((*_DEVIATIONS[""], *_DEVIATIONS.get(dialect, ()))))
    found = [
        expression
        if expression.startswith("SELECT ")
        else f"SELECT k, {expression} AS v FROM edges WHERE {where} ORDER BY k"
        for expression, where in dict.fromkeys(_made(dialect))
    ]
    return [query for query in (*found, *whole_queries()) if not known.search(query)]


def sample(dialect: str) -> list[str]:
    """The same few of them in every run."""
    return [query for query in queries(dialect) if zlib.crc32(query.encode()) % SHARE == 0]


def _made(dialect: str) -> Iterator[tuple[str, str]]:
    yield from _arithmetic(dialect)
    for each in (*_rounding(dialect), *_casts(dialect), *texts(dialect), *_choices(dialect)):
        yield each, "k > 0"
    for each in (*patterns(dialect), *dates(dialect), *_aggregates(dialect)):
        yield each, "k > 0"


def _double(value: str, dialect: str) -> str:
    name = {"postgres": "DOUBLE PRECISION"}.get(dialect, "DOUBLE")
    return f"CAST({value} AS {name})"


def _arithmetic(dialect: str) -> Iterator[tuple[str, str]]:
    others = (*_NUMBERS, "2", "-3", "0.7", "1.250", "10.0", "1e0", _double("3", dialect))
    for (left, right), sign in product(product(_NUMBERS, others), "+-*/%"):
        where = _SMALL if sign == "*" else "k > 0"
        if sign in "/%" and right in _NUMBERS:
            where = f"{right} <> 0"
        yield f"{left} {sign} {right}", where
    for left, right in product(("7", "-7", "7.5", "-7.5", "1"), ("2", "-2", "0.3", "3", "3.00")):
        yield f"{left} / {right}", "k = 1"
        yield f"{left} % {right}", "k = 1"
    for said in ("1 / 3 * 3", "10 / 4 / 2", "1.0 / 3 * 3", "2 / 3 + 1 / 3", "d / 3 * 3", "d / 3 + d / 7",
                 "d * d * d", "d * d / 7", "(d + 1) / (n + 0.5)", "n / 3 * 3", "i / 2 * 2", "-i", "-d", "-f",
                 "d * 1e0", "(d / 3) / 3", "d / d / 3", "d / 3 - n", "n * 1.5", "n * 1.5 / 3"):  # fmt: skip
        yield said, f"{_SMALL} AND d <> 0"
    for zero in ("n / 0", "d / 0", "f / 0", "n % 0", "d % 0", "f % 0", "n / (n - n)", "f / (f - f)",
                 "d / 0.0", "0 / 0", "0.0 / 0", "1e0 / 0", "0e0 / 0", "1 % 0"):  # fmt: skip
        yield zero, "k < 6"
    for large in ("2147483647 + 1", "i + 1", "i * i", "9223372036854775807 + 1", "n * n",
                  "9999999999 * 9999999999", "99999999999999999999 + 1", "-2147483648", "d * d",
                  "CAST(d AS DECIMAL(38, 2)) * 1.5", "CAST(d AS DECIMAL(38, 10)) * CAST(d AS DECIMAL(38, 10))",
                  "CAST(d AS DECIMAL(38, 2)) / CAST(d AS DECIMAL(38, 2))"):  # fmt: skip
        yield large, "d <> 0"
    for name in ("MOD", "POWER"):
        for left, right in product(("i", "n", "d", "f"), ("2", "-3", "0", "0.5")):
            yield f"{name}({left}, {right})", f"{_SMALL} AND k <> 1"
    kind = {"spark": "STRING", "postgres": "TEXT", "mysql": "CHAR"}.get(dialect, "VARCHAR")
    sized = ("d / 3", "d * 1.5", "d + n", "d + i", "d + 1.25", "ROUND(d, 1)", "ROUND(d)", "ABS(d)", "FLOOR(d)", "CEIL(i)",
             "ROUND(i)", "TRUNC(i)", "TRUNCATE(i)", "SIGN(i)", "SIGN(d)", "COALESCE(d, 1.2345)", "COALESCE(d, n)",
             "COALESCE(i, 0)", "CASE WHEN k > 1 THEN d ELSE i END", "NULLIF(d, 1)", "NULLIF(n, 7.0)", "i", "n", "i + 1",
             "i * 2", "i % 5", "-i", "LENGTH(t)", "YEAR(dt)", "EXTRACT(YEAR FROM dt)", "EXTRACT(DAY FROM ts)",
             "GREATEST(i, 2)", "GREATEST(d, n)", "LEAST(d, 1.125)", "MOD(n, 7)", "MOD(d, 7)", "POWER(i, 2)", "STRPOS(t, 'a')",
             "INSTR(t, 'a')", "CAST(i AS DECIMAL(20, 6))", "CAST(i AS SMALLINT)", "DATE_DIFF('day', dt, DATE '2024-01-01')",
             "DATEDIFF(dt, '2024-01-01')", "dt - DATE '2024-01-01'", "IF(k > 1, 2, 3)", "ASCII(t)", "1", "2.50", "k + 1")  # fmt: skip
    for said in sized:
        yield f"{said} / 2", _SMALL
        yield f"{said} / 2.5", _SMALL
        yield (
            f"2.5 / ({said})",
            f"{_SMALL} AND k NOT IN (1, 7) AND i <> 0 AND i + 1 <> 0 AND i % 5 <> 0",
        )
        yield f"CAST({said} AS {kind})", _SMALL
        yield f"({said}) * 1.5 / 7", _SMALL
        yield f"SELECT SUM({said}) / 4 AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT AVG({said}) AS v FROM edges WHERE {_SMALL}", _SMALL
        yield (
            f"SELECT 1 + MAX(c) / 4 AS v FROM (SELECT {said} AS c FROM edges WHERE {_SMALL}) AS s",
            _SMALL,
        )
        yield (
            f"SELECT CAST(SUM(c) AS {kind}) AS v FROM (SELECT {said} AS c FROM edges WHERE {_SMALL}) AS s",
            _SMALL,
        )
    for said in (
        "COUNT(*)",
        "SUM(i)",
        "SUM(d)",
        "AVG(d)",
        "MAX(d)",
        "ROW_NUMBER() OVER (ORDER BY k)",
    ):
        if "OVER" in said:
            yield f"{said} / 4", _SMALL
            yield f"2.5 / {said}", _SMALL
            continue
        yield f"SELECT {said} / 4 AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT 2.5 / {said} AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT CAST({said} AS {kind}) AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT {said} / SUM(d + 1) AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT {said} * 1.5 AS v FROM edges WHERE {_SMALL}", _SMALL
        yield f"SELECT SUM(i) / {said} AS v FROM edges WHERE {_SMALL}", _SMALL
    if dialect in {"spark", "mysql"}:
        for left, right in product(_NUMBERS, ("2", "-3", "0.7")):
            yield f"{left} DIV {right}", "k > 0"


def _rounding(dialect: str) -> Iterator[str]:
    for column in (*_NUMBERS, "CAST(d AS DECIMAL(20, 6)) / 7", "d * 1.005"):
        yield f"ROUND({column})"
        for places in (-2, -1, 0, 1, 2, 3, 20):
            yield f"ROUND({column}, {places})"
        for name in ("CEIL", "FLOOR", "CEILING", "TRUNC", "TRUNCATE", "ABS", "SIGN", "SQRT", "EXP",
                     "LN", "LOG10", "LOG2", "LOG", "CBRT", "BROUND", "DEGREES", "RADIANS"):  # fmt: skip
            yield f"{name}({column})"
        for name in ("CEIL", "FLOOR", "TRUNC", "TRUNCATE", "BROUND"):
            for places in (-1, 1):
                yield f"{name}({column}, {places})"
    for said in (
        "2.5",
        "-2.5",
        "3.5",
        "0.5",
        "2.45",
        "1.005",
        "2.5e0",
        "3.5e0",
        "-0.5e0",
        "1.005e0",
    ):
        yield f"ROUND({said})"
        yield f"ROUND({said}, 1)"
        yield f"ROUND({said}, 2)"
        yield f"CAST({said} AS {_TYPES[dialect][0]})"


def _casts(dialect: str) -> Iterator[str]:
    words = ("CAST",) if dialect in {"postgres", "mysql"} else ("CAST", "TRY_CAST")
    for column, kind, word in product(_COLUMNS, _TYPES[dialect], words):
        yield f"{word}({column} AS {kind})"
    for kind, word in product(_TYPES[dialect], words):
        said = _SAID_NUMBERS
        if "DATE" in kind or "TIMESTAMP" in kind:
            said = _SAID_TIMES
        elif kind == "BOOLEAN":
            said = _SAID_BOOLEANS
        for value in said if "CHAR" not in kind and kind not in {"STRING", "TEXT"} else ():
            yield f"{word}('{value}' AS {kind})"
        for value in ("1.50", "1e0", "1.5e10", "123.456e-2", "TRUE", "12345", "i = 1", "d * 2", "d / 4", "f * 2",
                      "NULL", "i + 0", "DATE '2024-01-05'", "-0.0", "1e20"):  # fmt: skip
            yield f"{word}({value} AS {kind})"


def _choices(dialect: str) -> Iterator[str]:
    for name in ("GREATEST", "LEAST"):
        for given in ("n, 3", "n, d", "n, f", "d, f", "t, 'b'", "dt, ts", "n, NULL", "NULL, NULL", "n", "i, n, d, f",
                      "t, n", "dt, DATE '2020-01-01'", "ts, TIMESTAMP '2020-01-01 00:00:00'", "n = 1, TRUE",
                      "f, CAST('NaN' AS DOUBLE)", "d, 1.2345", "NULL, t", "dt, '2020-01-01'"):  # fmt: skip
            yield f"{name}({given})"
    for given in ("n, d", "t, n", "n, 'x'", "NULL, NULL", "dt, ts", "n", "i, 1.5", "d, 1.2345", "n, f", "t, 'none'",
                  "i, n", "dt, '2020-01-01'", "NULL, 1, 'x'"):  # fmt: skip
        for name in ("COALESCE", "IFNULL", "NVL", "NULLIF", "ISNULL"):
            yield f"{name}({given})"
    yield from ("CASE WHEN n > 1 THEN n ELSE d END", "CASE n WHEN 1 THEN 'one' WHEN NULL THEN 'null' ELSE 'more' END",
                 "CASE WHEN NULL THEN 1 ELSE 2 END", "CASE WHEN n THEN 1 ELSE 2 END", "CASE WHEN n > 1 THEN dt ELSE ts END",
                 "CASE WHEN n > 1 THEN t ELSE n END", "CASE t WHEN 12 THEN 1 END", "IF(n > 1, n, d)", "IF(n, 1, 2)",
                 "IF(n > 1, 'a')", "IF(NULL, 1, 2)", "IIF(n > 1, 1, 2)", "NVL2(n, t, 'x')", "NVL2(t, 1, 2)",
                 "DECODE(n, 1, 'one', 7, 'seven')", "DECODE(t, 'abc', 1, 2)", "NULLIF(d, 2.5)", "NULLIF(n, 7.0)", "NULLIF(f, 0)",
                 "n IS DISTINCT FROM 1", "n IS DISTINCT FROM NULL", "n IS NOT DISTINCT FROM d", "n <=> 1", "n <=> NULL", "n = NULL",
                 "NOT n = 1", "NOT NULL", "n = 1 OR NULL", "n = 1 AND NULL", "n IN (1, NULL)", "n NOT IN (1, NULL)",
                 "n BETWEEN 7 AND 1", "n BETWEEN NULL AND 7", "n = 1 = TRUE", "TRUE > FALSE", "TRUE + 1", "n AND 1", "n & 3", "n | 8",
                 "n ^ 2", "~n", "1 << 3", "n = d", "i = f", "d = 2.5", "d = 2.5e0", "f = 2.5", "f = 3.456", "d * 1.1 = 2.75",
                 "0.1 + 0.2 = 0.3", "0.1e0 + 0.2e0 = 0.3e0", "n > 1.5", "n = 9007199254740992e0", "CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE)",
                 "CAST('NaN' AS DOUBLE) > f", "CAST('Infinity' AS DOUBLE) > f", "-0e0 = 0e0", "dt = ts", "dt < ts", "dt = '2024-02-29'",
                 "ts > '2024-01-01'", "ts = '2024-12-30 01:02:03'", "dt > '2024-1-1'", "dt > 'abc'", "dt = 20240229", "dt BETWEEN '2024-01-01' AND '2024-12-31'",
                 "dt IN ('2024-02-29', '2021-01-03')", "n IS TRUE", "(n = 1) IS NOT TRUE", "(n = 1) IS UNKNOWN", "XOR(n = 1, TRUE)",
                 "COALESCE(n = 1, FALSE)", "n == 1", "n != 1", "NOT n", "!(n = 1)", "n = 1 && TRUE", "n = 1 || FALSE")  # fmt: skip


def _aggregates(dialect: str) -> Iterator[str]:
    small = f"FROM edges WHERE {_SMALL}"
    for name, column in product(("SUM", "AVG", "MIN", "MAX", "COUNT", "STDDEV", "STDDEV_POP", "VARIANCE", "VAR_POP", "VAR_SAMP", "MEDIAN",
                                 "BIT_AND", "BIT_OR", "GEOMETRIC_MEAN", "SKEWNESS", "KURTOSIS", "APPROX_DISTINCT", "COUNT_IF", "BOOL_AND", "MODE"),
                                (*_COLUMNS, "n = 1", "d * 2", "i / 2", "n * 1.0", "1", "1.5", "DISTINCT i", "DISTINCT d", "NULL")):  # fmt: skip
        yield f"SELECT {name}({column}) AS v {small}"
        if name in {"SUM", "AVG", "MIN", "MAX", "COUNT", "STDDEV"} and not column.startswith(
            "DISTINCT"
        ):
            yield f"SELECT k, {name}({column}) OVER (ORDER BY k) AS v {small} ORDER BY k"
            yield f"SELECT k, {name}({column}) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS v {small} ORDER BY k"
            yield f"SELECT {name}({column}) AS v FROM edges WHERE k > 99"
    for said in ("AVG(d) / 3", "AVG(i) * 2", "SUM(d) / COUNT(*)", "SUM(i) / COUNT(*)", "SUM(i) / 3", "SUM(d) / SUM(i)", "AVG(d) + AVG(f)", "ROUND(AVG(d), 1)",
                 "ROUND(AVG(i), 2)", "CAST(AVG(d) AS DECIMAL(20, 10))", "SUM(n) * 2", "SUM(i) % 4", "AVG(d * d)", "SUM(d * 1.005)", "AVG(i) FILTER (WHERE i > 0)",
                 "COUNT(*) - COUNT(i)", "COUNT(DISTINCT i, n)", "SUM(DISTINCT i + 1)", "MAX(i) - MIN(i)", "CORR(i, f)", "COVAR_POP(i, f)", "REGR_SLOPE(i, f)", "COUNT(t)",
                 "COUNT(DISTINCT t)", "MAX(t)", "MIN(t)", "MAX_BY(t, i)", "MIN_BY(t, i)", "ARRAY_AGG(i ORDER BY k)", "STRING_AGG(t, ',' ORDER BY k)", "LISTAGG(t, ',') WITHIN GROUP (ORDER BY k)",
                 "GROUP_CONCAT(t ORDER BY k SEPARATOR ',')", "GROUP_CONCAT(t ORDER BY k)", "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f)", "PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY i)",
                 "PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY i)", "PERCENTILE(i, 0.5)", "APPROX_PERCENTILE(i, 0.5)", "QUANTILE_CONT(i, 0.5)", "EVERY(i > 0)", "SUM(CASE WHEN i > 0 THEN 1 ELSE 0.5 END)",
                 "FIRST(i)", "LAST(i)", "SUM(f) / 0", "AVG(CAST(d AS DECIMAL(38, 2)))", "AVG(CAST(d AS DECIMAL(38, 10)))", "SUM(CAST(d AS DECIMAL(38, 2)))", "AVG(1)", "AVG(1.5)", "SUM(1.5)", "AVG(NULL)"):  # fmt: skip
        yield f"SELECT {said} AS v {small}"
    for name in ("ROW_NUMBER()", "RANK()", "DENSE_RANK()", "PERCENT_RANK()", "CUME_DIST()", "NTILE(3)", "NTILE(20)", "LAG(i)", "LEAD(i)", "LAG(i, 0)", "LAG(i, 2, -1)", "LAG(i, -1)",
                 "LAG(t, 1, 'none')", "LAG(i, 1, d)", "LAG(i, 1, 0.5)", "FIRST_VALUE(i)", "LAST_VALUE(i)", "NTH_VALUE(i, 2)", "FIRST_VALUE(i) IGNORE NULLS", "LAST_VALUE(i IGNORE NULLS)", "LAG(i) IGNORE NULLS",
                 "FIRST_VALUE(i, TRUE)", "SUM(i)", "AVG(d)", "COUNT(*)", "MAX(t)", "COUNT(DISTINCT i)"):  # fmt: skip
        for window in ("ORDER BY k", "ORDER BY i", "ORDER BY i DESC", "PARTITION BY i % 2 ORDER BY k", "ORDER BY t", "ORDER BY SIGN(i), k DESC", "PARTITION BY t ORDER BY k",
                       "ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", "ORDER BY k RANGE BETWEEN 1 PRECEDING AND CURRENT ROW",
                       "ORDER BY k ROWS 2 PRECEDING", "ORDER BY k ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING"):  # fmt: skip
            yield f"SELECT k, {name} OVER ({window}) AS v {small} ORDER BY k"
