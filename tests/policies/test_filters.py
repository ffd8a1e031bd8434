"""Row filters: what is read, what is refused, and that no engine fails on what is read."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
from datafusion import SessionContext
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlglot import exp

from gateway.config import Config
from gateway.engines.datafusion import session
from policies.filters import (
    MAX_LENGTH,
    MAX_NESTING,
    MAX_TERMS,
    FilterError,
    attributes_of,
    bind,
    columns_of,
    parse_row_filter,
    session_attributes,
)
from tests.policies.filters import COLUMNS, EXTREMES, FILTERS, SOUP
from tests.services import Postgres

ALICE = session_attributes("user:alice", "EU", "fraud")

ORDERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "region": ["EU", "US", None, "it's"],
        "owner": ["alice", "bob", "alice", None],
        "vip": [True, False, None, True],
        "day": pa.array([0, 10_000, 20_000, None], pa.date32()),
        "at": pa.array([0, 10**15, 2 * 10**15, None], pa.timestamp("us", "UTC")),
        "Mixed Case": ["x", "y", "z", None],
        "price": pa.array(["1.50", "2.00", "-3.25", None]).cast(pa.decimal128(10, 2)),
    }
)


@pytest.fixture(scope="module")
def engine() -> SessionContext:
    context = session(Config())
    context.register_record_batches("orders", [ORDERS.to_batches()])
    numbered = EXTREMES.append_column("row", pa.array(range(EXTREMES.num_rows)))
    context.register_record_batches("extremes", [numbered.to_batches()])
    return context


def kept(engine: SessionContext, text: str, attributes: dict[str, str] = ALICE) -> list[int]:
    """The ids of the orders a filter shows."""
    columns = {field.name: field.type for field in ORDERS.schema}
    condition = bind(parse_row_filter(text, columns), attributes).sql("postgres")
    found = engine.sql(f"SELECT id FROM orders WHERE {condition} ORDER BY id")
    return [int(row) for row in found.to_pydict()["id"]]


def rows(engine: SessionContext, condition: str) -> list[int]:
    found = engine.sql(f"SELECT row FROM extremes WHERE {condition} ORDER BY row")
    return [int(row) for row in found.to_pydict()["row"]]


def refusal(text: str, columns: dict[str, pa.DataType] = COLUMNS) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_row_filter(text, columns)
    return caught.value


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("TRUE", [1, 2, 3, 4]),
        ("false", []),
        ("region = 'EU'", [1]),
        ("REGION <> 'EU'", [2, 4]),
        ("'it''s' = region", [4]),
        ("region IN ('EU', 'US')", [1, 2]),
        ("region NOT IN ('EU', 'US')", [4]),
        ("region IS NULL", [3]),
        ("NOT region IS NULL AND region IS NOT NULL", [1, 2, 4]),
        ("region LIKE '_U'", [1]),
        ("region NOT LIKE 'E%'", [2, 4]),
        ("vip", [1, 4]),
        ("NOT vip", [2]),
        ("vip = FALSE", [2]),
        ("vip IS NOT TRUE", [2, 3]),
        ("(region = 'EU') IS NOT TRUE", [2, 3, 4]),
        ("id BETWEEN 2 AND 3", [2, 3]),
        ("id NOT BETWEEN 2 AND 3 OR id = 3", [1, 3, 4]),
        ("id = 1 OR id = 2 AND vip", [1]),
        ("(id = 1 OR id = 2) AND NOT vip", [2]),
        ("price >= 1.5", [1, 2]),
        ("price < -0.25 OR price IN (2, 9.99)", [2, 3]),
        ("day > DATE '1990-01-01'", [2, 3]),
        ("at = TIMESTAMPTZ '1970-01-01T01:00:00.000000+01:00'", [1]),
        ("at > TIMESTAMPTZ '1970-01-01 00:00:00.000001Z'", [2, 3]),
        ("\"Mixed Case\" = 'y'", [2]),
        ("owner = :user", [1, 3]),
        (":principal = 'user:alice' AND region = :region", [1]),
        (":purpose IN ('fraud', 'audit')", [1, 2, 3, 4]),
        ("region = :region OR :purpose = 'marketing'", [1]),
        ("region BETWEEN :region AND 'V'", [1, 2]),
    ],
)
def test_a_filter_shows_the_rows_it_says(engine: SessionContext, text: str, ids: list[int]) -> None:
    assert kept(engine, text) == ids


@pytest.mark.parametrize(
    ("text", "said", "position"),
    [
        ("", "empty", 0),
        ("   \n", "empty", 0),
        ("nothing = 1", "no column 'nothing'", 1),
        ("i64 = 1 OR 1 = 1", "needs a column", 12),
        ("1/(i64 - 200) = 5", "'/' is not allowed", 2),
        ("i64 + 1 = 2", "'+' is not allowed", 5),
        ("CAST(text AS int) = 1", "no functions", 1),
        ("text::int = 1", "'::' is not allowed", 5),
        ("lower(text) = 'eu'", "no functions", 1),
        ("length(text) > 2", "no functions", 1),
        ("i64 = (SELECT max(i64) FROM extremes)", "is not allowed", 7),
        ("EXISTS (SELECT 1)", "is not allowed", 1),
        ("i64 IN (SELECT 1)", "is not allowed", 9),
        ("i64 = ANY (list)", "is not allowed", 7),
        ("CASE WHEN flag THEN TRUE END", "is not allowed", 1),
        ("hr.salary = 1", "without its table", 1),
        ("extremes.i64 = 1", "without its table", 1),
        ("current_user = 'alice'", "is not allowed", 1),
        ("list[1] = 1", "'[' is not allowed", 5),
        ("TRUE; DROP TABLE x", "';' is not allowed", 5),
        ("TRUE) OR (TRUE", "')' is not allowed", 5),
        ("TRUE -- all of them", "comments", 1),
        ("/* hi */ TRUE", "comments", 10),
        ("{# hi #} TRUE", "comments", 10),
        ("i64 = 1 /*! OR TRUE */", "comments", 7),
        ("text = 'a' 'b'", "'b' is not allowed", 12),
        ("text = E'a\\'b'", "not allowed", 8),
        ("text = $$a$$", "not allowed", 8),
        ("flag $$AND$$ flag", "not allowed", 6),
        ("text = U&'a'", "not allowed", 8),
        ("text = N'a'", "not allowed", 8),
        ("text = 'a", "not closed", 0),
        ('"text = 1', "not closed", 0),
        ("text = 'a\x00'", "NUL", 0),
        ("text = '\ud800'", "NUL", 0),
        ("text LIKE 'a\\%'", "without backslashes", 11),
        ("text LIKE long", "without backslashes", 11),
        ("text LIKE :user", "without backslashes", 11),
        ("text LIKE 'a' ESCAPE 'b'", "not allowed", 15),
        ("i64 LIKE '1'", "text column", 1),
        ("text ILIKE 'a'", "is not allowed", 6),
        ("text ~ 'a+'", "is not allowed", 6),
        ("text ~~ 'a'", "is not allowed", 6),
        ("text SIMILAR TO 'a'", "is not allowed", 6),
        ("text IS DISTINCT FROM 'a'", "NULL is expected", 9),
        ("i64 <=> 1", "is not allowed", 5),
        ("i64 == 1", "is not allowed", 5),
        ("text || 'a' = 'b'", "is not allowed", 6),
        ("i64 = NULL", "IS NULL", 7),
        ("NULL", "IS NULL", 1),
        ("i64", "alone is no condition", 1),
        ("'true'", "alone is no condition", 1),
        (":user", "alone is no condition", 1),
        ("text = : user", "an attribute is one of", 8),
        ("text = :name", "an attribute is one of", 8),
        ("text = :REGION", "an attribute is one of", 8),
        ("text = :::user", "not allowed", 8),
        ('text = :"user"', "an attribute is one of", 8),
        ("text = $1", "not allowed", 8),
        ("text = ?", "not allowed", 8),
        ("text = @user", "not allowed", 8),
        (":user IS NULL", "IS is asked of a column", 1),
        ("(text = :user) IS NOT TRUE", "attributes", 1),
        ("NOT (text = :user OR flag) IS TRUE", "attributes", 5),
        ("i64 IN ()", "')' is not allowed", 9),
        ("i64 IN (i32)", "IN takes constants", 9),
        ("i64 IN (1, 'a')", "not compared", 12),
        ("i64 BETWEEN 1", "too early", 14),
        ("i64 =", "too early", 6),
        ("(i64 = 1", "too early", 9),
        ("NOT", "too early", 4),
        ("flag AND", "too early", 9),
        ("flag > FALSE", "= and <>", 8),
        ("flag BETWEEN FALSE AND TRUE", "= and <>", 1),
        ("i64 = '1'", "not compared", 7),
        ("text = 1", "not compared", 8),
        ("text = i64", "not compared", 8),
        ("i64 = :user", "not compared", 7),
        ("i64 = f64", "not compared", 7),
        ("i64 = TRUE", "not compared", 7),
        ("i64 = 1.5", "range of int64", 7),
        ("i8 = 128", "range of int8", 6),
        ("u8 = -1", "range of uint8", 6),
        ("i64 = 9223372036854775808", "range of int64", 7),
        ("f32 = 16777217", "not exact as float", 7),
        ("f64 = 1e400", "in digits", 7),
        ("f64 = 0x1F", "not allowed", 7),
        ("f64 = 1.", "in digits", 7),
        ("f64 = -text", "no arithmetic", 7),
        ("f64 = --1", "comments", 5),
        ("money = 1.005", "not exact as decimal128(15, 2)", 9),
        ("money = 99999999999999", "not exact as decimal128(15, 2)", 9),
        ("share = 1", "not exact", 9),
        ("money = whole", "not compared", 9),
        ("money = 5.5 AND whole = 5.5", "not exact as decimal128(38, 0)", 25),
        ("day = '2024-01-01'", "not compared", 7),
        ("day = DATE '2024-02-30'", "calendar", 12),
        ("day = DATE '2024-1-1'", "YYYY-MM-DD", 12),
        ("day = DATE 'today'", "YYYY-MM-DD", 12),
        ("at = TIMESTAMP 'now'", "YYYY-MM-DD HH:MM:SS", 16),
        ("at = TIMESTAMP 'infinity'", "YYYY-MM-DD HH:MM:SS", 16),
        ("at = TIMESTAMP '2024-01-01 25:00:00'", "calendar", 16),
        ("at = TIMESTAMP '2024-01-01 00:00:00+00:00'", "takes no offset", 16),
        ("zoned = TIMESTAMPTZ '2024-01-01 00:00:00'", "needs an offset", 21),
        ("zoned = TIMESTAMPTZ '0001-01-01 00:00:00+05:00'", "calendar", 21),
        ("zoned = TIMESTAMP '2024-01-01 00:00:00'", "without offset", 9),
        ("zoned = berlin", "not compared", 9),
        ("at = zoned", "not compared", 6),
        ("at_s = TIMESTAMP '2024-01-01 00:00:00.5'", "finer than", 8),
        ("at_ns = TIMESTAMP '2500-01-01 00:00:00'", "range of timestamp[ns]", 9),
        ("at > DATE '2024-01-01'", "not compared", 6),
        ("day > INTERVAL '1 day'", "not allowed", 7),
        ("bytes = 'a'", "not compared", 9),
        ("clock = clock", "not compared", 9),
        ("list = list", "not compared", 8),
        ("\uff54ext = 'a'", "not allowed", 1),
        ("te\u200bxt = 'a'", "not", 1),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, said: str, position: int) -> None:
    error = refusal(text)
    assert said in error.reason
    if position:
        assert error.position == position


def test_a_position_counts_characters_of_the_text() -> None:
    error = refusal("text = 'é\U0001f600' AND nothing = 1")
    assert error.position == 17
    assert str(error) == "the dataset has no column 'nothing' (character 17)"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "NOT " * 4000,
        "(" * 200 + "TRUE" + ")" * 200,
        " AND ".join(["flag"] * 1500),
        " OR ".join(["(flag)"] * 1200),
        "NOT (" * (MAX_NESTING // 2 + 1) + "flag" + ")" * (MAX_NESTING // 2 + 1),
        "text = '" + "x" * MAX_LENGTH + "'",
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    refusal(text)


def test_what_is_just_within_the_limits_runs(engine: SessionContext) -> None:
    deep = "NOT (" * (MAX_NESTING // 2) + "id = 1" + ")" * (MAX_NESTING // 2)
    assert kept(engine, deep) == [1]
    assert kept(engine, " OR ".join(f"id = {n}" for n in range(3, MAX_TERMS + 3))) == [3, 4]
    assert kept(engine, f"id IN ({', '.join(map(str, range(2, 2000)))})") == [2, 3, 4]


def test_names_without_quotes_are_found_without_case_where_only_one_is_meant() -> None:
    columns = {"Region": pa.string(), "REGION": pa.string(), "Name": pa.string()}

    def column(text: str) -> set[str]:
        return set(columns_of(parse_row_filter(f"{text} = 'x'", columns)))

    assert column("Region") == {"Region"}
    assert column('"REGION"') == {"REGION"}
    assert column("name") == column("NAME") == {"Name"}
    assert "'REGION' or 'Region'" in refusal("region = 'x'", columns).reason
    assert "no column 'name'" in refusal("\"name\" = 'x'", columns).reason
    kelvin = {"\u212a": pa.string()}
    assert "no column 'k'" in refusal("k = 'x'", kelvin).reason


def test_a_filter_is_one_closed_expression_of_quoted_columns() -> None:
    tree = parse_row_filter("i64 = 1 OR NOT flag", COLUMNS)
    assert tree.sql("postgres") == '("i64" = 1 OR (NOT "flag"))'
    assert columns_of(tree) == {"i64", "flag"}
    assert attributes_of(tree) == frozenset()
    assert attributes_of(parse_row_filter("text IN (:user, :region)", COLUMNS)) == {
        "user",
        "region",
    }


@pytest.mark.parametrize(
    "value", ["' OR TRUE --", "x') OR ('a' = 'a", "\\' OR TRUE --", ":user", "$1", '"', "%", "é\n"]
)
def test_an_attribute_is_a_text_whatever_it_holds(engine: SessionContext, value: str) -> None:
    assert kept(engine, "region = :region", {"region": value}) == []
    assert kept(engine, "region = :region OR id = 4", {"region": value}) == [4]
    tree = parse_row_filter("text = :region", COLUMNS)
    (literal,) = bind(tree, {"region": value}).find_all(exp.Literal)
    assert literal.this == value
    assert attributes_of(tree) == {"region"}


@pytest.mark.parametrize("value", [None, "", "a\x00b", "\ud800"])
@pytest.mark.parametrize(
    "text",
    [
        "owner = :user",
        "NOT owner = :user",
        "owner <> :user",
        "NOT (owner IN (:user, :region))",
        "owner NOT IN ('bob', :user)",
        "NOT (owner BETWEEN :user AND :user)",
        ":user = :region",
        "NOT :user = 'alice'",
        ":user IN ('alice')",
    ],
)
def test_a_missing_attribute_hides_rows(
    engine: SessionContext, text: str, value: str | None
) -> None:
    assert kept(engine, text, {} if value is None else {"user": value, "region": value}) == []


def test_services_are_not_users_of_the_same_name(engine: SessionContext) -> None:
    assert session_attributes("user:alice")["user"] == "alice"
    assert kept(engine, "owner = :user", session_attributes("svc:alice")) == []
    assert kept(engine, ":principal = 'svc:alice'", session_attributes("svc:alice")) == [1, 2, 3, 4]


@settings(max_examples=400)
@given(text=FILTERS)
def test_no_row_makes_a_filter_fail(engine: SessionContext, text: str) -> None:
    try:
        tree = parse_row_filter(text, COLUMNS)
    except FilterError as error:
        # the only constants that are drawn and do not fit: nanoseconds have three centuries
        assert any(word in error.reason for word in ("timestamp[ns]", "calendar", "NUL"))
        return
    found = rows(engine, tree.sql("postgres"))
    try:
        plain = rows(engine, text)
    except Exception:
        return  # what the engine makes of the text itself may fail: that is why there are trees
    # read as text, constants are doubles: not exact for these columns, nor with so many digits
    rough = columns_of(tree) & {"share", "wide"} or re.search(r"\d{12}\.\d", text)
    if not rough:
        assert found == plain


def test_a_constant_finer_than_a_double_is_exact(engine: SessionContext) -> None:
    tree = parse_row_filter("share = 0.99999999999999999999999999999999999999", COLUMNS)
    assert rows(engine, tree.sql("postgres")) == [0]


@settings(max_examples=600)
@given(text=SOUP, attributes=some.dictionaries(some.sampled_from(["user", "region"]), some.text()))
def test_anything_is_a_filter_or_a_filter_error(
    engine: SessionContext, text: str, attributes: dict[str, str]
) -> None:
    try:
        tree = parse_row_filter(text, COLUMNS)
    except FilterError:
        return
    shown = set(rows(engine, bind(tree, attributes).sql("postgres")))
    without = set(rows(engine, bind(tree, {}).sql("postgres")))
    assert without <= shown


def _own(name: str) -> bool:
    """Types PostgreSQL and DuckDB have as they are."""
    return name in {
        *("i16", "i32", "i64", "f32", "f64", "money", "whole", "flag", "day", "at", "zoned"),
        *("text", "long"),
    }


_THERE = """
CREATE TABLE extremes (i16 smallint, i32 integer, i64 bigint, f32 real, f64 double precision,
  money numeric(15,2), whole numeric(38,0), flag boolean, day date, "at" timestamp,
  zoned timestamptz, text varchar, long varchar);
