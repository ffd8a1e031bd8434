"""The option `timeout`: a query that takes longer stops, in the source too, and says why."""

from __future__ import annotations

import time

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as fl
import pytest

from gateway.flight.client import Client, ServerError
from gateway.flight.wire import flightsql_pb2 as sql
from tests.flight.serving import ALICE, Served, descriptor
from tests.flight.sources import Recorder

STOP_SECONDS = 3.0
BLOCKED, ENDLESS = "SELECT id FROM ops.probe.blocked", "SELECT id FROM ops.probe.endless"
REMAINDER = "SELECT a.id FROM ops.probe.blocked a JOIN sales.shop.orders b ON a.id = b.id"
GROUPED = "SELECT count(*) FROM ops.probe.endless a JOIN sales.shop.orders b ON a.id = b.id"


@pytest.mark.parametrize(
    ("text", "verify"),
    [(BLOCKED, ""), (ENDLESS, ""), (REMAINDER, ""), (GROUPED, ""), (BLOCKED, "true")],
    ids=["blocked", "endless", "remainder", "grouped", "verified"],
)
def test_a_query_that_takes_too_long_is_stopped(
    served: Served, recorder: Recorder, text: str, verify: str
) -> None:
    table = "endless" if "endless" in text else "blocked"
    options = {"timeout": "300ms", "verify": verify}
    with Client(served.uri, *ALICE, options=options) as client:
        began = time.monotonic()
        with pytest.raises(ServerError, match=r"within 0\.3 seconds") as caught:
            client.query(text)
        assert 0.3 <= time.monotonic() - began < STOP_SECONDS
        recorder.wait(table, "stopped", STOP_SECONDS)
        assert served.service.admission.wait_idle(STOP_SECONDS)
        assert caught.value.code == "TIMEOUT"
        assert client.report()["outcome"] == "failed: TIMEOUT"


def test_its_status_is_deadline_exceeded(served: Served) -> None:
    client, _ = served.raw()
    headers = [*options_headers(client), (b"timeout", b"100ms")]
    call = fl.FlightCallOptions(headers=headers, timeout=20)
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=BLOCKED)), call)
    with pytest.raises(fl.FlightTimedOutError, match="TIMEOUT") as caught:
        client.do_get(info.endpoints[0].ticket, call).read_all()
    assert b'"code": "TIMEOUT"' in caught.value.extra_info
    assert "Traceback" not in str(caught.value)


def options_headers(client: fl.FlightClient) -> list[tuple[bytes, bytes]]:
    return [client.authenticate_basic_token(*ALICE)]


def test_adbc_sets_it_for_its_session(served: Served) -> None:
    prefix = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
    login = {"username": ALICE[0], "password": ALICE[1]}
    with adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection:
        connection.adbc_connection.set_options(**{prefix + "timeout": "200ms"})
        with connection.cursor() as cursor, pytest.raises(adbc.Error, match="TIMEOUT"):
            cursor.execute(BLOCKED)
            cursor.fetchall()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM orders")
            assert cursor.fetchall() == [(100,)]


def test_it_stops_a_query_whose_client_does_not_read(served: Served, recorder: Recorder) -> None:
    client, _ = served.raw()
    headers = [*options_headers(client), (b"x-meshgate-timeout", b"0.5")]
    call = fl.FlightCallOptions(headers=headers, timeout=20)
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=ENDLESS)), call)
    reader = client.do_get(info.endpoints[0].ticket, call)
    recorder.wait("endless", "started", 5)
    recorder.wait("endless", "stopped", STOP_SECONDS)
    with pytest.raises(fl.FlightTimedOutError, match="TIMEOUT"):
        reader.read_all()


@pytest.mark.parametrize("timeout", ["0", "", "60"])
def test_without_a_limit_or_within_it_nothing_stops(served: Served, timeout: str) -> None:
    with Client(served.uri, *ALICE, options={"timeout": timeout}) as client:
        assert client.query("SELECT count(*) AS n FROM texts").to_pydict() == {"n": [4000]}
