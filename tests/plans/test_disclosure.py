"""What EXPLAIN, reports and the record say of a query whose text or columns are odd."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, KEY, ask, dataset, gateway, in_source

STAFF = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["EU", "US", "EU"],
        "mail": ["a@x", "b@x", "c@x"],
        "grade": ["low", "high", "low"],
        "pay, gross": ["10", "20", "30"],
        "pay [EUR]": ["1", "2", "3"],
        'so "called"': ["x", "y", "z"],
    }
)
SECRET = "POLICYTEXT"
RULES = (
    ("p", "*", "*", "*", "read", "*", "*", "*", "allow"),
    ("p", "*", "*", "*", "read", "*", "*", "secret", "deny"),
    ("p2", "*", "*", "*", "*", "permissive", "shown", "allow"),
    ("p3", "*", "*", "*", "pii", "*", "hash", "allow"),
)
PADS = [
    spelt
    for pad in (0x36, 0x5C)
    for block in [bytes(b ^ pad for b in KEY.ljust(64, b"\0"))]
    for spelt in (",".join(map(str, block[:8])), block[:8].hex(), block[:8].hex().upper())
]
"""What of the key of the hashes would be in a plan."""


@pytest.fixture(params=["parquet", "sqlite", "duckdb"], scope="module")
def mesh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    staff = _staff(request.param, tmp_path_factory.mktemp("disclosure"))
    row_filter = f"region <> '{SECRET}' AND grade = 'low'"
    governed = replace(
        staff,
        address=replace(staff.address, dataset="staff"),
        row_filters={"shown": row_filter},
        column_tags={"mail": ("pii",), "grade": ("secret",)},
    )
    opened = gateway([governed], RULES)
    yield opened
    opened.close()


def _staff(source: str, folder: Path) -> Dataset:
    if source == "parquet":
        pq.write_table(STAFF, folder / "staff.parquet")
        binding = Binding("files", str(folder), "staff.parquet")
        return dataset("staff", "staff", binding, STAFF.schema)
    if source == "sqlite":
        names = ", ".join(
            f"{_quoted(f.name)} {'bigint' if f.type == pa.int64() else 'text'}"
            for f in STAFF.schema
        )
        with sqlite3.connect(folder / "staff.sqlite") as connection:
            connection.execute(f"CREATE TABLE staff ({names})")
            rows = [tuple(row.values()) for row in STAFF.to_pylist()]
            connection.executemany("INSERT INTO staff VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.close()
        return in_source("sqlite", str(folder / "staff.sqlite"), ["staff"])[0]
    import duckdb

    with duckdb.connect(str(folder / "staff.duckdb")) as store:
        store.register("given", STAFF)
        store.execute("CREATE TABLE staff AS SELECT * FROM given")
    return in_source("duckdb", str(folder / "staff.duckdb"), ["main.staff"])[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


BROKEN = (
    "SELECT id FROM staff WHERE CASE WHEN region = 'x\ny' THEN id > 3 ELSE mail > 'a' END",
    "SELECT id FROM staff WHERE CASE WHEN mail = 'x\r\ny' THEN id > 3 ELSE mail > 'a' END",
    "SELECT id FROM staff WHERE region <> 'x' || chr(10) || 'Filter: ' AND mail <> 'x\ny'",
    "SELECT id, mail || 'x\ny' AS m, unnest(make_array(1)) FROM staff WHERE mail > 'x\ny'",
    "SELECT id FROM staff WHERE 1 / (id - 2) < 5 AND mail <> 'a\nb'",
)


@pytest.mark.parametrize("sql", BROKEN)
def test_line_breaks_in_constants_show_nothing_of_policies(mesh: Gateway, sql: str) -> None:
    for row in ask(mesh, f"EXPLAIN {sql}").to_pylist():
        assert SECRET not in row["text"]
        assert not [pad for pad in PADS if pad in row["text"]]


@pytest.mark.parametrize("sql", ["SELECT * FROM staff", *BROKEN])
def test_a_denied_column_is_named_nowhere(mesh: Gateway, sql: str) -> None:
    assert "grade" not in str(ask(mesh, f"EXPLAIN {sql}").to_pylist())
    result = mesh.execute(mesh.prepare(Request(ANA, sql)))
    for _ in result.batches:
        pass
    assert "grade" not in str(result.report)


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT id FROM staff WHERE region <> 'x\ny' AND mail <> 'z'", {"id", "region", "mail"}),
        ("SELECT id FROM staff WHERE region <> 'x]\ny' AND mail <> 'z'", {"id", "region", "mail"}),
        ("SELECT id FROM staff WHERE region <> 'x\nTableScan: y' AND mail <> 'z'",
         {"id", "region", "mail"}),
        ("SELECT (SELECT max(id) FROM staff WHERE region <> '\n' AND mail <> 'z') AS m, 1 AS n",
         {"id", "region", "mail"}),
        ('SELECT "pay, gross" FROM staff', {"pay, gross"}),
        ('SELECT "pay [EUR]", id FROM staff', {"id", "pay [EUR]"}),
        ('SELECT "so ""called""" FROM staff', {'so "called"'}),
        ("SELECT count(*) FROM staff WHERE \"so \"\"called\"\"\" <> 'q'", {'so "called"'}),
        ("SELECT count(*) FROM staff WHERE \"pay [EUR]\" <> 'q'", {"pay [EUR]"}),
    ],
)  # fmt: skip
def test_the_columns_on_record_are_all_that_are_read(
    mesh: Gateway, sql: str, read: set[str]
) -> None:
    (columns,) = mesh.prepare(Request(ANA, sql)).plan.columns.values()
    assert set(columns) == read


def test_each_version_is_read_under_its_own_policies(mesh: Gateway) -> None:
    (staff,) = mesh.catalogue.datasets
    newer = replace(staff, address=replace(staff.address, version="2.0.0"), column_tags={})
    rules = (
        ("p", "*", "*", "*", "read", "*", "*", "*", "allow"),
        ("p2", "*", "*", "mesh://shop/*/staff@1.0.0", "*", "permissive", "shown", "allow"),
        ("p3", "*", "*", "*", "pii", "*", "null", "allow"),
    )
    opened = gateway([staff, newer], rules)
    older = "staff FOR VERSION AS OF '1.0.0'"
    assert ask(opened, f"SELECT count(mail) AS m, count(*) AS n FROM {older}").to_pylist() == [
        {"m": 0, "n": 2}
    ]
    sql = f"SELECT a.mail FROM {older} JOIN staff FOR VERSION AS OF '2' a USING (id) ORDER BY id"
    assert ask(opened, sql).column("mail").to_pylist() == ["a@x", "c@x"]
    plan = opened.prepare(Request(ANA, f"SELECT id FROM {older}")).plan
    assert plan.columns == {("staff@1.0.0",): ("id",)}
    opened.close()