INSERT INTO extremes VALUES
  (-32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', -9999999999999.99,
   -99999999999999999999999999999999999999, true, '-infinity', '-infinity', '-infinity', '', '%'),
  (32767, 2147483647, 9223372036854775807, 'Infinity', 'NaN', 9999999999999.99,
   99999999999999999999999999999999999999, false, 'infinity', 'infinity', 'infinity', '''', '_'),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""

THERE = FILTERS.filter(lambda text: all(_own(name) for name in columns_of(_tree_or_true(text))))


def _tree_or_true(text: str) -> Any:
    try:
        return parse_row_filter(text, COLUMNS)
    except FilterError:
        return parse_row_filter("TRUE", COLUMNS)


@settings(max_examples=100)
@given(text=THERE)
def test_no_row_of_duckdb_makes_a_filter_fail(duck: Any, text: str) -> None:
    duck.execute(f"SELECT * FROM extremes WHERE {_tree_or_true(text).sql('duckdb')}").fetchall()


@pytest.fixture(scope="module")
def duck() -> Any:
    import duckdb

    with duckdb.connect() as database:
        database.execute(_THERE)
        yield database


def test_no_row_of_postgres_makes_a_filter_fail(postgres: Postgres) -> None:
    import adbc_driver_postgresql.dbapi as adbc

    with postgres.database() as uri, closing(adbc.connect(uri)) as connection:
        with closing(connection.cursor()) as cursor:
            for statement in _THERE.split(";"):
                cursor.execute(statement)

            @settings(max_examples=100)
            @given(text=THERE)
            def runs(text: str) -> None:
                condition = _tree_or_true(text).sql("postgres")
                cursor.execute(f"SELECT count(*) FROM extremes WHERE {condition}")
                assert cursor.fetchone() is not None

            runs()
        connection.rollback()
