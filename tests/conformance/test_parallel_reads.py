"""One large PostgreSQL table read in ranges: the rows of one snapshot, those of one read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from connectors import open_connector, postgres_ranges
from connectors.interface import BatchStream, Binding, SourceError, SourceErrorCode
from connectors.postgres import PostgresConnector
from tests import services
from tests.conformance.test_failures import eventually

STREAMS = {"read_streams": "3", "parallel_from": "0.000001"}
ALONE = {"read_streams": "1"}
TYPES = """
CREATE TABLE public.wide AS
SELECT g::bigint AS id, (g % 7)::int AS small, CASE WHEN g % 5 > 0 THEN (g * 1.01)::numeric(15,2)
  END AS money, (g::numeric * 12345678901234567890.0123456789)::numeric(38,10) AS large,
  ('k' || g % 11)::char(8) AS padded, CASE WHEN g % 3 > 0 THEN repeat('é', g % 40) END AS words,
  DATE '2020-01-01' + g % 1000 AS day, TIMESTAMP '2020-01-01' + g * INTERVAL '1 s' AS moment,
  g % 2 = 0 AS flag, g / 3.0::float8 AS ratio
FROM generate_series(1, 20000) g
"""


@pytest.fixture(scope="module")
def database(postgres: services.Postgres) -> Iterator[str]:
    """A database with a table of every kind of column, over some hundred pages."""
    with postgres.database() as uri:
        execute(uri, TYPES, "CREATE INDEX ON public.wide (id)", "ANALYZE public.wide")
        yield uri


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches wait one by one: the source is still at work while a test looks. Ranges are small."""
    monkeypatch.setattr(postgres_ranges, "QUEUED_BYTES", 1)
    monkeypatch.setattr(postgres_ranges, "SMALLEST_RANGE", 1)


def execute(uri: str, *statements: str) -> None:
    with adbc.connect(uri, autocommit=True) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.execute(statement)


@contextmanager
def opened(uri: str, **options: str) -> Iterator[PostgresConnector]:
    connector = open_connector(Binding("postgres", uri, "wide", options))
    assert isinstance(connector, PostgresConnector)
    yield connector
    connector.close()


def stream_of(
    connector: PostgresConnector,
    names: Sequence[str],
    where: str = "",
    table: str = "wide",
    schema: pa.Schema | None = None,
) -> BatchStream:
    """A scan as the gateway writes it."""
    schema = connector.schema(table) if schema is None else schema
    source = connector.table(table)
    source.set("alias", exp.TableAlias(this=exp.to_identifier("t1")))
    outputs = []
    for i, name in enumerate(names):
        column = exp.column(name, table="t1", quoted=True)
        read = connector.dialect.read(column, schema.field(name))
        outputs.append(exp.alias_(read, f"c{i}"))
    query = exp.select(*outputs).from_(source)
    if where:
        query.set("where", exp.Where(this=parse_one(where, dialect="postgres")))
    planned = pa.schema([schema.field(name) for name in names])
    return connector.query(connector.render(query, planned), planned)


def rows(stream: BatchStream) -> list[tuple[Any, ...]]:
    columns = pa.Table.from_batches(list(stream), stream.schema).to_pydict()
    return sorted(zip(*columns.values(), strict=True), key=repr)


def in_ranges(stream: BatchStream) -> bool:
    """Whether a stream that has been read was read in ranges."""
    assert isinstance(stream, postgres_ranges.RangeStream)
    return stream._queue is not None


def reading(postgres: services.Postgres, uri: str) -> int:
    """How many connections are in the middle of a range, or between two."""
    name = uri.rpartition("/")[2].partition("?")[0]
    (row,) = postgres.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%ctid%' "
        f"AND state IN ('active', 'idle in transaction') AND datname = '{name}'"
    )
    return int(str(row[0]))


def all_free(connector: PostgresConnector) -> bool:
    """Whether no connection is held by anybody."""
    return connector._pool._free == 8


