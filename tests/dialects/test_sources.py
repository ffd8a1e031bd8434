"""Translated queries give the same rows wherever the tables are, and are pushed as any others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model import Dataset
from gateway.pipeline import Gateway
from tests import services
from tests.dialects import truth
from tests.dialects.rows import TABLES
from tests.dialects.tables import answer
from tests.gateways import gateway, in_source

CORPUS = Path(__file__).parent / "corpus"


def _plainly_named(datasets: list[Dataset]) -> list[Dataset]:
    return [
        replace(d, address=replace(d.address, dataset=d.address.dataset.rpartition(".")[2]))
        for d in datasets
    ]


@pytest.fixture(scope="module", params=["postgres", "mariadb", "duckdb"])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        with server.database() as uri:
            truth.fill_postgres(uri)
            opened = gateway(_plainly_named(in_source("postgres", uri, _names("public"))))
            yield opened
            opened.close()
    elif request.param == "mariadb":
        mariadb: services.MariaDb = request.getfixturevalue("mariadb")
        with mariadb.database() as name:
            truth.fill_mysql(mariadb, name)
            opened = gateway(in_source("mariadb", mariadb.uri(name), list(TABLES)))
            yield opened
            opened.close()
    else:
        path = str(tmp_path_factory.mktemp("dialects") / "sales.duckdb")
        truth.fill_duckdb(path)
        opened = gateway(_plainly_named(in_source("duckdb", path, _names("main"))))
        yield opened
        opened.close()


def _names(schema: str) -> list[str]:
    return [f"{schema}.{name}" for name in TABLES]


@pytest.mark.parametrize("dialect", ["mysql", "postgres", "duckdb", "spark"])
def test_the_same_rows_from_every_source(mesh: Gateway, elsewhere: Gateway, dialect: str) -> None:
    wrong = []
    for query in (CORPUS / f"{dialect}.sql").read_text().splitlines():
        here, there = (
            truth.rows_of(answer(opened, dialect, query)) for opened in (mesh, elsewhere)
        )
        if not truth.same(there, here, ordered=False):
            wrong.append(f"{query}\n  there {there}\n  here  {here}")
    assert not wrong, "\n".join(wrong)


def test_a_null_of_a_type_comes_back_as_one(elsewhere: Gateway) -> None:
    query = (
        "SELECT id, CAST(NULL AS BIGINT) AS i, CAST(NULL AS DECIMAL(5, 2)) AS n,"
        " CAST(NULL AS DATE) AS d, CAST(NULL AS TIMESTAMP) AS t, CAST(NULL AS DOUBLE) AS f,"
        " CAST(NULL AS BOOLEAN) AS b, CAST(NULL AS VARCHAR) AS s FROM sales WHERE id = 1"
    )
    (row,) = truth.rows_of(answer(elsewhere, "", query))
    assert row == (1, *[None] * 7)
