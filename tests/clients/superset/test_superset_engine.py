"""The engine spec, through Superset's REST API: each answer comes from the gateway."""

from __future__ import annotations

import json

import pytest

from tests.clients.superset.running import Api, Refused, Superset
from tests.clients.superset.served import Mesh

pytestmark = pytest.mark.timeout(600)  # the first waits until Superset runs

CLIENT = "Superset 6.1.0"
DATABASE, DATASET = 1, 1

FLIGHTS = "aviation.operations.flights"
COUNT = [{"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "n"}]
NUMBER, TEXT, TIME, TRUTH = 0, 1, 2, 3
"""Superset's generic types."""

GRAINS = {
    "PT1S": "date_trunc('second', {})",
    "PT5S": "time_bucket(INTERVAL 5 SECOND, {}, TIMESTAMP '1970-01-01')",
    "PT30S": "time_bucket(INTERVAL 30 SECOND, {}, TIMESTAMP '1970-01-01')",
    "PT1M": "date_trunc('minute', {})",
    "PT5M": "time_bucket(INTERVAL 5 MINUTE, {}, TIMESTAMP '1970-01-01')",
    "PT10M": "time_bucket(INTERVAL 10 MINUTE, {}, TIMESTAMP '1970-01-01')",
    "PT15M": "time_bucket(INTERVAL 15 MINUTE, {}, TIMESTAMP '1970-01-01')",
    "PT30M": "time_bucket(INTERVAL 30 MINUTE, {}, TIMESTAMP '1970-01-01')",
    "PT0.5H": "time_bucket(INTERVAL 30 MINUTE, {}, TIMESTAMP '1970-01-01')",
    "PT1H": "date_trunc('hour', {})",
    "PT6H": "time_bucket(INTERVAL 6 HOUR, {}, TIMESTAMP '1970-01-01')",
    "P1D": "date_trunc('day', {})",
    "P1W": "date_trunc('week', {})",
    "1969-12-28T00:00:00Z/P1W": "time_bucket(INTERVAL 7 DAY, {}, TIMESTAMP '1969-12-28')",
    "1969-12-29T00:00:00Z/P1W": "time_bucket(INTERVAL 7 DAY, {}, TIMESTAMP '1969-12-29')",
    "P1W/1970-01-03T00:00:00Z": (
        "time_bucket(INTERVAL 7 DAY, {}, TIMESTAMP '1969-12-28') + INTERVAL 6 DAY"
    ),
    "P1W/1970-01-04T00:00:00Z": (
        "time_bucket(INTERVAL 7 DAY, {}, TIMESTAMP '1969-12-29') + INTERVAL 6 DAY"
    ),
    "P1M": "date_trunc('month', {})",
    "P3M": "date_trunc('quarter', {})",
    "P0.25Y": "date_trunc('quarter', {})",
    "P1Y": "date_trunc('year', {})",
}
"""Every grain of Superset, as DuckDB rounds to it."""

OFFSETS = " UNION ALL ".join(
    f"SELECT time_hour + INTERVAL '{seconds} seconds' AS moment FROM climate.observations.weather"
    f" WHERE origin = '{origin}' AND month IN ({month}, 12)"
    for seconds, origin, month in ((0, "JFK", 1), (37, "LGA", 3), (1907, "EWR", 6))
)
"""Times that are not whole hours."""

TYPES = {
    "truth": ("TRUE", TRUTH),
    "small": ("CAST(1 AS SMALLINT)", NUMBER),
    "whole": ("CAST(1 AS INTEGER)", NUMBER),
    "big": ("CAST(1 AS BIGINT)", NUMBER),
    "real": ("CAST(1.5 AS REAL)", NUMBER),
    "double": ("CAST(1.5 AS DOUBLE PRECISION)", NUMBER),
    "decimal": ("CAST(1.5 AS DECIMAL(12, 2))", NUMBER),
    "words": ("'word'", TEXT),
    "bytes": ("CAST('x' AS BYTEA)", TEXT),
    "day": ("DATE '2013-02-03'", TIME),
    "moment": ("TIMESTAMP '2013-02-03 04:05:06'", TIME),
    "instant": ("CAST('2013-02-03T04:05:06Z' AS TIMESTAMPTZ)", TIME),
    "list": ("ARRAY[1, 2]", TEXT),
    "nothing": ("CAST(NULL AS INTEGER)", NUMBER),
}


@pytest.fixture(scope="module")
def moments(admin: Api) -> int:
    return int(admin.post("dataset/", database=DATABASE, table_name="moments", sql=OFFSETS)["id"])


def test_the_page_names_the_versions_that_are_tested(superset: Superset) -> None:
    from tests.clients.superset.page import Page
    from tests.environments import LISTS

    pinned = (LISTS / "superset.txt").read_text().splitlines()
    for word in Page.read({}).installation.split('"')[1::2]:
        assert word in pinned or word.startswith("./clients/sqlalchemy")


@pytest.mark.parametrize("grain", GRAINS)
def test_every_time_grain_rounds_as_it_should(
    ana: Api, mesh: Mesh, moments: int, grain: str
) -> None:
    column = {
        "columnType": "BASE_AXIS",
        "timeGrain": grain,
        "sqlExpression": "moment",
        "label": "moment",
        "expressionType": "SQL",
    }
    answer = ana.chart(moments, columns=[column], metrics=COUNT, row_limit=50_000)
    found = {row["moment"]: row["n"] for row in answer["data"]}
    rounded = GRAINS[grain].format("CAST(moment AT TIME ZONE 'UTC' AS TIMESTAMP)")
    expected = mesh.truth(
        f"SELECT epoch_ms({rounded}) AS moment, count(*) AS n FROM ({OFFSETS}) GROUP BY 1"
    )
    assert found == {row["moment"]: row["n"] for row in expected.to_pylist()}


def test_superset_offers_every_grain_the_gateway_can_round_to(ana: Api, moments: int) -> None:
    source = {"id": moments, "type": "table"}
    queries = [{"columns": [], "metrics": [], "result_type": "timegrains"}]
    (answer,) = ana.post("chart/data", datasource=source, queries=queries)["result"]
    offered = {grain["duration"] for grain in answer["data"]} - {None}
    assert offered == GRAINS.keys() - {"PT0.5H", "P0.25Y"}  # which it has no names for


def test_a_time_range_becomes_literals_of_the_type(ana: Api, mesh: Mesh) -> None:
    answer = ana.chart(
        DATASET,
        granularity="time_hour",
        time_range="2013-02-01 : 2013-02-03T12:00:00",
        metrics=COUNT,
        columns=[],
    )
    assert "TIMESTAMP '2013-02-03 12:00:00.000000'" in answer["query"]
    expected = mesh.truth(
        f"SELECT count(*) AS n FROM {FLIGHTS} f"
        " JOIN aviation.registry.planes p ON f.tailnum = p.tailnum"
        " JOIN climate.observations.weather w"
        " ON f.origin = w.origin AND f.time_hour = w.time_hour"
        " WHERE f.time_hour >= '2013-02-01T00:00:00Z' AND f.time_hour < '2013-02-03T12:00:00Z'"
    )
    assert answer["data"] == expected.to_pylist()


@pytest.mark.feature(CLIENT, "all types")
def test_columns_have_the_generic_types_of_superset(admin: Api) -> None:
    sql = "SELECT " + ", ".join(f"{value} AS {name}" for name, (value, _) in TYPES.items())
    made = admin.post("dataset/", database=DATABASE, table_name="types", sql=sql)["id"]
    columns = admin.get(f"dataset/{made}")["result"]["columns"]
    found = {column["column_name"]: column["type_generic"] for column in columns}
    assert found == {name: kind for name, (_, kind) in TYPES.items()}
    (row,) = admin.query(DATABASE, sql)["data"]
    assert row["truth"] is True
    assert [row[name] for name in ("small", "whole", "big", "real", "double")] == [
        1,
        1,
        1,
        1.5,
        1.5,
    ]
    assert float(row["decimal"]) == 1.5
    assert row["words"] == "word"
    assert row["nothing"] is None
    assert str(row["day"]).startswith("2013-02-03")
    assert str(row["moment"]).startswith("2013-02-03T04:05:06")
    assert str(row["instant"]).startswith("2013-02-03T04:05:06")


@pytest.mark.feature(CLIENT, "catalogue")
def test_domains_are_catalogues_and_products_are_schemas(ana: Api) -> None:
    at = f"database/{DATABASE}"
    assert sorted(ana.get(f"{at}/catalogs/?q=(force:!t)")["result"]) == ["aviation", "climate"]
    schemas = ana.get(f"{at}/schemas/?q=(catalog:aviation,force:!t)")["result"]
    assert sorted(schemas) == ["carriers", "operations", "registry"]
    tables = ana.get(f"{at}/tables/?q=(catalog_name:aviation,schema_name:registry,force:!t)")
    assert [(t["value"], t["type"]) for t in tables["result"]] == [
        ("airports", "table"),
        ("planes", "table"),
    ]
    where = "name=planes&catalog=aviation&schema=registry"
    described = ana.get(f"{at}/table_metadata/?{where}")
    assert [c["name"] for c in described["columns"]][:3] == ["tailnum", "year", "type"]
    assert "FROM aviation.registry.planes" in described["selectStar"]
    assert ana.query(DATABASE, described["selectStar"])["data"][0].keys() >= {"tailnum", "year"}


def test_a_schema_that_is_chosen_is_where_plain_names_are_looked_for(ana: Api) -> None:
    chosen = {"catalog": "aviation", "schema": "registry"}
    (row,) = ana.query(DATABASE, "SELECT count(*) AS n FROM planes", **chosen)["data"]
    assert row["n"] == 3322
    across = "SELECT count(*) AS n FROM planes p JOIN aviation.carriers.airlines a ON true"
    assert ana.query(DATABASE, across, **chosen)["data"] == [{"n": 3322 * 16}]


def test_a_dataset_in_a_catalogue_has_a_chart(admin: Api, ana: Api) -> None:
    made = admin.post(
        "dataset/",
        database=DATABASE,
        catalog="climate",
        schema="observations",
        table_name="weather",
    )["id"]
    answer = ana.chart(made, columns=["origin"], metrics=COUNT, orderby=[["origin", True]])
    assert [row["origin"] for row in answer["data"]] == ["EWR", "JFK", "LGA"]
    assert "climate.observations.weather" in answer["query"]


def test_the_estimate_is_the_plan(ana: Api) -> None:
    sql = "SELECT count(*) FROM aviation.registry.planes WHERE year > 2000"
    (plan,) = ana.post("sqllab/estimate/", database_id=DATABASE, sql=sql)["result"]
    (fragment,) = [text for item, text in plan.items() if item.startswith("fragment 1")]
    assert "year" in fragment
    assert "remainder gateway" in plan


@pytest.mark.parametrize(
    ("sql", "kind", "said"),
    [
        (
            "SELECT orgin FROM aviation.operations.flights",
            "COLUMN_DOES_NOT_EXIST_ERROR",
            "[UNKNOWN_COLUMN] there is no column orgin here (line 2, column 3)"
            " Hint: did you mean aviation.operations.flights.origin?",
        ),
        (
            "SELECT 1 FROM aviation.operations.flihgts",
            "TABLE_DOES_NOT_EXIST_ERROR",
            "[UNKNOWN_DATASET] there is no dataset aviation.operations.flihgts that you may read"
            " (line 3, column 26) Hint: did you mean aviation.operations.flights?",
        ),
        ("SELECT 1 / 0", "GENERIC_DB_ENGINE_ERROR", "[ARITHMETIC_ERROR] division by zero"),
    ],
)
def test_errors_are_of_the_kinds_superset_knows(ana: Api, sql: str, kind: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        ana.query(DATABASE, sql)
    (error,) = json.loads(caught.value.text)["errors"]
    assert error["error_type"] == kind
    assert error["message"] == f"meshgate error: {said}"
