"""From a query to the endpoint: what a gateway tells of the runs of a governed mesh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import event_v2

from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.commands.governed import governed_mesh
from tests.lineage.killing import Receiver, receiving
from tests.lineage.test_events import checked

ANA = Principal("user:ana", ("sales/analyst",), "EU")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def gateway(tmp_path: Path, receiver: Receiver) -> Iterator[Gateway]:
    gateway = Gateway.open(governed_mesh(tmp_path), Config(openlineage_url=receiver.url))
    yield gateway
    gateway.close()


def ask(gateway: Gateway, text: str, purpose: str = "") -> str:
    """Run a query to its end; its id."""
    request = Request(ANA, text, purpose=purpose)
    list(gateway.execute(gateway.prepare(request)).batches)
    return request.id


def told(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """The events, once there are so many; none comes after them."""
    deadline = time.monotonic() + 30
    while len(receiver.events()) < count:
        assert time.monotonic() < deadline, receiver.events()
        time.sleep(0.05)
    time.sleep(0.6)
    events = receiver.events()
    assert len(events) == count
    for event in events:
        checked(event)
    return events


def test_a_masked_and_filtered_read(gateway: Gateway, receiver: Receiver) -> None:
    query = ask(gateway, "SELECT id, upper(email) AS mail FROM sales.orders.lines WHERE id < 9")
    start, end = told(receiver, 2)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    for event in (start, end):
        assert event["run"]["runId"].replace("-", "") == query
        assert event["job"]["namespace"] == "mesh://sales"
        assert "9" not in event["job"]["facets"]["sql"]["query"]
        (lines,) = event["inputs"]
        assert (lines["namespace"], lines["name"]) == ("mesh://sales", "orders/lines@1.0.0")
        policy = event["run"]["facets"]["mesh_policy"]
        assert policy["principal"] == "user:ana"
        assert (policy["rowFilters"], policy["masks"]) == (["eu_only"], ["hash"])
        lineage = event["outputs"][0]["facets"]["columnLineage"]
        assert list(lineage["fields"]) == ["id", "mail"]
        (of_id,) = lineage["fields"]["id"]["inputFields"]
        assert (of_id["name"], of_id["field"]) == ("orders/lines@1.0.0", "id")
        assert [(t["subtype"], t["masking"]) for t in of_id["transformations"]] == [
            ("IDENTITY", False)
        ]
        (of_mail,) = lineage["fields"]["mail"]["inputFields"]
        assert of_mail["field"] == "email"
        assert all(t["masking"] for t in of_mail["transformations"])
        whole = {i["field"]: i["transformations"] for i in lineage["dataset"]}
        assert set(whole) == {"id", "region"}
        assert whole["region"][0]["description"] == "row filter of the policies"
        assert whole["id"][0]["subtype"] == "FILTER"
    assert end["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_what_was_refused_is_not_told(gateway: Gateway, receiver: Receiver) -> None:
    for text in (
        "SELECT ssn FROM sales.orders.lines",
        "SELECT * FROM hr.staff.salaries",
        "SELECT id FROM no.such.thing",
        "SELEC 1",
    ):
        with pytest.raises(GatewayError):
            ask(gateway, text)
    ask(gateway, "SELECT count(*) AS n FROM sales.orders.lines")
    assert [event["eventType"] for event in told(receiver, 2)] == ["START", "COMPLETE"]


def test_runs_that_do_not_complete(gateway: Gateway, receiver: Receiver) -> None:
    lines = "FROM sales.orders.lines"
    prepared = gateway.prepare(Request(ANA, f"SELECT id {lines}"))  # is never executed
    del prepared
    with pytest.raises(GatewayError):
        ask(gateway, f"SELECT 1 / (id - id) AS x {lines}")
    left = gateway.execute(gateway.prepare(Request(ANA, f"SELECT id AS y {lines}")))
    next(left.batches)
    left.batches.close()  # type: ignore[attr-defined]
    unread = gateway.execute(gateway.prepare(Request(ANA, f"SELECT id AS z {lines}")))
    del unread
    events = told(receiver, 8)
    runs: dict[str, list[str]] = {}
    for event in events:
        runs.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert sorted(kinds[1] for kinds in runs.values()) == ["ABORT", "ABORT", "ABORT", "FAIL"]
    assert {kinds[0] for kinds in runs.values()} == {"START"}
    errors = {
        e["run"]["facets"]["errorMessage"]["message"] for e in events if e["eventType"] != "START"
    }
    assert errors == {"abandoned", "cancelled", "failed: ARITHMETIC_ERROR"}
    assert {state.name for state in event_v2.RunState} >= {"START", "COMPLETE", "FAIL", "ABORT"}


def test_a_statement_executed_again_is_another_run(gateway: Gateway, receiver: Receiver) -> None:
    prepared = gateway.prepare(Request(ANA, "SELECT id FROM sales.orders.lines"))
    for _ in range(3):
        list(gateway.execute(prepared).batches)
    events = told(receiver, 6)
    runs = [event["run"]["runId"] for event in events]
    assert len(set(runs)) == 3
    assert len({event["job"]["name"] for event in events}) == 1
