"""The columns that an optimised plan reads, whatever they are called."""

from __future__ import annotations

import pytest

from gateway.plan.reads import _listed, _named


@pytest.mark.parametrize(
    ("text", "names", "read"),
    [
        ("a, b], full_filters=[]", {"a": "a", "b": "b", "c": "c"}, {"a", "b"}),
        ("]", {"a": "a"}, set()),
        ("ab]", {"a_b": "ab", "ab": "ab", "c": "c"}, {"a_b", "ab"}),
        ("a, x]", {"a": "a", "b": "b"}, {"a", "b"}),
        ("a, b", {"a": "a", "b": "b", "c": "c"}, {"a", "b", "c"}),
        ("a, b, c]", {"a, b": "a, b", "c": "c", "d": "d"}, {"a, b", "c"}),
        ("a], b]", {"a": "a", "a], b": "a], b"}, {"a", "a], b"}),
    ],
    ids=["plain", "none", "alike", "unknown", "open", "comma", "bracket"],
)
def test_columns_are_read_off_a_list(text: str, names: dict[str, str], read: set[str]) -> None:
    assert _listed(text, names) == read


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("full_filters=[t.b > Int64(1)]", True),
        ("full_filters=[t.big > Int64(1)]", False),
        ("full_filters=[t.big > Int64(1), t.b IS NULL]", True),
        ("full_filters=[t.b]", True),
        ("t.b", True),
        ("", False),
    ],
)
def test_a_column_is_named_and_not_one_that_begins_alike(text: str, named: bool) -> None:
    assert _named("t.b", text) is named
