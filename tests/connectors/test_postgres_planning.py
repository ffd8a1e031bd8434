"""What PostgreSQL's planner is told in the gateway's sessions, and what is left to the operator."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from connectors.postgres import PostgresConnector
from tests.services import Postgres, postgres_database

QUERY = "SELECT current_setting('parallel_tuple_cost')::text AS c0"
SCHEMA = pa.schema([("c0", pa.string())])


@pytest.fixture
def uri() -> Iterator[str]:
    with postgres_database() as found:
        yield found


def setting(uri: str) -> list[str]:
    """The cost in a session of the gateway's."""
    connector = PostgresConnector(uri, {})
    try:
        stream = connector.query(QUERY, SCHEMA)
        found = [value for batch in stream for value in batch.column(0).to_pylist()]
        stream.close()
        return found
    finally:
        connector.close()


def test_a_default_is_replaced(uri: str) -> None:
    assert setting(uri) == ["0.01"]


@pytest.mark.parametrize("chosen", ["0.5", "0"])
def test_what_the_operator_has_set_stays(uri: str, postgres: Postgres, chosen: str) -> None:
    database = uri.rsplit("/", 1)[1]
    postgres.execute(f'ALTER DATABASE "{database}" SET parallel_tuple_cost = {chosen}')
    assert setting(uri) == [chosen]
