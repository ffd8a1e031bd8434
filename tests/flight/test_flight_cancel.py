"""Nobody wants the answer any more: the work stops, in the source too, and its place is free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as fl
import pytest

from gateway.flight import commands
from gateway.flight.client import Client, ServerError
from gateway.flight.service import Limits
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from tests.flight.serving import ALICE, BOB, Served, descriptor
from tests.flight.sources import Recorder

BLOCKED, ENDLESS = "SELECT id FROM ops.probe.blocked", "SELECT id FROM ops.probe.endless"
REMAINDER = "SELECT a.id FROM ops.probe.blocked a JOIN sales.shop.orders b ON a.id = b.id"
STOP_SECONDS = 3.0
"""Polling takes 0.05 s; the rest is for a busy machine. A missed cancellation takes 20 s."""


@pytest.mark.parametrize("text", [BLOCKED, REMAINDER], ids=["one fragment", "remainder"])
def test_a_client_that_cancels_before_the_first_batch_stops_the_source(
    served: Served, recorder: Recorder, text: str
) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    recorder.wait("blocked", "started", 5)
    left = time.monotonic()
    reader.cancel()
    assert recorder.wait("blocked", "stopped", STOP_SECONDS) - left < STOP_SECONDS
    assert served.service.admission.wait_idle(STOP_SECONDS)


def test_a_client_that_cancels_in_the_middle_stops_the_source(
    served: Served, recorder: Recorder
) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=ENDLESS)), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    reader.read_chunk()
    reader.cancel()
    recorder.wait("endless", "stopped", STOP_SECONDS)
    assert served.service.admission.wait_idle(STOP_SECONDS)
    with served.client() as other:
        assert other.report()["outcome"] == "cancelled"


def test_a_deadline_stops_the_source(served: Served, recorder: Recorder) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=BLOCKED)), options)
    header = client.authenticate_basic_token(*ALICE)
    hasty = fl.FlightCallOptions(headers=[header], timeout=0.3)
    with pytest.raises(fl.FlightTimedOutError):
        client.do_get(info.endpoints[0].ticket, hasty).read_chunk()
    recorder.wait("blocked", "stopped", STOP_SECONDS)


CHILD = """
import sys
from gateway.flight.client import Client
rows = Client(sys.argv[1], sys.argv[2], sys.argv[3]).stream(sys.argv[4])
print("reading", flush=True)
for batch in rows:
    pass
