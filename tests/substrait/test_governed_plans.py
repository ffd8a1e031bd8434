"""Plans under policies: the same rows, masks, refusals and records as for the same query as SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import GatewayError, InvalidQuery, Unsupported
from gateway.flight import actions, commands
from gateway.flight.service import FlightSql
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Principal
from gateway.serving.callers import Caller
from gateway.serving.options import Declared
from tests.substrait.plans import Schemas, plan_of, produced, read_of
from tests.test_governed_requests import ANA, EVE, NOBODY, STAFF, World

NAME = ("shop", "memory", "staff")
TRUE: Schemas = {NAME: STAFF.schema}
SHORT: Schemas = {("staff",): STAFF.schema}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.gateway.close()


@pytest.fixture
def service(world: World) -> FlightSql:
    return FlightSql(world.gateway)


def message(data: bytes) -> bytes:
    plan = sql.SubstraitPlan(plan=data, version="0.76.0")
    return commands.encode(sql.CommandStatementSubstraitPlan(plan=plan))


def ask(service: FlightSql, caller: Caller, command: bytes) -> pa.Table:
    flight = service.flight(caller, command)
    stream = service.stream(caller, flight.ticket, lambda: False)
    assert not isinstance(stream, pa.Table)
    return pa.Table.from_batches(list(stream), stream.schema)


def by_sql(text: str) -> bytes:
    return commands.encode(sql.CommandStatementQuery(query=text))


def who(principal: Principal, purpose: str = "") -> Caller:
    return Caller(principal, Declared(purpose))


QUERIES = (
    "SELECT id, mail FROM shop.memory.staff ORDER BY id",
    "SELECT region, count(*) AS n FROM shop.memory.staff GROUP BY region",
    "SELECT count(mail) AS n FROM shop.memory.staff WHERE mail LIKE 'b%'",
    "SELECT a.id, b.mail FROM shop.memory.staff a LEFT JOIN shop.memory.staff b ON a.id < b.id",
    "SELECT max(id) AS n FROM shop.memory.staff WHERE 1 / (id - 2) > 5",
)


@pytest.mark.parametrize("principal", [ANA, EVE, NOBODY], ids=lambda p: p.name)
@pytest.mark.parametrize("purpose", ["", "fraud", "audit"])
@pytest.mark.parametrize("text", QUERIES)
def test_a_plan_gives_what_its_query_gives(
    service: FlightSql, principal: Principal, purpose: str, text: str
) -> None:
    caller = who(principal, purpose)
    outcomes = []
    for command in (by_sql(text), message(produced(text, TRUE))):
        try:
            rows = ask(service, caller, command).to_pylist()
            outcomes.append(sorted(map(repr, rows)))
        except GatewayError as error:
            outcomes.append([error.code, error.message])
    assert outcomes[0] == outcomes[1]


def test_a_column_that_is_denied_is_unknown_in_a_plan(service: FlightSql) -> None:
    data = produced("SELECT pay FROM shop.memory.staff", TRUE)
    with pytest.raises(GatewayError) as caught:
        ask(service, who(ANA), message(data))
    assert caught.value.code == "UNKNOWN_COLUMN"
    assert caught.value.position is None


def test_a_plan_of_whole_rows_does_not_get_the_denied_column(service: FlightSql) -> None:
    """Even where nothing uses it, its name is only found in what the caller may see."""
    kinds = {"id": "i64", "region": "string", "mail": "string", "pay": "i64"}
    plan = plan_of(read_of(NAME, kinds), list(kinds))
    with pytest.raises(GatewayError, match="UNKNOWN_COLUMN"):
        ask(service, who(ANA), message(plan.SerializeToString()))


@pytest.mark.parametrize("name", [("other",), ("shop", "memory", "salaries"), ("__below_0",)])
def test_what_is_no_dataset_is_unknown(service: FlightSql, name: tuple[str, ...]) -> None:
    data = produced(f"SELECT id FROM {'.'.join(name)}", {name: STAFF.schema})
    with pytest.raises(GatewayError) as caught:
        ask(service, who(ANA), message(data))
    assert caught.value.code == "UNKNOWN_DATASET"


def test_short_names_are_looked_up_as_in_sql(service: FlightSql) -> None:
    data = produced("SELECT count(*) AS n FROM staff", SHORT)
    assert ask(service, who(ANA), message(data)).to_pydict() == {"n": [2]}


def test_other_types_than_the_catalogue_lists_are_refused(service: FlightSql) -> None:
    schema = pa.schema({"id": pa.int32(), "mail": pa.large_string()})
    data = produced("SELECT id FROM shop.memory.staff", {NAME: schema})
    with pytest.raises(InvalidQuery, match="is int64, and int32 in the plan"):
        ask(service, who(ANA), message(data))


def test_the_record_has_the_plan_as_sql_without_its_values(
    world: World, service: FlightSql
) -> None:
    data = produced("SELECT mail FROM shop.memory.staff WHERE id = 12345", TRUE)
    ask(service, who(ANA), message(data))
    (entry,) = world.records(1)
    assert entry.record.door == "substrait"
    (use,) = entry.record.datasets
    assert set(use.columns) == {"id", "mail"}
    written = str(entry.record.text)
    assert '"shop"."memory"."staff"' in written
    assert "12345" not in written


def prepared(service: FlightSql, caller: Caller, data: bytes) -> bytes:
    request = sql.ActionCreatePreparedSubstraitPlanRequest(plan=sql.SubstraitPlan(plan=data))
    (result,) = actions.act(
        service, caller, "CreatePreparedSubstraitPlan", commands.encode(request)
    )
    envelope = commands.Any.FromString(result)
    made = sql.ActionCreatePreparedStatementResult.FromString(envelope.value)
    assert not made.is_update
    schema = pa.ipc.read_schema(pa.py_buffer(made.dataset_schema))
    assert schema.names == ["n"]
    handle: bytes = made.prepared_statement_handle
    return handle


def test_a_plan_can_be_prepared(service: FlightSql) -> None:
    data = produced("SELECT count(*) AS n FROM shop.memory.staff", TRUE)
    handle = prepared(service, who(ANA), data)
    command = commands.encode(sql.CommandPreparedStatementQuery(prepared_statement_handle=handle))
    for _ in range(2):
        assert ask(service, who(ANA), command).to_pydict() == {"n": [2]}
    with pytest.raises(GatewayError, match="NOT_FOUND"):
        ask(service, who(EVE), command)


def test_a_plan_in_a_transaction_is_refused(service: FlightSql) -> None:
    data = produced("SELECT count(*) AS n FROM shop.memory.staff", TRUE)
    plan = sql.SubstraitPlan(plan=data)
    command = sql.CommandStatementSubstraitPlan(plan=plan, transaction_id=b"1")
    with pytest.raises(Unsupported, match="no transactions"):
        service.flight(who(ANA), commands.encode(command))
