"""The doors that are no query of the caller's own: lists, metadata, paths, actions, uploads.

Numbers are those of the research page.
"""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from google.protobuf.message import Message

from gateway.flight import commands
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.verification.comparison import difference
from tests.attacks.doors import (
    ADBC,
    EXPLAIN,
    PREPARED,
    ROWS,
    STATEMENT,
    Came,
    House,
    Visitor,
    descriptor,
    leaks,
    run_command,
)
from tests.attacks.world import EVE, OLGA, RITA, SOURCES

HIDDEN_WORDS = ("vault", "notes", "memo", "clinic", "patients", "twin")
"""Names rita may not even know of."""

COMMANDS = [
    sql.CommandGetTables(include_schema=True),
    sql.CommandGetTables(catalog="hr", include_schema=True),
    sql.CommandGetTables(table_name_filter_pattern="%", include_schema=True),
    sql.CommandGetTables(table_name_filter_pattern="va_lt", include_schema=True),
    sql.CommandGetTables(db_schema_filter_pattern="post%", include_schema=True),
    sql.CommandGetCatalogs(),
    sql.CommandGetDbSchemas(),
    sql.CommandGetDbSchemas(catalog="clinic"),
    sql.CommandGetTableTypes(),
    sql.CommandGetPrimaryKeys(table="vault"),
    sql.CommandGetPrimaryKeys(table="employees"),
    sql.CommandGetExportedKeys(table="vault"),
    sql.CommandGetImportedKeys(table="vault"),
    sql.CommandGetCrossReference(pk_table="vault", fk_table="employees"),
    sql.CommandGetSqlInfo(),
    sql.CommandGetXdbcTypeInfo(),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.DESCRIPTOR.name}-{c}"[:60])
def test_a49_metadata_commands(command: Message, rita: Visitor) -> None:
    came = rita.command(command)
    assert came.rows is not None, came.message
    assert not leaks(came)
    told = str(came.rows.to_pylist())
    assert not [w for w in HIDDEN_WORDS if w in told]
    assert not leaks(rita.schema(descriptor(command)))


def test_a46_columns_are_those_that_may_be_read(rita: Visitor) -> None:
    came = rita.command(sql.CommandGetTables(catalog="hr", include_schema=True))
    assert came.rows is not None
    for row in came.rows.to_pylist():
        names = pa.ipc.read_schema(pa.py_buffer(row["table_schema"])).names
        if row["table_name"] == "unfiltered":
            continue  # may be known of, but not be read
        assert not {"notes", "memo"} & set(names)
        read = rita.ask(f"SELECT * FROM hr.{row['db_schema_name']}.{row['table_name']} LIMIT 1")
        assert read.rows is not None
        assert read.rows.column_names == names


def test_a49_list_flights(rita: Visitor) -> None:
    came = rita.listed()
    assert "employees" in came.text
    assert not leaks(came)
    assert not [w for w in HIDDEN_WORDS if w in came.text]


@pytest.mark.parametrize("criteria", [b"vault", b"clinic", b"", b"\xff", b"%"])
def test_a49_list_flights_with_criteria(criteria: bytes, rita: Visitor) -> None:
    came = rita.listed(criteria)
    assert not [w for w in HIDDEN_WORDS if w in came.text.replace(criteria.decode("latin-1"), "")]


def test_eve_finds_nothing_at_all(house: House) -> None:
    eve = house.visitor(EVE)
    for command in COMMANDS[:10]:
        came = eve.command(command)
        assert came.rows is not None
        assert "hr" not in str(came.rows.to_pylist())
    assert "employees" not in eve.listed().text


@pytest.mark.parametrize("source", SOURCES)
def test_a77_a_path_reads_what_a_statement_reads(source: str, rita: Visitor) -> None:
    by_path = rita.path("hr", source, "employees")
    asked = rita.ask(f"SELECT * FROM hr.{source}.employees")
    assert by_path.rows is not None
    assert asked.rows is not None
    assert difference(by_path.rows, asked.rows, ordered=False) is None
    assert by_path.rows.schema.equals(asked.rows.schema)
    assert not leaks(by_path)


