"""One large MariaDB table read in ranges of its key: one snapshot, the rows of one read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from connectors import mariadb_ranges, open_connector
from connectors.interface import BatchStream, Binding, SourceError, SourceErrorCode
from connectors.mariadb import MariaDbConnector
from connectors.mariadb_ranges import KeyRanges
from connectors.streams import SplitStream
from tests import services
from tests.conformance.test_failures import eventually

RANGES = {"ranges_from": "0.000001"}
WHOLE = {"ranges_from": "1000000"}
ROWS = 5000
WIDE = f"""
CREATE TABLE wide (PRIMARY KEY (id)) AS
SELECT seq AS id, CAST(seq % 7 AS INT) AS small,
  IF(seq % 5 > 0, CAST(seq * 1.01 AS DECIMAL(15,2)), NULL) AS money,
  CAST(IF(seq % 3 > 0, REPEAT('é', seq % 40), NULL) AS CHAR(40)) AS words,
  DATE '2020-01-01' + INTERVAL seq % 1000 DAY AS day,
  CAST(TIMESTAMP '2020-01-01 00:00:00.125' + INTERVAL seq SECOND AS DATETIME(6)) AS moment
FROM seq_1_to_{ROWS}
"""


@pytest.fixture(scope="module")
def database(mariadb: services.MariaDb) -> Iterator[str]:
    """A database with a table of several kinds of columns, and an index."""
    with mariadb.database() as name:
        mariadb.execute(
            WIDE, "CREATE INDEX by_day ON wide (day)", "ANALYZE TABLE wide", database=name
        )
        yield name


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many ranges of few rows."""
    monkeypatch.setattr(mariadb_ranges, "FEWEST_ROWS", 100)
    monkeypatch.setattr(mariadb_ranges, "MOST_ROWS", 100)
    monkeypatch.setattr(mariadb_ranges, "FIRST_ROWS", 20)


@contextmanager
def opened(server: services.MariaDb, database: str, **options: str) -> Iterator[MariaDbConnector]:
    connector = open_connector(Binding("mariadb", server.uri(database), "wide", options))
    assert isinstance(connector, MariaDbConnector)
    yield connector
    connector.close()


def stream_of(connector: MariaDbConnector, names: Sequence[str], where: str = "") -> BatchStream:
    """A scan as the gateway writes it."""
    schema = connector.schema("wide")
    source = connector.table("wide")
    source.set("alias", exp.TableAlias(this=exp.to_identifier("t1")))
    outputs = []
    for i, name in enumerate(names):
        column = exp.column(name, table="t1", quoted=True)
        outputs.append(exp.alias_(connector.dialect.read(column, schema.field(name)), f"c{i}"))
    query = exp.select(*outputs).from_(source)
    if where:
        query.set("where", exp.Where(this=parse_one(where, dialect="mysql")))
    planned = pa.schema([schema.field(name) for name in names])
    return connector.query(connector.render(query, planned), planned)


def rows(stream: BatchStream) -> list[tuple[Any, ...]]:
    columns = pa.Table.from_batches(list(stream), stream.schema).to_pydict()
    return sorted(zip(*columns.values(), strict=True), key=repr)


def in_ranges(stream: BatchStream) -> bool:
    """Whether a stream that has been read was read in ranges."""
    assert isinstance(stream, SplitStream)
    return stream._whole is None


def all_free(connector: MariaDbConnector) -> bool:
    return connector._pool._free == 8


def open_transactions(server: services.MariaDb) -> int:
    (row,) = server.rows("SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX")
    return int(str(row["n"]))


@pytest.mark.parametrize(
    "where",
    [
        "",
        "t1.small = 1",
        "t1.small = 1 OR t1.money > 1000",
        "t1.money > 100 AND (t1.words IS NULL OR t1.small < 3)",
        "t1.small = 99",
        "t1.small <> 99 AND t1.day > '2021-06-01'",
    ],
)
def test_ranges_give_the_rows_of_one_read(
    mariadb: services.MariaDb, database: str, where: str
) -> None:
    with opened(mariadb, database, **RANGES) as many, opened(mariadb, database, **WHOLE) as one:
        names = many.schema("wide").names
        split = stream_of(many, names, where)
        whole = stream_of(one, names, where)
        found = rows(split)
        assert found == rows(whole)
        assert in_ranges(split)
        assert not in_ranges(whole)
        assert bool(found) == (where != "t1.small = 99")
        assert all_free(many)
        assert len(many._pool._idle) == 1


