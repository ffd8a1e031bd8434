"""Attacks on the state of a served gateway, by their numbers on the research page.

Policies that change under a caller, decisions that fail, groups nobody mapped, metadata and logs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.flight as fl
import pytest

import policies.decide
from gateway.errors import GatewayError
from gateway.flight import commands
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity.users import add_user
from gateway.model import Principal, Request
from policies.outlook import Outlook
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row
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
    values,
)
from tests.attacks.world import EVE, OLGA, POLICIES, SOURCES
from tests.identity.issuing import SETTINGS, Signer, write_keys

Swap = Callable[..., None]


def snapshot(*more: str, text: str = POLICIES) -> Snapshot:
    """The policies of the world, with these rows besides."""
    lines = [*text.splitlines(), *more]
    rows = [Row(ptype, tuple(columns)) for ptype, *columns in (line.split(",") for line in lines)]
    return Snapshot(PolicyRows.checked(rows))


@pytest.fixture
def swap(house: House) -> Iterator[Swap]:
    """Puts policies with more rows in force, until the test ends."""
    authoriser = house.gateway.mesh.access.authoriser
    assert house.gateway.mesh._reloader is not None
    house.gateway.mesh._reloader.refresh()  # from now on the folder is as it was seen
    before = authoriser.snapshot

    def put(*more: str, text: str = POLICIES) -> None:
        authoriser.swap(snapshot(*more, text=text))

    yield put
    authoriser.swap(before)


class Held:
    """A prepared statement and a ticket of one query, to be used again and again."""

    def __init__(self, visitor: Visitor, query: str) -> None:
        self._visitor = visitor
        body = commands.encode(sql.ActionCreatePreparedStatementRequest(query=query))
        action = fl.Action("CreatePreparedStatement", body)
        (result,) = visitor.flight.do_action(action, visitor.options)
        made = sql.ActionCreatePreparedStatementResult.FromString(
            commands.Any.FromString(result.body.to_pybytes()).value
        )
        handle = made.prepared_statement_handle
        self._command = sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)
        asked = descriptor(sql.CommandStatementQuery(query=query))
        self.ticket = visitor.flight.get_flight_info(asked, visitor.options).endpoints[0].ticket

    def again(self) -> list[Came]:
        """The handle executed, and the ticket read."""
        visitor = self._visitor
        return [
            visitor.command(self._command),
            visitor.came(lambda: [visitor.flight.do_get(self.ticket, visitor.options).read_all()]),
        ]


DENY = "p,hr/analyst,hr,mesh://*/*/employees,read,*,*,*,deny"


@pytest.mark.parametrize("source", SOURCES)
def test_a54_what_was_prepared_follows_the_policies(source: str, swap: Swap, rita: Visitor) -> None:
    held = Held(rita, f"SELECT id FROM hr.{source}.employees ORDER BY id")
    before = held.again()
    assert [c.rows is not None and c.rows.num_rows > 1 for c in before] == [True, True]
    swap("p2,hr/analyst,hr,mesh://*/*/employees,*,restrictive,eu,allow")
    only_eu = rita.ask(f"SELECT id FROM hr.{source}.employees WHERE region = 'EU' ORDER BY id")
    for came, first in zip(held.again(), before, strict=True):
        assert came.rows is not None
        assert only_eu.rows is not None
        assert first.rows is not None
        assert 0 < came.rows.num_rows < first.rows.num_rows
        assert came.rows.to_pylist() == only_eu.rows.to_pylist()
    swap(DENY)
    assert [c.code for c in held.again()] == ["UNKNOWN_DATASET"] * 2
    swap()
    assert [c.rows == b.rows for c, b in zip(held.again(), before, strict=True)] == [True, True]


@pytest.mark.parametrize("source", SOURCES)
def test_a54_a_column_that_was_taken_is_not_in_what_was_prepared(
    source: str, swap: Swap, rita: Visitor
) -> None:
    held = Held(rita, f"SELECT id, salary FROM hr.{source}.employees")
    swap(f"p,hr/analyst,hr,mesh://hr/{source}/employees#salary,read,*,*,*,deny")
    for came in held.again():
        assert came.code == "UNKNOWN_COLUMN"
        assert not leaks(came)
    swap("p3,hr/analyst,hr,mesh://*/*/*,pii,*,null,allow")


@pytest.mark.parametrize("how", ["policies", "users"])
def test_a56_a_role_that_is_dropped_while_rows_flow(how: str, house: House, swap: Swap) -> None:
    user = (f"mallory-{how}", "m-password")
    add_user(house.mesh, user[0], ["mid/stream"], user[1])
    row = "p,mid/stream,twin,mesh://twin/*/*,read,*,*,*,allow"
    swap(row)
    time.sleep(1.1)  # users are looked at once a second
    visitor = Visitor(house, user)
    table = "twin.parquet.employees"
    query = f"SELECT a.email, b.name FROM {table} a, {table} b, {table} c, {table} d"
    held = Held(visitor, query)
    reader = visitor.flight.do_get(held.ticket, visitor.options)
    assert reader.read_chunk().data.num_rows
    if how == "policies":
        swap()
    else:
        file = house.mesh / "users.toml"
        text = file.read_text()
        assert text.count('"mid/stream"') >= 1
        file.write_text(text.replace('"mid/stream"', '"nobody/here"'))
        time.sleep(1.1)
    for came in (*held.again(), *(visitor.ask(f"SELECT 1 FROM {table}", d) for d in ROWS)):
        assert came.refused
        assert came.code == "UNKNOWN_DATASET"
    assert visitor.path("twin", "parquet", "employees").code == "UNKNOWN_DATASET"
    assert "employees" not in visitor.listed().text
    reader.cancel()
    visitor.close()


# --- 58: many ask while policies change ----------------------------------------------------------

OTHER = (
    POLICIES.replace("*,permissive,us_sales", "*,restrictive,eu")
    .replace(",pii,*,hash,", ",pii,*,last4,")
    .replace("calm,*,read,*,*,secret,deny", "calm,*,read,*,*,secret|phone,deny")
)
RACED = [
    "SELECT * FROM hr.parquet.employees ORDER BY id",
    "SELECT count(*) AS n, min(ssn) AS s FROM hr.duckdb.employees",
    "SELECT a.id, a.ssn AS left_ssn, b.id AS other, b.ssn AS right_ssn FROM hr.parquet.employees a"
    " FULL JOIN hr.duckdb.employees b ON a.id = b.id ORDER BY a.id, b.id",
    "SELECT (SELECT count(*) FROM hr.parquet.employees) AS p,"
    " (SELECT count(*) FROM hr.duckdb.employees) AS d,"
    " (SELECT count(*) FROM hr.sqlite.employees) AS s",
]
RITA_HERSELF = Principal("user:rita", ("hr/analyst",))


def _answer(house: House, query: str) -> str:
    result = house.gateway.execute(house.gateway.prepare(Request(RITA_HERSELF, query)))
    table = pa.Table.from_batches(list(result.batches), result.schema)
    return str((table.schema.names, values(table)))


def test_a58_policies_that_change_while_many_ask(house: House, swap: Swap) -> None:
    authoriser = house.gateway.mesh.access.authoriser
    sets = [snapshot(), snapshot(text=OTHER)]
    right: dict[str, list[str]] = {query: [] for query in RACED}
    for one in sets:
        authoriser.swap(one)
        for query in RACED:
            right[query].append(_answer(house, query))
    assert all(len(set(answers)) == len(sets) for answers in right.values())
    seen: dict[str, set[str]] = {query: set() for query in RACED}
    wrong: list[str] = []
    done = threading.Event()

    def work(number: int) -> None:
        while not done.is_set():
            number += 1
            query = RACED[number % len(RACED)]
            try:
                answer = _answer(house, query)
            except GatewayError as error:
                wrong.append(str(error))
                continue
            seen[query].add(answer)
            if answer not in right[query]:
                wrong.append(answer)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for number in range(200):
        authoriser.swap(sets[number % 2])
        time.sleep(0.02 * (number % 3))
    done.set()
    for thread in threads:
        thread.join(60)
    assert not wrong, (len(wrong), wrong[0][:2000])
    assert all(len(answers) == len(sets) for answers in seen.values())


# --- 60: groups ----------------------------------------------------------------------------------

SIGNER = Signer("a60")


@pytest.fixture(scope="module")
def tokens(house: House) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors who come with a token of their claims."""
    write_keys(house.mesh, SIGNER)
    mapping = SETTINGS.replace('"sales/reader"', '"hr/analyst"')
    (house.mesh / "identity.toml").write_text(mapping)
    time.sleep(1.1)  # the file is looked at once a second
    made: list[Visitor] = []

    def visitor(**claims: object) -> Visitor:
        guest = Visitor(house, EVE)
        token = SIGNER.sign(**claims)
        guest.options = fl.FlightCallOptions(
            headers=[(b"authorization", f"Bearer {token}".encode())], timeout=60
        )
        made.append(guest)
        return guest

    yield visitor
    for guest in made:
        guest.close()
    (house.mesh / "identity.toml").unlink()


