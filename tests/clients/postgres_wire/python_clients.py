"""Checks of Python's other clients of PostgreSQL, run by an environment's own Python.

    python python_clients.py PORT TLS_PORT AUTHORITY

prints a line of JSON for each client and check: what failed it, "" for nothing. `CHECKS` can be
read without any of the clients.
"""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

D, UTC = decimal.Decimal, datetime.UTC
USER = {"user": "alice", "password": "wonderland", "host": "127.0.0.1"}
LONG = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
DIALECTS = ("psycopg", "psycopg2", "pg8000", "asyncpg")
"""SQLAlchemy's own, of PostgreSQL."""

FIRST = {
    "k_bool": True,
    "k_int8": -128,
    "k_int64": -(2**63),
    "k_uint64": 0,
    "k_float32": 1.5,
    "k_float64": 0.1,
    "k_decimal": D("-12345.67"),
    "k_wide": D("1e20"),
    "k_text": "plain",
    "k_bytes": b"\x00\xff",
    "k_date": datetime.date(1, 1, 1),
    "k_time": datetime.time(0, 0),
    "k_timestamp": datetime.datetime(1970, 1, 1),
    "k_instant": datetime.datetime(1970, 1, 1, tzinfo=UTC),
    "k_list": [1, None, 3],
    "k_words": ["a b", "", "NULL", None, '"\\'],
}
SECOND = {
    "k_bool": False,
    "k_int64": 2**63 - 1,
    "k_uint64": D(2**64 - 1),
    "k_float64": float("-inf"),
    "k_decimal": D("0.01"),
    "k_text": 'ü "quoted", \\ 雪',
    "k_bytes": b"",
    "k_date": datetime.date(9999, 12, 31),
    "k_time": datetime.time(23, 59, 59, 999999),
    "k_timestamp": datetime.datetime(2024, 2, 29, 12, 30, 0, 500),
    "k_instant": datetime.datetime(2024, 7, 1, 12, 30, 0, 500000, tzinfo=UTC),
    "k_list": [],
    "k_words": ["x"],
}
"""Columns of sales.types.kinds in its first two rows; the third is NULL throughout."""

KINDS = f"SELECT {', '.join(FIRST)} FROM sales.types.kinds"


class Place:
    """Where the gateway is."""

    def __init__(self, port: str, tls_port: str, authority: str) -> None:
        self.port, self.tls_port, self.authority = int(port), int(tls_port), authority


def _is_kinds(rows: list[Any], names: list[str]) -> None:
    """Each value as it is, whatever a client has around the bytes."""
    found = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
    assert {name: found[0][name] for name in FIRST} == FIRST, found[0]
    assert {name: found[1][name] for name in SECOND} == SECOND, found[1]
    assert set(found[2].values()) == {None}


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def _refused(call: Callable[[], Any], error: type[BaseException], said: str) -> None:
    try:
        call()
    except error as raised:
        assert said in str(raised), raised
        return
    raise AssertionError(f"it was not refused: {said}")


# psycopg2 and pg8000, which share the DB-API


def _connect(client: str, place: Place, **more: Any) -> Any:
    if client == "psycopg2":
        import psycopg2

        return psycopg2.connect(**{**USER, "dbname": "mesh", "port": place.port, **more})
    import pg8000.dbapi

    return pg8000.dbapi.connect(**{**USER, "database": "mesh", "port": place.port, **more})


def _rows(connection: Any, text: str, values: Any = ()) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(text, values)
    return [tuple(row) for row in cursor.fetchall()]


def connecting(client: str, place: Place) -> None:
    connection = _connect(client, place)
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    connection.close()
    _refused(lambda: _connect(client, place, password="guess"), Exception, "password")


def encrypted(client: str, place: Place) -> None:
    more: dict[str, Any] = {"ssl_context": ssl.create_default_context(cafile=place.authority)}
    if client == "psycopg2":
        more = {"sslmode": "verify-full", "sslrootcert": place.authority}
    connection = _connect(client, place, port=place.tls_port, **more)
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    connection.close()


def types(client: str, place: Place) -> None:
    connection = _connect(client, place)
    _is_kinds(_rows(connection, KINDS), list(FIRST))


