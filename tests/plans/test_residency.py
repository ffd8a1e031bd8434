"""Rows bound to their region: what may leave as groups of enough rows, and what may not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model import Dataset, Principal, Residency
from gateway.pipeline import Gateway
from tests import services
from tests.gateways import ask, dataset, gateway, in_memory, in_source

PEOPLE = pa.table(
    {
        "id": pa.array(range(1, 21), pa.int64()),
        "town": ["Ghent"] * 12 + ["Bruges"] * 5 + ["Dinant"] * 3,
        "age": pa.array([*range(20, 40)], pa.int64()),
        "pay": pa.array([100] * 10 + [None] * 10, pa.int64()),
    }
)
OUTSIDE, INSIDE = Principal("user:ana", region="US"), Principal("user:ana", region="EU")
BOUND = Residency(("EU",), 5)
SOURCES = ("parquet", "memory", "sqlite", "duckdb", "postgres")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Dataset]]:
    folder = tmp_path_factory.mktemp("people")
    pq.write_table(PEOPLE, folder / "people.parquet")
    found = {
        "parquet": dataset(
            "parquet", "people", Binding("files", str(folder), "people.parquet"), PEOPLE.schema
        ),
        "memory": in_memory({"people": PEOPLE}, "residency")[0],
    }
    rows = [tuple(row.values()) for row in PEOPLE.to_pylist()]
    with sqlite3.connect(folder / "p.sqlite") as connection:
        connection.execute("CREATE TABLE people (id bigint, town text, age bigint, pay bigint)")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    connection.close()
    (found["sqlite"],) = in_source("sqlite", str(folder / "p.sqlite"), ["people"])
    import duckdb

    with duckdb.connect(str(folder / "p.duckdb")) as store:
        store.register("given", PEOPLE)
        store.execute("CREATE TABLE people AS SELECT * FROM given")
    (found["duckdb"],) = in_source("duckdb", str(folder / "p.duckdb"), ["main.people"])
    with services.postgres_database() as uri:
        found["postgres"] = _in_postgres(uri, rows)
        yield found


def _in_postgres(uri: str, rows: list[tuple[object, ...]]) -> Dataset:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE people (id bigint, town text, age bigint, pay bigint)")
        cursor.adbc_ingest("given", PEOPLE)
        cursor.execute("INSERT INTO people SELECT * FROM given")
    return in_source("postgres", uri, ["people"])[0]


def bound(held: Dataset, region: str, residency: Residency = BOUND) -> Gateway:
    name = replace(held.address, dataset="people")
    return gateway([replace(held, address=name, residency=residency)], config=Config(region=region))


def places(source: str) -> list[str]:
    """Where the gateway may stand: what it reads itself it can only read inside."""
    return ["EU"] if source in ("parquet", "memory") else ["EU", "US", ""]


def cases() -> list[tuple[str, str]]:
    return [(source, place) for source in SOURCES for place in places(source)]


ALLOWED = {
    "SELECT town, count(*) AS n FROM people GROUP BY town": [("Bruges", 5), ("Ghent", 12)],
    "SELECT count(*) AS n FROM people": [(20,)],
    "SELECT count(*) AS n FROM people WHERE age > 34": [(5,)],
    "SELECT count(*) AS n FROM people WHERE age > 35": [],
    "SELECT town, sum(age) AS s, count(id) AS n FROM people GROUP BY town": [
        ("Bruges", 170, 5),
        ("Ghent", 306, 12),
    ],
    # nobody of Bruges has a pay: a sum of none says whose
    "SELECT town, sum(pay) AS s FROM people GROUP BY town": [("Ghent", 1000)],
    "SELECT n * 2 AS m FROM (SELECT town, count(*) AS n FROM people GROUP BY town) AS t": [
        (10,),
        (24,),
    ],
    "SELECT town FROM people GROUP BY town": [("Bruges",), ("Ghent",)],
    "SELECT DISTINCT town FROM people": [("Bruges",), ("Ghent",)],
    "SELECT sum(age) / count(age) AS a FROM people WHERE town = 'Ghent'": [(25,)],
}

# what may not fail for a single row may be computed
ALLOWED |= {
    "SELECT age / 20 AS a, count(*) AS n FROM people GROUP BY age / 20": [(1, 20)],
    "SELECT count(*) AS n FROM people WHERE age % 2 = 1": [(10,)],
}

# each of these told whether somebody of 24 has the id 5: by an answer or by an error
TELLING = (
    "SELECT count(*) FROM people WHERE town IN (SELECT town FROM people WHERE id = 5 AND age = 24)",
    "SELECT count(*) FROM people WHERE town NOT IN"
    " (SELECT town FROM people WHERE id = 5 AND age = 24)",
    "SELECT count(*) FROM people WHERE CASE WHEN id = 5 AND age = 24 THEN 1 / 0 ELSE 1 END = 1",
    "SELECT count(*) FROM people WHERE 1 / (age - 24) < 5",
    "SELECT 1 / (age - 24) AS a, count(*) FROM people GROUP BY 1 / (age - 24)",
    "SELECT count(*) FROM people WHERE age + (9223372036854775807 - 38) > 0",
    "SELECT count(*) FROM people WHERE id = 5 AND CAST(town AS BIGINT) = 1",
    "SELECT count(*) FROM people WHERE 1 / (coalesce(age, 0) - 24) < 5",
)

REFUSED = (
    *TELLING,
    "SELECT * FROM people",
    "SELECT id FROM people LIMIT 1",
    "SELECT max(age) FROM people",
    "SELECT min(town) FROM people",
    "SELECT sum(CASE WHEN id = 5 THEN age ELSE 0 END) FROM people",
    "SELECT sum(age) FILTER (WHERE id = 5) FROM people",
    "SELECT sum(age * id) FROM people",
    "SELECT string_agg(town, ',') FROM people",
    "SELECT array_agg(id) FROM people",
    "SELECT count(*) FROM people a JOIN people b ON a.town = b.town",
    "SELECT a.town, count(*) FROM people a CROSS JOIN people b GROUP BY a.town",
    "SELECT 1 FROM people WHERE id = 5",
    "SELECT count(*) FROM (VALUES (1), (2)) AS v(x) WHERE x IN (SELECT id FROM people)",
    "SELECT (SELECT age FROM people WHERE id = 5)",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM people WHERE id = 5 AND age = 24)",
    "SELECT id, row_number() OVER (ORDER BY age) FROM people",
    "SELECT id FROM people UNION ALL SELECT 1",
    "SELECT sum(age) OVER () FROM people",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3)"
    " SELECT * FROM r, people",
    "SELECT town, GROUPING(town), count(*) FROM people GROUP BY ROLLUP (town)",
)


@pytest.mark.parametrize("sql", ALLOWED)
@pytest.mark.parametrize(("source", "place"), cases())
def test_groups_of_enough_rows_leave(
    people: dict[str, Dataset], source: str, place: str, sql: str
) -> None:
    opened = bound(people[source], place)
    found = sorted(tuple(row.values()) for row in ask(opened, sql, OUTSIDE).to_pylist())
    assert found == ALLOWED[sql]
    opened.close()


@pytest.mark.parametrize("sql", REFUSED)
@pytest.mark.parametrize(("source", "place"), cases())
def test_nothing_else_leaves(people: dict[str, Dataset], source: str, place: str, sql: str) -> None:
    opened = bound(people[source], place)
    with pytest.raises(GatewayError) as caught:
        ask(opened, sql, OUTSIDE)
    assert caught.value.code == "RESIDENCY_VIOLATION"
    opened.close()


@pytest.mark.parametrize("source", SOURCES)
def test_inside_the_region_rows_are_rows(people: dict[str, Dataset], source: str) -> None:
    opened = bound(people[source], "EU")
    assert ask(opened, "SELECT * FROM people", INSIDE).num_rows == 20
    opened.close()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("place", "who"), [("EU", OUTSIDE), ("US", INSIDE), ("", INSIDE), ("EU", Principal("user:ana"))]
)
def test_without_a_number_of_rows_nothing_leaves(
    people: dict[str, Dataset], source: str, place: str, who: Principal
) -> None:
    opened = bound(people[source], place, Residency(("EU",)))
    with pytest.raises(GatewayError) as caught:
        ask(opened, "SELECT count(*) FROM people", who)
    assert caught.value.code == "RESIDENCY_VIOLATION"
    opened.close()


@pytest.mark.parametrize(
    ("place", "who", "told"),
    [
        ("", OUTSIDE, "this gateway is in no known region, you are in US"),
        ("EU", Principal("user:ana"), "this gateway is in EU, you are in no known region"),
    ],
)
def test_a_refusal_says_who_is_where(
    people: dict[str, Dataset], place: str, who: Principal, told: str
) -> None:
    opened = bound(people["sqlite"], place)
    with pytest.raises(GatewayError) as caught:
        ask(opened, "SELECT * FROM people", who)
    assert told in caught.value.message
    opened.close()


@pytest.mark.parametrize("source", ["parquet", "memory"])
def test_a_gateway_outside_does_not_read_files_of_the_region(
    people: dict[str, Dataset], source: str
) -> None:
    opened = bound(people[source], "US")
    with pytest.raises(GatewayError) as caught:
        ask(opened, "SELECT count(*) FROM people", INSIDE)
    assert caught.value.code == "RESIDENCY_VIOLATION"
    opened.close()


@pytest.mark.parametrize(("source", "place"), cases())
def test_explain_says_so(people: dict[str, Dataset], source: str, place: str) -> None:
    opened = bound(people[source], place)
    rows = ask(opened, "EXPLAIN SELECT count(*) FROM people", OUTSIDE).to_pylist()
    assert any(r["item"] == "residency" and "at least 5 rows" in r["text"] for r in rows)
    if source not in ("parquet", "memory"):
        assert any("COUNT(*) >= 5" in r["text"] for r in rows if r["item"] == "fragment 1")
    opened.close()