def test_a60_a_mapped_group_gives_its_role(tokens: Callable[..., Visitor], rita: Visitor) -> None:
    query = "SELECT * FROM hr.parquet.employees ORDER BY id"
    came, same = tokens(groups=["analysts"]).ask(query), rita.ask(query)
    assert came.rows is not None
    assert came.rows == same.rows


@pytest.mark.parametrize(
    "groups",
    [
        ["mesh/admin"],
        ["hr/analyst"],
        ["twin/all", "clinic/doctor"],
        ["user:olga", "olga"],
        ["*"],
        ["ANALYSTS", "analysts ", "analysts\n"],
        ["analysts,mesh/admin"],
        {"analysts": True},
        [["analysts"]],
        "mesh/admin",
    ],
    ids=str,
)
def test_a60_groups_outside_the_mapping_give_nothing(
    groups: object, tokens: Callable[..., Visitor]
) -> None:
    guest = tokens(groups=groups, roles=["mesh/admin"], role="mesh/admin", sub="olga")
    for query in (
        "SELECT * FROM hr.parquet.employees",
        "SELECT * FROM hr.postgres.vault",
        "SELECT * FROM twin.duckdb.employees",
    ):
        for door in (STATEMENT, PREPARED, EXPLAIN):
            came = guest.ask(query, door)
            assert came.code == "UNKNOWN_DATASET"
            assert not leaks(came)
    assert "employees" not in guest.listed().text
    tables = guest.command(sql.CommandGetTables())
    assert tables.rows is not None
    assert not tables.rows.num_rows


