"""psycopg 3: text and binary, prepared, pipelined, server cursors, COPY, cancel."""

from __future__ import annotations

import socket
import struct
import threading
import time
from decimal import Decimal
from pathlib import Path

import jwt
import psycopg
import pytest
import trustme
from psycopg import errors, generators

from gateway.postgres_wire.listening import tls_context
from tests.clients.postgres_wire.conftest import KEY
from tests.clients.postgres_wire.serving import ALICE, BOB, KINDS, Served
from tests.identity.issuing import Signer

CLIENT = "psycopg 3"
pytestmark = pytest.mark.timeout(120)


@pytest.mark.feature(CLIENT, "user and password")
def test_it_connects_with_user_and_password(served: Served) -> None:
    with psycopg.connect(served.dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM sales.shop.orders").fetchone() == (100,)
    said = []
    for wrong in ((ALICE[0], "guess"), ("nobody", ALICE[1])):
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(served.dsn(wrong))
        said.append(str(caught.value).partition("FATAL")[2])
    assert said[0] == said[1]


@pytest.mark.feature(CLIENT, "token")
def test_it_connects_with_a_token_as_password(served: Served) -> None:
    token = KEY.sign(groups=["analysts"])
    name = jwt.decode(token, options={"verify_signature": False})["sub"]
    for user in ("token", name):
        with psycopg.connect(served.dsn((user, token)), autocommit=True) as connection:
            assert connection.execute("SELECT count(*) FROM sales.shop.orders").fetchone() == (100,)
            with pytest.raises(errors.UndefinedTable):
                connection.execute("SELECT * FROM hr.staff.people")
    for user, wrong in (
        ("token", KEY.sign(groups=["analysts"], exp=int(time.time()) - 600)),
        ("token", Signer("key", "ES256").sign(groups=["analysts"])),
        (ALICE[0], token),
    ):
        with pytest.raises(psycopg.OperationalError, match="FATAL"):
            psycopg.connect(served.dsn((user, wrong)))


@pytest.mark.feature(CLIENT, "purpose")
def test_a_purpose_is_declared(served: Served) -> None:
    user = ("token", KEY.sign(groups=["all"], purposes=["reporting"]))
    with psycopg.connect(served.dsn(user, options="-cmeshgate.purpose=reporting")) as connection:
        assert connection.execute("SHOW meshgate.purpose").fetchone() == ("reporting",)
        assert connection.execute("SELECT count(*) FROM sales.shop.orders").fetchone() == (100,)
    with pytest.raises(psycopg.OperationalError, match="not granted to you"):
        psycopg.connect(served.dsn(user, options="-cmeshgate.purpose=fun"))


@pytest.mark.feature(CLIENT, "catalogue")
def test_catalogues_show_what_the_user_may_see(served: Served) -> None:
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name = %s"
    for user, expected in ((ALICE, 1), (BOB, 0)):
        with psycopg.connect(served.dsn(user), autocommit=True) as connection:
            assert len(connection.execute(query, ("people",)).fetchall()) == expected
            assert len(connection.execute(query, ("orders",)).fetchall()) == 1


@pytest.mark.feature(CLIENT, "all types")
@pytest.mark.parametrize("binary", [False, True])
def test_every_type(connection: psycopg.Connection, binary: bool) -> None:
    cursor = connection.execute("SELECT * FROM sales.types.kinds", binary=binary)
    rows = cursor.fetchall()
    expected = [dict(row) for row in KINDS.to_pylist()]
    for row in expected:
        row["k_map"] = None if row["k_map"] is None else dict(row["k_map"])
    assert [dict(zip(KINDS.column_names, row, strict=True)) for row in rows] == expected


@pytest.mark.feature(CLIENT, "prepared parameters")
@pytest.mark.parametrize("binary", [False, True])
def test_parameters(connection: psycopg.Connection, binary: bool) -> None:
    text = "SELECT id FROM sales.shop.orders WHERE amount = %s AND customer = %s AND id < %s"
    values = (Decimal("1.25"), "customer 5", 99)
    assert connection.execute(text, values, prepare=True, binary=binary).fetchall() == [(6,)]
    assert connection.execute(text, (None, "x", 1), prepare=True).fetchall() == []
    with pytest.raises(errors.InvalidTextRepresentation):
        connection.execute("SELECT id FROM sales.shop.orders WHERE id = %s", ("x",))
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.feature(CLIENT, "arrays of parameters")
def test_many_values_and_a_pipeline(connection: psycopg.Connection) -> None:
    cursor = connection.cursor()
    text = "SELECT id, customer FROM sales.shop.orders WHERE id = %s"
    cursor.executemany(text, [(1,), (2,), (3,)], returning=True)
    found = [cursor.fetchone()]
    while cursor.nextset():
        found.append(cursor.fetchone())
    assert found == [(1, "customer 0"), (2, "customer 1"), (3, "customer 2")]
    with connection.pipeline():
        answers = [connection.execute(text, (i,)) for i in (4, 5)]
    assert [a.fetchone() for a in answers] == [(4, "customer 3"), (5, "customer 4")]


def test_an_error_in_a_pipeline_ends_it_and_no_more(connection: psycopg.Connection) -> None:
    with pytest.raises(errors.UndefinedColumn), connection.pipeline():
        connection.execute("SELECT nope FROM sales.shop.orders")
        connection.execute("SELECT 1")
    assert connection.execute("SELECT 2").fetchone() == (2,)


@pytest.mark.feature(CLIENT, "one million rows")
def test_a_million_rows(connection: psycopg.Connection) -> None:
    rows = connection.execute("SELECT id FROM sales.shop.million", binary=True).fetchall()
    assert len(rows) == 1_000_000


@pytest.mark.feature(CLIENT, "schema before rows")
def test_the_schema_comes_before_the_rows(connection: psycopg.Connection) -> None:
    pgconn = connection.pgconn  # not by prepare(): it would keep the server from Python's lock
    pgconn.send_prepare(b"described", b"SELECT id, customer FROM sales.shop.orders")
    connection.wait(generators.execute(pgconn))
    pgconn.send_describe_prepared(b"described")
    (described,) = connection.wait(generators.execute(pgconn))
    assert [described.fname(i) for i in range(described.nfields)] == [b"id", b"customer"]
    assert [described.ftype(i) for i in range(described.nfields)] == [20, 25]


@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
def test_writes_are_refused(connection: psycopg.Connection) -> None:
    for text in ("DELETE FROM t", "INSERT INTO t VALUES (1)", "CREATE TABLE t (a int)"):
        with pytest.raises(errors.ReadOnlySqlTransaction, match="the gateway only reads"):
            connection.execute(text)


def test_server_cursors(served: Served) -> None:
    with psycopg.connect(served.dsn()) as connection:
        with connection.cursor("some", withhold=True) as cursor:
            cursor.execute("SELECT id FROM sales.shop.many ORDER BY id")
            assert cursor.fetchmany(3) == [(0,), (1,), (2,)]
            connection.commit()
            assert cursor.fetchone() == (3,)
        with connection.cursor("other", binary=True) as cursor:
            cursor.execute("SELECT value FROM sales.shop.many ORDER BY id LIMIT 5")
            assert len(list(cursor)) == 5
        connection.commit()
    assert served.service.admission.wait_idle(5)


def test_copy_in_each_format(connection: psycopg.Connection) -> None:
    select = "SELECT id, customer FROM sales.shop.orders ORDER BY id LIMIT 3"
    with connection.cursor().copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "text"])
        assert list(copy.rows()) == [(1, "customer 0"), (2, "customer 1"), (3, "customer 2")]
    with connection.cursor().copy(f"COPY ({select}) TO STDOUT") as copy:
        assert list(copy.rows()) == [("1", "customer 0"), ("2", "customer 1"), ("3", "customer 2")]
    with (
        pytest.raises(errors.ReadOnlySqlTransaction),
        connection.cursor().copy("COPY t FROM STDIN"),
    ):
        pass


