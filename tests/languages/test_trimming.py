"""TRIM without what is to be cut off."""

from __future__ import annotations

import pytest

from gateway.languages import sql


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SELECT trim(trailing FROM a) FROM t", "SELECT trim(trailing ' ' FROM a) FROM t"),
        ("SELECT TRIM( BOTH from a) FROM t", "SELECT TRIM( BOTH ' ' from a) FROM t"),
        ("SELECT trim(FROM $1) FROM t", "SELECT trim(' ' FROM $1 ) FROM t"),
        ("SELECT trim(leading b FROM a) FROM t", "SELECT trim(leading b FROM a) FROM t"),
        ("SELECT trim(a) FROM t", "SELECT trim(a) FROM t"),
    ],
)
def test_blanks_are_meant(written: str, read: str) -> None:
    assert sql.parse(written).text == read
