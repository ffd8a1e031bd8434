"""Database files that are replaced, moved away or wanted by their owner while they are served."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from connectors import open_connector
from connectors.interface import Binding, RunsSql, SourceError, SourceErrorCode

KINDS = ("sqlite", "duckdb")
ONE = pa.schema([("x", pa.int64())])


def write(kind: str, path: Path, value: int) -> None:
    database = duckdb.connect(str(path)) if kind == "duckdb" else sqlite3.connect(path)
    with closing(database):
        database.execute("CREATE TABLE t (x BIGINT)")
        database.execute(f"INSERT INTO t VALUES ({value})")
        database.commit()


def connect(kind: str, path: Path, **options: str) -> RunsSql:
    connector = open_connector(Binding(kind, str(path), "t", options))
    assert isinstance(connector, RunsSql)
    return connector


def read(connector: RunsSql, text: str = "SELECT x FROM t") -> list[int]:
    stream = connector.query(text, ONE)
    try:
        return [value for batch in stream for value in batch.column(0).to_pylist()]
    finally:
        stream.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_a_replaced_file_is_read_anew(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write(kind, path, 1)
    connector = connect(kind, path)
    assert read(connector) == [1]
    write(kind, tmp_path / "next.db", 2)
    os.replace(tmp_path / "next.db", path)
    assert read(connector) == [2]
    connector.close()  # type: ignore[attr-defined]


def test_a_file_that_was_moved_away_is_unavailable(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write(kind, path, 1)
    connector = connect(kind, path)
    assert read(connector) == [1]
    path.rename(tmp_path / "away.db")
    with pytest.raises(SourceError) as caught:
        read(connector)
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    (tmp_path / "away.db").rename(path)
    assert read(connector) == [1]
    connector.close()  # type: ignore[attr-defined]


def test_a_duckdb_file_replaced_while_it_is_read_gives_an_error_and_not_old_rows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "shop.db"
    write("duckdb", path, 1)
    connector, other = connect("duckdb", path), connect("duckdb", path, pool_size="1")
    stream = connector.query("SELECT a.range FROM range(10000000) AS a", ONE)
    assert next(iter(stream)).num_rows
    write("duckdb", tmp_path / "next.db", 2)
    os.replace(tmp_path / "next.db", path)
    for each in (connector, other):
        with pytest.raises(SourceError) as caught:
            read(each)
        assert caught.value.code is SourceErrorCode.UNAVAILABLE
        assert caught.value.retryable
    stream.close()
    assert read(connector) == [2]
    assert read(other) == [2]


_APPEND = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('INSERT INTO t VALUES (7)')"


def append(path: Path) -> bool:
    """Whether another process could write to the DuckDB file."""
    command = [sys.executable, "-c", _APPEND, str(path)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_the_owner_of_a_duckdb_file_may_write_while_nobody_reads(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write("duckdb", path, 1)
    connector = connect("duckdb", path, idle_seconds="0.2")
    assert read(connector) == [1]
    time.sleep(0.6)
    assert append(path)
    assert read(connector) == [1, 7]


def test_a_duckdb_file_stays_open_while_a_stream_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write("duckdb", path, 1)
    connector = connect("duckdb", path, idle_seconds="0.1")
    stream = connector.query("SELECT a.range FROM range(10000000) AS a", ONE)
    batches = iter(stream)
    rows = next(batches).num_rows
    assert read(connector) == [1]
    time.sleep(0.5)
    assert not append(path)
    assert rows + sum(batch.num_rows for batch in batches) == 10_000_000
    stream.close()


def test_a_duckdb_file_that_opens_and_closes_serves_many_threads(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write("duckdb", path, 1)
    connector = connect("duckdb", path, idle_seconds="0.001")
    answers: list[list[int]] = []

    def ask() -> None:
        for pause in range(30):
            answers.append(read(connector))
            time.sleep(pause % 3 / 500)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [[1]] * 180
