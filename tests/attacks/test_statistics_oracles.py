"""What a source knows of its columns, hidden rows counted, must not decide whether a query fails.

DuckDB puts constants in the place of conditions that the least and greatest value of a column
decide, and what such a condition stands before is never computed: `1 / 0` fails or does not by
whether a hidden row has such a value. Which it has is then a matter of a few dozen questions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.small_twins import SOURCES, Twins, name

pytestmark = pytest.mark.timeout(120)

QUERIES = (
    "SELECT max(CASE WHEN pay = 777 AND 1 / 0 = 1 THEN 1 ELSE 0 END) AS n FROM {t}",
    "SELECT sum(CASE WHEN pay > 500 THEN 1 / 0 ELSE 0 END) AS n FROM {t}",
    "SELECT sum(pay) FILTER (WHERE pay > 500 AND 1 / 0 = 1) AS n FROM {t}",
    "SELECT DISTINCT pay > 500 AND 1 / 0 = 1 AS n FROM {t}",
    "SELECT id, (pay > 500) IS TRUE AND 1 / 0 = 1 AS n FROM {t} ORDER BY id",
    "SELECT id, pay > 500 AND pay * 9000000000000000000 > 0 AS n FROM {t} ORDER BY id",
    "SELECT id, coalesce(pay, 1 / 0) AS n FROM {t} ORDER BY id",
    "SELECT id, pay IN (10, 1 / 0) AS n FROM {t} ORDER BY id",
    "SELECT id, CASE WHEN pay < 5 THEN 1 / 0 ELSE 0 END AS n FROM {t} ORDER BY id",
    "SELECT CASE WHEN pay > 500 THEN 1 / 0 ELSE 0 END AS k, count(*) AS n FROM {t} GROUP BY 1",
    "SELECT id, sum(CASE WHEN pay > 500 THEN 1 / 0 ELSE 0 END) OVER () AS n FROM {t} ORDER BY id",
    "SELECT id, CASE WHEN code > 'B' THEN 1 / 0 ELSE 0 END AS n FROM {t} ORDER BY id",
    "SELECT id, CASE WHEN region IS NULL THEN 1 / 0 ELSE 0 END AS n FROM {t} ORDER BY id",
    "SELECT count(*) AS n FROM {t} a LEFT JOIN {t} b ON a.id = b.id AND a.pay > 500 AND 1 / 0 = 1",
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    made = Twins(tmp_path_factory.mktemp("statistics"))
    yield made
    made.close()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("query", QUERIES)
def test_the_range_of_a_column_decides_nothing(twins: Twins, source: str, query: str) -> None:
    text = query.replace("{t}", ".".join(name(source)))
    wild, calm = twins.answers_to(text)
    assert wild == calm


def test_what_can_not_fail_is_still_asked_of_the_source(twins: Twins) -> None:
    query = "EXPLAIN SELECT sum(CASE WHEN pay > 500 THEN 1 ELSE 0 END) AS n FROM shop.duckdb.staff"
    for answer in twins.answers_to(query):
        assert "fragment 1" in str(answer)
        assert "SUM(" in str(answer)