def parameters(client: str, place: Place) -> None:
    connection = _connect(client, place)
    text = "SELECT id FROM sales.shop.orders WHERE amount = %s AND customer = %s AND id < %s"
    assert _rows(connection, text, (D("1.25"), "customer 5", 99)) == [(6,)]
    assert _rows(connection, text, (None, "it's\\", 99)) == []
    for column in ("k_int64", "k_decimal", "k_text", "k_date", "k_timestamp", "k_instant"):
        found = f"SELECT k_int8 FROM sales.types.kinds WHERE {column} = %s"
        assert _rows(connection, found, (SECOND[column],)) == [(127,)], column
    found = "SELECT k_int8 FROM sales.types.kinds WHERE k_bytes = %s"
    assert _rows(connection, found, (FIRST["k_bytes"],)) == [(-128,)]


def errors(client: str, place: Place) -> None:
    connection = _connect(client, place)
    error = sys.modules[type(connection).__module__.partition(".")[0]]
    text = "SELECT id,\n nope FROM sales.shop.orders"
    if client == "psycopg2":
        try:
            _rows(connection, text)
        except error.errors.UndefinedColumn as raised:
            assert raised.diag.statement_position == "13"
    else:
        _refused(lambda: _rows(connection, text), error.dbapi.DatabaseError, "'P': '13'")
    connection.rollback()
    assert _rows(connection, "SELECT 1") == [(1,)]


def transactions(client: str, place: Place) -> None:
    connection = _connect(client, place)
    assert _rows(connection, "SELECT 1") == [(1,)]
    connection.commit()
    _refused(
        lambda: _rows(connection, "INSERT INTO t VALUES (1)"), Exception, "the gateway only reads"
    )
    _refused(lambda: _rows(connection, "SELECT 1"), Exception, "has failed")
    connection.rollback()
    assert _rows(connection, "SELECT 2") == [(2,)]
    connection.rollback()
    if client == "psycopg2":
        connection.set_session(readonly=True, isolation_level="SERIALIZABLE", deferrable=True)
        assert _rows(connection, "SELECT 3") == [(3,)]


def cursors(client: str, place: Place) -> None:
    """More rows than are held at once; pg8000 has no cursors of the server."""
    connection = _connect(client, place)
    cursor = connection.cursor("all of them") if client == "psycopg2" else connection.cursor()
    cursor.itersize = 10_000
    cursor.execute("SELECT id FROM sales.shop.million")
    assert sum(row[0] for row in cursor) == 499_999_500_000


def cancelling(client: str, place: Place) -> None:
    import psycopg2

    connection = _connect(client, place)
    threading.Timer(0.5, connection.cancel).start()
    _refused(lambda: _rows(connection, LONG), psycopg2.errors.QueryCanceled, "")
    connection.rollback()
    assert _rows(connection, "SELECT 1") == [(1,)]


def timing_out(client: str, place: Place) -> None:
    connection = _connect(client, place)
    connection.autocommit = True
    connection.cursor().execute("SET statement_timeout = '300ms'")
    _refused(lambda: _rows(connection, LONG), Exception, "statement_timeout")
    assert _rows(connection, "SELECT 1") == [(1,)]


# SQLAlchemy


def _with(dialect: str, place: Place, work: Callable[[Any], Any]) -> Any:
    """What some work gives that is done with a connection of SQLAlchemy."""
    import sqlalchemy

    url = f"postgresql+{dialect}://alice:wonderland@127.0.0.1:{place.port}/mesh"
    if dialect != "asyncpg":
        engine = sqlalchemy.create_engine(url)
        try:
            with engine.connect() as connection:
                return work(connection)
        finally:
            engine.dispose()

    from sqlalchemy.ext.asyncio import create_async_engine

    async def asked() -> Any:
        engine = create_async_engine(url, connect_args={"ssl": False})
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(asked())