def test_a60_mapped_groups_beside_others_give_no_more(
    tokens: Callable[..., Visitor], rita: Visitor
) -> None:
    guest = tokens(groups=["mesh/admin", "analysts", "twin/all"])
    query = "SELECT * FROM hr.duckdb.employees ORDER BY id"
    assert guest.ask(query).rows == rita.ask(query).rows
    assert guest.ask("SELECT * FROM hr.duckdb.vault").code == "UNKNOWN_DATASET"
    assert guest.ask("SELECT * FROM twin.duckdb.employees").code == "UNKNOWN_DATASET"


# --- 61, 62: what goes wrong in a decision -------------------------------------------------------


@pytest.mark.parametrize("failure", [RuntimeError, TimeoutError, MemoryError, RecursionError])
def test_a61_a_decision_that_fails_is_a_denial(
    failure: type[Exception],
    swap: Swap,
    rita: Visitor,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queries = [f"SELECT * FROM hr.{source}.employees" for source in SOURCES]
    held = Held(rita, queries[0])
    olga = house.visitor(OLGA)
    assert all(c.rows is not None for c in held.again())

    def judge(*_: object) -> None:
        raise failure("CANARY: the decision point is gone")

    monkeypatch.setattr(policies.decide, "judge", judge)
    monkeypatch.setattr(Outlook, "_weigh", judge)
    swap("p,nobody,*,*,read,*,*,*,allow")  # what was decided before counts no more
    for visitor in (rita, olga):
        for query in queries:
            for door in (*ROWS, EXPLAIN):
                came = visitor.ask(query, door)
                assert came.code == "UNKNOWN_DATASET"
                assert not leaks(came)
        assert "employees" not in visitor.listed().text
        assert visitor.path("hr", "duckdb", "employees").refused
    assert [c.code for c in held.again()] == ["UNKNOWN_DATASET"] * 2
    monkeypatch.undo()
    swap()
    assert all(c.rows is not None for c in held.again())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["permissive", "restrictive"])
