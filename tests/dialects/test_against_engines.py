"""What a client of MySQL, PostgreSQL, DuckDB, Spark or Trino is answered is what those answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.pipeline import Gateway
from tests.dialects import recording, sweep, truth
from tests.dialects.comparison import answered, difference
from tests.dialects.tables import answer

CORPUS = Path(__file__).parent / "corpus"


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
        assert theirs or "WHERE" in query
        wrong.append(difference(query, truth.rows_of(answer(mesh, dialect, query)), theirs))
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_the_same_rows_or_a_refusal(mesh: Gateway, engine: tuple[str, truth.Ask]) -> None:
    """Of hundreds of expressions that were made to find where two dialects part."""
    dialect, ask = engine
    ours = answered(mesh, dialect, sweep.sample(dialect))
    wrong: list[str | None] = []
    compared = 0
    for query, rows in ours.items():
        try:
            theirs = ask(query)
        except KeyError:
            pytest.fail(f"python -m tests.dialects.live {dialect} --record; unknown is {query}")
        except Exception as error:
            _check_failure(error)
            continue
        compared += 1
        wrong.append(difference(query, rows, theirs))
    assert not any(wrong), "\n".join(filter(None, wrong))
    assert compared > 200


def _check_failure(error: Exception) -> None:
    """An engine may know no such function, or have 32 bits where the gateway has 64."""
    modules = ("tests.dialects.recording", "duckdb", "_duckdb", "adbc_driver_manager", "arrow_odbc")
    assert type(error).__module__.startswith(modules), error


def test_recorded_answers_name_their_version() -> None:
    versions = {engine: recording.recorded(engine).version for engine in recording.ENGINES}
    assert versions == {"spark": "4.1.4", "trino": "476"}