def test_transaction_is_over_when_the_session_goes_back(
    mariadb: services.MariaDb, database: str
) -> None:
    with opened(mariadb, database, **RANGES) as many:
        assert len(rows(stream_of(many, ["id"], "t1.small >= 0"))) == ROWS
        mariadb.execute("ALTER TABLE wide COMMENT = 'not locked'", database=database)
        assert open_transactions(mariadb) == 0


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("BIGINT", "SELECT -9223372036854775807 - 1 + CAST(seq AS SIGNED) FROM seq_0_to_400"),
        ("BIGINT", "SELECT 9223372036854775807 - seq FROM seq_0_to_400"),
        ("BIGINT UNSIGNED", "SELECT 18446744073709551615 - seq FROM seq_0_to_400"),
        ("BIGINT UNSIGNED", "SELECT 0 UNION SELECT 18446744073709551615"),
        ("SMALLINT", "SELECT CAST(seq AS SIGNED) - 200 FROM seq_0_to_400"),
        ("TINYINT UNSIGNED ZEROFILL", "SELECT seq FROM seq_0_to_255"),
        ("BIGINT", "SELECT seq FROM seq_1_to_500 UNION SELECT 4000000000000000000 + seq FROM "
         "seq_1_to_500 UNION SELECT CAST(seq AS SIGNED) * 1000000007 - 4000000000000000000 "
         "FROM seq_1_to_500"),
        ("BIGINT", "SELECT seq * seq * seq * seq FROM seq_1_to_700"),
        ("BIGINT", "SELECT 7"),
        ("BIGINT", "SELECT 7 WHERE FALSE"),
    ],
)  # fmt: skip
def test_keys_of_every_distribution(mariadb: services.MariaDb, key: str, keys: str) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(
            f"CREATE TABLE wide (id {key} PRIMARY KEY, note INT DEFAULT 3)",
            f"INSERT INTO wide (id) {keys}",
            "ANALYZE TABLE wide",
            database=name,
        )
        stream = stream_of(many, ["id", "note"])
        found = [i for i, _ in rows(stream)]
        assert in_ranges(stream)
        with opened(mariadb, name, **WHOLE) as one:
            assert found == [i for i, _ in rows(stream_of(one, ["id", "note"]))]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "keys",
    [
        "SELECT seq DIV 4, seq % 4 FROM seq_1_to_3000",
        "SELECT 1, seq FROM seq_1_to_1000",
        "SELECT IF(seq < 900, 5, seq), seq FROM seq_1_to_1500",
    ],
)
def test_key_of_two_columns_of_which_the_first_repeats(
    mariadb: services.MariaDb, keys: str
) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(
            "CREATE TABLE wide (a INT, b INT, PRIMARY KEY (a, b))",
            f"INSERT INTO wide {keys}",
            "ANALYZE TABLE wide",
            database=name,
        )
        stream = stream_of(many, ["b", "a"])
        found = rows(stream)
        assert in_ranges(stream)
        with opened(mariadb, name, **WHOLE) as one:
            assert found == rows(stream_of(one, ["b", "a"]))
        assert len(set(found)) == len(found) >= 1000


def test_no_batch_of_an_uneven_table_holds_more_than_a_crowded_range(
    mariadb: services.MariaDb,
) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(
            "CREATE TABLE wide (id BIGINT PRIMARY KEY)",
            "INSERT INTO wide SELECT seq * 1000000 FROM seq_1_to_300",
            "INSERT INTO wide SELECT 500000000 + seq FROM seq_1_to_20000",
            "ANALYZE TABLE wide",
            database=name,
        )
        sizes = [batch.num_rows for batch in stream_of(many, ["id"])]
        assert sum(sizes) == 20300
        assert max(sizes) < 200


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE wide (id INT, small INT)",
        "CREATE TABLE wide (small INT, id VARCHAR(10) PRIMARY KEY)",
        "CREATE TABLE wide (id INT PRIMARY KEY, small INT) ENGINE = MyISAM",
        "CREATE VIEW wide AS SELECT seq AS id, 1 AS small FROM seq_1_to_3",
    ],
)
def test_what_has_no_such_key_is_read_whole(mariadb: services.MariaDb, table: str) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(table, database=name)
        if "VIEW" not in table:
            mariadb.execute(
                "INSERT INTO wide (id, small) SELECT seq, 1 FROM seq_1_to_3", database=name
            )
        stream = stream_of(many, ["id", "small"])
        assert len(rows(stream)) == 3
        assert not in_ranges(stream)
        assert all_free(many)


def test_long_texts_are_read_whole_and_their_neighbours_are_not(mariadb: services.MariaDb) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(WIDE, "ALTER TABLE wide ADD COLUMN essay TEXT DEFAULT 'x'", database=name)
        long, short = stream_of(many, ["id", "essay"]), stream_of(many, ["id"], "t1.essay = 'x'")
        assert len(rows(long)) == len(rows(short)) == ROWS
        assert not in_ranges(long)
        assert in_ranges(short)


