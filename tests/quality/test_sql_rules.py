"""Rules in SQL: what they may read, what they must give, and that nothing of rows comes out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.memory.quality_results import Result, Verdict
from tests.catalogue.meshes import contract, custom, port, product, write
from tests.quality.world import columns, lines, mesh, opened, parquet, sqlite, view

SECRET = "s3cr3t-of-hr"
COUNTED = {"metric": "rowCount", "mustBe": 8}


def hr(folder: Path, domain: str = "hr", name: str = "staff") -> None:
    """``hr.people.staff``, of another domain, in which there is a secret."""
    (folder / "data").mkdir(exist_ok=True)
    pq.write_table(
        pa.table({"id": [1, 2], "pay": [10, 20], "word": [SECRET, "x"]}),
        folder / f"data/{name}.parquet",
    )
    binding = {"connector": "files", "uri": str(folder / "data"), "object": f"{name}.parquet"}
    element = {
        "name": name,
        "properties": [
            {"name": "id", "physicalType": "bigint"},
            {"name": "pay", "physicalType": "bigint"},
            {"name": "word", "physicalType": "text"},
        ],
    }
    identity = f"{domain}.{name}"
    document = contract(id=identity, schema=[element], customProperties=custom(binding=binding))
    ports = port(name=name, contractId=identity)
    made = product(ports, id=identity, name="people", domain=domain)
    write(folder, f"products/{name}.odps.yaml", made)
    write(folder, f"products/{name}.odcs.yaml", document)


def checked(
    folder: Path, query: str, policies: dict[str, str] | None = None, **rule: Any
) -> Result:
    """The one result of a mesh with this rule, beside datasets of hr and of sales."""
    entry = {"type": "sql", "query": query, "mustBe": 0, **rule}
    column = rule.pop("column", None)
    entry.pop("column", None)
    made = mesh(
        folder / "mesh",
        sqlite(folder / "data"),
        () if column else [entry],
        {column: [entry]} if column else None,
        **({"policies": policies} if policies else {}),
    )
    hr(made)
    hr(made, "sales", "customers")
    gateway = opened(made)
    try:
        assert gateway.mesh.quality is not None
        (result,) = gateway.mesh.quality.check(lines(gateway))
        return result
    finally:
        gateway.close()


@pytest.mark.parametrize(
    ("query", "column", "value"),
    [
        ("SELECT count(*) FROM {object} WHERE {property} IS NULL", "name", 1),
        ("SELECT count(*) FROM ${object} WHERE ${property} IS NULL;", "name", 1),
        ('SELECT count(*) FROM "{table}" WHERE "{column}" = \'bob\'', "name", 2),
        ("SELECT sum(price) FROM {model} AS m WHERE m.price > 4", None, 7.25),
        ("SELECT count(*) FROM lines", None, 8),
        ("SELECT count(*) > 7 FROM sales.orders.lines", None, 1),
        ("SELECT avg({field}) FROM {schema}", "id", 4.5),
        ("SELECT cast(0.5 AS decimal(3, 1))", None, 0.5),
        ("SELECT count(*) FROM {object} l JOIN sales.people.customers c ON c.id = l.id", None, 2),
        ("WITH t AS (SELECT id FROM {object}) SELECT max(id) FROM t", None, 8),
    ],
)
def test_a_rule_gives_its_number(
    tmp_path: Path, query: str, column: str | None, value: float
) -> None:
    result = checked(tmp_path, query, column=column)
    assert (result.value, result.reason) == (value, "")
    assert result.verdict is Verdict.FAIL
    assert result.columns == ((column,) if column else ())


def test_a_truth_value_is_compared_with_one(tmp_path: Path) -> None:
    result = checked(tmp_path, "SELECT count(*) = 8 FROM {object}", mustBe=True)
    assert (result.value, result.verdict) == (1, Verdict.PASS)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id FROM {object}", "the query gives more than one row"),
        ("SELECT id FROM {object} WHERE id > 99", "the query gives no row"),
        (
            "SELECT id, 1 AS one FROM {object} LIMIT 1",
            "the query gives 2 columns and not one",
        ),
        ("SELECT max(name) FROM {object}", "the query gives no number"),
        ("SELECT max(day) FROM {object}", "the query gives no number"),
        ("SELECT max(id) FROM {object} WHERE id > 99", "the query gives NULL"),
        ("SELECT cast('NaN' AS double precision)", "the query gives no finite number"),
        ("SELECT count(*) FROM hr.people.staff", "UNKNOWN_DATASET"),
        ("SELECT count(*) FROM nowhere", "UNKNOWN_DATASET"),
        ("SELECT max(pay) FROM hr.people.staff, {object}", "UNKNOWN_DATASET"),
        ("SELECT count(nothing) FROM {object}", "UNKNOWN_COLUMN"),
        ("SELECT cast(max(name) AS bigint) FROM {object}", "ARITHMETIC_ERROR"),
        ("SELECT max(1 / (id - 1)) FROM {object}", "ARITHMETIC_ERROR"),
        ("SELECT count(*) FROM {object} WHERE id = $1", "INVALID_QUERY"),
        (
            "SELECT count(*) FROM remote_query('sales.orders', 'SELECT 1 AS one')",
            "UNKNOWN_DATASET",
        ),
    ],
)
def test_a_rule_that_gives_none_says_why_in_words_of_ours(
    tmp_path: Path, query: str, reason: str
) -> None:
    result = checked(tmp_path, query)
    assert (result.verdict, result.value) == (Verdict.ERROR, None)
    assert result.reason == reason


@pytest.mark.parametrize(
    "query",
    [
        "SELECT cast(max(word) AS bigint) FROM sales.people.customers",
        "SELECT CASE WHEN count(*) > 0 THEN cast(max(word) AS bigint) END FROM people.customers",
        "SELECT 1 / (max(pay) - 20) FROM sales.people.customers WHERE word = 'x'",
    ],
)
def test_what_an_error_quotes_of_rows_does_not_come_out(
    tmp_path: Path, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = checked(tmp_path, query)
    assert result.verdict is Verdict.ERROR
    assert SECRET not in repr(result)
    assert SECRET not in caplog.text


def test_nothing_is_written(tmp_path: Path) -> None:
    """What writes is refused when the contract is read; what hides it, when it is checked."""
    query = "WITH gone AS (DELETE FROM {object} RETURNING id) SELECT count(*) FROM gone"
    assert checked(tmp_path, query).verdict is Verdict.ERROR
    assert checked(tmp_path, "SELECT count(*) FROM {object}").value == 8


def test_another_domain_is_read_where_its_policies_grant_it_with_what_they_owe(
    tmp_path: Path,
) -> None:
    access = {"access.csv": "p,svc:quality,hr,mesh://hr/people/staff,read,*,*,*,allow\n"}
    assert checked(tmp_path, "SELECT count(*) FROM hr.people.staff", access).value == 2
    denied = {
        "access.csv": "p,svc:quality,hr,*,read,*,*,*,allow\n"
        "p,*,hr,mesh://hr/people/staff#pay,read,*,*,*,deny\n"
    }
    assert (
        checked(tmp_path, "SELECT max(pay) FROM hr.people.staff", denied).reason == "UNKNOWN_COLUMN"
    )


def test_a_view_over_another_domain_gives_no_more_than_its_policies_do(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"))
    hr(folder)
    rule = {
        "metric": "invalidValues",
        "arguments": {"validValues": [SECRET]},
        "mustBe": 0,
    }
    schema = [{"name": "word", "physicalType": "text", "quality": [rule]}]
    view(folder, "SELECT word FROM hr.people.staff", "words", "sales", schema)
    gateway = opened(folder)
    try:
        assert gateway.mesh.quality is not None
        words = next(d for d in gateway.catalogue.datasets if d.address.dataset == "words")
        (result,) = gateway.mesh.quality.check(words)
        assert (result.verdict, result.value) == (Verdict.ERROR, None)
        assert result.reason == "ACCESS_DENIED"
        (folder / "policies/access.csv").write_text("p,svc:quality,hr,*,read,*,*,*,allow\n")
        assert gateway.mesh._reloader is not None
        gateway.mesh._reloader.refresh()
        (result,) = gateway.mesh.quality.check(words)
        assert (result.verdict, result.value) == (Verdict.FAIL, 1)
    finally:
        gateway.close()


def test_a_dataset_of_many_versions_is_checked_in_each(tmp_path: Path) -> None:
    """Of a name with many meanings those are considered that somebody may know of: all of these."""
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"))
    rule = {"type": "sql", "query": "SELECT count(*) FROM {object}", "mustBe": 8}
    versions = [f"1.{number}.0" for number in range(12)]
    for version in versions:
        element = {"name": "lines", "properties": columns(), "quality": [rule, COUNTED]}
        document = contract(
            version=version,
            schema=[element],
            customProperties=custom(binding=sqlite(tmp_path / "data")),
        )
        write(folder, f"products/lines-{version}.odcs.yaml", document)
    (folder / "products/lines.odcs.yaml").unlink()
    ports = [port(version=version) for version in versions]
    write(folder, "products/orders.odps.yaml", product(*ports))
    gateway = opened(folder)
    try:
        assert gateway.mesh.quality is not None
        for dataset in gateway.catalogue.datasets:
            found = gateway.mesh.quality.check(dataset)
            assert [(r.verdict, r.value) for r in found] == [("pass", 8), ("pass", 8)]
    finally:
        gateway.close()
