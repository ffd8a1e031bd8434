"""No literal of a statement is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.statement import MAX_LENGTH, normalised


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("SELECT 1", "SELECT ?"),
        ("select  a\n from t -- 'x'\n where b = 'it''s'", "select a from t where b = ?"),
        ("SELECT $$x$$, $t$y$t$, E'a\\'b', U&'d', B'1', X'ff', 0xff, 1.5e3", "SELECT ?, ..."),
        ("SELECT a FROM t WHERE b IN (1,2, 3)", "SELECT a FROM t WHERE b IN (?, ...)"),
        ("SELECT DATE '2020-01-01'", "SELECT DATE ?"),
        (
            "SELECT a /* 123 */ FROM t WHERE b = $1 AND c = ?",
            "SELECT a FROM t WHERE b = $1 AND c = ?",
        ),
        ('SELECT "A b" FROM s.t', 'SELECT "A b" FROM s.t'),
        ("SELECT j->>'key' FROM t LIMIT 10", "SELECT j->>? FROM t LIMIT ?"),
    ],
)
def test_literals_become_question_marks(text: str, kept: str) -> None:
    assert normalised(text, understood=True) == kept


@pytest.mark.parametrize(
    ("dialect", "text", "kept"),
    [
        ("mysql", 'SELECT `a` FROM t WHERE b = "ada" # c', "SELECT `a` FROM t WHERE b = ?"),
        ("mysql", "SELECT 'it\\'s', 0x41, N'x', `b`", "SELECT ?, ..., `b`"),
        ("bigquery", """SELECT r"ada", b'x', '''y''', `p.d.t`""", "SELECT ?, ..., `p.d.t`"),
        ("tsql", "SELECT [a b], N'ada' FROM t", "SELECT [a b], ? FROM t"),
        ("spark", 'SELECT a FROM t WHERE b = "ada"', "SELECT a FROM t WHERE b = ?"),
        ("snowflake", "SELECT $$ada$$, 'b\\'c' // d", "SELECT ?, ..."),
        ("nonsense", "SELECT 1", None),
    ],
)
def test_what_a_literal_is_depends_on_the_dialect(
    dialect: str, text: str, kept: str | None
) -> None:
    assert normalised(text, understood=True, dialect=dialect) == kept


@pytest.mark.parametrize(
    "text", ["SELECT 'open", "SELECT $$open", "x" * (MAX_LENGTH + 1), "SELECT " + "(" * 5000]
)
def test_of_what_can_not_be_read_nothing_is_kept(text: str) -> None:
    assert normalised(text, understood=False) is None


@pytest.mark.parametrize(
    "text",
    ["my number is secret", "SET password TO secret", "CALL f(secret)", "SELECT 1; secret"],
)
def test_of_what_is_no_query_and_was_refused_nothing_is_kept(text: str) -> None:
    assert normalised(text, understood=False) is None


def test_a_name_in_quotes_may_be_a_value_while_nobody_has_found_it() -> None:
    text = 'SELECT a FROM t WHERE mail = "ana@example.org"'
    assert normalised(text, understood=False) == 'SELECT a FROM t WHERE mail = "?"'
    assert normalised(text, understood=True) == text


SECRET = "s3cr3t"


LITERALS = (
    *(f"'{SECRET}'", f"'it''s {SECRET}'", f"E'a\\'{SECRET}'", f"N'{SECRET}'", f"U&'{SECRET}'"),
    *(f"$${SECRET}$$", f"$a$ $$ {SECRET} $a$", f"/* ' {SECRET} */", f"-- ' {SECRET}\n"),
)
WORDS = (
    "SELECT",
    "a",
    ",",
    "=",
    "(",
    ")",
    "1",
    "FROM",
    "t",
    "WHERE",
    "$1",
    '"n"',
    "AND",
    "||",
    "::",
)


@given(st.lists(st.sampled_from(LITERALS + WORDS), max_size=20), st.sampled_from(["", " ", "\n"]))
def test_no_literal_or_comment_gets_through_wherever_it_stands(
    parts: list[str], blank: str
) -> None:
    # two quotes side by side would be one quote within a longer text
    text = blank.join(f" {part}" if part[0] in "'$" else part for part in parts)
    kept = normalised(text, understood=True)
    assert kept is None or SECRET not in kept
