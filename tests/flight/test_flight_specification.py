"""docs/flight-sql.md against the protocol, and the server against docs/flight-sql.md."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.flight import actions, commands
from gateway.flight.wire import flightsql_pb2 as sql
from tests.flight.serving import ORDERS, Served, descriptor

DOCS = Path(__file__).parents[2] / "docs" / "flight-sql.md"

# The lists of the protocol's own files, as of Arrow 22 (2026).
RPCS = (
    *("Handshake", "ListFlights", "GetFlightInfo", "PollFlightInfo", "GetSchema", "DoGet"),
    *("DoPut", "DoExchange", "DoAction", "ListActions"),
)
COMMANDS = (
    *("CommandGetSqlInfo", "CommandGetXdbcTypeInfo", "CommandGetCatalogs", "CommandGetDbSchemas"),
    *("CommandGetTables", "CommandGetTableTypes", "CommandGetPrimaryKeys"),
    *("CommandGetExportedKeys", "CommandGetImportedKeys", "CommandGetCrossReference"),
    *("CommandStatementQuery", "CommandStatementSubstraitPlan", "CommandPreparedStatementQuery"),
    *("CommandStatementUpdate", "CommandPreparedStatementUpdate", "CommandStatementIngest"),
)
ACTIONS = (
    *("CreatePreparedStatement", "CreatePreparedSubstraitPlan", "ClosePreparedStatement"),
    *("BeginTransaction", "BeginSavepoint", "EndTransaction", "EndSavepoint", "CancelQuery"),
    *("CancelFlightInfo", "RenewFlightEndpoint"),
    *("SetSessionOptions", "GetSessionOptions", "CloseSession"),
)
OURS = ("meshgate.report", "meshgate.cancel", "meshgate.refresh")


def table(title: str) -> dict[str, str]:
    """The rows of one table of the page: name and what is said of it."""
    part = DOCS.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", part, re.MULTILINE))


def test_the_page_has_every_row() -> None:
    assert set(table("RPCs")) == set(RPCS)
    assert set(table("Commands")) == set(COMMANDS)
    assert set(table("Actions")) == {*ACTIONS, *OURS} == set(actions.ACTIONS)


def test_every_command_of_the_protocol_is_known() -> None:
    assert set(COMMANDS) <= set(commands.MESSAGES)
    requests = {name for name in commands.MESSAGES if name.startswith("Action")}
    assert requests == {
        f"Action{name}Request" for name in ACTIONS[:8] if name not in {"CancelFlightInfo"}
    }


@pytest.mark.parametrize("name", [n for n, said in table("Commands").items() if "refused" in said])
def test_a_refused_command_is_refused_cleanly(served: Served, name: str) -> None:
    client, options = served.raw()
    message = commands.MESSAGES[name]()
    writer, reader = client.do_put(descriptor(message), ORDERS.schema, options)
    with pytest.raises(pa.ArrowNotImplementedError, match=r"UNSUPPORTED.*only reads") as caught:
        writer.done_writing()
        reader.read()
        writer.close()
    assert "Traceback" not in str(caught.value)
    with pytest.raises(pa.ArrowNotImplementedError, match="UNSUPPORTED"):
        client.get_flight_info(descriptor(message), options)


@pytest.mark.parametrize("name", [n for n, said in table("Actions").items() if "refused" in said])
def test_a_refused_action_is_refused_cleanly(served: Served, name: str) -> None:
    client, options = served.raw()
    body = commands.encode(commands.MESSAGES[f"Action{name}Request"]())
    with pytest.raises(pa.ArrowNotImplementedError, match=r"no transactions.*autocommit"):
        list(client.do_action(fl.Action(name, body), options))


@pytest.mark.parametrize("name", [n for n in COMMANDS if n.startswith("CommandGet")])
def test_an_answered_command_of_metadata_is_answered(served: Served, name: str) -> None:
    client, options = served.raw()
    message = commands.MESSAGES[name]()
    info = client.get_flight_info(descriptor(message), options)
    answer = client.do_get(info.endpoints[0].ticket, options).read_all()
    assert answer.schema.equals(info.schema)
    assert client.get_schema(descriptor(message), options).schema.equals(info.schema)


def test_actions_are_listed_with_what_they_do(served: Served) -> None:
    client, options = served.raw()
    listed = {action.type: action.description for action in client.list_actions(options)}
    assert set(listed) == {*ACTIONS, *OURS}
    for name, said in table("Actions").items():
        assert listed[name].startswith("refused") is said.startswith("refused")


@pytest.mark.parametrize("kind", [sql.CommandStatementQuery, sql.CommandStatementSubstraitPlan])
def test_a_transaction_in_a_command_is_refused(served: Served, kind: type) -> None:
    client, options = served.raw()
    with pytest.raises(pa.ArrowNotImplementedError, match="no transactions"):
        client.get_flight_info(descriptor(kind(transaction_id=b"1")), options)
