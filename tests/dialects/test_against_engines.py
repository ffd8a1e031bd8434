"""What a client of MySQL, PostgreSQL, DuckDB or Spark is answered is what those answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.pipeline import Gateway
from tests.dialects import truth
from tests.dialects.tables import answer

CORPUS = Path(__file__).parent / "corpus"
_SORTED = re.compile(r"ORDER BY [^)]*$")


def queries(dialect: str) -> list[str]:
    lines = (CORPUS / f"{dialect}.sql").read_text().splitlines()
    return [line for line in lines if line.strip()]


@pytest.fixture(scope="module", params=sorted(truth.ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[str, truth.Ask]]:
    if request.param in {"mysql", "postgres"}:
        request.getfixturevalue({"mysql": "mariadb", "postgres": "postgres"}[request.param])
    with truth.ENGINES[request.param]() as ask:
        yield request.param, ask


def test_the_same_rows(mesh: Gateway, engine: tuple[str, truth.Ask]) -> None:
    dialect, ask = engine
    wrong = []
    asked = queries(dialect)
    assert len(asked) > 40
    for query in asked:
        theirs = ask(query)
        ours = truth.rows_of(answer(mesh, dialect, query))
        assert theirs or "WHERE" in query
        if not truth.same(ours, theirs, ordered=bool(_SORTED.search(query))):
            wrong.append(f"{query}\n  ours  {ours}\n  theirs {theirs}")
    assert not wrong, "\n".join(wrong)
