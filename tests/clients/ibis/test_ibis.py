"""Plans of ibis-substrait, made by the released package, answered as the same queries in SQL."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import pytest
from adbc_driver_flightsql import DatabaseOptions

from tests.clients.adbc.conftest import (  # fixtures, and their tables
    MILLION,
    TYPES,
    adbc_mesh,  # noqa: F401
    served,  # noqa: F401
)
from tests.conftest import _server
from tests.environments import environment, python_of
from tests.flight.serving import ALICE, Served

CLIENT = "ibis-substrait 4.0.1"
PURPOSE = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + "x-meshgate-purpose"
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


UNKNOWN_HERE = ("clock", "parts")
"""Columns of types that its plans name as the gateway does not take them."""


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, str]]:
    python = python_of(_server(lambda: environment("ibis")))
    made = subprocess.run(
        [str(python), "-W", "ignore", str(SCRIPT)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said: dict[str, dict[str, str]] = json.loads(made.stdout)
    return said


@pytest.fixture(scope="module")
def plans(made: dict[str, dict[str, str]]) -> dict[str, bytes]:
    return {name: base64.b64decode(plan) for name, plan in made["plans"].items()}


@contextmanager
def asking(served: Served, **options: str) -> Iterator[adbc.Cursor]:  # noqa: F811
    login = {"username": ALICE[0], "password": ALICE[1], **options}
    with (
        adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


@pytest.mark.feature(CLIENT, "Substrait plans")
def test_a_plan_of_ibis_is_answered_as_its_query(
    served: Served,  # noqa: F811
    plans: dict[str, bytes],
) -> None:
    with asking(served) as cursor:
        for name, text in SAME.items():
            answers = []
            for query in (plans[name], text):
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
                answers.append((table.column_names, sorted(map(repr, table.to_pylist()))))
            assert answers[0] == answers[1], name


@pytest.mark.feature(CLIENT, "all types", shows="all but times, structs, unsigned integers")
def test_types_arrive_as_they_are_or_are_refused(
    served: Served,  # noqa: F811
    plans: dict[str, bytes],
    made: dict[str, dict[str, str]],
) -> None:
    names = [name.removeprefix("type ") for name in plans if name.startswith("type ")]
    assert {*names, "unsigned"} == {*TYPES.column_names}
    assert made["refused"]["unsigned integers"] == "NotImplementedError: uint32"
    with asking(served) as cursor:
        for name in names:
            if name in UNKNOWN_HERE:
                with pytest.raises(adbc.NotSupportedError, match="UNSUPPORTED"):
                    cursor.execute(plans[f"type {name}"])
            else:
                cursor.execute(plans[f"type {name}"])
                assert cursor.fetch_arrow_table().equals(TYPES.select([name])), name


@pytest.mark.feature(CLIENT, "one million rows")
def test_a_million_rows_are_fetched(served: Served, plans: dict[str, bytes]) -> None:  # noqa: F811
    with asking(served) as cursor:
        cursor.execute(plans["million"])
        assert cursor.fetch_arrow_table().sort_by("id").equals(MILLION)


@pytest.mark.feature(CLIENT, "error with position", shows="no position: a plan has no text")
def test_an_error_says_what_but_not_where(
    served: Served,  # noqa: F811
    plans: dict[str, bytes],
) -> None:
    with (
        asking(served) as cursor,
        pytest.raises(
            adbc.ProgrammingError, match=r"UNKNOWN_COLUMN.*no column t1\.nam here.*t1\.name"
        ) as caught,
    ):
        cursor.execute(plans["wrong"])
    assert "line" not in str(caught.value)


@pytest.mark.feature(CLIENT, "prepared parameters", shows="refused: makes no plan of them")
def test_parameters_are_not_in_its_plans(made: dict[str, dict[str, str]]) -> None:
    assert made["refused"]["parameters"] == "KeyError: 'ScalarParameter'"


@pytest.mark.feature(CLIENT, "purpose")
def test_a_purpose_counts_for_plans(served: Served, plans: dict[str, bytes]) -> None:  # noqa: F811
    with asking(served, **{PURPOSE: "reporting"}) as cursor:
        cursor.execute(plans["union"])
        assert cursor.fetch_arrow_table().num_rows == 6
    with (
        asking(served, **{PURPOSE: "fun"}) as cursor,
        pytest.raises(adbc.Error, match="PURPOSE_NOT_GRANTED"),
    ):
        cursor.execute(plans["union"])


@pytest.mark.feature(CLIENT, "schema before rows")
def test_the_schema_of_a_plan_comes_first(served: Served, plans: dict[str, bytes]) -> None:  # noqa: F811
    with asking(served) as cursor:
        assert cursor.adbc_execute_schema(plans["mean"]).names == ["m"]


@pytest.mark.feature(CLIENT, "partitions")
def test_partitions_of_a_plan_are_read(served: Served, plans: dict[str, bytes]) -> None:  # noqa: F811
    with asking(served) as cursor, asking(served) as reader:
        partitions, _ = cursor.adbc_execute_partitions(plans["union"])
        reader.adbc_read_partition(partitions[0])
        assert reader.fetch_arrow_table().num_rows == 6
