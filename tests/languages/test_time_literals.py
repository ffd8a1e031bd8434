"""Literals of times of day, compared with columns of every unit, in every way they are written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Position
from gateway.model import Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, ask, gateway, in_memory, in_source

UNITS = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
TIMES = [dt.time(8, 30), dt.time(12, 0, 1), None]
WRITTEN = ["TIME '08:30:00'", "time'08:30'", "'08:30:00'::time", "CAST('08:30' AS TIME)", "'08:30'"]


def mesh(kind: pa.DataType, **more: pa.DataType) -> Gateway:
    columns = {"id": [1, 2, 3], "at": pa.array(TIMES, kind)}
    columns |= {name: pa.array(TIMES, other) for name, other in more.items()}
    return gateway(in_memory({"t": pa.table(columns)}, "times"))


@pytest.mark.parametrize("kind", UNITS, ids=str)
@pytest.mark.parametrize("written", WRITTEN)
def test_it_is_compared_with_columns(kind: pa.DataType, written: str) -> None:
    gate = mesh(kind)

    def ids(condition: str) -> object:
        return ask(gate, f"SELECT id FROM t WHERE {condition} ORDER BY id")["id"].to_pylist()

    assert ids(f"at = {written}") == [1]
    assert ids(f"{written} < at") == [2]
    assert ids(f"at IN ({written}, {written})") == [1]
    assert ids(f"at BETWEEN {written} AND {written}") == [1]
    assert ids(f"at IS DISTINCT FROM {written}") == [2, 3]
    if written[0] != "'" or "::" in written:  # a function is given no text for a time
        assert ids(f"coalesce(at, {written}) = {written}") == [1, 3]


def test_beside_parameters_and_repeated_columns() -> None:
    gate = mesh(pa.time64("us"))
    request = Request(ANA, "SELECT id, id FROM t WHERE at = TIME '08:30' AND id = ?")
    prepared = gate.prepare(request)
    assert prepared.schema.names == ["id", "id"]
    for value, rows in ((1, 1), (2, 0), (1, 1)):
        answer = gate.execute(gate.bind(prepared, [pa.scalar(value)])).batches
        assert sum(batch.num_rows for batch in answer) == rows


def test_texts_and_names_are_left_alone() -> None:
    gate = mesh(pa.time64("us"))
    sql = """SELECT 'TIME ''08:30''' AS "time", CAST(at AS text) AS s FROM t WHERE id = 1"""
    assert ask(gate, sql).to_pylist() == [{"time": "TIME '08:30'", "s": "08:30:00"}]


def test_columns_of_two_units_stay_an_error() -> None:
    with pytest.raises(GatewayError):
        ask(mesh(pa.time64("us"), other=pa.time32("s")), "SELECT id FROM t WHERE at = other")


def test_what_is_no_time_is_told_with_its_place() -> None:
    gate = mesh(pa.time64("us"))
    with pytest.raises(GatewayError) as raised:
        ask(gate, "SELECT id FROM t WHERE at = TIME '25:00'")
    assert raised.value.code == "ARITHMETIC_ERROR"
    with pytest.raises(GatewayError) as raised:
        ask(gate, "SELECT id FROM t WHERE at = TIME '08:30'\n AND wrong = 1")
    assert raised.value.position == Position(2, 6)


def test_over_the_times_of_a_database(tmp_path: Path) -> None:
    path = tmp_path / "times.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id, TIME '08:30' AS at")
        connection.execute("INSERT INTO t VALUES (2, TIME '09:00')")
    gate = gateway(in_source("duckdb", str(path), ["t"]))
    sql = "SELECT id FROM t WHERE at > TIME '08:45'"
    assert ask(gate, sql)["id"].to_pylist() == [2]
    gate.close()