@pytest.mark.parametrize("table", ["employees", "regions"])
def test_a62_a_row_filter_nobody_declared_is_a_denial(
    table: str, kind: str, source: str, swap: Swap, rita: Visitor
) -> None:
    query = f"SELECT * FROM hr.{source}.{table}"
    assert rita.ask(query).rows is not None
    swap(f"p2,hr/analyst,hr,mesh://hr/{source}/{table},*,{kind},no_such_filter,allow")
    for door in (*ROWS, EXPLAIN):
        came = rita.ask(query, door)
        assert came.code == "UNKNOWN_DATASET", came.text[:300]
        assert "no_such_filter" not in came.text
        assert not leaks(came)


# --- 65: there is no way to write ----------------------------------------------------------------

WRITES = [
    "INSERT INTO hr.{s}.regions SELECT notes, name, id FROM hr.{s}.employees",
    "INSERT INTO hr.{s}.regions VALUES ('x', 'y', 1) RETURNING *",
    "INSERT INTO twin.{s}.employees SELECT * FROM hr.{s}.employees",
    "CREATE TABLE mine AS SELECT ssn AS plain FROM hr.{s}.employees",
    "CREATE VIEW mine AS SELECT ssn AS plain FROM hr.{s}.employees",
    "CREATE TEMP TABLE mine AS SELECT * FROM hr.{s}.employees",
    "CREATE MATERIALIZED VIEW mine AS SELECT * FROM hr.{s}.employees",
    "SELECT ssn INTO mine FROM hr.{s}.employees",
    "COPY (SELECT ssn FROM hr.{s}.employees) TO 'mine.parquet'",
    "WITH n AS (INSERT INTO hr.{s}.regions SELECT 'x', 'y', 1 RETURNING *) SELECT * FROM n",
    "UPDATE hr.{s}.employees SET name = ssn",
    "MERGE INTO hr.{s}.regions r USING hr.{s}.employees e ON true"
    " WHEN NOT MATCHED THEN INSERT VALUES (e.ssn, '', 1)",
    "SELECT 1; INSERT INTO hr.{s}.regions VALUES ('x', 'y', 1)",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("query", WRITES)
def test_a65_nothing_is_written(query: str, source: str, house: House, rita: Visitor) -> None:
    olga = house.visitor(OLGA)  # she may do everything there is
    counts = f"SELECT count(*) AS n FROM hr.{source}.regions"
    before = olga.ask(counts)
    assert before.rows is not None
    text = query.replace("{s}", source)
    for visitor in (rita, olga):
        for door in (STATEMENT, PREPARED, ADBC, EXPLAIN):
            came = visitor.ask(text, door)
            assert came.code in {"UNSUPPORTED", "PARSE_ERROR", "INVALID_QUERY"}, came.message
            assert not leaks(came)
    assert olga.ask(counts).rows == before.rows
    for name in ("mine", f"hr.{source}.mine"):
        assert olga.ask(f"SELECT * FROM {name}").code == "UNKNOWN_DATASET"
