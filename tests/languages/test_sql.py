"""Reading SQL: what is refused, and that reading is quick whatever the text."""

from __future__ import annotations

import time

import pytest

from gateway.errors import GatewayError, ParseError
from gateway.languages.sql import parse


def code(text: str) -> str:
    with pytest.raises(GatewayError) as caught:
        parse(text)
    return caught.value.code


@pytest.mark.parametrize("terms", [1500, 9500])
@pytest.mark.parametrize("operator", ["+", " AND ", " OR ", "::int::", " UNION ALL SELECT "])
def test_a_chain_that_would_overflow_a_stack_is_refused(operator: str, terms: int) -> None:
    assert code("SELECT " + operator.join(["1"] * terms)) == "LIMIT_EXCEEDED"


def test_half_a_character_is_refused() -> None:
    assert code("SELECT '\udcff'") == "PARSE_ERROR"


def test_long_lists_are_no_chains() -> None:
    parse(f"SELECT 1 WHERE 1 IN ({', '.join(map(str, range(50_000)))})")


def test_leading_space_is_read_in_no_time() -> None:
    started = time.process_time()
    parse(" \n" * 5000 + "SELECT 1")
    parse("/* x */ -- y\n" * 500 + "EXPLAIN SELECT 1")
    assert time.process_time() - started < 2


def test_explain_keeps_positions() -> None:
    statement = parse("EXPLAIN\n  SELECT * FROM orders")
    assert statement.explain
    assert str(statement.references[0].position) == "line 2, column 17"


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("SELECT * FROM a FOR VERSION AS OF '1.2'", 'SELECT * FROM "a@1.2" AS "a"'),
        ("SELECT * FROM d.p.a FOR VERSION AS OF '1' x", 'SELECT * FROM d.p."a@1" x'),
        (
            "SELECT 5 ^ 3 FROM a FOR VERSION AS OF '1' AS x JOIN b ON true",
            'SELECT 5 ^ 3 FROM "a@1" AS x JOIN b ON true',
        ),
        ("SELECT * FROM a FOR VERSION AS OF 17 x", 'SELECT * FROM "a@@17" x'),
        (
            "SELECT 1 FROM \"a@1.2\" FOR TIMESTAMP AS OF TIMESTAMP '2026-01-31 12:00+01' WHERE b",
            'SELECT 1 FROM "a@1.2@2026-01-31T11:00:00Z" AS "a" WHERE b',
        ),
        (
            "SELECT version AS of FROM d.A TIMESTAMP AS OF DATE '2026-01-31', b AS of",
            'SELECT version AS of FROM d."a@@2026-01-31T00:00:00Z" AS "a", b AS of',
        ),
        (
            "SELECT 1 FROM a FOR SYSTEM_TIME AS OF '2026-01-31T12:00:00.5Z'::timestamptz UNION ALL"
            " SELECT 1 FROM a",
            'SELECT 1 FROM "a@@2026-01-31T12:00:00.500000Z" AS "a" UNION ALL SELECT 1 FROM a',
        ),
    ],
)
def test_a_version_is_part_of_the_name_and_nothing_else_changes(text: str, engine: str) -> None:
    assert parse(text).text == engine
    assert [r.version for r in parse(text).references] == [
        r.version for r in parse(engine).references
    ]
    assert parse(text).tree == parse(engine).tree


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t TABLESAMPLE BERNOULLI (1)",
        "SELECT * FROM a FOR TIMESTAMP AS OF now()",
        "SELECT * FROM a FOR VERSION AS OF $1",
        "SELECT id FROM o WHERE id >= ALL (SELECT id FROM o)",
        "SELECT * INTO x FROM t",
        "SELECT * FROM t FOR UPDATE",
    ],
)
def test_what_the_engine_would_misread_is_refused(text: str) -> None:
    assert code(text) == "UNSUPPORTED"


def test_a_name_in_two_places_is_one_reference() -> None:
    statement = parse('SELECT * FROM a JOIN A ON true JOIN "A" ON true')
    assert [r.name for r in statement.references] == [("a",), ("A",)]


def test_expressions_that_double_each_other_are_refused() -> None:
    ctes = ["c0 AS (SELECT 1 AS a)"]
    ctes += [f"c{i} AS (SELECT a.a FROM c{i - 1} a, c{i - 1} b)" for i in range(1, 20)]
    assert code(f"WITH {', '.join(ctes)} SELECT * FROM c19") == "LIMIT_EXCEEDED"
    parse(f"WITH {', '.join(ctes[:9])} SELECT * FROM c8")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a.b FROM t", "select  A . b\nfrom T -- and a comment"),
        ("SELECT 'x' /* why */ , 1", "SELECT 'x',1"),
        ("EXPLAIN SELECT a FROM t", "SELECT a FROM t"),
    ],
)
def test_texts_that_mean_the_same_are_normalised_alike(one: str, other: str) -> None:
    assert parse(one).normalised == parse(other).normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'x'", "SELECT 'X'"),
        ("SELECT 'x'", "SELECT 'x '"),
        ('SELECT "a" FROM t', 'SELECT "A" FROM t'),
        ('SELECT "a" FROM t', "SELECT a FROM t"),
        ("SELECT $$x$$", "SELECT $$X$$"),
        ("SELECT E'\\n'", "SELECT E'\\N'"),
        ("SELECT ä FROM t", "SELECT Ä FROM t"),
        ("SELECT 1 - 1", "SELECT 1 -- 1"),
        ("SELECT a b FROM t", "SELECT ab FROM t"),
        ("SELECT 1", "SELECT 1.0"),
        ("SELECT a, b FROM t", "SELECT a - b FROM t"),
    ],
)
def test_texts_that_differ_are_normalised_apart(one: str, other: str) -> None:
    assert parse(one).normalised != parse(other).normalised


@pytest.mark.parametrize("text", ["SELECT FROM WHERE", "SELECT a FROM t WHERE", "SELECT x FROM ("])
def test_a_syntax_error_is_told_in_words(text: str) -> None:
    with pytest.raises(ParseError) as raised:
        parse(text)
    assert "<" not in raised.value.message and "Token" not in raised.value.message
    assert raised.value.position is not None
