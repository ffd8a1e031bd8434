"""Texts in hexadecimal that are cast to bytes."""

from __future__ import annotations

import pytest

from gateway.errors import ParseError
from gateway.languages import sql


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"SELECT '\x00fF'::bytea", "SELECT X'00fF'::bytea"),
        (r"SELECT CAST('\x' AS bytea), $1", "SELECT CAST(X'' AS bytea), $1"),
        (r"SELECT E'\\x01'::bytea, ?", "SELECT X'01'::bytea, $1 "),
        (r"SELECT bytea '\x01'", "SELECT X'01'"),
        (r"SELECT '\x01', 'x01'::bytea", r"SELECT '\x01', 'x01'::bytea"),
    ],
)
def test_hexadecimal_is_bytes(written: str, read: str) -> None:
    assert sql.parse(written).text == read


@pytest.mark.parametrize("wrong", [r"\x0", r"\x0g", r"\xü0"])
def test_what_is_no_hexadecimal_is_refused_at_its_place(wrong: str) -> None:
    with pytest.raises(ParseError) as caught:
        sql.parse(f"SELECT 1,\n '{wrong}'::bytea")
    assert caught.value.position is not None
    assert (caught.value.position.line, caught.value.position.column) == (2, 2)


def test_places_behind_it_are_those_of_the_text_before() -> None:
    text = r"SELECT '\x00ff'::bytea FROM nope"
    (reference,) = sql.parse(text).references
    assert reference.position is not None
    assert reference.position.column == text.index("nope") + 1
