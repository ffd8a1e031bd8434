"""Every library metric and operator, over real sources, against what was counted by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.memory.quality_results import Verdict
from gateway.model import QUALITY_PRINCIPAL, Principal, QueryOptions, Request, Threshold
from gateway.quality import metrics
from gateway.quality.verdicts import met
from tests.catalogue.meshes import contract, custom, write
from tests.quality.world import by_name, lines, mesh, opened, parquet, postgres_statements, sqlite
from tests.services import Postgres

MISSING = {"missingValues": [None, "", "N/A", "n/a"]}

# name of a column ("" for the whole), rule, the value counted by hand over world.ROWS
TRUTH: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("", {"metric": "rowCount"}, 8),
    ("id", {"metric": "nullValues"}, 0),
    ("name", {"metric": "nullValues"}, 1),
    ("name", {"metric": "nullValues", "unit": "percent"}, 12.5),
    ("price", {"metric": "nullValues"}, 1),
    ("day", {"metric": "nullValues"}, 1),
    ("noted", {"metric": "nullValues", "unit": "rows"}, 1),
    ("name", {"metric": "missingValues", "arguments": MISSING}, 3),
    ("unit", {"metric": "missingValues", "arguments": MISSING}, 2),
    ("unit", {"metric": "missingValues", "arguments": MISSING, "unit": "percent"}, 25.0),
    ("price", {"metric": "missingValues", "arguments": MISSING}, 1),
    ("price", {"metric": "missingValues", "arguments": {"missingValues": [None, 0]}}, 2),
    ("name", {"metric": "missingValues"}, 2),
    ("name", {"metric": "missingValues", "arguments": {"missingValues": [""]}}, 1),
    ("unit", {"metric": "invalidValues", "arguments": {"validValues": ["kg", "lb"]}}, 2),
    (
        "unit",
        {"metric": "invalidValues", "arguments": {"validValues": ["kg", "lb"]}, "unit": "percent"},
        25.0,
    ),
    ("id", {"metric": "invalidValues", "arguments": {"validValues": [1, 2, 3]}}, 5),
    ("price", {"metric": "invalidValues", "arguments": {"validValues": [4, 1.5, 2.5]}}, 2),
    ("name", {"metric": "invalidValues", "arguments": {"validValues": ["o'hara", "bob"]}}, 4),
    (
        "day",
        {"metric": "invalidValues", "arguments": {"validValues": ["2026-01-05", "2026-01-01"]}},
        3,
    ),
    ("name", {"metric": "invalidValues", "arguments": {"pattern": "^[a-z]{3}$"}}, 4),
    ("name", {"metric": "invalidValues", "arguments": {"pattern": "b"}}, 5),
    (
        "name",
        {
            "metric": "invalidValues",
            "arguments": {"pattern": "^[a-z]", "validValues": ["ada", "Eve"]},
        },
        6,
    ),
    ("name", {"metric": "duplicateValues"}, 1),
    ("unit", {"metric": "duplicateValues"}, 3),
    ("price", {"metric": "duplicateValues", "unit": "percent"}, 25.0),
    ("day", {"metric": "duplicateValues"}, 3),
    ("", {"metric": "duplicateValues", "arguments": {"properties": ["id"]}}, 0),
    ("", {"metric": "duplicateValues", "arguments": {"properties": ["unit", "price"]}}, 0),
    ("", {"metric": "duplicateValues", "arguments": {"properties": ["day", "unit"]}}, 1),
    (
        "",
        {
            "metric": "duplicateValues",
            "arguments": {"properties": ["day", "unit"]},
            "unit": "percent",
        },
        12.5,
    ),
    # as ODCS 3.0 spelt them
    ("name", {"rule": "duplicateCount"}, 1),
    ("unit", {"rule": "validValues", "validValues": ["kg", "lb"]}, 2),
    ("name", {"rule": "nullCheck"}, 1),
    ("", {"rule": "rowCount"}, 8),
)


def declared(rules: tuple[tuple[str, dict[str, Any], float], ...]) -> dict[str, Any]:
    """The rules as a mesh takes them; each must be what it is, and is called by its number."""
    whole: list[dict[str, Any]] = []
    of_columns: dict[str, list[dict[str, Any]]] = {}
    for number, (column, rule, value) in enumerate(rules):
        entry = {"name": f"r{number}", "mustBe": value, **rule}
        (of_columns.setdefault(column, []) if column else whole).append(entry)
    return {"quality": whole, "column_rules": of_columns}


@pytest.fixture(params=["parquet", "sqlite", "postgres"])
def binding(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    with ExitStack() as closing:
        if request.param == "parquet":
            yield parquet(tmp_path / "data")
        elif request.param == "sqlite":
            yield sqlite(tmp_path / "data")
        else:
            server: Postgres = request.getfixturevalue("postgres")
            uri = closing.enter_context(server.database())
            server.execute(*postgres_statements(), database=uri.rpartition("/")[2])
            yield {"connector": "postgres", "uri": uri, "object": "lines"}


def test_every_metric_is_what_was_counted_by_hand(binding: dict[str, Any], tmp_path: Path) -> None:
    gateway = opened(mesh(tmp_path / "mesh", binding, **declared(TRUTH)))
    try:
        assert gateway.mesh.quality is not None
        results = by_name(gateway.mesh.quality.check(lines(gateway)))
        found = {name: (r.value, r.verdict, r.reason) for name, r in results.items()}
        assert found == {
            f"r{n}": (value, Verdict.PASS, "") for n, (_, _, value) in enumerate(TRUTH)
        }
    finally:
        gateway.close()


def test_pushed_or_pulled_the_numbers_are_the_same(
    binding: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = opened(mesh(tmp_path / "mesh", binding, **declared(TRUTH)))
    try:
        assert gateway.mesh.quality is not None
        values = {}
        for placement in ("push", "pull"):
            monkeypatch.setattr(
                "gateway.quality.asking.QueryOptions",
                lambda timeout, placement=placement: QueryOptions(
                    placement=placement, timeout=timeout
                ),
            )
            results = gateway.mesh.quality.check(lines(gateway))
            values[placement] = {r.rule: r.value for r in results}
        assert values["push"] == values["pull"]
        assert len(values["push"]) == len(TRUTH)
    finally:
        gateway.close()


@pytest.mark.parametrize(
    ("operator", "value", "met_by", "broken_by"),
    [
        ("mustBe", 2, (2,), (1, 3, 2.5)),
        ("mustNotBe", 2, (1, 3), (2,)),
        ("mustBeGreaterThan", 2, (2.01, 3), (1, 2)),
        ("mustBeGreaterOrEqualTo", 2, (2, 3), (1, 1.99)),
        ("mustBeLessThan", 2, (1, 1.99), (2, 3)),
        ("mustBeLessOrEqualTo", 2, (1, 2), (2.01, 3)),
        ("mustBeBetween", [2, 4], (2, 3, 4), (1.99, 4.01)),
        ("mustNotBeBetween", [2, 4], (1.99, 4.01), (2, 3, 4)),
    ],
)
def test_every_operator(
    operator: str, value: Any, met_by: tuple[float, ...], broken_by: tuple[float, ...]
) -> None:
    ends = value if isinstance(value, list) else [value]
    threshold = Threshold(operator, *ends)
    assert all(met(threshold, number) for number in met_by)
    assert not any(met(threshold, number) for number in broken_by)


def test_operators_from_a_contract_to_a_verdict(tmp_path: Path) -> None:
    operators = {
        "mustBe": (8, 9),
        "mustNotBe": (9, 8),
        "mustBeGreaterThan": (7, 8),
        "mustBeGreaterOrEqualTo": (8, 9),
        "mustBeLessThan": (9, 8),
        "mustBeLessOrEqualTo": (8, 7),
        "mustBeBetween": ([8, 9], [9, 10]),
        "mustNotBeBetween": ([9, 10], [8, 9]),
    }
    rules = [
        {"metric": "rowCount", "name": f"{operator} {word}", operator: value}
        for operator, values in operators.items()
        for word, value in zip(("pass", "fail"), values, strict=True)
    ]
    gateway = opened(mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), rules))
    try:
        assert gateway.mesh.quality is not None
        for result in gateway.mesh.quality.check(lines(gateway)):
            assert result.verdict == result.rule.split()[1], result
            assert result.value == 8
    finally:
        gateway.close()


def test_of_no_rows_nothing_is_broken_in_percent(tmp_path: Path) -> None:
    rules = {"name": [{"metric": "nullValues", "unit": "percent", "mustBe": 0}]}
    whole = [{"metric": "rowCount", "mustBeGreaterThan": 0}]
    binding = sqlite(tmp_path / "data", rows=())
    gateway = opened(mesh(tmp_path / "mesh", binding, whole, rules))
    try:
        assert gateway.mesh.quality is not None
        results = by_name(gateway.mesh.quality.check(lines(gateway)))
        assert results["nullValues(name)"].verdict is Verdict.PASS
        assert results["nullValues(name)"].value == 0
        assert results["rowCount"].verdict is Verdict.FAIL
    finally:
        gateway.close()


ODD = ('a"b', "select", "x@1", "naïve col", "it's", "$1", "?", "{object}")
"""Names of columns that would be something else without their quotes."""

WORDS = ("$1", "?", "it's", '"', "\\x41", "a\\d", "{object}", "--", "/*", "E'")


def test_names_and_values_are_what_they_are_whatever_they_look_like(tmp_path: Path) -> None:
    database = tmp_path / "odd.db"
    quoted = ", ".join('"' + name.replace('"', '""') + '" TEXT' for name in ODD)
    with sqlite3.connect(database) as connection:
        connection.execute(f"CREATE TABLE lines ({quoted})")
        marks = ", ".join("?" * len(ODD))
        for word in (*WORDS, None):
            connection.execute(f"INSERT INTO lines VALUES ({marks})", [word] * len(ODD))
    connection.close()
    rules = [
        {"metric": "nullValues", "mustBe": 1, "name": "nulls"},
        {"metric": "missingValues", "arguments": {"missingValues": list(WORDS)}, "mustBe": 10},
        {"metric": "invalidValues", "arguments": {"validValues": list(WORDS)}, "mustBe": 0},
        {"metric": "invalidValues", "arguments": {"validValues": list(WORDS[:4])}, "mustBe": 6},
        {"metric": "invalidValues", "arguments": {"pattern": "^[$]1$|^\\?$"}, "mustBe": 8},
        {"metric": "duplicateValues", "mustBe": 0},
        {
            "type": "sql",
            "query": "SELECT count({property}) FROM {object} WHERE {property} <> '$1'",
            "mustBe": 9,
        },
    ]
    properties = [{"name": name, "physicalType": "text", "quality": rules} for name in ODD]
    whole = {"metric": "duplicateValues", "arguments": {"properties": list(ODD)}, "mustBe": 0}
    element = {"name": "lines", "properties": properties, "quality": [whole]}
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"))
    binding = {"connector": "sqlite", "uri": str(database), "object": "lines"}
    document = contract(schema=[element], customProperties=custom(binding=binding))
    write(folder, "products/lines.odcs.yaml", document)
    gateway = opened(folder)
    try:
        assert gateway.mesh.quality is not None
        found = gateway.mesh.quality.check(lines(gateway))
        wrong = [r for r in found if r.verdict is not Verdict.PASS]
        assert wrong == []
        assert len(found) == len(ODD) * len(rules) + 1
    finally:
        gateway.close()


def test_sources_count_themselves_and_send_no_rows(tmp_path: Path, postgres: Postgres) -> None:
    """But for what is the gateway's own, of which they send the one column it is about."""
    pushed = tuple(r for r in TRUTH if r[1].get("metric") != "duplicateValues" or r[0] == "unit")
    pushed = tuple(r for r in pushed if "pattern" not in r[1].get("arguments", {}))
    (pattern, duplicates) = (
        ("name", {"metric": "invalidValues", "arguments": {"pattern": "^[a-z]{3}$"}}, 4),
        ("price", {"metric": "duplicateValues"}, 2),
    )
    with postgres.database() as uri:
        postgres.execute(*postgres_statements(), database=uri.rpartition("/")[2])
        binding = {"connector": "postgres", "uri": uri, "object": "lines"}
        sent = {}
        for name, rules in (
            ("pushed", pushed),
            ("both", (*pushed, pattern, duplicates)),
        ):
            gateway = opened(mesh(tmp_path / name, binding, **declared(rules)))
            try:
                dataset = lines(gateway)
                text = metrics.query(dataset, dataset.quality).sql("postgres")
                request = Request(Principal(QUALITY_PRINCIPAL), text)
                prepared = gateway.prepare_check(request, dataset.address.domain)
                result = gateway.execute(prepared)
                assert sum(batch.num_rows for batch in result.batches) == 1
                sent[name] = sorted(fragment.rows for fragment in result.report.fragments)
                texts = [f.text for f in result.report.fragments if f.rows > 1]
                assert all("noted" not in text and "unit" not in text for text in texts)
            finally:
                gateway.close()
        assert set(sent["pushed"]) == {1}
        assert sent["both"][-2:] == [8, 8]
        assert set(sent["both"][:-2]) == {1}
