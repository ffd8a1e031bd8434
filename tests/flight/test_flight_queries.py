"""Queries over the wire with plain pyarrow: statements, prepared statements, paths, reports."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.flight import commands
from gateway.flight.client import Client, ServerError
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.serving.streams import MAX_BATCH_BYTES
from tests.flight.serving import BOB, ORDERS, TEXTS, Served, descriptor


def prepare(client: fl.FlightClient, options: fl.FlightCallOptions, text: str) -> bytes:
    body = commands.encode(sql.ActionCreatePreparedStatementRequest(query=text))
    (result,) = client.do_action(fl.Action("CreatePreparedStatement", body), options)
    return result.body.to_pybytes()


def prepared_handle(answer: bytes) -> bytes:
    envelope = commands.Any.FromString(answer)
    result = sql.ActionCreatePreparedStatementResult.FromString(envelope.value)
    return result.prepared_statement_handle


def test_a_query_answers_with_the_rows_of_its_dataset(client: Client) -> None:
    table = client.query("SELECT * FROM sales.shop.orders ORDER BY id")
    assert table.equals(ORDERS)


def test_the_announced_schema_is_the_schema_of_the_stream(served: Served) -> None:
    client, options = served.raw()
    query = sql.CommandStatementQuery(
        query="SELECT customer, sum(amount) AS s FROM orders GROUP BY 1"
    )
    info = client.get_flight_info(descriptor(query), options)
    stream = client.do_get(info.endpoints[0].ticket, options)
    assert info.schema.equals(stream.schema)
    assert client.get_schema(descriptor(query), options).schema.equals(stream.schema)
    assert stream.read_all().num_rows == 7


def test_the_endpoint_names_no_location_so_that_the_connection_is_used_again(
    served: Served,
) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query="SELECT 1")), options)
    (endpoint,) = info.endpoints
    assert endpoint.locations == []


def test_an_empty_answer_has_its_columns(client: Client) -> None:
    table = client.query("SELECT id, customer FROM orders WHERE id < 0")
    assert table.num_rows == 0
    assert table.schema.names == ["id", "customer"]


def test_large_batches_are_cut_so_that_every_client_takes_them(client: Client) -> None:
    sizes = []
    rows = 0
    for batch in client.stream("SELECT * FROM sales.shop.texts"):
        sizes.append(batch.nbytes)
        rows += batch.num_rows
    assert rows == TEXTS.num_rows
    assert sum(sizes) > 2 * MAX_BATCH_BYTES
    assert max(sizes) <= MAX_BATCH_BYTES


def test_a_prepared_statement_can_be_executed_again_and_again(served: Served) -> None:
    client, options = served.raw()
    answer = prepare(client, options, "SELECT count(*) AS n FROM orders")
    command = sql.CommandPreparedStatementQuery(prepared_statement_handle=prepared_handle(answer))
    ids = set()
    for _ in range(3):
        info = client.get_flight_info(descriptor(command), options)
        table = client.do_get(info.endpoints[0].ticket, options).read_all()
        assert table.to_pydict() == {"n": [100]}
        ids.add(json.loads(info.app_metadata)["query_id"])
    assert len(ids) == 3


def test_preparing_tells_the_schema_and_that_nothing_is_changed(served: Served) -> None:
    client, options = served.raw()
    envelope = commands.Any.FromString(prepare(client, options, "SELECT id FROM orders"))
    result = sql.ActionCreatePreparedStatementResult.FromString(envelope.value)
    schema = pa.ipc.read_schema(pa.py_buffer(result.dataset_schema))
    assert schema.names == ["id"]
    assert len(pa.ipc.read_schema(pa.py_buffer(result.parameter_schema))) == 0
    assert result.HasField("is_update")
    assert not result.is_update


def test_a_closed_prepared_statement_is_gone(served: Served) -> None:
    client, options = served.raw()
    handle = prepared_handle(prepare(client, options, "SELECT 1"))
    request = sql.ActionClosePreparedStatementRequest(prepared_statement_handle=handle)
    list(client.do_action(fl.Action("ClosePreparedStatement", commands.encode(request)), options))
    command = sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)
    with pytest.raises(pa.ArrowKeyError, match="NOT_FOUND"):
        client.get_flight_info(descriptor(command), options)


def test_a_ticket_can_be_read_again_while_it_lives(served: Served) -> None:
    client, options = served.raw()
    command = sql.CommandStatementQuery(query="SELECT count(*) AS n FROM orders")
    ticket = client.get_flight_info(descriptor(command), options).endpoints[0].ticket
    first, second = (client.do_get(ticket, options).read_all() for _ in range(2))
    assert first.equals(second)


def test_renewing_a_ticket_gives_another_one_for_the_same(served: Served) -> None:
    client, options = served.raw()
    command = sql.CommandStatementQuery(query="SELECT 1")
    ticket = client.get_flight_info(descriptor(command), options).endpoints[0].ticket
    endpoint = wire.FlightEndpoint(ticket=wire.Ticket(ticket=ticket.ticket))
    body = wire.RenewFlightEndpointRequest(endpoint=endpoint).SerializeToString()
    (result,) = client.do_action(fl.Action("RenewFlightEndpoint", body), options)
    renewed = wire.FlightEndpoint.FromString(result.body.to_pybytes()).ticket.ticket
    assert client.do_get(fl.Ticket(renewed), options).read_all().num_rows == 1


@pytest.mark.parametrize(
    "path", [("sales", "shop", "orders"), ("sales/shop/orders",), ("sales/shop", "orders")]
)
def test_a_path_reads_the_whole_dataset(served: Served, path: tuple[str, ...]) -> None:
    client, options = served.raw()
    where = fl.FlightDescriptor.for_path(*path)
    info = client.get_flight_info(where, options)
    table = client.do_get(info.endpoints[0].ticket, options).read_all()
    assert table.sort_by("id").equals(ORDERS)
    assert client.get_schema(where, options).schema.equals(ORDERS.schema)


def test_flights_are_the_datasets_one_may_discover(served: Served) -> None:
    client, options = served.raw(BOB)
    found = {b"/".join(info.descriptor.path) for info in client.list_flights(options=options)}
    assert found == {b"sales/shop/orders", b"sales/shop/texts"}


def test_flights_can_be_narrowed_by_a_part_of_the_address(served: Served) -> None:
    client, options = served.raw()
    (info,) = client.list_flights(b"staff/people", options)
    assert info.schema.names == ["id", "name"]


def test_the_report_tells_what_the_query_did(client: Client) -> None:
    client.query("SELECT id FROM ops.probe.plain")
    report = client.report()
    assert report["outcome"] == "completed"
    assert report["rows"] == 3
    assert report["bytes"] > 0
    (fragment,) = report["fragments"]
    assert "plain" in fragment["text"]
    assert {"source", "rows", "bytes", "seconds"} <= set(fragment)


def test_the_report_of_one_query_is_found_by_its_id(served: Served) -> None:
    client, options = served.raw()
    ids = []
    for text in ("SELECT 1", "SELECT 2 UNION ALL SELECT 3"):
        info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options)
        client.do_get(info.endpoints[0].ticket, options).read_all()
        ids.append(json.loads(info.app_metadata)["query_id"])
    with served.client() as other_connection:
        assert [other_connection.report(i)["rows"] for i in ids] == [1, 2]


def test_the_report_of_somebody_else_is_not_told(served: Served) -> None:
    with served.client() as alice, served.client(BOB) as bob:
        alice.query("SELECT 1")
        query_id = alice.report()["query_id"]
        with pytest.raises(ServerError, match="NOT_FOUND"):
            bob.report(query_id)


def test_explain_is_answered_like_a_query(client: Client) -> None:
    table = client.query("EXPLAIN SELECT count(*) FROM orders WHERE id > 5")
    assert table.schema.names == ["item", "source", "text"]
    assert table.num_rows > 0


def test_many_clients_at_once_get_their_own_answers(served: Served) -> None:
    def ask(number: int) -> bool:
        with served.client() as client:
            low = number * 3
            table = client.query(f"SELECT id FROM orders WHERE id > {low} ORDER BY id")
            return bool(table["id"].to_pylist() == list(range(low + 1, 101)))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(32)))
    assert served.service.admission.wait_idle(5)


def test_every_action_listed_is_known(served: Served) -> None:
    client, options = served.raw()
    names = {action.type for action in client.list_actions(options)}
    assert {"CreatePreparedStatement", "CancelFlightInfo", "meshgate.report"} <= names


def test_a_session_has_no_options_and_can_be_closed(served: Served) -> None:
    client, options = served.raw()
    body = wire.SetSessionOptionsRequest()
    body.session_options["tz"].string_value = "UTC"
    action = fl.Action("SetSessionOptions", body.SerializeToString())
    (result,) = client.do_action(action, options)
    errors = wire.SetSessionOptionsResult.FromString(result.body.to_pybytes()).errors
    assert errors["tz"].value == wire.SetSessionOptionsResult.INVALID_NAME
    (closed,) = client.do_action(fl.Action("CloseSession", b""), options)
    assert wire.CloseSessionResult.FromString(closed.body.to_pybytes()).status == 1
