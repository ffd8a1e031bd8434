"""Checks of psycopg2 and pg8000, which share the DB-API."""

from __future__ import annotations

import sys
import threading
from typing import Any

from tests.clients.postgres_wire.python_places import (
    FIRST,
    KINDS,
    LONG,
    ONLY_READS,
    SECOND,
    USER,
    Check,
    D,
    Place,
    is_kinds,
    option,
    refused,
    trusting,
)


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
    refused(lambda: _connect(client, place, password="guess"), Exception, "password")


def with_a_token(client: str, place: Place) -> None:
    connection = _connect(client, place, user="token", password=place.token)
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    refused(lambda: _rows(connection, "SELECT * FROM hr.staff.people"), Exception, "people")
    connection.close()
    wrong = {"user": "token", "password": place.token[:-8] + "AAAAAAAA"}
    refused(lambda: _connect(client, place, **wrong), Exception, "token is not accepted")


def encrypted(client: str, place: Place) -> None:
    there = {"port": place.tls_port}
    connection = _connect(client, place, **there, **trusting(client, place.authority))
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    connection.close()
    strange = trusting(client, place.stranger)
    refused(lambda: _connect(client, place, **there, **strange), Exception, "verify failed")


def catalogues(client: str, place: Place) -> None:
    """They show what the user may see."""
    text = "SELECT table_schema FROM information_schema.tables WHERE table_name = %s"
    for user, seen in ((("alice", "wonderland"), [("hr.staff",)]), (("bob", "builder"), [])):
        connection = _connect(client, place, user=user[0], password=user[1])
        assert _rows(connection, text, ("people",)) == seen
        assert _rows(connection, text, ("orders",)) == [("sales.shop",)]
        connection.close()


def options(client: str, place: Place) -> None:
    connection = _connect(client, place, **option(client, "meshgate.placement", "pull"))
    assert _rows(connection, "SHOW meshgate.placement") == [("pull",)]
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    wrong = option(client, "meshgate.placement", "sideways")
    refused(lambda: _connect(client, place, **wrong), Exception, "sideways")


def purposes(client: str, place: Place) -> None:
    connection = _connect(client, place, **option(client, "meshgate.purpose", "reporting"))
    assert _rows(connection, "SHOW meshgate.purpose") == [("reporting",)]
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]
    wrong = option(client, "meshgate.purpose", "fun")
    refused(lambda: _connect(client, place, **wrong), Exception, "fun is not granted")


def writing(client: str, place: Place) -> None:
    connection = _connect(client, place)
    for text in ("DELETE FROM sales.shop.orders", "CREATE TABLE t (id int)", "COPY t FROM STDIN"):
        refused(lambda text=text: _rows(connection, text), Exception, ONLY_READS)  # type: ignore[misc]
        connection.rollback()
    assert _rows(connection, "SELECT count(*) FROM sales.shop.orders") == [(100,)]


def rows_of_parameters(client: str, place: Place) -> None:
    connection = _connect(client, place)
    cursor = connection.cursor()
    text = "SELECT id, customer FROM sales.shop.orders WHERE id = %s"
    cursor.executemany(text, [(1,), (2,), (3,)])
    if client == "pg8000":
        assert [tuple(row) for row in cursor.fetchall()] == [(3, "customer 2")]
        return
    from psycopg2 import ProgrammingError, extras

    refused(cursor.fetchall, ProgrammingError, "no results")
    text = "SELECT id, customer FROM (VALUES %s) AS w (n) JOIN sales.shop.orders ON id = n"
    found = extras.execute_values(cursor, text, [(1,), (2,), (3,)], page_size=2, fetch=True)
    assert sorted(found) == [(1, "customer 0"), (2, "customer 1"), (3, "customer 2")]


def columns_before_rows(client: str, place: Place) -> None:
    import pg8000.native

    connection = pg8000.native.Connection(**USER, database="mesh", port=place.port)
    prepared = connection.prepare("SELECT id, amount FROM sales.shop.orders WHERE id < :n")
    said = [(column["name"], column["type_oid"]) for column in prepared.cols]
    assert said == [("id", 20), ("amount", 1700)]
    assert prepared.run(n=2) == [[1, D("0.00")]]


def types(client: str, place: Place) -> None:
    connection = _connect(client, place)
    is_kinds(_rows(connection, KINDS), list(FIRST))


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
        refused(lambda: _rows(connection, text), error.dbapi.DatabaseError, "'P': '13'")
    connection.rollback()
    assert _rows(connection, "SELECT 1") == [(1,)]


def transactions(client: str, place: Place) -> None:
    connection = _connect(client, place)
    assert _rows(connection, "SELECT 1") == [(1,)]
    connection.commit()
    refused(
        lambda: _rows(connection, "INSERT INTO t VALUES (1)"), Exception, "the gateway only reads"
    )
    refused(lambda: _rows(connection, "SELECT 1"), Exception, "has failed")
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
    refused(lambda: _rows(connection, LONG), psycopg2.errors.QueryCanceled, "")
    connection.rollback()
    assert _rows(connection, "SELECT 1") == [(1,)]


def timing_out(client: str, place: Place) -> None:
    connection = _connect(client, place)
    connection.autocommit = True
    connection.cursor().execute("SET statement_timeout = '300ms'")
    refused(lambda: _rows(connection, LONG), Exception, "statement_timeout")
    assert _rows(connection, "SELECT 1") == [(1,)]


_BOTH: dict[str, Check] = {
    "user and password": connecting,
    "token": with_a_token,
    "TLS": encrypted,
    "all types": types,
    "prepared parameters": parameters,
    "arrays of parameters": rows_of_parameters,
    "error with position": errors,
    "transactions": transactions,
    "writing": writing,
    "one million rows": cursors,
    "timeout": timing_out,
    "catalogue": catalogues,
    "session options": options,
    "purpose": purposes,
}
CHECKS: dict[str, dict[str, Check]] = {
    "psycopg2": {**_BOTH, "cancel": cancelling},
    "pg8000": {**_BOTH, "schema before rows": columns_before_rows},
}
"""By client and what is checked."""
