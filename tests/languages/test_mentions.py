"""Which columns a statement may use: one too few and a view would mean something else."""

from __future__ import annotations

import pytest

from gateway.languages.mentions import mentioned
from gateway.languages.sql import parse

ALL = {"id", "pay", "Region"}


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("SELECT id FROM t", {"id"}),
        ("SELECT count(*) FROM t WHERE PAY > 1", {"pay"}),
        ('SELECT t.id FROM t ORDER BY t."Region"', {"id", "Region"}),
        ("SELECT a.id FROM t a JOIN u USING (pay)", {"id", "pay"}),
        ("SELECT 1 AS pay FROM t", {"pay"}),
        ("SELECT sum(id) OVER (PARTITION BY region) FROM t", {"id", "Region"}),
        ("WITH c AS (SELECT id FROM t) SELECT id FROM c", {"id"}),
        ("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.pay = 1)", {"id", "pay"}),
        ("SELECT * FROM t", ALL),
        ("SELECT t.* FROM t", ALL),
        ("SELECT id FROM (SELECT * FROM t) AS s", ALL),
        ("SELECT id FROM t NATURAL JOIN u", ALL),
        ("SELECT a FROM t AS s (a, b, c)", ALL),
        ("SELECT count(t.*) FROM t", ALL),
    ],
)
def test_no_column_that_matters_is_left_out(text: str, used: set[str]) -> None:
    assert mentioned(parse(text).tree, ALL) == used
