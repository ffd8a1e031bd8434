"""psql, as it is installed: queries, commands, and everything it asks of the catalogues."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.clients.postgres_wire.conftest import KEY, Encrypted, program
from tests.clients.postgres_wire.serving import ALICE, BOB, Served

Psql = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def psql(served: Served) -> Psql:
    command = program("psql")

    def run(
        *asked: str,
        user: tuple[str, str] = ALICE,
        database: str = "mesh",
        footer: bool = False,
        typed: str = "",
        port: int = served.port,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        footers = [] if footer else ["-t"]
        words = [word for text in asked for word in ("-c", text)]
        address = ["-h", "127.0.0.1", "-p", str(port), "-U", user[0], "-d", database]
        return subprocess.run(
            [command, "-X", "-A", "-q", *footers, *address, *words],
            env={**os.environ, "PGPASSWORD": user[1], **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.feature("psql", "user and password")
def test_a_query(psql: Psql) -> None:
    done = psql("SELECT id, customer, amount FROM sales.shop.orders ORDER BY id LIMIT 2")
    assert (done.stdout, done.stderr) == ("1|customer 0|0.00\n2|customer 1|0.25\n", "")
    refused = psql("SELECT 1", user=("alice", "wrong"))
    assert "FATAL:  unknown user or wrong password" in refused.stderr


@pytest.mark.feature("psql", "error with position")
def test_an_error_says_where(psql: Psql) -> None:
    done = psql("SELECT id,\n  nope FROM sales.shop.orders")
    assert "there is no column nope" in done.stderr
    assert "LINE 2:   nope FROM" in done.stderr
    later = psql('SELECT 1; SELECT nope FROM "sales.shop".orders')
    assert "column nope" in later.stderr
    assert later.stderr.splitlines()[2].index("^") == later.stderr.splitlines()[1].index("nope")


@pytest.mark.feature("psql", "prepared parameters")
@pytest.mark.feature("psql", "transactions", shows="they only group")
def test_statements_around_queries(psql: Psql) -> None:
    done = psql(
        "BEGIN",
        "SAVEPOINT a",
        "SELECT nope",
        "SELECT 1",
        "ROLLBACK TO a",
        "SELECT 2",
        "COMMIT",
        "PREPARE p (int) AS SELECT id FROM sales.shop.orders WHERE id = $1",
        "EXECUTE p(7)",
        "SHOW timezone",
        "SELECT 3; SELECT 4",
        "",
    )
    assert done.stdout.split() == ["2", "7", "UTC", "3", "4"]
    assert "the transaction has failed" in done.stderr


@pytest.mark.feature("psql", "writing", shows="refused: the gateway only reads")
def test_writes_are_refused(psql: Psql) -> None:
    for text in ("INSERT INTO t VALUES (1)", "CREATE TABLE t (a int)", "DROP TABLE t", "VACUUM"):
        assert "the gateway only reads" in psql(text).stderr
    assert "only read" in psql("SELECT 1 AS a INTO t").stderr
    assert "NOTIFY is not offered" in psql("NOTIFY x").stderr


@pytest.mark.feature("psql", "catalogue")
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (r"\dt", "sales.shop|orders|table|meshgate"),
        (r"\dt+", "hr.staff|people|table|meshgate"),
        (r"\d", "sales.keyed|lines|table|meshgate"),
        (r"\dn", "sales.shop|meshgate"),
        (r"\l", "sales|meshgate|UTF8"),
        (r'\d "sales.shop".orders', "amount|numeric(12,2)|||"),
        (r'\d+ "sales.keyed".lines', 'FOREIGN KEY (item) REFERENCES "sales.keyed".items(id)'),
        (r'\d "sales.keyed".items', '"items_pkey" PRIMARY KEY, btree (id)'),
        (r"\di", "sales.keyed|items_pkey|index|meshgate|items"),
        (r"\du", "alice|"),
        (r"\dp", "sales.shop|orders|table"),
    ],
)
def test_what_psql_describes(psql: Psql, command: str, shown: str) -> None:
    done = psql(command, footer=True)
    assert done.stderr == ""
    assert shown in done.stdout


@pytest.mark.parametrize(
    "command", [r"\df", r"\dv", r"\dm", r"\dx", r"\dew", r"\dRp", r"\dT", r"\db"]
)
def test_what_there_is_none_of(psql: Psql, command: str) -> None:
    assert psql(command).stderr in ("", "Did not find any relations.\n")


def test_a_domain_is_a_database(psql: Psql) -> None:
    done = psql("SELECT count(*) FROM shop.orders", r"\dt", database="sales")
    assert done.stdout.splitlines()[0] == "100"
    assert "shop|orders|table|meshgate" in done.stdout
    assert "people" not in done.stdout
    lost = psql("SELECT 1", database="nowhere")
    assert "there is no database 'nowhere'" in lost.stderr


@pytest.mark.feature("psql", "session options")
def test_options_of_the_connection(psql: Psql) -> None:
    done = psql("SHOW meshgate.placement", PGOPTIONS="-c meshgate.placement=pull")
    assert done.stdout == "pull\n"
    wrong = psql("SELECT 1", PGOPTIONS="-c meshgate.placement=sideways")
    assert "there is no placement 'sideways'" in wrong.stderr
    unknown = psql("SET meshgate.plcement = 'pull'")
    assert "did you mean placement?" in unknown.stderr


@pytest.mark.feature("psql", "purpose")
def test_a_purpose_that_is_not_granted(psql: Psql) -> None:
    assert "is not granted to you" in psql("SET meshgate.purpose = 'nosing'").stderr


@pytest.mark.feature("psql", "token")
def test_a_token_is_a_password(psql: Psql) -> None:
    count = "SELECT count(*) FROM sales.shop.orders"
    assert psql(count, user=("token", KEY.sign(groups=["analysts"]))).stdout == "100\n"
    assert "FATAL" in psql(count, user=("token", "a.b.c")).stderr


@pytest.mark.feature("psql", "TLS")
def test_tls_is_verified(psql: Psql, encrypted: Encrypted) -> None:
    text = "SELECT count(*) FROM sales.shop.orders"
    for root, shown in ((encrypted.authority, "100"), (encrypted.stranger, "verify failed")):
        verified = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(root)}
        done = psql(text, port=encrypted.served.port, **verified)
        assert shown in done.stdout + done.stderr


@pytest.mark.feature("psql", "schema before rows")
def test_what_a_query_gives_is_described(psql: Psql) -> None:
    done = psql(typed="SELECT id, amount FROM sales.shop.orders \\gdesc\n")
    assert done.stdout == "id|bigint\namount|numeric(12,2)\n"


@pytest.mark.feature("psql", "timeout")
def test_a_timeout_stops_a_query(psql: Psql) -> None:
    text = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
    done = psql("SET statement_timeout = '300ms'", text, "SELECT 1")
    assert "statement_timeout" in done.stderr
    assert done.stdout == "1\n"


@pytest.mark.feature("psql", "cancel")
def test_ctrl_c_stops_a_query(served: Served) -> None:
    address = ["-h", "127.0.0.1", "-p", str(served.port), "-U", ALICE[0], "-d", "mesh"]
    text = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
    with subprocess.Popen(
        [program("psql"), "-X", "-q", *address, "-c", "SELECT 1", "-c", text],
        env={**os.environ, "PGPASSWORD": ALICE[1]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert "?column?" in running.stdout.readline()
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    assert "the query was cancelled" in said


@pytest.mark.feature("psql", "all types")
def test_every_type(psql: Psql) -> None:
    lines = psql("SELECT k_bool, k_int64, k_decimal, k_bytes FROM sales.types.kinds").stdout
    assert lines.splitlines()[0] == r"t|-9223372036854775808|-12345.67|\x00ff"
    whole = psql("SELECT * FROM sales.types.kinds").stdout.splitlines()
    columns = psql("SELECT * FROM sales.types.kinds LIMIT 0", footer=True).stdout.splitlines()[0]
    assert whole[2] == "|" * columns.count("|"), "the last row is NULL throughout"
    assert 'ü "quoted"' in whole[1] and '{"a":null,"b":null}' in whole[1]


@pytest.mark.feature("psql", "one million rows")
def test_a_million_rows_come_in_pieces(psql: Psql) -> None:
    done = psql(r"\set FETCH_COUNT 50000", "SELECT id FROM sales.shop.million")
    assert (done.stdout.count("\n"), done.stderr) == (1_000_000, "")


def test_copy(psql: Psql) -> None:
    done = psql("COPY (SELECT id, customer FROM sales.shop.orders ORDER BY id LIMIT 2) TO STDOUT")
    assert done.stdout == "1\tcustomer 0\n2\tcustomer 1\n"
    csv = psql(
        "COPY (SELECT 'a,b' AS x, NULL AS y, 'say \"hi\"' AS z) TO STDOUT (FORMAT csv, HEADER)"
    )
    assert csv.stdout == 'x,y,z\n"a,b",,"say ""hi"""\n'


def test_one_may_not_see_what_the_other_does(psql: Psql) -> None:
    everything = [r"\dt", r"\dn", r"\l", r"\dp", "SELECT * FROM pg_class, pg_namespace LIMIT 9999"]
    everything += [
        f"SELECT * FROM information_schema.{n}" for n in ("tables", "columns", "schemata")
    ]
    everything += [f"SELECT * FROM pg_catalog.{n}" for n in ("pg_attribute", "pg_constraint")]
    for text in everything:
        done = psql(text, user=BOB)
        assert done.stderr == ""
        for hidden in ("people", "staff", "salary", "hr|", "alice"):
            assert hidden not in done.stdout, text
    for hidden, nothing in (("hr.staff.people", "hr.staff.nothing"), ("hr.a.b", "zz.a.b")):
        said = [
            psql(f"SELECT * FROM {name}", user=BOB).stderr.replace(name, "X").replace(" ", "")
            for name in (hidden, nothing)
        ]
        assert said[0].split("LINE")[0] == said[1].split("LINE")[0]
    databases = [psql("SELECT 1", user=BOB, database=name).stderr for name in ("hr", "zz")]
    assert databases[0].replace("'hr'", "X") == databases[1].replace("'zz'", "X")
