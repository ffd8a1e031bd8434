"""Peers in processes of their own: what they answer, how they fail, and that they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psutil
import pyarrow as pa
import pytest

from bench import tpch
from bench.answers import Answers
from bench.federation import Places
from bench.peers import chdb_sql, trino_sql
from bench.peers.federated import PEERS, PeerFailed, Worker, running

SCALE = 0.01
PLACES = Places(dict.fromkeys(("nation", "region"), "parquet"), "", "maria:///db", "")
JOINED = "SELECT r_name, count(*) FROM nation JOIN region ON n_regionkey = r_regionkey GROUP BY 1"


@pytest.fixture(scope="module")
def datafusion() -> Iterator[Worker]:
    places = replace(PLACES, parquet=str(tpch.generate(SCALE).absolute()))
    with running(PEERS["datafusion"], places) as worker:
        yield worker


def test_a_peer_answers_from_its_own_process(datafusion: Worker) -> None:
    answer = datafusion.answer(f"{JOINED} ORDER BY 1")
    assert answer.num_rows == 5
    assert set(answer.columns[1].to_pylist()) == {5}
    assert datafusion.milliseconds(JOINED) > 0


def test_a_failed_query_is_said_and_the_peer_goes_on(datafusion: Worker) -> None:
    with pytest.raises(PeerFailed, match="nowhere"):
        datafusion.milliseconds("SELECT * FROM nowhere")
    assert datafusion.answer("SELECT 1").num_rows == 1


def test_a_peer_that_can_not_start_says_why() -> None:
    places = replace(PLACES, parquet="/nowhere")
    with pytest.raises(PeerFailed, match="nowhere"), running(PEERS["datafusion"], places):
        pass


def test_the_process_ends_with_its_context() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    places = replace(PLACES, parquet=str(tpch.generate(SCALE).absolute()))
    with running(PEERS["datafusion"], places):
        assert {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert not {child.pid for child in psutil.Process().children(recursive=True)} - before


def test_trino_gets_tables_by_their_catalogues() -> None:
    tables = {"nation": "postgres", "part": "mariadb", "lineitem": "parquet"}
    sql = "WITH r AS (SELECT 1 AS x FROM lineitem) SELECT n.n_name FROM nation n, part, r"
    text = trino_sql.text(sql, replace(PLACES, tables=tables))
    for name in ("postgresql.public.nation AS n", "mariadb.db.part", "hive.tables.lineitem"):
        assert name in text
    assert ", r" in text


def test_constants_reach_clickhouse_computed() -> None:
    assert "0.05" in chdb_sql.text("SELECT 1 FROM t WHERE x > 0.06 - 0.01", PLACES)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (pa.table({"a": [b"x  "], "b": ["1.50"], "c": pa.array([1], pa.uint16())}), True),
        (pa.table({"a": ["y"], "b": ["1.50"], "c": pa.array([1], pa.uint16())}), False),
        (pa.table({"a": ["x"], "b": ["1.52"], "c": pa.array([1], pa.uint16())}), False),
        (pa.table({"a": ["x"], "b": ["1.50"], "c": pa.array([2], pa.uint16())}), False),
    ],
)
def test_peers_may_name_types_otherwise_but_not_have_other_values(
    answer: pa.Table, right: bool
) -> None:
    sql = "SELECT 'x' AS a, 1.50::DECIMAL(15, 2) AS b, DATE '1970-01-02' AS c"
    with Answers(tpch.generate(SCALE)) as answers:
        assert (answers.difference("q", sql, answer, lenient=True) is None) == right
        assert answers.difference("q", sql, answer) is not None