@pytest.mark.parametrize("pages", [0, 1, 2, 511, 512, 513, 1_024, 12_166, 121_545, 4_000_000])
@pytest.mark.parametrize("streams", [2, 3, 4])
@pytest.mark.parametrize("smallest", [1, 4 << 20])
def test_ranges_cover_a_table_and_end_small(
    pages: int, streams: int, smallest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_ranges, "SMALLEST_RANGE", smallest)
    ranges = postgres_ranges.ranges_of(pages * 8192, 8192, streams)
    assert ranges[0][0] == 0 and ranges[-1][1] is None
    assert [end for _, end in ranges[:-1]] == [first for first, _ in ranges[1:]]
    sizes = [(pages if end is None else end) - first for first, end in ranges]
    assert sum(sizes) == pages and all(size > 0 for size in sizes[1:])
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= max(postgres_ranges.LARGEST_RANGE // 8192, smallest // 8192, 1)
    if pages > streams * max(smallest // 8192, 1):
        assert len(ranges) >= streams
        assert sizes[-1] <= max(smallest // 8192, 1)


@pytest.mark.parametrize(
    "where",
    [
        "",
        "t1.small = 1",
        "t1.small = 1 OR t1.flag",
        "t1.money > 100 AND (t1.words IS NULL OR t1.ratio < 5000)",
    ],
)
def test_ranges_give_the_rows_of_one_read(database: str, where: str) -> None:
    with opened(database, **STREAMS) as many, opened(database, **ALONE) as one:
        names = many.schema("wide").names
        split = stream_of(many, names, where)
        found = rows(split)
        assert in_ranges(split)
        assert found == rows(stream_of(one, names, where))
        assert found
        assert eventually(lambda: all_free(many))


def test_padded_text_and_wide_numbers_arrive_as_the_source_casts_them(database: str) -> None:
    with opened(database, **STREAMS) as many:
        found = rows(stream_of(many, ["id", "padded", "large"]))
        with adbc.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, padded::text, large::text FROM public.wide")
            expected = cursor.fetchall()
        assert [(a, b, f"{c:f}") for a, b, c in found] == sorted(expected, key=repr)


def test_several_connections_read_at_once(postgres: services.Postgres, database: str) -> None:
    with opened(database, **STREAMS) as many:
        stream = stream_of(many, ["id", "small"])
        batches = iter(stream)
        first = next(batches)
        assert eventually(lambda: reading(postgres, database) == 3)
        assert first.num_rows + sum(b.num_rows for b in batches) == 20000


@pytest.mark.parametrize("where", ["t1.id = 77", "t1.id < 5"])
def test_what_an_index_answers_is_not_split(database: str, where: str) -> None:
    with opened(database, **STREAMS) as many:
        stream = stream_of(many, ["id", "small"], where)
        assert len(rows(stream)) in {1, 4}
        assert not in_ranges(stream)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT COUNT(*) AS c0 FROM public.wide AS t1",
        "SELECT DISTINCT t1.small AS c0 FROM public.wide AS t1",
        "SELECT t1.small AS c0 FROM public.wide AS t1 GROUP BY t1.small",
        "SELECT t1.small AS c0 FROM public.wide AS t1 ORDER BY t1.id",
        "SELECT t1.small AS c0 FROM public.wide AS t1 LIMIT 3",
        "SELECT t1.small AS c0 FROM public.wide AS t1, public.wide AS t2",
        "SELECT t1.c0 FROM (SELECT id AS c0 FROM public.wide LIMIT 2) AS t1",
        "SELECT t1.small AS c0 FROM public.wide AS t1 WHERE t1.id IN (SELECT 1)",
        "SELECT ROW_NUMBER() OVER () AS c0 FROM public.wide AS t1",
        "SELECT t1.small AS c0 FROM wide AS t1",
        "SELECT t1.small AS c0 FROM public.wide AS t1 TABLESAMPLE SYSTEM (10)",
    ],
)
def test_more_than_a_scan_is_not_split(text: str) -> None:
    tree = parse_one(text, dialect="postgres")
    assert isinstance(tree, exp.Query)
    assert postgres_ranges.schema_scan(tree) is None


def test_concurrent_transfers_are_seen_wholly_or_not_at_all(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(
            uri,
            "CREATE TABLE public.wide AS SELECT g AS id, 100 AS v, repeat('x', 100) AS filler "
            "FROM generate_series(1, 20000) g",
            "ANALYZE public.wide",
        )
        left = threading.Event()
        written = threading.Semaphore(0)

        def transfer() -> None:
            with adbc.connect(uri, autocommit=True) as connection:
                for i in range(10**9):
                    if left.is_set():
                        return
                    a, b = i * 7919 % 20000 + 1, (i * 104729 + 1) % 20000 + 1
                    moved = (
                        f"UPDATE public.wide SET v = v + CASE id WHEN {a} THEN 1 ELSE -1 END "
                        f"WHERE id IN ({a}, {b}) AND {a} <> {b}"
                    )
                    pairs = "INSERT INTO public.wide VALUES (0, 5, ''), (0, -5, repeat('y', 500))"
                    gone = f"DELETE FROM public.wide WHERE id = 0 AND {i} % 3 = 0"
                    for statement in (moved, pairs, gone):
                        with connection.cursor() as cursor:
                            cursor.execute(statement)
                    written.release()

        writer = threading.Thread(target=transfer)
        writer.start()
        try:
            for _ in range(8):
                written.acquire()
                stream = stream_of(many, ["id", "v"])
                found = pa.Table.from_batches(list(stream), stream.schema)
                assert in_ranges(stream)
                assert sum(found["v"].to_pylist()) == 2_000_000
                assert len({i for i in found["id"].to_pylist() if i}) == 20000
        finally:
            left.set()
            writer.join()


def test_table_that_is_to_be_truncated_is_read_to_its_end(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(uri, TYPES, "ANALYZE public.wide")
        stream = stream_of(many, ["id", "small"])
        batches = iter(stream)
        first = next(batches)
        emptier = threading.Thread(target=execute, args=(uri, "TRUNCATE public.wide"))
        emptier.start()
        assert first.num_rows + sum(b.num_rows for b in batches) == 20000
        emptier.join()
        assert rows(stream_of(many, ["id", "small"])) == []


def test_sizes_that_are_out_of_date_lose_no_row(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(uri, "CREATE TABLE public.wide (id bigint, small int)")
        assert rows(stream_of(many, ["id", "small"])) == []
        execute(uri, "INSERT INTO public.wide SELECT generate_series(1, 9000), 0")
        assert len(rows(stream_of(many, ["id", "small"]))) == 9000
        many._facts.clear()
        assert len(rows(stream_of(many, ["id", "small"]))) == 9000
        execute(uri, "INSERT INTO public.wide SELECT generate_series(9001, 90000), 0")
        found = rows(stream_of(many, ["id", "small"]))
        assert sorted(number for number, _ in found) == list(range(1, 90001))
        execute(uri, "DELETE FROM public.wide WHERE id > 10", "VACUUM public.wide")
        assert len(rows(stream_of(many, ["id", "small"]))) == 10


def test_table_that_is_dropped_or_replaced_in_between(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(uri, TYPES, "ANALYZE public.wide")
        schema = many.schema("wide")
        assert len(rows(stream_of(many, ["id", "small"], schema=schema))) == 20000
        execute(uri, "ALTER TABLE public.wide RENAME TO behind")
        with pytest.raises(SourceError) as caught:
            rows(stream_of(many, ["id", "small"], schema=schema))
        assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
        execute(uri, "CREATE VIEW public.wide AS SELECT * FROM public.behind")
        assert len(rows(stream_of(many, ["id", "small"], schema=schema))) == 20000
        assert eventually(lambda: all_free(many))


def test_partitioned_tables_and_views_are_read_whole(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(
            uri,
            "CREATE TABLE public.wide (id bigint, small int) PARTITION BY HASH (id)",
            "CREATE TABLE public.one PARTITION OF public.wide "
            "FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            "INSERT INTO public.wide SELECT generate_series(1, 5000), 0",
            "ANALYZE",
        )
        stream = stream_of(many, ["id", "small"])
        assert len(rows(stream)) == 5000
        assert not in_ranges(stream)


def test_error_in_one_range_ends_all(postgres: services.Postgres) -> None:
    with postgres.database() as uri, opened(uri, **STREAMS) as many:
        execute(uri, TYPES, "UPDATE public.wide SET small = -1 WHERE id = 19999", "ANALYZE")
        stream = stream_of(many, ["id", "small"], "1 / (t1.small + 1) >= 0")
        with pytest.raises(SourceError) as caught:
            rows(stream)
        assert caught.value.code is SourceErrorCode.ARITHMETIC
        assert in_ranges(stream)
        assert eventually(lambda: all_free(many))
        assert eventually(lambda: reading(postgres, uri) == 0)


def test_numbers_that_are_none_are_refused_as_in_one_read(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        execute(uri, TYPES, "UPDATE public.wide SET money = 'NaN' WHERE id = 15000", "ANALYZE")
        for options in (STREAMS, ALONE):
            with opened(uri, **options) as connector:
                with pytest.raises(SourceError) as caught:
                    rows(stream_of(connector, ["id", "money"]))
                assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
                assert eventually(lambda: all_free(connector))


def test_cancel_stops_every_connection(postgres: services.Postgres, database: str) -> None:
    with opened(database, **STREAMS) as many:
        stream = stream_of(many, ["id", "words"])
        batches = iter(stream)
        next(batches)
        assert eventually(lambda: reading(postgres, database) == 3)
        stream.cancel()
        with pytest.raises(SourceError) as caught:
            list(batches)
        assert caught.value.code is SourceErrorCode.CANCELLED
        assert eventually(lambda: reading(postgres, database) == 0)
        assert eventually(lambda: all_free(many))


def test_cancel_before_the_first_batch_takes_no_connection(database: str) -> None:
    with opened(database, **STREAMS) as many:
        stream = stream_of(many, ["id", "small"])
        stream.cancel()
        with pytest.raises(SourceError) as caught:
            list(stream)
        assert caught.value.code is SourceErrorCode.CANCELLED
        assert eventually(lambda: all_free(many))


def test_readers_that_leave_leave_nothing_behind(
    postgres: services.Postgres, database: str
) -> None:
    """In each of the four ways more often than there are connections."""
    with opened(database, **STREAMS) as many:
        for i in range(80):
            stream = stream_of(many, ["id", "words"])
            batches = iter(stream)
            if i % 4:
                next(batches)
            if i % 2:
                stream.cancel()
            stream.close()
            stream.close()
        assert eventually(lambda: all_free(many))
        assert eventually(lambda: reading(postgres, database) == 0)
        assert len(rows(stream_of(many, ["id", "small"]))) == 20000


def test_more_readers_than_connections_do_not_wait_for_each_other(database: str) -> None:
    with opened(database, **STREAMS, pool_size="2", pool_wait="120") as many:
        many.schema("wide")
        counts: list[int] = []

        def read() -> None:
            counts.append(len(rows(stream_of(many, ["id", "money"]))))

        readers = [threading.Thread(target=read) for _ in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert counts == [20000] * 8
        assert many._pool._free == 2


def test_one_connection_is_enough(database: str) -> None:
    with opened(database, **STREAMS, pool_size="1") as many:
        stream = stream_of(many, ["id", "small"])
        assert len(rows(stream)) == 20000
        assert in_ranges(stream)


def test_little_is_read_ahead_of_a_reader_that_stops(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_ranges, "QUEUED_BYTES", 100_000)
    with opened(database, **STREAMS) as many:
        stream = stream_of(many, many.schema("wide").names)
        batches = iter(stream)
        largest = next(batches).nbytes
        assert isinstance(stream, postgres_ranges.RangeStream)
        queue = stream._queue
        assert queue is not None
        assert not eventually(lambda: queue.held > max(100_000, 2 * largest), 0.5)
        assert sum(b.num_rows for b in batches) < 20000
