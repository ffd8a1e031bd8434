"""psqlodbc under unixODBC: through pyodbc, arrow-odbc and isql."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from threading import Timer

import arrow_odbc
import pyodbc
import pytest

from tests.clients.postgres_wire.conftest import KEY, Encrypted, program
from tests.clients.postgres_wire.serving import Served

CLIENT = "psqlodbc 13.02"
pytestmark = pytest.mark.timeout(120)
Connect = Callable[..., pyodbc.Connection]


def connection_string(served: Served, **options: str) -> str:
    address = f"Server=127.0.0.1;Port={served.port};Database=mesh;Uid=alice;Pwd=wonderland"
    more = "".join(f";{name}={value}" for name, value in options.items())
    return f"Driver={{PostgreSQL Unicode}};{address};SSLmode=disable;BoolsAsChar=0{more}"


@pytest.fixture
def connect(served: Served) -> Iterator[Connect]:
    program("isql")
    opened: list[pyodbc.Connection] = []

    def connect(**options: str) -> pyodbc.Connection:
        opened.append(pyodbc.connect(connection_string(served, **options), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.mark.feature(CLIENT, "user and password")
@pytest.mark.feature(CLIENT, "prepared parameters")
@pytest.mark.feature(CLIENT, "error with position", shows="code and message, no position")
@pytest.mark.parametrize(
    "options",
    [{}, {"UseDeclareFetch": "1", "Fetch": "50"}, {"UseServerSidePrepare": "0"}],
    ids=["plain", "cursors", "unprepared"],
)
def test_queries(connect: Connect, options: dict[str, str]) -> None:
    cursor = connect(**options).cursor()
    cursor.execute("SELECT id, amount FROM sales.shop.orders WHERE id < ? ORDER BY id", 3)
    assert [tuple(row) for row in cursor] == [(1, Decimal("0.00")), (2, Decimal("0.25"))]
    assert len(cursor.execute("SELECT id FROM sales.shop.many").fetchall()) == 200_000
    with pytest.raises(pyodbc.ProgrammingError, match="there is no column nope") as caught:
        cursor.execute("SELECT nope FROM sales.shop.orders").fetchall()
    assert caught.value.args[0] == "42703" or "42703" in str(caught.value)
    assert cursor.execute("SELECT 1").fetchone()[0] == 1


@pytest.mark.feature(CLIENT, "token")
def test_a_token_is_a_password(connect: Connect) -> None:
    token = KEY.sign(groups=["analysts"])
    count = "SELECT count(*) FROM sales.shop.orders"
    assert connect(Uid="token", Pwd=token).execute(count).fetchone()[0] == 100


@pytest.mark.feature(CLIENT, "TLS")
def test_tls_is_verified(encrypted: Encrypted) -> None:
    def text(root: Path) -> str:
        plain = connection_string(encrypted.served, pqopt=f"{{sslrootcert={root}}}")
        return plain.replace("SSLmode=disable", "SSLmode=verify-full")

    connection = pyodbc.connect(text(encrypted.authority), autocommit=True)
    assert connection.execute("SELECT 1").fetchone()[0] == 1
    connection.close()
    with pytest.raises(pyodbc.Error, match="verify failed"):
        pyodbc.connect(text(encrypted.stranger))


@pytest.mark.feature(CLIENT, "all types")
def test_every_type(connect: Connect) -> None:
    rows = connect().cursor().execute("SELECT * FROM sales.types.kinds").fetchall()
    first = dict(zip([d[0] for d in rows[0].cursor_description], rows[0], strict=True))
    assert first["k_bool"] is True
    assert first["k_int64"] == -(2**63)
    assert first["k_decimal"] == Decimal("-12345.67")
    assert first["k_wide"] == Decimal("1e20")
    assert first["k_bytes"] == b"\x00\xff"
    assert rows[1].k_text == 'ü "quoted", \\ 雪'
    assert rows[1].k_uint64 == Decimal(2**64 - 1)
    assert rows[1].k_struct == '{"a":null,"b":null}'
    assert list(rows[2]) == [None] * len(rows[2])


@pytest.mark.feature(CLIENT, "catalogue")
def test_catalogue_functions(connect: Connect) -> None:
    cursor = connect().cursor()
    tables = {tuple(row)[1:4] for row in cursor.tables()}
    assert ("sales.shop", "orders", "TABLE") in tables
    columns = [tuple(row)[3:7] for row in cursor.columns(table="orders", schema="sales.shop")]
    assert columns[0] == ("id", -5, "int8", 19)
    assert columns[2] == ("amount", 2, "numeric", 12)
    assert [row.column_name for row in cursor.primaryKeys("items", schema="sales.keyed")] == ["id"]
    keys = [
        (row.fktable_name, row.fkcolumn_name)
        for row in cursor.foreignKeys("items", schema="sales.keyed")
    ]
    assert keys == [("lines", "item")]
    indexes = [row.index_name for row in cursor.statistics(table="items", schema="sales.keyed")]
    assert "items_pkey" in indexes
    assert "numeric" in {row.type_name for row in cursor.getTypeInfo()}
    cursor.procedures().fetchall()
    assert cursor.connection.getinfo(pyodbc.SQL_DATABASE_NAME) == "mesh"


@pytest.mark.feature(CLIENT, "transactions", shows="they only group")
@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
def test_transactions(served: Served, connect: Connect) -> None:
    connection = connect()
    connection.autocommit = False
    assert connection.execute("SELECT 1").fetchone()[0] == 1
    connection.commit()
    with pytest.raises(pyodbc.Error, match="only reads"):
        connection.execute("INSERT INTO t VALUES (1)")
    connection.rollback()
    assert connection.execute("SELECT 2").fetchone()[0] == 2


@pytest.mark.feature(CLIENT, "session options")
def test_a_purpose_that_is_refused(connect: Connect) -> None:
    """The driver swallows the errors of `ConnSettings`, and not those of `pqopt`."""
    purpose = "SHOW meshgate.purpose"
    swallowed = connect(ConnSettings="SET meshgate.purpose='nope'")
    assert swallowed.execute(purpose).fetchone()[0] == ""
    with pytest.raises(pyodbc.Error, match="the purpose nope is not granted to you"):
        connect(pqopt="{options='-c meshgate.purpose=nope'}")
    pulled = connect(pqopt="{options='-c meshgate.placement=pull'}")
    assert pulled.execute("SHOW meshgate.placement").fetchone()[0] == "pull"


@pytest.mark.feature(CLIENT, "one million rows")
def test_arrow_odbc(served: Served, connect: Connect) -> None:
    connect()
    reader = arrow_odbc.read_arrow_batches_from_odbc(
        "SELECT id FROM sales.shop.million",
        connection_string=connection_string(served, UseDeclareFetch="1", Fetch="10000"),
    )
    assert sum(batch.num_rows for batch in reader) == 1_000_000


def test_isql_with_a_dsn(served: Served, tmp_path: Path) -> None:
    isql = program("isql")
    (tmp_path / "odbc.ini").write_text(
        "[mesh]\nDriver=PostgreSQL Unicode\nServername=127.0.0.1\nDatabase=mesh\n"
        f"Port={served.port}\nSSLmode=disable\n"
    )
    done = subprocess.run(
        [isql, "-b", "-d,", "mesh", "alice", "wonderland"],
        input="SELECT id, customer FROM sales.shop.orders WHERE id = 4\nhelp\n",
        env={**os.environ, "ODBCINI": str(tmp_path / "odbc.ini")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "4,customer 3" in done.stdout
    assert "sales.shop" in done.stdout


@pytest.mark.feature(CLIENT, "purpose")
def test_a_purpose_is_declared(connect: Connect) -> None:
    token = KEY.sign(groups=["all"], purposes=["reporting"])
    granted = connect(Uid="token", Pwd=token, pqopt="{options='-c meshgate.purpose=reporting'}")
    assert granted.execute("SHOW meshgate.purpose").fetchone()[0] == "reporting"
    assert granted.execute("SELECT count(*) FROM sales.shop.orders").fetchone()[0] == 100


@pytest.mark.feature(CLIENT, "arrays of parameters", shows="run one by one, the last answer stays")
def test_several_rows_of_values(connect: Connect) -> None:
    cursor = connect().cursor()
    cursor.executemany("SELECT id FROM sales.shop.orders WHERE id = ?", [(2,), (3,)])
    assert [tuple(row) for row in cursor] == [(3,)]


SLOW = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"


@pytest.mark.feature(CLIENT, "timeout", shows="by statement_timeout")
def test_a_timeout_stops_a_query(connect: Connect) -> None:
    connection = connect(pqopt="{options='-c statement_timeout=500'}")
    with pytest.raises(pyodbc.Error, match="statement_timeout"):
        connection.execute(SLOW).fetchall()


@pytest.mark.feature(CLIENT, "cancel")
def test_cancelling(connect: Connect) -> None:
    cursor = connect().cursor()
    Timer(1.0, cursor.cancel).start()
    with pytest.raises(pyodbc.Error, match="cancel"):
        cursor.execute(SLOW).fetchall()
