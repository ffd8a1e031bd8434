"""Quality rules, promises and terms of use, as contracts write them: read, or a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import Catalogue
from gateway.catalogue.timing import DEFAULT_MAX_AGE
from gateway.errors import CatalogueError
from gateway.model import Dataset, Threshold, Timing
from tests.catalogue.meshes import contract, custom, product, write
from tests.quality.world import columns, mesh, parquet

NULLS = {"metric": "nullValues", "mustBe": 0}
ROWS = {"metric": "rowCount", "mustBeGreaterThan": 0}
RULE = "schema[0].quality[0]"


def loaded(folder: Path, *args: Any, **more: Any) -> Dataset:
    (found,) = Catalogue.load(
        mesh(folder / "mesh", parquet(folder / "data"), *args, **more)
    ).datasets
    return found


def problem(folder: Path, *args: Any, **more: Any) -> str:
    """The only problem of a mesh, without its file."""
    with pytest.raises(CatalogueError) as caught:
        loaded(folder, *args, **more)
    lines = caught.value.message.splitlines()[1:]
    assert len(lines) == 1, lines
    file, line, text = lines[0].strip().split(":", 2)
    assert file == "products/lines.odcs.yaml"
    assert int(line) > 1
    return text.strip()


def test_rules_of_the_whole_come_first_and_every_rule_has_a_name_of_its_own(
    tmp_path: Path,
) -> None:
    found = loaded(
        tmp_path,
        [ROWS, {**ROWS, "name": "enough\n rows"}, ROWS],
        {"name": [NULLS], "unit": [{**NULLS, "id": "all_units"}]},
    )
    names = ["rowCount", "enough rows", "rowCount 2", "nullValues(name)", "all_units"]
    assert [rule.name for rule in found.quality] == names
    assert [rule.column for rule in found.quality] == ["", "", "", "name", "unit"]
    assert found.quality[0].threshold == Threshold("mustBeGreaterThan", 0)


def test_text_and_custom_rules_are_kept_and_not_checked(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        [
            {"type": "text", "description": "somebody has looked at it"},
            {"type": "custom", "engine": "soda", "implementation": "checks: 1"},
        ],
        properties={"gate": "deny"},
    )
    assert [(r.kind, r.engine, r.checked) for r in found.quality] == [
        ("text", "", False),
        ("custom", "soda", False),
    ]


def test_rules_of_nested_columns_are_kept_and_not_checked(tmp_path: Path) -> None:
    inner = {"name": "city", "logicalType": "string", "quality": [NULLS]}
    outer = {"name": "place", "logicalType": "object", "properties": [inner]}
    element = {"name": "lines", "properties": [*columns(), outer]}
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"))
    binding = custom(binding=parquet(tmp_path / "data"))
    document = contract(schema=[element], customProperties=binding)
    write(folder, "products/lines.odcs.yaml", document)
    (found,) = Catalogue.load(folder).datasets
    ((rule),) = found.quality
    assert (rule.kind, rule.column, rule.checked) == ("nested", "place", False)


def test_gate_and_check_of_the_rule_come_before_the_objects_and_the_contracts(
    tmp_path: Path,
) -> None:
    own = {**ROWS, "customProperties": custom(gate="warn", maxAge=5)}
    found = loaded(
        tmp_path,
        [own, {**ROWS, "schedule": "0 20 * * *"}],
        properties={"gate": "deny", "check": "query"},
    )
    first, second = (rule.timing for rule in found.quality)
    assert first == Timing("warn", "", 5.0)
    assert second == Timing("deny", "0 20 * * *", DEFAULT_MAX_AGE)
    assert loaded(tmp_path, [{**ROWS, "severity": "error"}]).quality[0].timing == Timing()


def test_a_schedule_of_another_scheduler_is_not_ours(tmp_path: Path) -> None:
    rule = {**ROWS, "scheduler": "airflow", "schedule": "a dag"}
    assert loaded(tmp_path, [rule]).quality[0].timing == Timing()


def test_a_rule_keeps_its_fingerprint_as_long_as_it_asks_the_same(tmp_path: Path) -> None:
    def fingerprint(**changes: Any) -> str:
        return loaded(tmp_path, [{**ROWS, **changes}]).quality[0].fingerprint

    same = fingerprint()
    assert same == fingerprint(description="why", severity="error", schedule="0 1 * * *")
    assert same != fingerprint(mustBeGreaterThan=1)


BROKEN: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"description": "what?"},
        "type: the quality rule : is required: library, sql, ",
    ),
    ({**ROWS, "unit": "percent"}, "unit"),
    ({**NULLS}, "metric: the quality rule nullValues: nullValues is of a property"),
    ({"metric": "duplicateValues", "mustBe": 0}, "arguments"),
    (
        {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["idd"]}},
        "arguments.properties[0]: the quality rule duplicateValues: there is no column 'idd';"
        " did you mean id?",
    ),
    ({**ROWS, "arguments": {"validValues": [1]}}, "arguments.validValues"),
    (
        {"metric": "rowCount", "mustBe": "many"},
        "mustBe: the quality rule rowCount: must be a",
    ),
    ({"metric": "rowCount", "mustBe": True}, "mustBe: the quality rule rowCount: must be a"),
    (
        {"metric": "rowCount", "mustBeBetween": [5, 3]},
        "mustBeBetween: the quality rule rowCount: must have the smaller number first",
    ),
    ({**ROWS, "schedule": "at noon"}, "schedule: the quality rule rowCount: 'at noon' is no cron"),
    ({"type": "sql", "query": "SELEC 1", "mustBe": 0}, "query"),
    ({"type": "sql", "query": "(" * 3000, "mustBe": 0}, "query: the quality rule sql: can not be"),
    ({**ROWS, "customProperties": custom(maxAge=10**400)}, "customProperties[0].value: must be a"),
    ({"metric": "rowCount", "mustBe": 10**400}, "mustBe"),
    ({"type": "sql", "query": "DELETE FROM {object}", "mustBe": 0}, "query: the quality rule sql:"),
    ({"type": "sql", "query": "SELECT 1; SELECT 2", "mustBe": 0}, "query"),
    ({"type": "sql", "query": "SELECT count({property}) FROM {object}", "mustBe": 0}, "query"),
    ({**ROWS, "customProperties": custom(gate="stop")}, "customProperties[0].value: must be warn"),
    ({**ROWS, "customProperties": custom(check="now")}, "customProperties[0].value: must be sched"),
    (
        {**ROWS, "customProperties": custom(maxAge=-1)},
        "customProperties[0].value: must be a",
    ),
    (
        {**ROWS, "customProperties": custom(gates="deny")},
        "customProperties[0].property: 'mesh.gates' is no property of Meshgate; did you mean",
    ),
    (
        {"type": "text", "description": "x", "customProperties": custom(gate="deny")},
        "customProperties[0].value: the quality rule text: nothing checks it, so it can not deny",
    ),
)


@pytest.mark.parametrize(("rule", "said"), BROKEN, ids=range(len(BROKEN)))
def test_a_malformed_rule_is_a_problem_with_its_place(
    tmp_path: Path, rule: dict[str, Any], said: str
) -> None:
    assert problem(tmp_path, [rule]).startswith(f"{RULE}.{said}")


BROKEN_OF_COLUMNS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("name", ROWS, "rowCount is of a whole object"),
    ("name", {"metric": "invalidValues", "mustBe": 0}, "needs validValues or a pattern"),
    (
        "name",
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "("}},
        "can not be read as a regular expression",
    ),
    (
        "id",
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"pattern": "1"}},
        "for a column of texts",
    ),
    (
        "id",
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": [1, "2"]}},
        "'2' is no value of a column of the type int64",
    ),
    (
        "day",
        {"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["yesterday"]}},
        "'yesterday' is no value of a column of the type date32",
    ),
)


@pytest.mark.parametrize(("column", "rule", "said"), BROKEN_OF_COLUMNS)
def test_a_malformed_rule_of_a_column_is_too(
    tmp_path: Path, column: str, rule: dict[str, Any], said: str
) -> None:
    assert said in problem(tmp_path, (), {column: [rule]})


def test_a_wrong_gate_of_the_contract_is_a_problem_without_any_rule(tmp_path: Path) -> None:
    assert "must be warn or deny" in problem(tmp_path, properties={"gate": "close"})


def test_promises_are_read_with_their_units(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        slaProperties=[
            {"property": "latency", "value": 4, "unit": "d", "element": "lines.noted"},
            {"property": "Freshness", "value": "1.5", "unit": "hours", "element": "noted"},
            {"property": "re", "value": 1, "unit": "y", "element": "day"},
            {"property": "availability", "value": "99.9%"},
            {"property": "endOfLife", "value": "2042-05-12"},
            {"property": "timeToRepair", "value": 3, "unit": "h"},
            {"property": "frequency", "value": 1, "unit": "d"},
            {"property": "latency", "value": 1, "unit": "d", "element": "noted, day"},
        ],
    )
    assert [(p.name, p.kind, p.element, p.limit) for p in found.promises] == [
        ("latency", "latency", "noted", 4 * 86_400),
        ("Freshness", "latency", "noted", 5400),
        ("re", "retention", "day", 365.25 * 86_400),
        ("availability", "availability", "", 99.9),
        ("endOfLife", "endOfLife", "", 2283465600),
        ("timeToRepair", "", "", 0),
        ("frequency", "", "", 0),
        ("latency 2", "latency", "noted", 86_400),
        ("latency 3", "latency", "day", 86_400),
    ]
    assert found.promises[0].timing == Timing()


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        (
            {"property": "latency", "value": 4, "unit": "moons", "element": "noted"},
            "unit of time",
        ),
        ({"property": "latency", "value": "soon", "unit": "d", "element": "noted"}, "a number"),
        ({"property": "latency", "value": 4, "unit": "d", "element": "notd"}, "did you mean noted"),
        (
            {"property": "latency", "value": 4, "unit": "d", "element": "name"},
            "or timestamps",
        ),
        ({"property": "availability", "value": 101}, "a share in percent"),
        ({"property": "endOfLife", "value": "one day"}, "must be a date"),
        (
            {"property": "errorRate", "value": 1, "customProperties": custom(gate="deny")},
            "it can not deny",
        ),
    ],
)
def test_a_promise_that_can_not_be_understood_is_a_problem(
    tmp_path: Path, promise: dict[str, Any], said: str
) -> None:
    text = problem(tmp_path, slaProperties=[promise])
    assert text.startswith("slaProperties[0]")
    assert said in text


def test_purposes_of_the_object_come_before_the_contracts_and_the_products(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"))
    inherited = product(customProperties=custom(purposes=["reporting"]))
    write(folder, "products/orders.odps.yaml", inherited)
    (found,) = Catalogue.load(folder).datasets
    assert found.purposes == ("reporting",)
    found = loaded(tmp_path, properties={"purposes": ["fraud", "fraud", "risk/credit"]})
    assert found.purposes == ("fraud", "risk/credit")


@pytest.mark.parametrize("value", [[], "fraud", ["a b"], [3], {"a": 1}])
def test_purposes_that_are_none_are_a_problem(tmp_path: Path, value: Any) -> None:
    assert "customProperties[1].value" in problem(tmp_path, properties={"purposes": value})