@pytest.mark.parametrize("where", ["t1.id = 77", "t1.id < 5", "t1.day = '2020-01-05'"])
def test_what_an_index_answers_is_not_split(
    mariadb: services.MariaDb, database: str, where: str
) -> None:
    with opened(mariadb, database, **RANGES) as many:
        stream = stream_of(many, ["id", "small"], where)
        assert 0 < len(rows(stream)) < 10
        assert not in_ranges(stream)
        assert all_free(many)


def test_table_that_is_replaced_by_another_object_in_between(mariadb: services.MariaDb) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(WIDE, database=name)
        assert len(rows(stream_of(many, ["id"]))) == ROWS
        mariadb.execute("RENAME TABLE wide TO behind", database=name)
        mariadb.execute("CREATE VIEW wide AS SELECT * FROM behind", database=name)
        viewed = stream_of(many, ["id"])
        assert len(rows(viewed)) == ROWS
        assert not in_ranges(viewed)
        mariadb.execute(
            "DROP VIEW wide",
            "CREATE TABLE wide (id INT, other INT PRIMARY KEY)",
            "INSERT INTO wide VALUES (NULL, 1), (4, 2)",
            database=name,
        )
        other = stream_of(many, ["id"])
        assert len(rows(other)) == 2
        assert not in_ranges(other)
        assert eventually(lambda: open_transactions(mariadb) == 0)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"])
