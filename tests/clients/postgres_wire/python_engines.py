"""Checks of SQLAlchemy over its dialects of PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.clients.postgres_wire.python_places import (
    DIALECTS,
    FIRST,
    LONG,
    ONLY_READS,
    Check,
    D,
    Place,
    is_kinds,
    option,
    plain,
    refused,
    trusting,
)


def _url(dialect: str, place: Place) -> Any:
    import sqlalchemy as sa

    url = f"postgresql+{dialect}://alice:wonderland@127.0.0.1:{place.port}/mesh"
    return sa.engine.make_url(url)


def _done(
    dialect: str, place: Place, work: Callable[[Any], Any], url: Any = None, **connecting: Any
) -> Any:
    """What some work gives that is done with a connection of SQLAlchemy."""
    import sqlalchemy as sa

    url = url or _url(dialect, place)
    if dialect == "asyncpg":
        return asyncio.run(_asynchronously(url, work, {"ssl": False, **connecting}))
    engine = sa.create_engine(url, connect_args=connecting)
    try:
        with engine.connect() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _asynchronously(url: Any, work: Callable[[Any], Any], connecting: dict[str, Any]) -> Any:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url, connect_args=connecting)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _one(text: str) -> Callable[[Any], Any]:
    """The work that asks for one value."""
    import sqlalchemy as sa

    return lambda connection: connection.execute(sa.text(text)).scalar()


def connecting(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    text = sa.text("SELECT count(*) FROM sales.shop.orders")
    assert _done(dialect, place, lambda c: c.execute(text).scalar()) == 100


def reflecting(dialect: str, place: Place) -> None:
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

    _done(dialect, place, work)


def types(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        kinds = sa.Table("kinds", sa.MetaData(), schema="sales.types", autoload_with=connection)
        rows = connection.execute(sa.select(*(kinds.c[name] for name in FIRST))).fetchall()
        is_kinds([tuple(row) for row in rows], list(FIRST))

    _done(dialect, place, work)


def parameters(dialect: str, place: Place) -> None:
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
        said = tuple(map(plain, connection.execute(given).fetchone()))
        if dialect != "pg8000":  # which says of no value what it is: all are texts
            assert said == (True, b"\x00\xff", "x"), said
        text = sa.text("SELECT id, amount FROM sales.shop.orders WHERE id < :n")
        assert pandas.read_sql(text, connection, params={"n": 3}).shape == (2, 2)
        assert pandas.read_sql_table("orders", connection, schema="sales.shop").shape == (100, 3)

    _done(dialect, place, work)


def streaming(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> int:
        streamed = connection.execution_options(yield_per=10_000)
        rows = streamed.execute(sa.text("SELECT id FROM sales.shop.million"))
        return sum(row[0] for row in rows)

    assert _done(dialect, place, work) == 499_999_500_000


def transactions(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        with connection.begin(), connection.begin_nested():
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        refused(
            lambda: connection.execute(sa.text("INSERT INTO t VALUES (1)")),
            sa.exc.DBAPIError,
            "the gateway only reads",
        )
        connection.rollback()
        assert connection.execute(sa.text("SELECT 2")).scalar() == 2

    _done(dialect, place, work)


def with_a_token(dialect: str, place: Place) -> None:
    def url(token: str) -> Any:
        return _url(dialect, place).set(username="token", password=token)

    count = _one("SELECT count(*) FROM sales.shop.orders")
    assert _done(dialect, place, count, url(place.token)) == 100
    wrong = url(place.token[:-8] + "AAAAAAAA")
    refused(lambda: _done(dialect, place, count, wrong), Exception, "token is not accepted")


def encrypted(dialect: str, place: Place) -> None:
    count = _one("SELECT count(*) FROM sales.shop.orders")
    url = _url(dialect, place).set(port=place.tls_port)
    assert _done(dialect, place, count, url, **trusting(dialect, place.authority)) == 100
    strange = trusting(dialect, place.stranger)
    refused(lambda: _done(dialect, place, count, url, **strange), Exception, "verify failed")


def options(dialect: str, place: Place) -> None:
    shown = _one("SHOW meshgate.placement")
    given = option(dialect, "meshgate.placement", "pull")
    assert _done(dialect, place, shown, **given) == "pull"
    wrong = option(dialect, "meshgate.placement", "sideways")
    refused(lambda: _done(dialect, place, shown, **wrong), Exception, "sideways")


def purposes(dialect: str, place: Place) -> None:
    shown = _one("SHOW meshgate.purpose")
    given = option(dialect, "meshgate.purpose", "reporting")
    assert _done(dialect, place, shown, **given) == "reporting"
    wrong = option(dialect, "meshgate.purpose", "fun")
    refused(lambda: _done(dialect, place, shown, **wrong), Exception, "fun is not granted")


def timing_out(dialect: str, place: Place) -> None:
    given = option(dialect, "statement_timeout", 300)
    refused(lambda: _done(dialect, place, _one(LONG), **given), Exception, "statement_timeout")


def cancelling(dialect: str, place: Place) -> None:
    """From another thread; asyncpg does when the task that waits is."""
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        driver = connection.connection.driver_connection
        threading.Timer(0.5, driver.cancel).start()
        refused(lambda: connection.execute(sa.text(LONG)), sa.exc.OperationalError, "ancel")
        connection.rollback()
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1

    async def waiting() -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(_url(dialect, place), connect_args={"ssl": False})
        async with engine.connect() as connection:
            assert (await connection.execute(sa.text("SELECT 1"))).scalar() == 1
            try:
                await asyncio.wait_for(connection.execute(sa.text(LONG)), 0.5)
            except TimeoutError:
                pass
            else:
                raise AssertionError("it was not stopped")
        async with engine.connect() as connection:
            assert (await connection.execute(sa.text("SELECT 1"))).scalar() == 1
        await engine.dispose()

    if dialect == "asyncpg":
        asyncio.run(waiting())
    else:
        _done(dialect, place, work)


def errors(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    def position(original: Any) -> str:
        if dialect == "asyncpg":
            return str(original.__cause__.position)
        return str(
            original.args[0]["P"] if dialect == "pg8000" else original.diag.statement_position
        )

    def work(connection: Any) -> None:
        try:
            connection.execute(sa.text("SELECT id,\n nope FROM sales.shop.orders"))
        except sa.exc.DBAPIError as error:
            assert position(error.orig) == "13"
        else:
            raise AssertionError("it was not refused")

    _done(dialect, place, work)


def writing(dialect: str, place: Place) -> None:
    import sqlalchemy as sa

    metadata = sa.MetaData()
    orders = sa.Table("orders", metadata, sa.Column("id", sa.BigInteger), schema="sales.shop")
    sa.Table("new", metadata, sa.Column("id", sa.BigInteger), schema="sales.shop")

    def work(connection: Any) -> None:
        for change in (
            lambda: connection.execute(sa.insert(orders).values(id=1)),
            lambda: connection.execute(sa.delete(orders)),
            lambda: metadata.create_all(connection),
        ):
            refused(change, sa.exc.DBAPIError, ONLY_READS)
            connection.rollback()

    _done(dialect, place, work)


def rows_of_parameters(dialect: str, place: Place) -> None:
    """They are taken, and no rows come of them; pg8000 gives those of the last."""
    import sqlalchemy as sa

    def work(connection: Any) -> None:
        text = sa.text("SELECT id FROM sales.shop.orders WHERE id = :n")
        answer = connection.execute(text, [{"n": 1}, {"n": 2}])
        if dialect == "pg8000":
            assert answer.scalars().all() == [2]
        else:
            refused(answer.fetchall, sa.exc.ResourceClosedError, "does not return rows")
        assert connection.execute(text, {"n": 3}).scalar() == 3

    _done(dialect, place, work)


def columns_before_rows(dialect: str, place: Place) -> None:
    """SQLAlchemy has its driver's connection for what it does not do itself."""
    text = "SELECT id, amount FROM sales.shop.orders"

    def described(driver: Any) -> list[str]:
        if dialect == "pg8000":
            return [column["name"] for column in driver.prepare_statement(text, ())[1]]
        driver.pgconn.prepare(b"asked", text.encode())
        said = driver.pgconn.describe_prepared(b"asked")
        return [said.fname(i).decode() for i in range(said.nfields)]

    async def asked() -> list[str]:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(_url(dialect, place), connect_args={"ssl": False})
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            prepared = await driver.prepare(text)
            names = [attribute.name for attribute in prepared.get_attributes()]
        await engine.dispose()
        return names

    if dialect == "asyncpg":
        names = asyncio.run(asked())
    else:
        names = _done(dialect, place, lambda c: described(c.connection.driver_connection))
    assert names == ["id", "amount"]


_ALL: dict[str, Check] = {
    "user and password": connecting,
    "token": with_a_token,
    "TLS": encrypted,
    "catalogue": reflecting,
    "all types": types,
    "prepared parameters": parameters,
    "arrays of parameters": rows_of_parameters,
    "error with position": errors,
    "transactions": transactions,
    "writing": writing,
    "timeout": timing_out,
    "session options": options,
    "purpose": purposes,
}
_BUT_PG8000: dict[str, Check] = {"one million rows": streaming, "cancel": cancelling}
_BUT_PSYCOPG2: dict[str, Check] = {"schema before rows": columns_before_rows}
CHECKS: dict[str, dict[str, Check]] = {
    f"postgresql+{dialect}": {
        **_ALL,
        **(_BUT_PG8000 if dialect != "pg8000" else {}),
        **(_BUT_PSYCOPG2 if dialect != "psycopg2" else {}),
    }
    for dialect in DIALECTS
}
"""By client and what is checked. pg8000 reads whole answers and can not be told to stop; psycopg2
asks for no columns but those of an answer."""