@pytest.mark.feature(CLIENT, "error with position")
def test_errors_have_states_places_and_hints(connection: psycopg.Connection) -> None:
    with pytest.raises(errors.UndefinedColumn) as caught:
        connection.execute("SELECT id,\n nope FROM sales.shop.orders")
    assert caught.value.diag.statement_position == "13"
    with pytest.raises(errors.UndefinedTable) as missing:
        connection.execute("SELECT * FROM sales.shop.ordres")
    assert missing.value.diag.message_hint == "did you mean sales.shop.orders?"
    assert missing.value.diag.message_detail == "Meshgate: UNKNOWN_DATASET"
    for text, state in (
        ("SELEC 1", "42601"),
        ("DELETE FROM t", "25006"),
        ("SELECT 1/0", "22000"),
        ("SET nothing = 1", "42704"),
        ("FETCH 1 FROM nobody", "34000"),
        ("EXECUTE nobody", "26000"),
        ("ROLLBACK TO nowhere", "25P01"),
        ("SELECT * FROM pg_class, sales.shop.orders", "0A000"),
        ("SELECT pg_sleep(1) FROM pg_class", "42883"),
        ("SELECT * FROM pg_catalog.pg_nothing", "42P01"),
        ("SELECT read_text('/etc/passwd') FROM pg_class", "42883"),
    ):
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(text)
        assert refused.value.diag.sqlstate == state, text