"""


@pytest.mark.parametrize("table", ["blocked", "endless"])
def test_a_client_that_is_killed_stops_the_source(
    served: Served, recorder: Recorder, table: str
) -> None:
    text = f"SELECT id FROM ops.probe.{table}"
    child = subprocess.Popen([sys.executable, "-c", CHILD, served.uri, *ALICE, text])
    try:
        recorder.wait(table, "started", 20)
        time.sleep(0.2)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
    recorder.wait(table, "stopped", STOP_SECONDS)
    assert served.service.admission.wait_idle(STOP_SECONDS)


@pytest.mark.parametrize("action", ["CancelFlightInfo", "CancelQuery"])
@pytest.mark.parametrize("table", ["blocked", "endless"])
def test_the_cancel_actions_stop_a_running_query(
    served: Served, recorder: Recorder, action: str, table: str
) -> None:
    client, options = served.raw()
    query = sql.CommandStatementQuery(query=f"SELECT id FROM ops.probe.{table}")
    info = client.get_flight_info(descriptor(query), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    recorder.wait(table, "started", 5)
    body = _cancel_body(action, info)
    (result,) = client.do_action(fl.Action(action, body), options)
    assert result.body.size
    recorder.wait(table, "stopped", STOP_SECONDS)
    with pytest.raises(fl.FlightCancelledError, match="CANCELLED"):
        while True:
            reader.read_chunk()


def test_cancelling_stops_a_query_whose_client_does_not_read(
    served: Served, recorder: Recorder
) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=ENDLESS)), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    recorder.wait("endless", "started", 5)
    time.sleep(0.5)  # until the windows of the connection are full
    body = _cancel_body("CancelFlightInfo", info)
    (result,) = client.do_action(fl.Action("CancelFlightInfo", body), options)
    status = wire.CancelFlightInfoResult.FromString(result.body.to_pybytes()).status
    assert status == wire.CANCEL_STATUS_CANCELLED
    recorder.wait("endless", "stopped", STOP_SECONDS)
    reader.cancel()


def test_nobody_cancels_the_query_of_another(served: Served, recorder: Recorder) -> None:
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=BLOCKED)), options)
    reader = client.do_get(info.endpoints[0].ticket, options)
    recorder.wait("blocked", "started", 5)
    bob, bobs = served.raw(BOB)
    body = _cancel_body("CancelFlightInfo", info)
    with pytest.raises(KeyError):
        list(bob.do_action(fl.Action("CancelFlightInfo", body), bobs))
    assert served.service.admission.running == 1
    reader.cancel()
    assert served.service.admission.wait_idle(STOP_SECONDS)


def test_adbc_cancels_a_running_query(served: Served, recorder: Recorder) -> None:
    login = {"username": ALICE[0], "password": ALICE[1]}
    with adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(BLOCKED)
        recorder.wait("blocked", "started", 5)
        threading.Timer(0.2, cursor.adbc_cancel).start()
        with pytest.raises(adbc.OperationalError, match="CANCELLED"):
            cursor.fetch_arrow_table()
        recorder.wait("blocked", "stopped", STOP_SECONDS)
        cursor.close()


def test_one_too_many_is_refused_with_a_hint_to_try_again(mesh: Path) -> None:
    limits = Limits(streams=3, streams_per_principal=2)
    small = Served(mesh, limits)
    try:
        client, options = small.raw()
        held = [_open(client, options) for _ in range(2)]
        with pytest.raises(fl.FlightUnavailableError, match="one may") as caught:
            _open(client, options).read_chunk()
        assert b'"retryable": true' in caught.value.extra_info
        with small.client(BOB) as bob:
            assert bob.query("SELECT 1").num_rows == 1
        for reader in held:
            reader.cancel()
        assert small.service.admission.wait_idle(STOP_SECONDS)
        with small.client() as again:
            assert again.query("SELECT 1").num_rows == 1
    finally:
        small.close()


def test_leaving_the_result_of_our_client_cancels_it(client: Client, recorder: Recorder) -> None:
    with client.stream(ENDLESS) as rows:
        next(iter(rows))
    recorder.wait("endless", "stopped", STOP_SECONDS)


def test_a_draining_server_refuses_new_work_and_stops_the_old_when_time_is_over(
    mesh: Path, recorder: Recorder
) -> None:
    served = Served(mesh)
    client, options = served.raw()
    reader = _open(client, options)
    with served.client() as other:
        drained: list[bool] = []
        draining = threading.Thread(target=lambda: drained.append(served.server.drain(0.5)))
        draining.start()
        time.sleep(0.2)
        with pytest.raises(ServerError, match="shutting down"):
            other.query("SELECT 1")
    with pytest.raises(fl.FlightCancelledError, match="the gateway is stopping"):
        while True:
            reader.read_chunk()
    draining.join(20)
    assert drained == [True]
    served.gateway.close()


def test_a_gateway_in_a_hurry_does_not_wait_for_running_queries(
    mesh: Path, recorder: Recorder
) -> None:
    served = Served(mesh)
    client, options = served.raw()
    readers = [_open(client, options) for _ in range(3)]
    threading.Timer(0.2, served.service.admission.hurry).start()
    started = time.monotonic()
    assert served.server.drain(60)
    assert time.monotonic() - started < 10
    for reader in readers:
        with pytest.raises(fl.FlightCancelledError, match="the gateway is stopping"):
            reader.read_chunk()
    served.gateway.close()


def _open(client: fl.FlightClient, options: fl.FlightCallOptions) -> fl.FlightStreamReader:
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=BLOCKED)), options)
    return client.do_get(info.endpoints[0].ticket, options)


def _cancel_body(action: str, info: fl.FlightInfo) -> bytes:
    parsed = wire.FlightInfo.FromString(info.serialize())
    if action == "CancelFlightInfo":
        return wire.CancelFlightInfoRequest(info=parsed).SerializeToString()
    return commands.encode(sql.ActionCancelQueryRequest(info=info.serialize()))
