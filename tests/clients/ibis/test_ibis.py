"""Plans of ibis-substrait, made by the released package, answered as the same queries in SQL."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import pytest

from tests.clients.adbc.conftest import adbc_mesh, served  # noqa: F401  (fixtures)
from tests.conftest import _server
from tests.environments import environment, python_of
from tests.flight.serving import ALICE, Served

CLIENT = "ibis-substrait 4.0.1"
SCRIPT = Path(__file__).with_name("make_plans.py")

SAME = {
    "filter": "SELECT name FROM airlines WHERE carrier > 'B'",
    "like": "SELECT name FROM airlines WHERE name LIKE '%e%'",
    "top": "SELECT name FROM airlines ORDER BY carrier DESC LIMIT 2",
    "text": "SELECT upper(name) AS upper FROM airlines",
    "group": "SELECT text, count(*) AS n, sum(big) AS total FROM types GROUP BY text",
    "having": "SELECT text FROM types GROUP BY text HAVING count(*) > 0",
    "mean": "SELECT avg(double) AS m FROM types",
    "case": "SELECT CASE WHEN number > 0 THEN 'up' ELSE 'down' END AS k FROM types",
    "null": "SELECT text FROM types WHERE number IS NULL",
    "in": "SELECT text FROM types WHERE number IN (1, 7)",
    "cast": "SELECT CAST(number AS double) AS x FROM types",
    "union": "SELECT text FROM types UNION ALL SELECT carrier FROM airlines",
}


@pytest.fixture(scope="module")
def plans() -> dict[str, bytes]:
    python = python_of(_server(lambda: environment("ibis")))
    made = subprocess.run(
        [str(python), str(SCRIPT)], capture_output=True, text=True, check=True, timeout=120
    )
    return {name: base64.b64decode(plan) for name, plan in json.loads(made.stdout).items()}


@pytest.mark.feature(CLIENT, "Substrait plans")
def test_a_plan_of_ibis_is_answered_as_its_query(
    served: Served,  # noqa: F811
    plans: dict[str, bytes],
) -> None:
    assert set(plans) == set(SAME)
    login = {"username": ALICE[0], "password": ALICE[1]}
    with (
        adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        for name, text in SAME.items():
            answers = []
            for query in (plans[name], text):
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
                answers.append((table.column_names, sorted(map(repr, table.to_pylist()))))
            assert answers[0] == answers[1], name
