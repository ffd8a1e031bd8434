"""Sources that are slow, down, or go away: the work stops, and the error says what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from connectors import open_connector
from connectors.interface import Binding, SourceError, SourceErrorCode
from tests import services
from tests.conformance.reference import TABLE
from tests.conformance.specs import Source

ONE = pa.schema([("c0", pa.int64())])
PROMPT = 10.0
"""Seconds within which a cancelled statement has ended; it would run for minutes."""


def eventually(condition: Callable[[], bool], seconds: float = PROMPT) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_nothing_is_sent_before_the_first_batch(source: Source) -> None:
    stream = source.connector.query("SELEC nonsense", ONE)
    assert stream.schema == ONE
    stream.close()


def test_cancel_stops_the_work_in_the_source(source: Source) -> None:
    stream = source.connector.query(source.slow, ONE)
    failures: list[SourceErrorCode] = []

    def drain() -> None:
        try:
            for _ in stream:
                pass
        except SourceError as error:
            failures.append(error.code)

    reader = threading.Thread(target=drain)
    reader.start()
    if source.running is not None:
        running = source.running
        assert eventually(lambda: running() == 1), "the statement never ran"
    else:
        time.sleep(0.3)
    assert reader.is_alive()
    stream.cancel()
    reader.join(PROMPT)
    assert not reader.is_alive()
    assert failures == [SourceErrorCode.CANCELLED]
    if source.running is not None:
        assert eventually(lambda: running() == 0), "it still runs in the source"
    stream.close()
    assert _answers(source)


def test_cancel_before_the_first_batch_sends_nothing(source: Source) -> None:
    stream = source.connector.query(source.slow, ONE)
    stream.cancel()
    with pytest.raises(SourceError) as caught:
        list(stream)
    assert caught.value.code is SourceErrorCode.CANCELLED


def test_reader_that_leaves_early_leaves_nothing_behind(source: Source) -> None:
    rows = " CROSS JOIN ".join(f"{_table(source)} AS {name}" for name in "abc")
    stream = source.connector.query(f"SELECT a.id FROM {rows}", ONE)
    assert next(iter(stream)).num_rows
    stream.close()
    stream.close()
    if source.running is not None:
        assert eventually(lambda: source.running is not None and source.running() == 0)
    assert _answers(source)


def test_more_readers_than_connections_wait_for_their_turn(source: Source) -> None:
    binding = source.binding
    connector = open_connector(
        Binding(binding.connector, binding.uri, TABLE, {"pool_size": "2", "pool_wait": "0.2"})
    )
    text = f"SELECT id FROM {_table(source)}"
    streams = [connector.query(text, ONE) for _ in range(3)]  # type: ignore[attr-defined]
    held = [iter(stream) for stream in streams[:2]]
    for batches in held:
        next(batches)
    with pytest.raises(SourceError) as caught:
        next(iter(streams[2]))
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    assert caught.value.retryable
    for stream in streams:
        stream.close()
    assert list(connector.query("SELECT 1", ONE))  # type: ignore[attr-defined]
    connector.close()


@pytest.mark.parametrize(
    ("connector", "uri"),
    [
        ("postgres", "postgresql://someone:s3cret@127.0.0.1:{port}/db"),
        ("mariadb", "mariadb://someone:s3cret@127.0.0.1:{port}/db"),
        ("sqlite", "/no/such/folder/file.db"),
        ("duckdb", "/no/such/folder/file.duckdb"),
        ("files", "s3://bucket/folder"),
    ],
)
def test_source_that_is_down_is_unavailable(
    request: pytest.FixtureRequest, connector: str, uri: str
) -> None:
    if connector == "mariadb":
        request.getfixturevalue("mariadb")  # for its driver
    port = services.free_port()
    options = {}
    if connector == "files":
        options = {"endpoint": f"http://127.0.0.1:{port}", "access_key": "someone"}
        options |= {"secret_key": "s3cret", "region": "us-east-1"}
    opened = open_connector(Binding(connector, uri.format(port=port), "t", options))
    with pytest.raises(SourceError) as caught:
        opened.schema("t")
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    assert "s3cret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_postgres_that_loses_its_connections_is_asked_again(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        connector = open_connector(Binding("postgres", uri, "t"))
        assert _first(connector) == 7
        _terminate(postgres, uri)
        assert _first(connector) == 7
        connector.close()


def test_postgres_that_dies_in_the_middle_has_interrupted(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        connector = open_connector(Binding("postgres", uri, "t"))
        stream = connector.query(  # type: ignore[attr-defined]
            "SELECT g FROM pg_catalog.generate_series(1, 20000000) g", ONE
        )
        batches = iter(stream)
        next(batches)
        _terminate(postgres, uri)
        with pytest.raises(SourceError) as caught:
            list(batches)
        assert caught.value.code is SourceErrorCode.INTERRUPTED
        assert caught.value.retryable
        connector.close()


def test_postgres_with_a_wrong_password_refuses(postgres: services.Postgres) -> None:
    uri = postgres.uri().replace("postgres:", "postgres:wrong", 1)
    uri = "postgresql://" + "postgres:wrong@" + uri.rpartition("@")[2]
    with pytest.raises(SourceError) as caught:
        open_connector(Binding("postgres", uri, "t")).schema("t")
    assert caught.value.code is SourceErrorCode.REJECTED
    assert "wrong" not in caught.value.message


def test_postgres_statement_timeout_is_a_timeout(postgres: services.Postgres) -> None:
    binding = Binding("postgres", postgres.uri(), "t", {"statement_timeout": "0.2"})
    stream = open_connector(binding).query("SELECT pg_catalog.pg_sleep(20)::text", ONE)  # type: ignore[attr-defined]
    with pytest.raises(SourceError) as caught:
        list(stream)
    assert caught.value.code is SourceErrorCode.TIMEOUT


@pytest.mark.parametrize(
    ("connector", "uri", "options"),
    [
        ("oracle", "oracle://x", {}),
        ("postgres", "mysql://x", {}),
        ("mariadb", "mariadb://host", {}),
        ("files", "ftp://x", {}),
        ("files", "/tmp", {"format": "xls"}),
        ("memory", "/tmp", {}),
        ("sqlite", "s3://x/y", {}),
        ("sqlite", "x.db", {"pool_size": "none"}),
    ],
)
def test_binding_that_makes_no_sense_is_refused(
    connector: str, uri: str, options: dict[str, str]
) -> None:
    with pytest.raises(SourceError) as caught:
        open_connector(Binding(connector, uri, "t", options))
    assert caught.value.code is SourceErrorCode.BINDING_INVALID


def _table(source: Source) -> str:
    connector = source.connector
    return str(connector.table(TABLE).sql(dialect=connector.dialect.name))


def _answers(source: Source) -> bool:
    stream = source.connector.query("SELECT 1", ONE)
    return [batch.num_rows for batch in stream] == [1]


def _first(connector: object) -> object:
    stream = connector.query("SELECT 7", ONE)  # type: ignore[attr-defined]
    return next(iter(stream)).column(0)[0].as_py()


def _terminate(server: services.Postgres, uri: str) -> None:
    database = uri.rpartition("/")[2].partition("?")[0]
    server.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND application_name = 'meshgate'"
    )


def test_an_unknown_option_is_refused_before_anything_is_opened() -> None:
    for connector, known in (
        ("files", "partitioning"),
        ("sqlite", "pool_size"),
        ("memory", "none"),
    ):
        with pytest.raises(SourceError) as caught:
            open_connector(Binding(connector, "memory://x", "t", {"foo": "1"}))
        assert caught.value.code is SourceErrorCode.BINDING_INVALID
        assert "'foo'" in caught.value.message
        assert known in (caught.value.hint or "")
