"""What is not known to mean the same is refused, at its place in the client's own text."""

from __future__ import annotations

import pytest

from gateway.errors import GatewayError
from gateway.languages.dialects.dialect import DIALECT_NAMES, DIALECTS
from gateway.pipeline import Gateway
from tests.dialects.tables import answer


def failure(mesh: Gateway, dialect: str, text: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        answer(mesh, dialect, text)
    return caught.value


PLACES = [
    ("mysql", "SELECT id\nFROM sales WHERE nmae = 1", "UNKNOWN_COLUMN", "2:18"),
    ("mysql", "SELECT id,\n       s.`no such` FROM sales s", "UNKNOWN_COLUMN", "2:8"),
    ("mysql", "SELECT 'a\nb',\n x.id FROM sales", "UNKNOWN_COLUMN", "3:2"),
    ("bigquery", "SELECT id\nFROM `shop.memory.sale`", "UNKNOWN_DATASET", "2:6"),
    ("tsql", "SELECT TOP 3 id\nFROM [shop].[memory].[sals] s", "UNKNOWN_DATASET", "2:6"),
    ("snowflake", "SELECT id FROM sales\nWHERE id ==== 3", "PARSE_ERROR", "2:12"),
    ("spark", "SELECT id FROM\n sales WHERE (", "PARSE_ERROR", "2:14"),
    ("trino", "SELECT id,\n  nosuch(id) FROM sales", "UNSUPPORTED", "2:3"),
    ("trino", "SELECT id, 1 + note FROM sales", "UNSUPPORTED", "1:12"),
    ("duckdb", "SELECT id FROM sales\nWHERE id = 'x'", "UNSUPPORTED", "2:7"),
    ("mysql", "SELECT id,\n  LENGTH(quantity) FROM sales", "UNSUPPORTED", "2:10"),
    ("snowflake", "SELECT id FROM sales a, sales b", "INVALID_QUERY", "1:8"),
    ("postgres", "SELECT count(*),\n note FROM sales", "INVALID_QUERY", None),
    ("bigquery", "SELECT IF(note, 1, 2) FROM sales", "INVALID_QUERY", "1:11"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text", "code", "place"), PLACES)
def test_an_error_has_its_place_in_the_clients_text(
    mesh: Gateway, dialect: str, text: str, code: str, place: str | None
) -> None:
    error = failure(mesh, dialect, text)
    found = error.position and f"{error.position.line}:{error.position.column}"
    assert (error.code, found) == (code, place), error


WRITES = [
    *("DELETE FROM sales", "INSERT INTO sales VALUES (1)", "UPDATE sales SET id = 1"),
    *("DROP TABLE sales", "CREATE TABLE x (a INT)", "CREATE TABLE x AS SELECT 1", "SET x = 1"),
    *("TRUNCATE TABLE sales", "ALTER TABLE sales ADD COLUMN x INT", "SHOW TABLES", "USE x"),
    *("MERGE INTO sales USING x ON 1=1 WHEN MATCHED THEN DELETE", "GRANT ALL ON x TO y"),
    *("CALL p()", "EXEC p", "COPY sales TO 'x'", "ATTACH 'x'", "PRAGMA x", "LOAD x", "DESCRIBE x"),
    *("BEGIN", "COMMIT", "KILL 1", "DECLARE @x INT", "EXECUTE IMMEDIATE 'SELECT 1'"),
    *("SELECT 1; SELECT 2", "SELECT 1; DROP TABLE sales", "SELECT * INTO x FROM sales"),
    *("SELECT id FROM sales FOR UPDATE", "WITH x AS (DELETE FROM sales RETURNING id) SELECT 1"),
    *("EXPLAIN ANALYZE SELECT 1", "EXPLAIN DELETE FROM sales", ""),
]


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_only_reading_is_understood(mesh: Gateway, dialect: str) -> None:
    for text in WRITES:
        with pytest.raises(GatewayError) as caught:
            answer(mesh, dialect, text)
        assert caught.value.code in {"UNSUPPORTED", "PARSE_ERROR", "UNKNOWN_COLUMN"}, (text, caught)


REFUSED = {
    "mysql": [
        "SELECT COALESCE(day, '2020-01-01') FROM sales",
        "SELECT s.id FROM sales s FULL JOIN customers c ON c.id = s.id",
        "SELECT CAST('NaN' AS DOUBLE)",
        "SELECT CAST('2024-01-05 10:00:00+02:00' AS DATETIME(6))",
        "SELECT REGEXP_REPLACE(note, 'x*', 'Z') FROM sales",
        "SELECT @@version",
        "SELECT @x",
        "SELECT @x := 1",
        "SELECT /*!50000 1, */ 2",
        "SELECT 1 /*M!100 + 1 */",
        "SELECT day + 1 FROM sales",
        "SELECT day - day FROM sales",
        "SELECT id FROM sales WHERE note = 0",
        "SELECT id FROM sales WHERE id = 'abc'",
        "SELECT note + 1 FROM sales",
        "SELECT id FROM sales WHERE id / 3 IN (0.3333)",
        "SELECT id & 1, id ^ 2 FROM sales",
        "SELECT COUNT(DISTINCT id, customer) FROM sales",
        "SELECT CAST(moment AS CHAR) FROM sales",
        "SELECT CONCAT(weight, 'x') FROM sales",
        "SELECT WEEK(day) FROM sales",
        "SELECT BINARY note FROM sales",
        "SELECT note COLLATE utf8mb4_general_ci FROM sales",
        "SELECT RAND() FROM sales",
        "SELECT SLEEP(10)",
        "SELECT LOAD_FILE('/etc/passwd')",
        "SELECT 'a\\u0041'",
        "SELECT JSON_EXTRACT(note, '$.a') FROM sales",
        "SELECT note REGEXP '(?=x)' FROM sales",
        "SELECT note REGEXP '[[:alpha:]]' FROM sales",
        "SELECT MATCH (note) AGAINST ('x') FROM sales",
        "SELECT SQL_CALC_FOUND_ROWS id FROM sales",
        "SELECT id FROM sales PARTITION (p0)",
        "SELECT customer, id AS customer FROM sales GROUP BY customer",
    ],
    "snowflake": [
        "SELECT note:path FROM sales",
        "SELECT id FROM sales SAMPLE (10)",
        "SELECT id FROM sales AT (OFFSET => -60)",
        "SELECT f.value FROM sales, LATERAL FLATTEN(input => note) f",
        "SELECT id FROM TABLE(GENERATOR(ROWCOUNT => 3))",
        "SELECT * FROM sales PIVOT (SUM(id) FOR customer IN (1, 2))",
        "SELECT $1 FROM @stage",
        "SELECT id::variant FROM sales",
        "SELECT amount::text FROM sales WHERE note = 1",
        "SELECT LAG(id) IGNORE NULLS OVER (ORDER BY id) FROM sales",
        "SELECT WEEK(day) FROM sales",
    ],
    "bigquery": [
        "SELECT ARRAY_AGG(id) FROM sales",
        "SELECT [1, 2][OFFSET(0)]",
        "SELECT STRUCT(1, 2)",
        "SELECT id FROM UNNEST([1, 2]) AS id",
        "SELECT DATE_TRUNC(day, WEEK) FROM sales",
        "SELECT id FROM sales WHERE id = '1'",
        "SELECT CAST(amount AS STRING) FROM sales",
        "SELECT SAFE.SUBSTR(note, 1) FROM sales",
        "SELECT AS STRUCT id FROM sales",
        "SELECT APPROX_QUANTILES(id, 4) FROM sales",
    ],
    "tsql": [
        "SELECT @@VERSION",
        "SELECT TOP 10 PERCENT id FROM sales",
        "SELECT TOP 1 WITH TIES id FROM sales ORDER BY id",
        "SELECT id FROM sales WHERE note LIKE '[a-f]%'",
        "SELECT id FROM sales CROSS APPLY (SELECT 1 AS x) y",
        "SELECT FORMAT(day, 'd') FROM sales",
        "SELECT CONVERT(VARCHAR(10), day, 101) FROM sales",
        "SELECT note + id FROM sales",
        "SELECT amount / 3 FROM sales",
        "SELECT AVG(amount) FROM sales",
        "SELECT DATEPART(weekday, day) FROM sales",
        "SELECT DATEDIFF(week, day, day) FROM sales",
        "SELECT id FROM sales FOR XML AUTO",
        "SELECT id FROM sales OPTION (RECOMPILE); SELECT 1",
        "SELECT * FROM OPENROWSET('x', 'y', 'z')",
    ],
    "spark": [
        "SELECT CAST('1e3' AS DECIMAL(12, 1))",
        "SELECT TRY_CAST('2024' AS DATE)",
        "SELECT CAST('now' AS DATE)",
        "SELECT DATE_FORMAT(moment, '[HH]') FROM sales",
        "SELECT REGEXP_REPLACE(note, '', 'Z') FROM sales",
        "SELECT y FROM sales LATERAL VIEW explode(array(1)) t AS y",
        "SELECT id FROM sales LEFT ANTI JOIN customers USING (id)",
        "SELECT TRANSFORM(array(1), x -> x + 1)",
        "SELECT id FROM sales DISTRIBUTE BY id",
        "SELECT id FROM sales TABLESAMPLE (10 PERCENT)",
        "SELECT id & 1 FROM sales",
        "SELECT month(note) FROM sales",
        "SELECT java_method('java.lang.System', 'exit')",
    ],
    "trino": [
        "SELECT CAST(id AS VARCHAR(3)) FROM sales",
        "SELECT LAG(id, 1, 0.5) OVER (ORDER BY id) FROM sales",
        "SELECT REGEXP_REPLACE(note, '.*', 'Z') FROM sales",
        "SELECT DATE_DIFF('hour', day, DATE '2024-02-29') FROM sales",
        "SELECT CAST('2024-01-05 10:00:00+02:00' AS TIMESTAMP)",
        "SELECT TRY_CAST('1e3' AS DECIMAL(12, 1))",
        "SELECT TRY_CAST('2024-1-5' AS TIMESTAMP)",
        "SELECT day FROM sales UNION SELECT moment FROM sales",
        "SELECT id FROM sales TABLESAMPLE BERNOULLI (10)",
        "SELECT approx_percentile(id, 0.5) FROM sales",
        "SELECT x FROM UNNEST(ARRAY[1, 2]) AS t (x)",
        "SELECT moment AT TIME ZONE 'UTC' FROM sales",
        "SELECT id FROM sales WHERE id = '1'",
        "SELECT split_part(note, 'e', 1) FROM sales",
        "SELECT * FROM sales MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)",
    ],
    "duckdb": [
        "SELECT TRY_CAST('12.7' AS INT)",
        "SELECT TRY_CAST('0x1F' AS INT)",
        "SELECT TRY_CAST('1_000' AS DOUBLE)",
        "SELECT TRY_CAST('2024-01-05 24:00:00' AS TIMESTAMP)",
        "SELECT LAG(id, 1, 0.5) OVER (ORDER BY id) FROM sales",
        "SELECT id FROM sales LIMIT 10%",
        "SELECT id FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT id FROM sales USING SAMPLE 3",
        "SELECT [1, 2][1]",
        "SELECT {'a': 1}",
        "SELECT COLUMNS('.*') FROM sales",
        "SELECT id FROM sales ASOF JOIN customers USING (id)",
        "SELECT id ^ 2 FROM sales",
        "SELECT DISTINCT ON (customer) id FROM sales",
        "SELECT id FROM sales UNION BY NAME SELECT id FROM customers",
        "PIVOT sales ON id",
        "SUMMARIZE sales",
    ],
    "postgres": [
        "SELECT CAST(amount / 4 AS TEXT) FROM sales",
        "SELECT CAST(AVG(amount) AS TEXT) FROM sales",
        "SELECT CAST(COALESCE(amount, 1.2345) AS TEXT) FROM sales",
        "SELECT CONCAT(note, id = 1) FROM sales",
        "SELECT CAST('2024-01-05 10:00:00.1234567' AS TIMESTAMP)",
        "SELECT id ^ 2 FROM sales",
        "SELECT note::json->'a' FROM sales",
        "SELECT generate_series(1, 3)",
        "SELECT id FROM sales TABLESAMPLE SYSTEM (10)",
        "SELECT x FROM unnest(ARRAY[1]) AS x",
        "SELECT moment AT TIME ZONE 'UTC' FROM sales",
        "SELECT pg_sleep(3)",
        "SELECT current_setting('x')",
        "SELECT E'a\\nb'",
        "SELECT id FROM sales, LATERAL (SELECT 1) x",
        "SELECT WIDTH_BUCKET(weight, 0, 1, 2) FROM sales",
        "SELECT note COLLATE \"C\" FROM sales",
        "SELECT id FROM ONLY sales",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "SELECT current_user",
        "SELECT version()",
    ],
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_what_can_not_be_translated_is_refused(mesh: Gateway, dialect: str) -> None:
    for text in REFUSED[dialect]:
        error = failure(mesh, dialect, text)
        assert error.code in {"UNSUPPORTED", "PARSE_ERROR", "INVALID_QUERY", "UNKNOWN_DATASET"}
        assert error.position or error.hint, error
        assert "__" not in error.message, error
        assert error.code != "INTERNAL", error


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_limits_hold(mesh: Gateway, dialect: str) -> None:
    deep = "(" * 5000 + "1" + ")" * 5000
    nested = "SELECT id FROM (" * 500 + "SELECT id FROM sales" + ") x" * 500
    long = " + ".join(["id"] * 2000)
    unions = " UNION ALL ".join(["SELECT id FROM sales"] * 1500)
    wide = "SELECT id FROM sales WHERE id IN (" + ",".join(map(str, range(130_000))) + ")"
    for text in (
        f"SELECT {deep}",
        nested,
        f"SELECT {long} FROM sales",
        unions,
        *([wide] if dialect == "mysql" else []),
        "SELECT " + "CASE WHEN TRUE THEN " * 300 + "1" + " END" * 300,
        "SELECT " + "-" * 1 + "(-" * 200 + "1" + ")" * 200,
        "SELECT " + "NOT " * 3000 + "TRUE",
    ):
        assert failure(mesh, dialect, text).code in {
            "LIMIT_EXCEEDED",
            "UNSUPPORTED",
            "PARSE_ERROR",
            "INVALID_QUERY",
        }
    chain = " AND ".join(["id < 9"] * 499)
    assert answer(mesh, dialect, f"SELECT id FROM sales WHERE {chain}").num_rows == 6


def test_an_unknown_dialect_is_refused_with_the_known_ones(mesh: Gateway) -> None:
    error = failure(mesh, "oracle", "SELECT 1")
    assert error.code == "INVALID_REQUEST" and "snowflake" in str(error.hint)
    assert "did you mean mysql" in str(failure(mesh, "mysqll", "SELECT 1").hint)
    for name in DIALECTS:
        assert answer(mesh, name.upper(), "SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_cast_that_fails_is_an_error_in_spark_too(mesh: Gateway) -> None:
    """As in its ANSI mode; only a TRY_CAST gives NULL."""
    for text in ("CAST('x' AS INT)", "'x'::INT", "INT('x')"):
        error = failure(mesh, "spark", f"SELECT {text} AS n")
        assert error.code in ("ARITHMETIC_ERROR", "UNSUPPORTED"), text
    assert failure(mesh, "spark", "SELECT CAST('x' AS INT)").code == "ARITHMETIC_ERROR"
    for dialect, text in (
        ("spark", "TRY_CAST('x' AS INT)"),
        ("bigquery", "SAFE_CAST('x' AS INT64)"),
    ):
        assert answer(mesh, dialect, f"SELECT {text} AS n").to_pylist() == [{"n": None}]


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_a_parameter_is_no_name(mesh: Gateway, dialect: str) -> None:
    """Nor is what one may take for a version."""
    codes = {"PARSE_ERROR", "UNSUPPORTED", "UNKNOWN_DATASET"}
    for text in (
        "SELECT id FROM sales@v1",
        "SELECT id FROM sales AS ?",
        "SELECT id FROM ?",
        "SELECT id AS ? FROM sales",
        "SELECT sales.? FROM sales",
        "SELECT ?.id FROM sales",
        "WITH ? AS (SELECT 1 AS a) SELECT 1 FROM sales",
    ):
        assert failure(mesh, dialect, text).code in codes, text


@pytest.mark.parametrize("dialect", ["", *DIALECT_NAMES])
def test_a_star_with_a_pattern_is_not_a_star(mesh: Gateway, dialect: str) -> None:
    assert failure(mesh, dialect, "SELECT * ILIKE '%i%' FROM sales").code in (
        "UNSUPPORTED",
        "PARSE_ERROR",
    )