@pytest.mark.feature(CLIENT, "transactions", shows="they only group")
@pytest.mark.feature(CLIENT, "session options")
def test_transactions_fail_and_end(served: Served) -> None:
    with psycopg.connect(served.dsn()) as connection:
        connection.execute("SET LOCAL meshgate.placement = 'pull'")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        with pytest.raises(errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SHOW meshgate.placement").fetchone() == ("",)
        with connection.transaction(), connection.transaction():
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.feature(CLIENT, "cancel")
def test_cancel(served: Served, connection: psycopg.Connection) -> None:
    text = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
    threading.Timer(0.5, connection.cancel_safe).start()
    began = time.monotonic()
    with pytest.raises(errors.QueryCanceled):
        connection.execute(text)
    assert time.monotonic() - began < 10
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert served.service.admission.wait_idle(5)


@pytest.mark.feature(CLIENT, "timeout")
def test_statement_timeout(connection: psycopg.Connection) -> None:
    connection.execute("SET statement_timeout = '300ms'")
    with pytest.raises(errors.QueryCanceled, match="statement_timeout"):
        connection.execute(
            "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
        )
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_who_leaves_stops_its_query(served: Served) -> None:
    connection = psycopg.connect(served.dsn(), autocommit=True)
    connection.pgconn.send_query(
        b"SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
    )
    connection.pgconn.flush()
    deadline = time.monotonic() + 5
    while not served.service.admission.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert served.service.admission.running == 1
    connection.close()
    assert served.service.admission.wait_idle(10)


@pytest.mark.feature(CLIENT, "TLS")
def test_tls_is_verified(mesh: Path, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    for name, ca in (("ca", authority), ("other", stranger)):
        ca.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    served = Served(mesh, tls=tls_context(chain, key))
    try:
        verified = {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "ca.pem")}
        with psycopg.connect(served.dsn(**verified), autocommit=True) as connection:
            assert connection.pgconn.ssl_in_use
            assert len(connection.execute("SELECT * FROM sales.shop.many").fetchall()) == 200_000
            connection.cancel_safe()
        for _ in range(20):  # the client may begin TLS as soon as it is told to
            psycopg.connect(served.dsn(**verified)).close()
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as opened:
            opened.sendall(struct.pack("!ii", 8, (1234 << 16) | 5679) + b"said in the clear")
            assert opened.recv(10) == b""
        wrong = {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "other.pem")}
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            psycopg.connect(served.dsn(**wrong))
    finally:
        served.close()


