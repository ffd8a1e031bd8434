"""A client names its query, and stops it by that name from another connection."""

from __future__ import annotations

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.flight.wire import flightsql_pb2 as sql
from gateway.serving.named_queries import HEADER
from tests.flight.serving import ALICE, BOB, Served, descriptor
from tests.flight.sources import Recorder

BLOCKED = "SELECT id FROM ops.probe.blocked"
STOP_SECONDS = 3.0


def cancel(served: Served, name: str, user: tuple[str, str] = ALICE) -> bytes:
    client, options = served.raw(user)
    (result,) = client.do_action(fl.Action("meshgate.cancel", name.encode()), options)
    return bytes(result.body.to_pybytes())


def start(
    served: Served, *names: str, user: tuple[str, str] = ALICE, text: str = BLOCKED
) -> fl.FlightStreamReader:
    client = fl.FlightClient(served.uri)
    headers = [client.authenticate_basic_token(*user)]
    headers += [(HEADER.encode(), name.encode()) for name in names]
    options = fl.FlightCallOptions(headers=headers, timeout=20)
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options)
    return client.do_get(info.endpoints[0].ticket, options)


def test_another_connection_stops_a_query_by_its_name(served: Served, recorder: Recorder) -> None:
    login = {"username": ALICE[0], "password": ALICE[1]}
    with adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection:
        cursor = connection.cursor()
        option = f"adbc.flight.sql.rpc.call_header.{HEADER}"
        cursor.adbc_statement.set_options(**{option: "report-7"})
        cursor.execute(BLOCKED)
        recorder.wait("blocked", "started", 5)
        assert cancel(served, "report-7") == b"stopped"
        with pytest.raises(adbc.OperationalError, match="the query was cancelled"):
            cursor.fetchall()
        recorder.wait("blocked", "stopped", STOP_SECONDS)
        with pytest.raises(adbc.OperationalError, match="the query was cancelled"):
            cursor.execute("SELECT 1")  # the next statement of what was stopped
        cursor.close()


def test_only_the_principals_own_are_stopped(served: Served, recorder: Recorder) -> None:
    reader = start(served, "shared")
    recorder.wait("blocked", "started", 5)
    assert cancel(served, "shared", BOB) == b"not running"
    assert cancel(served, "other") == b"not running"
    assert served.service.admission.running == 1
    reader.cancel()
    assert served.service.admission.wait_idle(STOP_SECONDS)


def test_what_comes_after_the_end_of_its_name_does_not_run(served: Served) -> None:
    assert cancel(served, "early") == b"not running"
    with pytest.raises(fl.FlightCancelledError, match="CANCELLED"):
        start(served, "early", text="SELECT 1")
    assert start(served, "early", user=BOB, text="SELECT 1").read_all().num_rows == 1
    assert start(served, "later", text="SELECT 1").read_all().num_rows == 1


def test_a_query_that_ends_while_its_plan_is_made_is_not_read(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    headers = [client.authenticate_basic_token(*ALICE), (HEADER.encode(), b"between")]
    options = fl.FlightCallOptions(headers=headers, timeout=20)
    query = descriptor(sql.CommandStatementQuery(query="SELECT 1"))
    info = client.get_flight_info(query, options)
    assert cancel(served, "between") == b"not running"
    with pytest.raises(fl.FlightCancelledError, match="CANCELLED"):
        client.do_get(info.endpoints[0].ticket, options).read_all()


@pytest.mark.parametrize("names", [("a b",), ("x" * 129,), ("one", "two")])
def test_what_is_no_name_is_refused(served: Served, names: tuple[str, ...]) -> None:
    with pytest.raises((pa.ArrowInvalid, fl.FlightError), match=r"name of a query|more than one"):
        start(served, *names, text="SELECT 1").read_all()
    if len(names) == 1:
        with pytest.raises(pa.ArrowInvalid, match="name of a query"):
            cancel(served, names[0])