# --- 71: unknown and forbidden are the same ------------------------------------------------------

UNLIKE = "vxult"


def _alike(hidden: Came, missing: Came) -> None:
    assert hidden.refused
    assert hidden.code == missing.code
    assert hidden.message.replace("vault", UNLIKE) == missing.message
    assert not leaks(hidden)


@pytest.mark.parametrize("door", [*ROWS, EXPLAIN])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM hr.{s}.vault",
        "SELECT secret FROM vault",
        "SELECT 1 FROM hr.{s}.employees, hr.{s}.vault",
        "SELECT * FROM hr.{s}.employees WHERE id IN (SELECT id FROM hr.{s}.vault)",
        "WITH v AS (SELECT * FROM hr.{s}.vault) SELECT 1",
        'SELECT * FROM hr.{s}."vault@1.0.0"',
        "SELECT * FROM hr.{s}.vault FOR VERSION AS OF '1.0.0'",
        "SELECT * FROM hr.{s}.vault FOR VERSION AS OF '9.9.9'",
        "SELECT nothing FROM hr.{s}.vault",
        "SELECT (SELECT max(secret) FROM hr.{s}.vault)",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM hr.{s}.vault)",
        "SELECT * FROM (VALUES (1)) AS t(x), LATERAL (SELECT * FROM hr.{s}.vault) v",
        "SELECT id FROM hr.{s}.employees UNION SELECT id FROM hr.{s}.vault",
    ],
)
def test_a71_forbidden_is_unknown(query: str, source: str, door: str, rita: Visitor) -> None:
    text = query.replace("{s}", source)
    _alike(rita.ask(text, door), rita.ask(text.replace("vault", UNLIKE), door))


@pytest.mark.parametrize("source", SOURCES)
def test_a71_forbidden_path_is_unknown(source: str, rita: Visitor) -> None:
    _alike(rita.path("hr", source, "vault"), rita.path("hr", source, UNLIKE))
    for name in ("vault", UNLIKE):
        assert rita.schema(fl.FlightDescriptor.for_path("hr", source, name)).refused


@pytest.mark.parametrize("source", SOURCES)
def test_a71_a_required_row_filter_that_is_not_granted(source: str, rita: Visitor) -> None:
    hidden = rita.ask(f"SELECT * FROM hr.{source}.unfiltered")
    missing = rita.ask(f"SELECT * FROM hr.{source}.unfiltexed")
    told, other = (c.message.partition(" Hint:")[0] for c in (hidden, missing))
    assert told == other.replace("unfiltexed", "unfiltered")


@pytest.mark.parametrize("source", SOURCES)
def test_a71_a_denied_column_is_an_unknown_one(source: str, rita: Visitor) -> None:
    for query in (
        "SELECT {c} FROM hr.{s}.employees",
        "SELECT e.{c} FROM hr.{s}.employees e",
        "SELECT id FROM hr.{s}.employees WHERE {c} = 'x'",
        "SELECT max({c}) FROM hr.{s}.employees",
        "SELECT * EXCLUDE ({c}) FROM hr.{s}.employees",
        "SELECT id FROM hr.{s}.employees ORDER BY {c}",
        "SELECT * FROM hr.{s}.employees JOIN hr.{s}.payroll USING ({c})",
    ):
        text = query.replace("{s}", source)
        denied, unknown = (rita.ask(text.replace("{c}", c)) for c in ("notes", "noxes"))
        assert denied.refused
        assert denied.code == unknown.code
        assert denied.message.replace("notes", "noxes") == unknown.message