def test_a_binary_cursor_says_so(connection: psycopg.Connection) -> None:
    ordered = "CURSOR FOR SELECT id FROM sales.shop.orders ORDER BY id"
    with connection.transaction():
        for kind, form, value in (("BINARY", 1, struct.pack("!q", 1)), ("", 0, b"1")):
            connection.execute(f"DECLARE c {kind} {ordered}")
            fetched = connection.pgconn.exec_(b"FETCH 2 FROM c")
            assert (fetched.fformat(0), fetched.get_value(0, 0)) == (form, value)
            connection.execute("CLOSE c")


def test_a_misspelt_database_or_schema_is_refused(served: Served) -> None:
    """Even though the names of the query are found without them."""
    with pytest.raises(psycopg.OperationalError, match=r"no database 'saels'.*(?s:.)*sales"):
        psycopg.connect(served.dsn(database="saels"))
    with pytest.raises(psycopg.OperationalError, match=r"no schema 'shpo'(?s:.)*shop"):
        psycopg.connect(served.dsn(database="sales", options="-csearch_path=shpo"))
    with psycopg.connect(served.dsn(database="sales"), autocommit=True) as connection:
        for path in ("shpo", '"shpo", public', "staff"):
            with pytest.raises(errors.InvalidSchemaName, match="no schema"):
                connection.execute(f"SET search_path = {path}")
        for path in ("shop", "nowhere, shop", '"$user", public', "''"):
            connection.execute(f"SET search_path = {path}")
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (100,)
    with psycopg.connect(served.dsn(BOB), autocommit=True) as connection:
        said = []
        for path in ("hr.staff", "hr.stafx"):
            with pytest.raises(errors.InvalidSchemaName) as caught:
                connection.execute(f"SET search_path = '{path}'")
            said.append((str(caught.value).replace(path, ""), caught.value.diag.message_hint))
        assert said[0] == said[1]


def test_a_dialect_with_the_quotes_of_postgres_may_be_set(served: Served) -> None:
    query = (
        "SELECT to_char(DATE '2024-02-29', 'DD.MM.YYYY'), 7 / 2, count(*) FROM sales.shop.orders"
    )
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        connection.execute("SET meshgate.dialect = 'postgres'")
        assert connection.execute("SHOW meshgate.dialect").fetchone() == ("postgres",)
        assert connection.execute(query).fetchone() == ("29.02.2024", 3, 100)
        text = 'SELECT id FROM "sales.shop".orders WHERE id = %s AND customer ILIKE %s'
        assert connection.execute(text, (2, "CUSTOMER%")).fetchall() == [(2,)]
        with pytest.raises(errors.UndefinedColumn) as caught:
            connection.execute('SELECT nothing FROM "sales.shop".orders')
        assert caught.value.diag.statement_position == "8"
        assert connection.execute("SELECT current_database()").fetchone() == ("mesh",)
        connection.execute("SET meshgate.dialect = 'duckdb'")
        assert connection.execute("SELECT 7 / 2").fetchone() == (3.5,)
        connection.execute("RESET meshgate.dialect")
        assert connection.execute("SHOW meshgate.dialect").fetchone() == ("",)
        with pytest.raises(errors.InvalidParameterValue, match="no SQL dialect 'postgers'"):
            connection.execute("SET meshgate.dialect = 'postgers'")
    dsn = served.dsn(options="-cmeshgate.dialect=postgres")
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("SELECT 7 / 2").fetchone() == (3,)


@pytest.mark.parametrize("name", ["mysql", "trino", "tsql", "bigquery", "snowflake", "spark"])
def test_a_dialect_with_other_quotes_says_why_not(served: Served, name: str) -> None:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        with pytest.raises(errors.InvalidParameterValue, match=f"{name} can not be spoken") as said:
            connection.execute(f"SET meshgate.dialect = '{name}'")
        assert "Flight SQL" in str(said.value.diag.message_hint)
    with pytest.raises(psycopg.OperationalError, match=f"{name} can not be spoken"):
        psycopg.connect(served.dsn(options=f"-cmeshgate.dialect={name}"))