def test_concurrent_transfers_are_seen_wholly_or_not_at_all(
    mariadb: services.MariaDb, level: str
) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        many._settings.append(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        mariadb.execute(
            "CREATE TABLE wide (id BIGINT PRIMARY KEY, v INT)",
            "INSERT INTO wide SELECT seq, 100 FROM seq_1_to_5000",
            database=name,
        )
        left = threading.Event()
        written = threading.Semaphore(0)

        def transfer() -> None:
            import arrow_odbc

            connection = arrow_odbc.connect(mariadb.odbc(name))
            for i in range(10**9):
                if left.is_set():
                    return
                a, b = i * 7919 % 5000 + 1, (i * 104729 + 1) % 5000 + 1
                connection.execute(
                    f"UPDATE wide SET v = v + IF(id = {a}, 1, -1) "
                    f"WHERE id IN ({a}, {b}) AND {a} <> {b}"
                )
                new = 5001 + i
                connection.execute(f"INSERT INTO wide VALUES ({-new}, 5), ({new}, -5)")
                if i % 3 == 0:
                    connection.execute(f"DELETE FROM wide WHERE id IN ({new}, {-new})")
                written.release()

        writer = threading.Thread(target=transfer)
        writer.start()
        stream = stream_of(many, ["id", "v"])
        try:
            for _ in range(3):
                stream = stream_of(many, ["id", "v"])
                batches = iter(stream)
                read = [next(batches)]
                assert written.acquire(timeout=60)  # a commit while the read goes on
                read.extend(batches)
                found = pa.Table.from_batches(read)
                assert in_ranges(stream)
                assert sum(found["v"].to_pylist()) == 500_000
                assert sum(1 for i in found["id"].to_pylist() if 0 < i <= 5000) == 5000
        finally:
            left.set()
            stream.close()
            writer.join()


def test_error_in_a_late_range_ends_the_read(mariadb: services.MariaDb) -> None:
    with mariadb.database() as name, opened(mariadb, name, **RANGES) as many:
        mariadb.execute(
            "CREATE TABLE wide (PRIMARY KEY (id)) AS SELECT seq AS id, "
            "CAST(IF(seq = 4900, 9223372036854775807, 1) AS SIGNED) AS v FROM seq_1_to_5000",
            "ANALYZE TABLE wide",
            database=name,
        )
        stream = stream_of(many, ["id", "v"], "t1.v + 1 > 0")
        batches = iter(stream)
        assert next(batches).num_rows
        with pytest.raises(SourceError) as caught:
            list(batches)
        assert caught.value.code is SourceErrorCode.ARITHMETIC
        assert in_ranges(stream)
        assert all_free(many)
        mariadb.execute("DROP TABLE wide", database=name)  # even while the error is still held


def test_connection_that_is_lost_in_the_middle_has_interrupted(
    mariadb: services.MariaDb, database: str
) -> None:
    with opened(mariadb, database, **RANGES) as many:
        stream = stream_of(many, ["id", "words"])
        batches = iter(stream)
        next(batches)
        assert isinstance(stream, mariadb_ranges.KeyStream)
        (session,) = stream._sessions
        mariadb.execute(f"KILL CONNECTION {session._id}")  # type: ignore[attr-defined]
        with pytest.raises(SourceError) as caught:
            list(batches)
        assert caught.value.code is SourceErrorCode.INTERRUPTED
        assert len(rows(stream_of(many, ["id", "words"]))) == ROWS


def test_connection_that_died_in_the_pool_is_replaced(
    mariadb: services.MariaDb, database: str
) -> None:
    with opened(mariadb, database, **RANGES) as many:
        assert len(rows(stream_of(many, ["id", "words"]))) == ROWS
        ((session, _),) = many._pool._idle
        mariadb.execute(f"KILL CONNECTION {session._id}")  # type: ignore[attr-defined]
        planned = pa.schema([("id", pa.int64())])
        text = "SELECT t1.id AS c0 FROM `wide` AS t1"
        tree = parse_one(text, dialect="mysql")
        assert isinstance(tree, exp.Query)
        assert len(rows(many.query(many.render(tree, planned), planned))) == ROWS
        assert all_free(many)


def test_cancel_stops_a_range_that_runs(mariadb: services.MariaDb, database: str) -> None:
    with opened(mariadb, database, **RANGES) as many:
        stream = stream_of(many, ["id", "words"], "t1.id < 20 OR SLEEP(0.05) = 0")
        failures: list[SourceErrorCode] = []
        started = threading.Event()

        def drain() -> None:
            try:
                for _ in stream:
                    started.set()
            except SourceError as error:
                failures.append(error.code)

        reader = threading.Thread(target=drain)
        reader.start()
        came = started.wait(60)
        stream.cancel()
        reader.join(60)
        assert came
        assert failures == [SourceErrorCode.CANCELLED]
        assert eventually(lambda: all_free(many))
        assert eventually(lambda: open_transactions(mariadb) == 0)


def test_cancel_before_the_first_batch_takes_no_connection(
    mariadb: services.MariaDb, database: str
) -> None:
    with opened(mariadb, database, **RANGES) as many:
        stream = stream_of(many, ["id", "small"])
        stream.cancel()
        with pytest.raises(SourceError) as caught:
            list(stream)
        assert caught.value.code is SourceErrorCode.CANCELLED
        assert eventually(lambda: all_free(many))


def test_readers_that_leave_leave_nothing_behind(mariadb: services.MariaDb, database: str) -> None:
    with opened(mariadb, database, **RANGES) as many:
        for i in range(12):
            stream = stream_of(many, ["id", "words"])
            batches = iter(stream)
            if i % 4:
                next(batches)
            if i % 2:
                stream.cancel()
            stream.close()
            stream.close()
        assert eventually(lambda: all_free(many))
        assert eventually(lambda: open_transactions(mariadb) == 0)
        assert len(rows(stream_of(many, ["id", "small"]))) == ROWS


def test_more_readers_than_connections_do_not_wait_for_each_other(
    mariadb: services.MariaDb, database: str
) -> None:
    with opened(mariadb, database, **RANGES, pool_size="1", pool_wait="120") as many:
        streams = [stream_of(many, ["id", "money"]) for _ in range(4)]
        counts: list[int] = []
        readers = [
            threading.Thread(target=lambda s=s: counts.append(len(rows(s)))) for s in streams
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert counts == [ROWS] * 4


def test_no_more_than_one_range_is_asked_ahead_of_a_reader_that_stops(
    mariadb: services.MariaDb, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    ask = mariadb_ranges.KeyStream._ask

    def noted(*arguments: Any) -> Any:
        found = ask(*arguments)
        asked.append(found)
        return found

    monkeypatch.setattr(mariadb_ranges.KeyStream, "_ask", noted)
    with opened(mariadb, database, **RANGES) as many:
        stream = stream_of(many, ["id"], "t1.small >= 0")
        batches = iter(stream)
        first = next(batches).num_rows
        assert eventually(lambda: len(asked) == 2)
        assert not eventually(lambda: len(asked) > 2, 0.3)
        assert first + sum(b.num_rows for b in batches) == ROWS
        assert len(asked) > 20


def test_parts_cover_every_key_once_whatever_they_hold() -> None:
    present = sorted({*range(50), *range(10_000, 10_400), 10**12, *range(20_000, 90_000, 700)})
    ranges = KeyRanges((0, 10**12), 20, 5)
    seen: list[int] = []
    while ranges.left is not None:
        part = ranges.take()
        inside = [key for key in present if part[0] <= key <= part[1]]
        if len(inside) > 40:
            ranges.put_back(part, inside[20])
            continue
        seen.extend(inside)
        ranges.read(part, len(inside))
    assert sorted(seen) == present
