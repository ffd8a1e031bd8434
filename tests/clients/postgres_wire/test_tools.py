"""Tools that can not be had here: what they ask of the catalogues is asked, and answered."""

from __future__ import annotations

import psycopg
import pytest

from tests.clients.postgres_wire.business_tools import GRAFANA, METABASE, POWER_BI, TABLEAU
from tests.clients.postgres_wire.database_tools import DATAGRIP, DBEAVER, NPGSQL, PGADMIN, PGCLI
from tests.clients.postgres_wire.serving import ALICE, Served
from tests.clients.postgres_wire.tool_queries import Asked

TOOLS = {
    "Npgsql": NPGSQL,
    "Power BI": POWER_BI,
    "Tableau": TABLEAU,
    "Metabase": METABASE,
    "DBeaver": DBEAVER,
    "DataGrip": DATAGRIP,
    "Grafana": GRAFANA,
    "pgcli": PGCLI,
    "pgAdmin": PGADMIN,
}
pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_asks(served: Served, tool: str) -> None:
    with psycopg.connect(served.dsn(ALICE), autocommit=True) as connection:
        for asked in TOOLS[tool]:
            rows = _answer(connection, asked)
            missing = [row for row in asked.rows if row not in rows]
            assert not missing, f"{asked.text}\ngives {rows[:10]}"
            if asked.only:
                assert len(rows) == len(asked.rows), f"{asked.text}\ngives {rows[:10]}"


def _answer(connection: psycopg.Connection, asked: Asked) -> list[tuple[object, ...]]:
    cursor = psycopg.RawCursor(connection)
    try:
        cursor.execute(asked.text, asked.values or None)
    except psycopg.Error as error:
        raise AssertionError(f"{asked.text}\n{error}") from error
    rows = cursor.fetchall() if cursor.description else []
    while cursor.nextset():  # of several statements the last one counts
        rows = cursor.fetchall() if cursor.description else []
    return rows