def engine_connects(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    text = sa.text("SELECT count(*) FROM sales.shop.orders")
    assert _with(dialect, place, lambda c: c.execute(text).scalar()) == 100


def engine_reflects(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        look = sa.inspect(connection)
        assert {"hr.staff", "sales.keyed", "sales.shop"} <= set(look.get_schema_names())
        assert sorted(look.get_table_names("sales.keyed")) == ["items", "lines"]
        assert look.get_view_names("sales.keyed") == []
        assert look.has_table("items", "sales.keyed")
        assert not look.has_table("nothing", "sales.keyed")
        keyed = {"schema": "sales.keyed"}
        assert look.get_pk_constraint("items", **keyed)["constrained_columns"] == ["id"]
        (key,) = look.get_foreign_keys("lines", **keyed)
        assert (key["constrained_columns"], key["referred_table"]) == (["item"], "items")
        assert look.get_table_comment("items", **keyed) == {"text": "items"}
        for asked in (look.get_indexes, look.get_unique_constraints, look.get_check_constraints):
            assert asked("items", **keyed) == []
        assert look.get_enums(schema="*") == []
        columns = {c["name"]: c for c in look.get_columns("orders", "sales.shop")}
        assert str(columns["amount"]["type"]) == "NUMERIC(12, 2)"
        assert columns["id"]["nullable"]
        metadata = sa.MetaData()
        metadata.reflect(connection, schema="sales.keyed", views=True)
        assert sorted(metadata.tables) == ["sales.keyed.items", "sales.keyed.lines"]

    _with(dialect, place, work)


def engine_types(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        kinds = sa.Table("kinds", sa.MetaData(), schema="sales.types", autoload_with=connection)
        rows = connection.execute(sa.select(*(kinds.c[name] for name in FIRST))).fetchall()
        _is_kinds([tuple(row) for row in rows], list(FIRST))

    _with(dialect, place, work)


def engine_parameters(dialect: str, place: Place) -> None:
    import pandas
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        orders = sa.Table("orders", sa.MetaData(), schema="sales.shop", autoload_with=connection)
        wanted = sa.select(orders.c.id).where(
            orders.c.id.in_([6, 7, 8]), orders.c.amount >= D("1.25"), orders.c.customer != "x"
        )
        found = connection.execute(wanted.order_by(orders.c.id).limit(2).offset(1)).fetchall()
        assert [tuple(row) for row in found] == [(7,), (8,)]
        given = sa.select(sa.literal(True), sa.literal(b"\x00\xff"), sa.literal("x"))
        said = tuple(map(_plain, connection.execute(given).fetchone()))
        if dialect != "pg8000":  # which says of no value what it is: all are texts
            assert said == (True, b"\x00\xff", "x"), said
        text = sa.text("SELECT id, amount FROM sales.shop.orders WHERE id < :n")
        assert pandas.read_sql(text, connection, params={"n": 3}).shape == (2, 2)
        assert pandas.read_sql_table("orders", connection, schema="sales.shop").shape == (100, 3)

    _with(dialect, place, work)


def engine_streams(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> int:
        streamed = connection.execution_options(yield_per=10_000)
        rows = streamed.execute(sa.text("SELECT id FROM sales.shop.million"))
        return sum(row[0] for row in rows)

    assert _with(dialect, place, work) == 499_999_500_000


def engine_transactions(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        with connection.begin(), connection.begin_nested():
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        _refused(
            lambda: connection.execute(sa.text("INSERT INTO t VALUES (1)")),
            sa.exc.DBAPIError,
            "the gateway only reads",
        )
        connection.rollback()
        assert connection.execute(sa.text("SELECT 2")).scalar() == 2

    _with(dialect, place, work)


_DRIVER = {
    "user and password": connecting,
    "TLS": encrypted,
    "all types": types,
    "prepared parameters": parameters,
    "error with position": errors,
    "transactions": transactions,
    "one million rows": cursors,
    "timeout": timing_out,
}
_ENGINE = {
    "user and password": engine_connects,
    "catalogue": engine_reflects,
    "all types": engine_types,
    "prepared parameters": engine_parameters,
    "transactions": engine_transactions,
}
_STREAMS: dict[str, dict[str, Callable[[str, Place], None]]] = {
    **{dialect: {"one million rows": engine_streams} for dialect in DIALECTS},
    "pg8000": {},  # as the driver alone, and no faster
}
CHECKS: dict[str, dict[str, Callable[[str, Place], None]]] = {
    "psycopg2": {**_DRIVER, "cancel": cancelling},
    "pg8000": _DRIVER,
    **{f"postgresql+{dialect}": _ENGINE | _STREAMS[dialect] for dialect in DIALECTS},
}
"""By client and what is checked."""


def main() -> None:
    place = Place(*sys.argv[1:4])
    for client, checks in CHECKS.items():
        for feature, check in checks.items():
            failure = ""
            try:
                check(client.rpartition("+")[2], place)
            except Exception:
                failure = traceback.format_exc()
            print(json.dumps({"client": client, "feature": feature, "failure": failure}))


if __name__ == "__main__":
    main()
