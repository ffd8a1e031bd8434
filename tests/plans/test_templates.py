"""A template may not know more than what is true of every value that is put into it."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.languages.literals import literal
from gateway.model import Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, EVERYTHING, ask, gateway, in_memory, in_source

T = "shop.sqlite.t"
ARMS = f"(SELECT 'a' AS k, 5 AS m, id FROM {T} UNION ALL SELECT name, n, id FROM {T}) s"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    path: Path = tmp_path_factory.mktemp("templates") / "t.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (id INTEGER, n INTEGER, name TEXT)")
        rows = [(i, i % 5, f"c{i % 4}") for i in range(1, 21)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    return gateway(in_source("sqlite", str(path), ["t"]), EVERYTHING)


def _rows(mesh: Gateway, text: str, values: Sequence[object]) -> list[str]:
    described = mesh.prepare(Request(ANA, text))
    result = mesh.execute(mesh.bind(described, [pa.scalar(v) for v in values]))
    return sorted(map(str, pa.Table.from_batches(list(result.batches), result.schema).to_pylist()))


@pytest.mark.parametrize(
    ("text", "others", "values"),
    [
        (f"SELECT k, id FROM {ARMS} WHERE k = ?", ["x", "y"], ["a"]),
        (f"SELECT m, id FROM {ARMS} WHERE m BETWEEN ? AND ?", [70, 80], [1, 9]),
        (f"SELECT m, id FROM {ARMS} WHERE m >= ? AND m <= ?", [70, 80], [1, 9]),
        (
            f"WITH a AS (SELECT * FROM {T} WHERE n = ?)"
            " SELECT id FROM a UNION ALL SELECT id + 100 FROM a WHERE n = 2",
            [7, 8],
            [2],
        ),
        (
            f"WITH a AS (SELECT * FROM {T} WHERE n = ?)"
            " SELECT id FROM a UNION ALL SELECT id + 100 FROM a WHERE n = ?",
            [7, 8],
            [2, 2],
        ),
        (f"SELECT id FROM {T} WHERE CASE WHEN n > 3 THEN 'c' ELSE name END = ?", ["x"], ["c"]),
    ],
)
def test_a_value_equal_to_a_constant_or_to_another_value(
    mesh: Gateway, text: str, others: list[object], values: list[object]
) -> None:
    places = text.count("?")
    for turn in range(3):
        drawn = [o + turn if isinstance(o, int) else f"{o}{turn}" for o in others]
        _rows(mesh, text, drawn[:places])
    written = text
    for value in values:
        written = written.replace("?", literal(pa.scalar(value)), 1)
    expected = sorted(map(str, ask(mesh, written).to_pylist()))
    assert expected
    assert _rows(mesh, text, values) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT id FROM {T} WHERE id = ?",
        f"SELECT id, n * 2 AS twice FROM {T} WHERE id = ? AND name <> 'c1' LIMIT 5",
        f"SELECT a.id FROM {T} a JOIN {T} b ON a.id = b.id WHERE a.id = ?",
    ],
)
def test_constants_elsewhere_leave_the_template(mesh: Gateway, text: str) -> None:
    mesh.plans.forget()
    for value in (1, 2, 3):
        assert _rows(mesh, text, [value]) == sorted(
            map(str, ask(mesh, text.replace("?", str(value))).to_pylist())
        )
    forms = mesh.plans._prepared._forms.values()
    assert any(form.template is not None for form in forms)


def test_one_parameter_beside_columns_of_different_types(tmp_path: Path) -> None:
    """What describes the answer may not fail where no value would."""
    import duckdb

    path = str(tmp_path / "t.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT 2::BIGINT AS id, 1::INTEGER AS n")
    mesh = gateway(in_source("duckdb", path, ["t"]))
    text = "SELECT id FROM shop.duckdb.t WHERE id = $1 AND n <> $1"
    assert _rows(mesh, text, [2]) == ["{'id': 2}"]


def test_a_parameter_of_no_known_type_takes_any_value(mesh: Gateway) -> None:
    assert _rows(mesh, f"SELECT id FROM {T} WHERE id = ? + ?", [2, 3]) == ["{'id': 5}"]


def test_a_moment_beside_a_date_keeps_its_time_of_day() -> None:
    day = datetime.datetime(2024, 1, 1)
    mesh = gateway(in_memory({"days": pa.table({"d": [day.date()]})}, "moments"))
    text = "SELECT count(*) AS n FROM shop.memory.days WHERE d = ?"
    assert _rows(mesh, text, [day]) == ["{'n': 1}"]
    assert _rows(mesh, text, [day.replace(hour=5)]) == ["{'n': 0}"]
    assert _rows(mesh, text.replace("=", "<"), [day.replace(hour=5)]) == ["{'n': 1}"]
