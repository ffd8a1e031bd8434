"""The released ADBC driver for Flight SQL, by its DBAPI and below: all it can ask a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib.metadata import version

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow as pa
import pytest

from tests.clients.adbc.conftest import AIRLINES, KEY, MILLION, TYPES
from tests.flight.serving import ALICE, Served
from tests.flight.sources import Recorder
from tests.substrait.plans import produced

CLIENT = f"ADBC {version('adbc-driver-flightsql')}"
DATABASE = adbc_driver_flightsql.DatabaseOptions
SESSION = adbc_driver_flightsql.ConnectionOptions
STATEMENT = adbc_driver_flightsql.StatementOptions
OPTION = SESSION.OPTION_SESSION_OPTION_PREFIX.value
HEADER = DATABASE.RPC_CALL_HEADER_PREFIX.value
BLOCKED = "SELECT id FROM ops.probe.blocked"
STOP_SECONDS = 5.0

pytestmark = pytest.mark.filterwarnings("ignore:Cannot disable autocommit")


def connect(uri: str, user: tuple[str, str] = ALICE, **options: str) -> adbc.Connection:
    login = {"username": user[0], "password": user[1], **options}
    return adbc.connect(uri, db_kwargs=login, autocommit=True)


@pytest.fixture
def connection(served: Served) -> Iterator[adbc.Connection]:
    with connect(served.uri) as connection:
        yield connection


@pytest.fixture
def cursor(connection: adbc.Connection) -> Iterator[adbc.Cursor]:
    with connection.cursor() as cursor:
        yield cursor


def one(connection: adbc.Connection, text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(text)
        (value,) = cursor.fetchone()
        return value


@pytest.mark.feature(CLIENT, "user and password")
def test_it_connects_with_user_and_password(served: Served) -> None:
    with connect(served.uri) as connection:
        assert one(connection, "SELECT 1") == 1
    for wrong in ((ALICE[0], "guess"), ("nobody", ALICE[1])):
        with pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"):
            connect(served.uri, wrong)


@pytest.mark.feature(CLIENT, "token")
def test_it_connects_with_a_token(served: Served) -> None:
    bearer = {DATABASE.AUTHORIZATION_HEADER.value: f"Bearer {KEY.sign(groups=['all'])}"}
    with adbc.connect(served.uri, db_kwargs=bearer, autocommit=True) as connection:
        assert one(connection, "SELECT count(*) FROM airlines") == 3
    wrong = {DATABASE.AUTHORIZATION_HEADER.value: "Bearer a.b.c"}
    with (
        adbc.connect(served.uri, db_kwargs=wrong, autocommit=True) as connection,
        pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"),
    ):
        one(connection, "SELECT 1")


@pytest.mark.feature(CLIENT, "TLS")
def test_it_connects_over_tls(secure: tuple[str, str]) -> None:
    uri, root = secure
    with connect(uri, **{DATABASE.TLS_ROOT_CERTS.value: root}) as connection:
        assert one(connection, "SELECT count(*) FROM airlines") == 3
    with connect(uri, **{DATABASE.TLS_SKIP_VERIFY.value: "true"}) as connection:
        assert one(connection, "SELECT 1") == 1
    with pytest.raises(adbc.Error, match="certificate"):
        connect(uri)


@pytest.mark.feature(CLIENT, "catalogue")
def test_objects_are_listed_at_every_depth(connection: adbc.Connection) -> None:
    def objects(depth: str, **filters: str) -> list[dict]:
        return connection.adbc_get_objects(depth=depth, **filters).read_all().to_pylist()

    assert [c["catalog_name"] for c in objects("catalogs")] == ["aviation", "ops", "science"]
    schemas = {
        (c["catalog_name"], s["db_schema_name"])
        for c in objects("db_schemas")
        for s in c["catalog_db_schemas"]
    }
    assert schemas == {("aviation", "carriers"), ("ops", "probe"), ("science", "lab")}
    (science,) = [c for c in objects("tables") if c["catalog_name"] == "science"]
    tables = science["catalog_db_schemas"][0]["db_schema_tables"]
    assert [(t["table_name"], t["table_type"]) for t in tables] == [
        ("million", "TABLE"),
        ("types", "TABLE"),
    ]
    (science,) = objects("all", catalog_filter="science", table_name_filter="typ%")
    (table,) = science["catalog_db_schemas"][0]["db_schema_tables"]
    columns = {c["column_name"]: c["xdbc_type_name"] for c in table["table_columns"]}
    assert list(columns) == TYPES.column_names
    assert columns["money"] == "DECIMAL"
    assert columns["instant"] == "TIMESTAMP WITH TIME ZONE"


@pytest.mark.feature(CLIENT, "catalogue")
def test_schemas_types_and_info_are_told(connection: adbc.Connection) -> None:
    schema = connection.adbc_get_table_schema(
        "types", catalog_filter="science", db_schema_filter="lab"
    )
    assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in TYPES.schema]
    with pytest.raises(adbc.Error):
        connection.adbc_get_table_schema("nothing")
    assert connection.adbc_get_table_types() == ["TABLE"]
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Meshgate"
    assert info["vendor_version"]
    assert info["vendor_arrow_version"] == pa.__version__
    assert info["driver_arrow_version"]


@pytest.mark.feature(CLIENT, "all types")
def test_every_type_arrives_as_it_is(cursor: adbc.Cursor) -> None:
    cursor.execute("SELECT * FROM science.lab.types")
    assert cursor.fetch_arrow_table().equals(TYPES)
    cursor.execute("SELECT * FROM science.lab.types")
    assert cursor.fetchone() == tuple(TYPES.slice(0, 1).to_pylist()[0].values())
    assert [column[0] for column in cursor.description] == TYPES.column_names


@pytest.mark.feature(CLIENT, "prepared parameters")
@pytest.mark.parametrize("name", [n for n in TYPES.column_names if n not in {"items", "parts"}])
def test_a_parameter_of_every_type_is_compared_as_it_is(cursor: adbc.Cursor, name: str) -> None:
    value = TYPES.slice(0, 1).select([name]).rename_columns(["1"]).to_batches()[0]
    cursor.execute(f"SELECT count(*) FROM science.lab.types WHERE {name} = ?", value)
    assert cursor.fetchone() == (1,)


@pytest.mark.feature(CLIENT, "prepared parameters")
def test_parameters_are_typed_by_the_server(cursor: adbc.Cursor) -> None:
    text = "SELECT name FROM airlines WHERE carrier = ? AND length(name) > ?"
    schema = cursor.adbc_prepare(text)
    assert schema is not None
    assert pa.types.is_string(schema.field(0).type)
    assert pa.types.is_integer(schema.field(1).type)
    for carrier, name in zip(*AIRLINES.to_pydict().values(), strict=True):
        cursor.execute(text, (carrier, 1))
        assert cursor.fetchall() == [(name,)]
    cursor.execute("SELECT $2 AS b, $1 AS a", (1, "x"))
    assert cursor.fetchone() == ("x", "1")  # text, where nothing says otherwise
    with pytest.raises(adbc.Error, match="given: 1"):
        cursor.execute(text, ("AA",))


@pytest.mark.feature(CLIENT, "arrays of parameters")
def test_rows_of_parameters_are_answered_one_after_another(cursor: adbc.Cursor) -> None:
    rows = pa.RecordBatch.from_pydict({"1": ["UA", "AA", "??"]})
    cursor.execute("SELECT name FROM airlines WHERE carrier = ?", rows)
    assert cursor.fetchall() == [("United",), ("American",)]


@pytest.mark.feature(CLIENT, "cancel")
def test_a_running_query_is_cancelled(cursor: adbc.Cursor, recorder: Recorder) -> None:
    threading.Timer(0.3, cursor.adbc_cancel).start()
    began = time.monotonic()
    with pytest.raises(adbc.Error, match=r"(?i)cancel"):
        cursor.execute(BLOCKED)
        cursor.fetchall()
    assert time.monotonic() - began < STOP_SECONDS
    recorder.wait("blocked", "stopped", STOP_SECONDS)


@pytest.mark.feature(CLIENT, "timeout")
def test_the_drivers_own_timeout_stops_the_source(
    connection: adbc.Connection, recorder: Recorder
) -> None:
    with connection.cursor(adbc_stmt_kwargs={STATEMENT.TIMEOUT_FETCH.value: 0.3}) as cursor:
        with pytest.raises(adbc.Error, match=r"(?i)deadline|timeout"):
            cursor.execute(BLOCKED)
            cursor.fetchall()
        recorder.wait("blocked", "stopped", STOP_SECONDS)


@pytest.mark.feature(CLIENT, "timeout")
def test_the_gateways_timeout_says_what_it_was(
    connection: adbc.Connection, recorder: Recorder
) -> None:
    connection.adbc_connection.set_options(**{OPTION + "timeout": "300ms"})
    with connection.cursor() as cursor, pytest.raises(adbc.Error, match=r"TIMEOUT.*0\.3 seconds"):
        cursor.execute(BLOCKED)
        cursor.fetchall()
    recorder.wait("blocked", "stopped", STOP_SECONDS)


@pytest.mark.feature(CLIENT, "one million rows")
def test_a_million_rows_are_fetched(cursor: adbc.Cursor) -> None:
    cursor.execute("SELECT id, x FROM million")
    fetched = cursor.fetch_arrow_table()
    assert fetched.num_rows == 1_000_000
    assert fetched.sort_by("id").equals(MILLION)


@pytest.mark.feature(CLIENT, "error with position")
def test_an_error_says_where(cursor: adbc.Cursor) -> None:
    with pytest.raises(adbc.ProgrammingError, match=r"UNKNOWN_COLUMN.*\(line 2, column 3\)"):
        cursor.execute("SELECT\n  nam FROM airlines")
    with pytest.raises(adbc.Error, match=r"PARSE_ERROR.*line 1") as caught:
        cursor.execute("SELECT FROM WHERE")
    assert "Traceback" not in str(caught.value)
    with pytest.raises(adbc.Error, match=r"UNKNOWN_DATASET.*did you mean airlines"):
        cursor.execute("SELECT * FROM airlins")


@pytest.mark.feature(CLIENT, "session options")
def test_session_options_are_set_and_count(connection: adbc.Connection) -> None:
    native = connection.adbc_connection
    native.set_options(**{OPTION + "catalog": "science", OPTION + "schema": "lab"})
    assert native.get_option(OPTION + "catalog") == "science"
    assert one(connection, "SELECT count(*) FROM types") == 3
    native.set_options(**{OPTION + "placement": "pull", OPTION + "verify": "true"})
    assert one(connection, "SELECT count(*) FROM types") == 3
    with pytest.raises(adbc.Error, match=r"(?i)invalid.value"):
        native.set_options(**{OPTION + "placement": "sideways"})
    with pytest.raises(adbc.Error, match=r"(?i)invalid.name"):
        native.set_options(**{OPTION + "colour": "red"})


def test_an_option_in_a_header_is_refused_with_its_reason(served: Served) -> None:
    with (
        connect(served.uri, **{HEADER + "x-meshgate-placement": "sideways"}) as other,
        pytest.raises(adbc.Error, match=r"\[INVALID_REQUEST\].*sideways.*Hint"),
    ):
        one(other, "SELECT 1")


def test_other_placeholders_are_refused(connection: adbc.Connection) -> None:
    """Those of other drivers of the DBAPI; docs/clients/adbc.md names them."""
    for mark in ("%s", ":carrier"):
        with connection.cursor() as cursor, pytest.raises(adbc.Error, match="PARSE_ERROR"):
            cursor.execute(f"SELECT * FROM airlines WHERE carrier = {mark}", ("UA",))


@pytest.mark.feature(CLIENT, "session options")
def test_the_current_catalog_is_an_option(connection: adbc.Connection) -> None:
    connection.adbc_current_catalog = "science"
    connection.adbc_current_db_schema = "lab"
    assert connection.adbc_current_catalog == "science"
    assert connection.adbc_current_db_schema == "lab"


@pytest.mark.feature(CLIENT, "purpose")
def test_a_purpose_is_declared(served: Served, connection: adbc.Connection) -> None:
    connection.adbc_connection.set_options(**{OPTION + "purpose": "reporting"})
    assert one(connection, "SELECT count(*) FROM airlines") == 3
    with connect(served.uri, **{HEADER + "purpose": "reporting"}) as other:
        assert one(other, "SELECT count(*) FROM airlines") == 3
    with (
        connect(served.uri, **{HEADER + "x-meshgate-purpose": "fun"}) as other,
        pytest.raises(adbc.Error, match="PURPOSE_NOT_GRANTED"),
    ):
        one(other, "SELECT 1")


@pytest.mark.feature(CLIENT, "Substrait plans")
def test_a_substrait_plan_is_answered(cursor: adbc.Cursor) -> None:
    schemas = {("aviation", "carriers", "airlines"): AIRLINES.schema}
    text = "SELECT name FROM aviation.carriers.airlines WHERE carrier < 'C' ORDER BY name"
    cursor.execute(produced(text, schemas))
    assert cursor.fetchall() == [("American",), ("JetBlue",)]
    with pytest.raises(adbc.Error, match="INVALID_REQUEST"):
        cursor.execute(b"\x00 no plan")


@pytest.mark.feature(CLIENT, "partitions")
def test_partitions_are_read_from_another_connection(served: Served, cursor: adbc.Cursor) -> None:
    partitions, schema = cursor.adbc_execute_partitions("SELECT name FROM airlines")
    assert schema is not None
    assert schema.names == ["name"]
    with connect(served.uri) as other, other.cursor() as reader:
        reader.adbc_read_partition(partitions[0])
        assert reader.fetch_arrow_table().num_rows == 3


@pytest.mark.feature(CLIENT, "schema before rows")
def test_the_schema_comes_before_the_rows(cursor: adbc.Cursor) -> None:
    found = cursor.adbc_execute_schema("SELECT carrier, length(name) AS n FROM airlines")
    assert found.names == ["carrier", "n"]
    assert cursor.adbc_prepare("SELECT name FROM airlines") in (None, pa.schema([]))


@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
@pytest.mark.parametrize("mode", ["append", "create", "replace", "create_append"])
def test_ingest_is_refused_cleanly(cursor: adbc.Cursor, mode: str) -> None:
    with pytest.raises(adbc.NotSupportedError, match=r"UNSUPPORTED.*only reads"):
        cursor.adbc_ingest("airlines", AIRLINES, mode=mode)  # type: ignore[arg-type]


@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
@pytest.mark.parametrize("text", ["DELETE FROM airlines", "CREATE TABLE x (a int)", "SET a = 1"])
def test_statements_that_write_are_refused_cleanly(cursor: adbc.Cursor, text: str) -> None:
    with pytest.raises(adbc.NotSupportedError, match="UNSUPPORTED"):
        cursor.execute(text)


@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
def test_many_rows_that_write_are_refused_cleanly(cursor: adbc.Cursor) -> None:
    with pytest.raises(adbc.NotSupportedError, match="UNSUPPORTED"):
        cursor.executemany("DELETE FROM airlines WHERE carrier = ?", [("AA",), ("UA",)])


@pytest.mark.feature(CLIENT, "transactions", shows="refused: autocommit only")
def test_transactions_are_refused_cleanly(served: Served) -> None:
    login = {"username": ALICE[0], "password": ALICE[1]}
    with adbc.connect(served.uri, db_kwargs=login) as connection:  # the default wants one
        assert one(connection, "SELECT 1") == 1
        connection.commit()
        with pytest.raises(adbc.Error):
            connection.adbc_connection.set_autocommit(False)


def test_the_low_level_has_no_surprises(served: Served) -> None:
    database = adbc_driver_flightsql.connect(
        served.uri, db_kwargs={"username": ALICE[0], "password": ALICE[1]}
    )
    with (
        database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_sql_query("SELECT name FROM airlines ORDER BY name")
        stream, rows = statement.execute_query()
        assert rows == -1
        reader = pa.RecordBatchReader._import_from_c(stream.address)
        assert reader.read_all().to_pydict() == {"name": ["American", "JetBlue", "United"]}
        statement.set_sql_query("SELECT 1")
        with pytest.raises(adbc.Error, match="UNSUPPORTED"):
            statement.execute_update()


def test_incremental_execution_is_refused_cleanly(connection: adbc.Connection) -> None:
    """It asks by PollFlightInfo, which pyarrow's server does not have."""
    incremental = {adbc_driver_manager.StatementOptions.INCREMENTAL.value: "true"}
    with (
        connection.cursor(adbc_stmt_kwargs=incremental) as cursor,
        pytest.raises(adbc.NotSupportedError),
    ):
        cursor.adbc_execute_partitions("SELECT name FROM airlines")
    assert one(connection, "SELECT 1") == 1