def test_a71_a_whole_domain_that_is_hidden(rita: Visitor) -> None:
    for name in ("patients", "locked", "cases"):
        hidden = rita.ask(f"SELECT * FROM clinic.postgres.{name}")
        missing = rita.ask(f"SELECT * FROM klinic.postgres.{name}")
        assert hidden.code == missing.code == "UNKNOWN_DATASET"
        assert hidden.message.replace("clinic", "klinic") == missing.message


# --- 17, 18, 52, 66: names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "hr.postgres.va\u200bult",
        "hr.postgres.vau\u217ct",
        "hr.postgres.\u0475ault",
        "hr.postgres.\uff56ault",
        'hr.postgres."vault "',
        'hr.postgres."vault\n"',
        'hr.postgres."VAULT"',
        'hr.postgres."../postgres/vault"',
        '"hr.postgres.vault"',
        '"hr"."postgres"."vault@*"',
        '"hr"."postgres"."vault@latest"',
        '"hr"."postgres"."vault@"',
        "mesh.hr.postgres.vault",
        "datafusion.public.vault",
        "public.vault",
        "main.vault",
        "information_schema.tables",
        "pg_catalog.pg_class",
        "sqlite_master",
        "'mesh://hr/postgres/vault'",
        '"/etc/passwd"',
        "'data.parquet'",
        '"employees.parquet"',
        "read_parquet('x.parquet')",
        "parquet_metadata('employees.parquet')",
    ],
)
def test_a17_a18_a48_a52_other_names_of_what_is_hidden(name: str, rita: Visitor) -> None:
    for door in (STATEMENT, PREPARED, EXPLAIN):
        came = rita.ask(f"SELECT * FROM {name}", door)
        assert came.refused
        assert came.code in {"UNKNOWN_DATASET", "PARSE_ERROR", "INVALID_QUERY", "UNSUPPORTED"}
        assert not leaks(came)


@pytest.mark.parametrize(
    "parts",
    [
        ("hr/postgres/vault",),
        ("hr", "postgres", "vault@1.0.0"),
        ("hr", "postgres", "../postgres/vault"),
        ("hr", "..", "hr", "postgres", "vault"),
        ("twin", "postgres", "../../hr/postgres/vault"),
        ("hr", "postgres", "%76ault"),
        ("hr", "postgres", "vault\x00"),
        ("hr", "postgres", 'vault" UNION SELECT * FROM hr.postgres."employees'),
        ("hr", "postgres", "vault\n"),
        ("", "", ""),
        ("hr", "postgres"),
    ],
)
def test_a18_paths(parts: tuple[str, ...], rita: Visitor) -> None:
    came = rita.path(*parts)
    assert came.refused
    assert not leaks(came)


@pytest.mark.parametrize("version", ["1.0.0", "1.0", "1"])
@pytest.mark.parametrize("source", SOURCES)
def test_a66_every_name_of_a_version_is_governed(source: str, version: str, rita: Visitor) -> None:
    plain = rita.ask(f"SELECT * FROM hr.{source}.employees")
    assert plain.rows is not None
    for name in (f'"employees@{version}"', f"employees FOR VERSION AS OF '{version}'"):
        came = rita.ask(f"SELECT * FROM hr.{source}.{name}")
        assert not leaks(came)
        if came.rows is not None:
            assert difference(came.rows, plain.rows, ordered=False) is None
    both = rita.ask(
        f'SELECT a.id FROM hr.{source}.employees a FULL JOIN hr.{source}."employees@1.0.0" b'
        " ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL"
    )
    assert both.rows is not None
    assert not both.rows.num_rows


# --- 39 to 51: statements that are no queries ----------------------------------------------------

