"""How much PostgreSQL expects in memory for joins whose rows leave it, and for all else."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from connectors.interface import SourceError
from connectors.postgres import PostgresConnector
from connectors.postgres_cache import plain_join
from tests.services import Postgres, postgres_database

TABLES = (
    "CREATE TABLE one AS SELECT i AS id, (i * 7919) % 20000 AS apart, repeat('x', 800) AS fill"
    " FROM generate_series(0, 19999) AS i",
    "CREATE TABLE other AS SELECT * FROM one",
    "CREATE TABLE small AS SELECT id, apart FROM one LIMIT 2000",
    "ANALYZE one, other, small",
)
OUTPUT = "current_setting('effective_cache_size')::text AS c0"
JOIN = f"SELECT {OUTPUT} FROM public.one AS t1 JOIN public.{{}} AS t2 ON t1.{{}} = t2.id"
APART = JOIN.format("other", "apart") + " WHERE t1.id = 1"
SCHEMA = pa.schema([("c0", pa.string())])


@pytest.fixture(scope="module")
def uri(postgres: Postgres) -> Iterator[str]:
    with postgres_database() as found:
        postgres.execute(*TABLES, database=found.rsplit("/", 1)[1])
        yield found


@pytest.fixture
def connector(uri: str) -> Iterator[PostgresConnector]:
    found = PostgresConnector(uri, {"pool_size": "1"})
    try:
        yield found
    finally:
        found.close()


def expected(connector: PostgresConnector, text: str) -> set[str]:
    """What the server expects in memory while it runs the statement."""
    tree = sqlglot.parse_one(text, dialect="postgres")
    assert isinstance(tree, exp.Query)
    stream = connector.query(connector.render(tree, SCHEMA), SCHEMA)
    try:
        return {value for batch in stream for value in batch.column(0).to_pylist()}
    finally:
        stream.close()


@pytest.mark.parametrize(
    "text",
    [
        APART,
        APART.replace("JOIN", "LEFT JOIN"),
        JOIN.format("small", "id") + " WHERE t1.id = 1",
        f"SELECT {OUTPUT} FROM public.one AS t1 CROSS JOIN public.other AS t2"
        " WHERE t1.apart = t2.id AND t1.id = 1",
    ],
)
def test_a_join_of_rows_that_lie_apart_is_planned_with_little(
    connector: PostgresConnector, text: str
) -> None:
    assert expected(connector, text) == {"128MB"}
    one_table = f"SELECT {OUTPUT} FROM public.one AS t1 WHERE t1.id = 1"
    assert expected(connector, one_table) == {"4GB"}, "the same session, there is only one"
    assert expected(connector, text) == {"128MB"}


@pytest.mark.parametrize(
    "text",
    [
        JOIN.format("other", "id") + " WHERE t1.id = 1",
        f"SELECT min({OUTPUT[:-6]}) AS c0 FROM" + APART.split("FROM", 1)[1],
        APART + " LIMIT 1",
        APART + " AND t2.id NOT IN (SELECT id FROM public.small)",
    ],
)
def test_all_else_is_planned_as_ever(connector: PostgresConnector, text: str) -> None:
    assert expected(connector, text) == {"4GB"}


def test_after_an_error_the_next_statement_is_planned_as_ever(
    connector: PostgresConnector,
) -> None:
    failing = APART.replace("::text", "::text || (1 / (t1.id - 1))::text")
    with pytest.raises(SourceError):
        expected(connector, failing)
    assert expected(connector, f"SELECT {OUTPUT} FROM public.small AS t1") == {"4GB"}


def test_a_reader_that_leaves_early_leaves_nothing_behind(connector: PostgresConnector) -> None:
    many = JOIN.format("other", "apart").replace("AS c0", "|| repeat('x', 4000) AS c0")
    tree = sqlglot.parse_one(many, dialect="postgres")
    assert isinstance(tree, exp.Query)
    stream = connector.query(connector.render(tree, SCHEMA), SCHEMA)
    assert next(iter(stream)).num_rows
    stream.close()
    assert expected(connector, f"SELECT {OUTPUT} FROM public.small AS t1") == {"4GB"}


@pytest.mark.parametrize("chosen", ["1GB", "64MB"])
def test_what_the_operator_has_set_stays(uri: str, postgres: Postgres, chosen: str) -> None:
    database = uri.rsplit("/", 1)[1]
    postgres.execute(f"ALTER DATABASE \"{database}\" SET effective_cache_size = '{chosen}'")
    connector = PostgresConnector(uri, {})
    try:
        assert expected(connector, APART) == {chosen}
    finally:
        connector.close()
        postgres.execute(f'ALTER DATABASE "{database}" RESET effective_cache_size')


def test_a_catalogue_that_is_not_shown_fails_nothing(uri: str, postgres: Postgres) -> None:
    database = uri.rsplit("/", 1)[1]
    postgres.execute(
        "CREATE ROLE blind LOGIN PASSWORD 'blind'",
        "REVOKE SELECT ON pg_catalog.pg_stats FROM PUBLIC",
        "GRANT SELECT ON one, other TO blind",
        database=database,
    )
    connector = PostgresConnector(_as(uri, "blind"), {})
    try:
        assert expected(connector, APART) == {"4GB"}
    finally:
        connector.close()
        postgres.execute(
            "GRANT SELECT ON pg_catalog.pg_stats TO PUBLIC",
            "DROP OWNED BY blind",
            "DROP ROLE blind",
            database=database,
        )


def _as(uri: str, user: str) -> str:
    return f"postgresql://{user}:{user}@{uri.split('@', 1)[1]}"


def test_the_columns_a_join_is_made_by() -> None:
    tree = sqlglot.parse_one(
        'SELECT t1.a AS c0 FROM "s"."x" AS t1 JOIN "s"."y" AS t2 ON t1."k" = t2."l"'
        " WHERE t1.a = 5 AND t2.b = t2.c",
        dialect="postgres",
    )
    assert isinstance(tree, exp.Query)
    assert plain_join(tree) == frozenset({(("s", "x", "k"), ("s", "y", "l"))})
