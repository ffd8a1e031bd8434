"""Lists bound to one placeholder: what psycopg and asyncpg are answered is what PostgreSQL answers.

Each condition is asked of a real PostgreSQL, and through the gateway of the same table there (where
the test is pushed) and of a copy in memory (where the engine tests).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pyarrow as pa
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from connectors import memory
from gateway.cli import main
from gateway.identity.users import add_user
from tests import services
from tests.clients.postgres_wire.serving import ALICE, Served

pytestmark = pytest.mark.timeout(120)

TABLE = """CREATE TABLE things (id bigint PRIMARY KEY, small smallint, name text,
    price numeric(12, 2), day date, moment timestamptz, flag boolean, ratio double precision,
    tags bigint[])"""
ROWS = """INSERT INTO things SELECT i, i % 5, CASE WHEN i % 4 > 0 THEN 'name ' || i % 7 END,
    i / 4.0, date '2024-02-26' + i, timestamptz '2024-02-26 12:30:00.5Z' + i * interval '1 day',
    CASE WHEN i % 3 > 0 THEN i % 3 = 1 END, i / 2.0,
    CASE i % 4 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY[i, NULL] WHEN 2 THEN ARRAY[i, 2] END
    FROM generate_series(1, 40) i"""
HELD = pa.schema(
    {
        "id": pa.int64(),
        "small": pa.int16(),
        "name": pa.string(),
        "price": pa.decimal128(12, 2),
        "day": pa.date32(),
        "moment": pa.timestamp("us", "UTC"),
        "flag": pa.bool_(),
        "ratio": pa.float64(),
        "tags": pa.list_(pa.int64()),
    }
)
ZONED = dt.datetime(2024, 2, 28, 12, 30, 0, 500000, tzinfo=dt.UTC)


@dataclass(frozen=True)
class World:
    served: Served
    real: str
    connections: dict[str, psycopg.Connection]


@pytest.fixture(scope="module")
def world(postgres: services.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("lists")
    with postgres.database() as uri, pytest.MonkeyPatch.context() as patch:
        postgres.execute(TABLE, ROWS, database=uri.rsplit("/", 1)[-1].partition("?")[0])
        patch.setenv("LISTS", uri)
        with psycopg.connect(uri, row_factory=dict_row) as connection:
            held = pa.Table.from_pylist(connection.execute("SELECT * FROM things").fetchall(), HELD)
        sources = {
            "pg": ("postgres", "${LISTS}"),
            "held": ("memory", memory.register("wire-lists", {"things": held})),
        }
        for product, (connector, at) in sources.items():
            names = ["--domain", "lists", "--product", product]
            where = ["--connector", connector, "--uri", at]
            assert main(["publish", "--mesh", str(folder), *names, *where]) == 0
        (folder / "policies").mkdir()
        rows = "p,all/reader,*,*,discover|read,*,*,*,allow\n"
        (folder / "policies" / "access.csv").write_text(rows)
        add_user(folder, ALICE[0], ["all/reader"], ALICE[1])
        served = Served(folder)
        with (
            psycopg.connect(uri, autocommit=True) as real,
            psycopg.connect(served.dsn(), autocommit=True) as ours,
        ):
            yield World(served, uri, {uri: real, served.dsn(): ours})
        served.close()
    memory.forget("wire-lists")


CASES: list[tuple[str, tuple[Any, ...]]] = [
    ("id = ANY({0})", ([1, 2, 77],)),
    ("id = ANY({0})", ([],)),
    ("id = ANY({0})", (None,)),
    ("id = ANY({0})", ([None],)),
    ("id = ANY({0}) IS NULL", ([3, None],)),
    ("NOT id = ANY({0})", ([3, None],)),
    ("id <> ALL({0})", ([3, 4],)),
    ("id <> ALL({0})", ([3, None],)),
    ("id <> ALL({0})", ([],)),
    ("name <> ALL({0})", ([],)),
    ("id <> ALL({0}) IS NULL", (None,)),
    ("small = ANY({0})", ([1, 4],)),
    ("name = ANY({0})", (["name 1", "it's", 'a "b", {c}\\', ""],)),
    ("name = ANY({0})", (["name 1", None],)),
    ("NOT (name = ANY({0})) OR small = ANY({1})", (["name 1", "name 2"], [1])),
    ("name != ALL({0}::text[])", (["name 1", "name 2"],)),
    ("price = ANY({0})", ([Decimal("0.25"), Decimal("1.50"), Decimal("1.5001")],)),
    ("day = ANY({0})", ([dt.date(2024, 2, 28), dt.date(2024, 2, 29)],)),
    ("moment = ANY({0})", ([ZONED],)),
    ("flag = ANY({0})", ([True],)),
    ("ratio = ANY({0})", ([0.5, 1.5],)),
    ("id + 1 = ANY({0}::bigint[]) AND id > {1}", ([5, 6], 4)),
    ("id = ANY({0}) OR id + 1 = ANY({0})", ([2, 3],)),
]
LITERALS = [
    "id = ANY('{1,2}')",
    "id = ANY('{1,NULL}'::int[]) IS NULL",
    "id = ANY(ARRAY[1, 2])",
    "id <> ALL(ARRAY[1, 2, NULL]::int[])",
    "id = ANY('{}')",
    "NOT id = ANY('{}'::bigint[])",
    "name = ANY ('{\"name 1\",NULL,x}'::text[])",
    "name = SOME (ARRAY['name 1', 'name 2']::varchar[])",
    "day = ANY('{2024-02-28}'::date[])",
    "small = ANY(ARRAY[id, 2])",
    "id = ANY(NULL)",
    "2 = ANY(tags)",
    "NOT 2 = ANY(tags)",
    "(id + 1 = ANY(tags)) IS NULL",
    "NULLIF(id, id) = ANY(tags) IS NULL",
    "NOT small <> ALL (tags)",
]


def tables(world: World) -> list[tuple[str, str]]:
    served = world.served.dsn()
    return [(world.real, "things"), (served, "lists.pg.things"), (served, "lists.held.things")]


@pytest.mark.parametrize(("condition", "values"), CASES)
def test_psycopg_is_answered_as_by_postgres(
    world: World, condition: str, values: tuple[Any, ...]
) -> None:
    text = condition.replace("{0}", "%(a)s").replace("{1}", "%(b)s")
    given = dict(zip("ab", values, strict=False))
    for prepare in (False, True):
        for client in (psycopg.Cursor, psycopg.ClientCursor):
            answers = []
            for dsn, table in tables(world):
                query = f"SELECT id FROM {table} WHERE {text} ORDER BY id"
                more = {} if client is psycopg.ClientCursor else {"prepare": prepare}
                cursor = client(world.connections[dsn])
                answers.append(cursor.execute(query, given, **more).fetchall())
            assert answers[0] == answers[1] == answers[2], (prepare, client)


def test_asyncpg_is_answered_as_by_postgres(world: World) -> None:
    async def asked(dsn: str, table: str) -> list[Any]:
        connection = await asyncpg.connect(**_parts(dsn), ssl=False)
        try:
            found = []
            for condition, values in CASES:
                text = condition.replace("{0}", "$1").replace("{1}", "$2")
                query = f"SELECT id FROM {table} WHERE {text} ORDER BY id"
                found.append([tuple(row) for row in await connection.fetch(query, *values)])
            return found
        finally:
            await connection.close()

    real, pushed, held = (asyncio.run(asked(dsn, table)) for dsn, table in tables(world))
    for number, case in enumerate(CASES):
        assert real[number] == pushed[number] == held[number], case


@pytest.mark.parametrize("condition", LITERALS)
def test_lists_in_the_text_mean_what_they_mean_to_postgres(world: World, condition: str) -> None:
    answers = []
    for dsn, table in tables(world):
        query = f"SELECT id FROM {table} WHERE {condition} ORDER BY id"
        answers.append(world.connections[dsn].execute(query).fetchall())
    assert answers[0] == answers[1] == answers[2]


def test_a_list_is_pushed_as_in(world: World) -> None:
    with psycopg.connect(world.served.dsn(), autocommit=True) as connection:
        for condition, values in (
            ("id = ANY('{1,2,3,4,5}')", ()),
            ("id = ANY(%s)", ([1, 2, 3, 4, 5],)),
        ):
            rows = connection.execute(
                f"EXPLAIN SELECT name FROM lists.pg.things WHERE {condition}", values
            ).fetchall()
            assert "IN (1, 2, 3, 4, 5)" in str(rows)


def test_uuids_are_taken_as_texts(world: World) -> None:
    with psycopg.connect(world.served.dsn(), autocommit=True) as connection:
        query = "SELECT count(*) FROM lists.pg.things WHERE name = ANY(%s)"
        assert connection.execute(query, ([uuid.UUID(int=1)],)).fetchone() == (0,)


@pytest.mark.parametrize(
    "condition", ["id > ANY(tags)", "id <> ANY(ARRAY[1, NULL])", "1 = ALL(tags)"]
)
def test_other_operators_are_refused(world: World, condition: str) -> None:
    """Of a list with a NULL the engine answers FALSE where SQL says NULL."""
    with pytest.raises(errors.Error, match="over a list is not offered"):
        world.connections[world.served.dsn()].execute(
            f"SELECT id FROM lists.pg.things WHERE NOT {condition}"
        )


def test_in_with_a_list_names_any(world: World) -> None:
    with psycopg.connect(world.served.dsn(), autocommit=True) as connection:
        for text in ("id IN (%s)", "id IN %s", "name NOT IN %s"):
            with pytest.raises(errors.Error, match="= ANY"):
                connection.execute(f"SELECT 1 FROM lists.pg.things WHERE {text}", ([1, 2],))


def _parts(dsn: str) -> dict[str, Any]:
    found = psycopg.conninfo.conninfo_to_dict(dsn)
    return {
        "host": found["host"],
        "port": int(found["port"]),
        "user": found["user"],
        "password": found.get("password"),
        "database": found["dbname"],
    }