STATEMENTS = {
    "a39_copy_to": "COPY (SELECT * FROM hr.postgres.employees) TO 'x.csv'",
    "a39_copy_table": "COPY hr.postgres.employees TO 'x.parquet'",
    "a40_create_external_table": "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp/'",
    "a41_ctas": "CREATE TABLE x AS SELECT * FROM hr.postgres.employees",
    "a41_insert": "INSERT INTO hr.postgres.payroll SELECT * FROM hr.postgres.payroll",
    "a41_select_into": "SELECT * INTO x FROM hr.postgres.employees",
    "a41_update": "UPDATE hr.postgres.employees SET region = 'EU'",
    "a41_delete": "DELETE FROM hr.postgres.employees",
    "a41_merge": "MERGE INTO hr.postgres.payroll USING hr.postgres.employees ON true"
    " WHEN MATCHED THEN DELETE",
    "a41_truncate": "TRUNCATE hr.postgres.employees",
    "a42_create_view": "CREATE OR REPLACE VIEW employees AS SELECT * FROM hr.postgres.vault",
    "a42_drop_view": "DROP VIEW hr.postgres.employees",
    "a42_drop_table": "DROP TABLE hr.postgres.employees",
    "a43_set": "SET datafusion.catalog.information_schema = true",
    "a43_set_role": "SET ROLE 'mesh/admin'",
    "a43_set_session": "SET SESSION AUTHORIZATION olga",
    "a43_reset": "RESET ALL",
    "a43_show_all": "SHOW ALL",
    "a43_show_tables": "SHOW TABLES",
    "a44_prepare": "PREPARE p AS SELECT * FROM hr.postgres.vault",
    "a44_execute": "EXECUTE p",
    "a44_deallocate": "DEALLOCATE p",
    "a45_explain_analyze": "EXPLAIN ANALYZE SELECT * FROM hr.postgres.employees",
    "a45_explain_analyze_verbose": "EXPLAIN ANALYZE VERBOSE SELECT * FROM hr.postgres.employees",
    "a45_explain_of_a_copy": "EXPLAIN COPY (SELECT 1) TO 'x'",
    "a46_describe": "DESCRIBE hr.postgres.vault",
    "a47_show_create_table": "SHOW CREATE TABLE hr.postgres.employees",
    "a47_show_columns": "SHOW COLUMNS FROM hr.postgres.employees",
    "d01_do_block": "DO $$ BEGIN RAISE EXCEPTION 'x'; END $$",
    "d02_attach": "ATTACH 'x.db' AS x",
    "d03_pragma": "PRAGMA table_info('employees')",
    "d04_install": "INSTALL httpfs",
    "d05_load": "LOAD 'x'",
    "d06_call": "CALL pg_sleep(1)",
    "d07_lock": "LOCK TABLE hr.postgres.employees",
    "d08_for_update": "SELECT * FROM hr.postgres.employees FOR UPDATE",
    "d09_grant": "GRANT ALL ON hr.postgres.vault TO rita",
    "d10_begin": "BEGIN",
    "d11_vacuum": "VACUUM",
    "d12_analyze": "ANALYZE hr.postgres.employees",
    "d13_create_function": "CREATE FUNCTION f() RETURNS INT LANGUAGE SQL RETURN 1",
    "d14_use": "USE hr",
    "d15_show_stats": "SHOW STATS FOR hr.postgres.employees",
    "d16_writing_cte": "WITH x AS (DELETE FROM hr.postgres.employees RETURNING *) SELECT * FROM x",
    "d17_table_command": "TABLE hr.postgres.vault",
    "d18_from_first": "FROM hr.postgres.vault",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_that_is_no_query(name: str, rita: Visitor) -> None:
    for door in (STATEMENT, PREPARED, ADBC, EXPLAIN):
        came = rita.ask(STATEMENTS[name], door)
        assert came.refused, came.text[:300]
        assert came.code in {"UNSUPPORTED", "PARSE_ERROR", "UNKNOWN_DATASET", "INVALID_QUERY"}
        assert not leaks(came)


FUNCTIONS = [
    "getenv('HOME')",
    "pg_read_file('/etc/passwd')",
    "current_setting('is_superuser')",
    "version_of_postgres()",
    "pg_sleep(5)",
    "dblink('host=127.0.0.1', 'SELECT 1')",
    "lo_import('/etc/passwd')",
    "query_to_xml('SELECT * FROM employees', true, true, '')",
    "read_text('/etc/passwd')",
    "load_extension('x')",
    "meshgate_hash('x')",
    "mesh_unfit_value(1)",
]


@pytest.mark.parametrize("call", FUNCTIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_a48_functions_of_sources_are_not_there(call: str, source: str, rita: Visitor) -> None:
    came = rita.ask(f"SELECT {call} AS x FROM hr.{source}.employees")
    assert came.refused
    assert came.code in {"INVALID_QUERY", "UNSUPPORTED", "PARSE_ERROR"}
    assert not leaks(came)


@pytest.mark.parametrize("source", SOURCES)
def test_the_functions_of_masks_are_not_the_callers(source: str, rita: Visitor) -> None:
    """Who could call the hash could list the hashes of all guesses."""
    from gateway.engines import mask_sql

    names = {f.name if hasattr(f, "name") else "" for f in mask_sql._FUNCTIONS}
    for name in (*filter(None, names), mask_sql.SIGNED, mask_sql.UNSIGNED):
        came = rita.ask(f"SELECT {name}(CAST(ssn AS BYTEA)) FROM hr.{source}.employees")
        assert came.refused


# --- 50, 51: other commands ----------------------------------------------------------------------


def test_a50_what_is_no_substrait_plan_is_refused(rita: Visitor) -> None:
    plan = sql.SubstraitPlan(plan=b"\x00", version="0.1")
    for came in (
        rita.command(sql.CommandStatementSubstraitPlan(plan=plan)),
        rita.action(
            "CreatePreparedSubstraitPlan",
            commands.encode(sql.ActionCreatePreparedSubstraitPlanRequest(plan=plan)),
        ),
    ):
        assert came.refused
        assert came.code in {"INVALID_REQUEST", "PARSE_ERROR", "UNSUPPORTED"}


def test_a51_uploads_are_refused(rita: Visitor) -> None:
    for command in (
        sql.CommandStatementUpdate(query="DELETE FROM hr.postgres.employees"),
        sql.CommandStatementIngest(table="employees", schema="postgres", catalog="hr"),
        sql.CommandPreparedStatementUpdate(prepared_statement_handle=b"x"),
    ):

        def put(command: Message = command) -> list[object]:
            table = pa.table({"id": [1]})
            writer, reader = rita.flight.do_put(descriptor(command), table.schema, rita.options)
            writer.write_table(table)
            writer.done_writing()
            reader.read()
            writer.close()
            return []

        came = rita.came(put)
        assert came.refused
        assert came.code == "UNSUPPORTED"


def test_a51_exchange_is_refused(rita: Visitor) -> None:
    def exchange() -> list[object]:
        command = sql.CommandStatementQuery(query="SELECT * FROM hr.postgres.vault")
        writer, reader = rita.flight.do_exchange(descriptor(command), rita.options)
        writer.done_writing()
        return [reader.read_all()]

    came = rita.came(exchange)
    assert came.refused
    assert not leaks(came)


@pytest.mark.parametrize(
    "name",
    ["BeginTransaction", "EndTransaction", "BeginSavepoint", "drop_dataset", "meshgate.policy", ""],
)
def test_a51_other_actions_are_refused(name: str, rita: Visitor) -> None:
    assert rita.action(name, b"").refused


@pytest.mark.parametrize("body", [b"", b"\xff" * 50, b"x" * 100])
@pytest.mark.parametrize(
    "name",
    [
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "CancelQuery",
        "RenewFlightEndpoint",
        "SetSessionOptions",
    ],
)
def test_a51_nonsense_bodies(name: str, body: bytes, rita: Visitor) -> None:
    came = rita.action(name, body)
    assert not leaks(came)
    assert "Traceback" not in came.text


# --- 53, 54: what belongs to whom ----------------------------------------------------------------


def _ticket(visitor: Visitor, query: str) -> bytes:
    info = visitor.flight.get_flight_info(
        descriptor(sql.CommandStatementQuery(query=query)), visitor.options
    )
    return bytes(info.endpoints[0].ticket.ticket)


def _read(visitor: Visitor, ticket: bytes) -> Came:
    return visitor.came(
        lambda: [visitor.flight.do_get(fl.Ticket(ticket), visitor.options).read_all()]
    )


@pytest.mark.parametrize("source", SOURCES)
def test_a53_the_ticket_of_another(source: str, house: House, rita: Visitor) -> None:
    olga, eve = house.visitor(OLGA), house.visitor(EVE)
    ticket = _ticket(olga, f"SELECT * FROM hr.{source}.vault")
    for thief in (rita, eve):
        came = _read(thief, ticket)
        assert came.code == "NOT_FOUND"
        assert not leaks(came)
    mine = _ticket(rita, f"SELECT * FROM hr.{source}.employees")
    assert _read(eve, mine).code == "NOT_FOUND"


def test_a53_every_flipped_bit_of_a_ticket(rita: Visitor) -> None:
    ticket = _ticket(rita, "SELECT id FROM hr.duckdb.employees")
    for position in range(len(ticket)):
        forged = bytearray(ticket)
        forged[position] ^= 1 << position % 8
        came = _read(rita, bytes(forged))
        assert came.refused, position
        assert not leaks(came)
    assert _read(rita, ticket).rows is not None


def test_a54_the_prepared_statement_of_another(house: House, rita: Visitor) -> None:
    olga = house.visitor(OLGA)
    body = commands.encode(
        sql.ActionCreatePreparedStatementRequest(query="SELECT * FROM hr.postgres.vault")
    )
    (result,) = olga.flight.do_action(fl.Action("CreatePreparedStatement", body), olga.options)
    made = sql.ActionCreatePreparedStatementResult.FromString(
        commands.Any.FromString(result.body.to_pybytes()).value
    )
    command = sql.CommandPreparedStatementQuery(
        prepared_statement_handle=made.prepared_statement_handle
    )
    for came in (rita.command(command), rita.schema(descriptor(command))):
        assert came.code == "NOT_FOUND"
        assert not leaks(came)


@pytest.mark.parametrize("source", SOURCES)
def test_a55_nothing_is_shared_between_users(source: str, house: House, rita: Visitor) -> None:
    """The same text, asked by who may see everything first: plans are remembered, rights are not."""
    olga = house.visitor(OLGA)
    query = f"SELECT * FROM hr.{source}.employees ORDER BY id"
    whole = olga.ask(query)
    assert whole.rows is not None
    assert whole.rows.num_rows == 42
    mine = rita.ask(query)
    assert mine.rows is not None
    assert not leaks(mine)
    again = olga.ask(query)
    assert again.rows is not None
    assert again.rows.num_rows == 42
    plan = olga.ask(query, EXPLAIN)
    assert not leaks(rita.ask(query, EXPLAIN))
    assert plan.rows is not None


def test_a55_the_report_of_another(house: House, rita: Visitor) -> None:
    olga = house.visitor(OLGA)
    olga.ask("SELECT * FROM hr.postgres.vault WHERE secret = 'CANARY-VAULT'")
    (report,) = olga.report().text.splitlines()
    query_id = json.loads(report)["query_id"]
    came = rita.action("meshgate.report", query_id.encode())
    assert came.refused
    assert not leaks(came)


def test_a53_cancelling_the_query_of_another(house: House, rita: Visitor) -> None:
    olga = house.visitor(OLGA)
    ticket = _ticket(olga, "SELECT * FROM hr.postgres.vault")
    info = wire.FlightInfo(endpoint=[wire.FlightEndpoint(ticket=wire.Ticket(ticket=ticket))])
    body = wire.CancelFlightInfoRequest(info=info).SerializeToString()
    assert rita.action("CancelFlightInfo", body).code == "NOT_FOUND"
    renew = wire.RenewFlightEndpointRequest(endpoint=info.endpoint[0]).SerializeToString()
    assert rita.action("RenewFlightEndpoint", renew).code == "NOT_FOUND"
    assert _read(olga, ticket).rows is not None


# --- the command line ----------------------------------------------------------------------------

LINES = [
    "SELECT * FROM hr.{s}.employees",
    "SELECT count(*) AS n, max(salary) AS m FROM hr.{s}.employees",
    "SELECT * FROM hr.{s}.vault",
    "SELECT notes FROM hr.{s}.employees",
    "SELECT id FROM hr.{s}.employees WHERE 1 / (salary - 7770001) = 5",
    "SELECT CAST(iban AS INTEGER) FROM hr.{s}.employees",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("query", LINES)
def test_the_command_line_tells_no_more(query: str, source: str, rita: Visitor) -> None:
    text = query.replace("{s}", source)
    for form in ("json", "csv", "table"):
        assert not leaks(rita.connected("query", text, "--format", form, "--report"), text)
    assert not leaks(rita.connected("explain", text), text)


@pytest.mark.parametrize("source", SOURCES)
def test_explain_on_the_folder_hides_policies_too(source: str, house: House) -> None:
    for query in LINES:
        text = query.replace("{s}", source)
        came = run_command("explain", text, "--user", RITA[0], "--mesh", str(house.mesh))
        assert not leaks(came, text)


def test_the_catalogue_on_the_folder_lists_no_policy(house: House) -> None:
    for words in ((), ("search", "employees"), ("search", "POLICYTEXT"), ("search", "CANARY")):
        came = run_command("catalogue", "--mesh", str(house.mesh), *words)
        assert not leaks(came, " ".join(words))


# --- 72, 76, 78: what clings to an answer --------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("door", ROWS)
def test_a78_no_metadata_in_the_schema(source: str, door: str, rita: Visitor) -> None:
    came = rita.ask(f"SELECT * FROM hr.{source}.employees", door)
    assert came.rows is not None
    for field in came.rows.schema:
        assert not pa.types.is_dictionary(field.type)
        assert "hash" not in str(field.metadata)
        assert "mask" not in str(field.metadata).lower()
    assert not leaks(came)


def test_a76_endpoints_lead_nowhere_else(rita: Visitor) -> None:
    for source in SOURCES:
        info = rita.flight.get_flight_info(
            descriptor(sql.CommandStatementQuery(query=f"SELECT * FROM hr.{source}.employees")),
            rita.options,
        )
        assert [list(e.locations) for e in info.endpoints] == [[]]


@pytest.mark.parametrize("source", SOURCES)
def test_a76_no_credentials_in_plans_and_reports(source: str, rita: Visitor, house: House) -> None:
    query = f"SELECT id FROM hr.{source}.employees"
    told = rita.ask(query, EXPLAIN).text + rita.report().text
    assert "postgres:" not in told.replace("postgres:127", "")
    assert "${" not in told
    assert "password" not in told


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT " + ", ".join(f"id AS c{i}" for i in range(3000)) + " FROM hr.duckdb.employees",
        "SELECT id FROM hr.duckdb.employees WHERE id IN ("
        + ", ".join(map(str, range(20000)))
        + ")",
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT " + " + ".join(["1"] * 3000),
        "SELECT repeat('CANARX', 2000000000) FROM hr.duckdb.employees",
    ],
    ids=["series", "columns", "in-list", "nesting", "chain", "repeat"],
)
def test_a73_greed_is_answered_or_refused(query: str, rita: Visitor) -> None:
    if "generate_series" in query:
        query = query.replace("count(*)", "value") + " LIMIT 3"
    came = rita.ask(query)
    assert came.code in {"", "LIMIT_EXCEEDED", "ARITHMETIC_ERROR", "INVALID_QUERY", "UNSUPPORTED"}
    assert not leaks(came)
