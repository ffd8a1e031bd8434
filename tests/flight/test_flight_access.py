"""Who gets in, and what belongs to whom: passwords, tokens, tickets, prepared statements."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from argon2 import extract_parameters

from gateway.errors import CatalogueError, Unauthenticated
from gateway.flight import commands
from gateway.flight.authentication import Authenticator
from gateway.flight.client import Client, ServerError
from gateway.flight.sessions import Sessions
from gateway.flight.tickets import Tickets
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity import users
from gateway.identity.identity import Identity
from gateway.identity.users import HASHER, add_user, remove_user
from tests.flight.serving import ALICE, BOB, Served, descriptor
from tests.identity.clocks import Hasty, Still

QUERY = sql.CommandStatementQuery(query="SELECT count(*) AS n FROM orders")


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_nobody_gets_in_without_credentials(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    for call in (
        lambda: client.get_flight_info(descriptor(QUERY)),
        lambda: list(client.list_flights()),
        lambda: list(client.do_action("meshgate.report")),
        lambda: client.list_actions(),
        lambda: client.do_get(fl.Ticket(b"x")).read_all(),
    ):
        with pytest.raises(fl.FlightUnauthenticatedError, match="credentials are missing"):
            call()


def test_a_wrong_password_and_an_unknown_user_look_the_same(served: Served) -> None:
    answers = []
    for user in ((ALICE[0], "guess"), ("mallory", "guess"), ("", ""), (ALICE[0], "x" * 5000)):
        with pytest.raises(ServerError) as caught:
            served.client(user)
        answers.append(str(caught.value))
    assert len(set(answers)) == 1


@pytest.fixture
def private(tmp_path: Path) -> Path:
    add_user(tmp_path, "eve", ["a/b"], "first")
    return tmp_path


class Counting:
    """Argon2 as it is used, with the hashes that passwords were compared with."""

    def __init__(self) -> None:
        self.compared: list[str] = []

    def verify(self, password_hash: str, password: str) -> bool:
        self.compared.append(password_hash)
        return HASHER.verify(password_hash, password)


@pytest.fixture
def argon2(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(users, "HASHER", counting)
    return counting


def test_an_unknown_user_takes_as_long_as_a_wrong_password(
    served: Served, argon2: Counting
) -> None:
    """Both are compared once, with hashes that are equally dear to compute."""
    for user in (ALICE[0], "mallory"):
        with pytest.raises(Unauthenticated):
            served.authenticator.principal(basic(user, "guess again"))
    known, unknown = argon2.compared
    assert known != unknown
    assert extract_parameters(known) == extract_parameters(unknown)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer ",
        "Bearer nonsense",
        "Bearer alice:",
        "Bearer alice:////",
        "Bearer alice:" + "A" * 24,
        "Bearer alice:ü",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + "A" * 100_000,
        "Negotiate abc",
        "",
    ],
)
def test_a_malformed_header_is_unauthenticated(served: Served, header: str) -> None:
    with pytest.raises(Unauthenticated):
        served.authenticator.principal(header)


def test_basic_on_every_call_is_verified_once(private: Path, argon2: Counting) -> None:
    authenticator = Authenticator(Identity(private))
    for _ in range(20):
        assert authenticator.principal(basic("eve", "first")).name == "user:eve"
    assert len(argon2.compared) == 1


def test_basic_without_padding_is_understood(served: Served) -> None:
    header = basic(*BOB).rstrip("=")
    assert served.authenticator.principal(header).name == "user:bob"


def test_a_session_expires(private: Path) -> None:
    clock = Still()
    authenticator = Authenticator(Identity(private))
    authenticator.sessions = Sessions(10.0, clock)
    token = authenticator.open_session(basic("eve", "first"))
    for _ in range(3):  # it counts from the last use
        clock.now += 9
        assert authenticator.principal(token).name == "user:eve"
    clock.now += 11
    with pytest.raises(Unauthenticated, match="expired"):
        authenticator.principal(token)


def test_a_session_does_not_survive_the_server(private: Path) -> None:
    token = Authenticator(Identity(private)).open_session(basic("eve", "first"))
    with pytest.raises(Unauthenticated):
        Authenticator(Identity(private)).principal(token)


@pytest.mark.parametrize("change", ["password", "removal"])
def test_a_changed_user_loses_sessions_and_remembered_passwords(private: Path, change: str) -> None:
    authenticator = Authenticator(Identity(private, Hasty()))
    token = authenticator.open_session(basic("eve", "first"))
    if change == "password":
        add_user(private, "eve", ["a/b"], "second", replace=True)
    else:
        remove_user(private, "eve")
    for header in (token, basic("eve", "first")):
        with pytest.raises(Unauthenticated):
            authenticator.principal(header)


def test_a_new_role_counts_in_an_open_session(private: Path) -> None:
    authenticator = Authenticator(Identity(private, Hasty()))
    token = authenticator.open_session(basic("eve", "first"))
    text = (private / "users.toml").read_text()
    (private / "users.toml").write_text(text.replace('"a/b"', '"a/b", "c/d"'))
    assert authenticator.principal(token).roles == ("a/b", "c/d")


def test_a_broken_user_file_lets_nobody_in(private: Path) -> None:
    authenticator = Authenticator(Identity(private, Hasty()))
    token = authenticator.open_session(basic("eve", "first"))
    (private / "users.toml").write_text("[users")
    for header in (token, basic("eve", "first")):
        with pytest.raises(Unauthenticated):
            authenticator.principal(header)
    with pytest.raises(CatalogueError):
        Identity(private)


def test_the_ticket_of_somebody_else_is_not_found(served: Served) -> None:
    client, options = served.raw()
    ticket = client.get_flight_info(descriptor(QUERY), options).endpoints[0].ticket
    bob, bobs = served.raw(BOB)
    with pytest.raises(pa.ArrowKeyError, match="NOT_FOUND"):
        bob.do_get(ticket, bobs).read_all()
    assert client.do_get(ticket, options).read_all().num_rows == 1


def test_the_prepared_statement_of_somebody_else_is_not_found(served: Served) -> None:
    client, options = served.raw()
    body = commands.encode(sql.ActionCreatePreparedStatementRequest(query="SELECT 1"))
    (result,) = client.do_action(fl.Action("CreatePreparedStatement", body), options)
    envelope = commands.Any.FromString(result.body.to_pybytes())
    handle = sql.ActionCreatePreparedStatementResult.FromString(
        envelope.value
    ).prepared_statement_handle
    bob, bobs = served.raw(BOB)
    query = sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)
    with pytest.raises(pa.ArrowKeyError, match="NOT_FOUND"):
        bob.get_flight_info(descriptor(query), bobs)
    close = sql.ActionClosePreparedStatementRequest(prepared_statement_handle=handle)
    list(bob.do_action(fl.Action("ClosePreparedStatement", commands.encode(close)), bobs))
    assert client.get_flight_info(descriptor(query), options).schema


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def strict(mesh: Path, clock: Still) -> Iterator[Served]:
    """Two tickets for each, which last ten seconds of the clock."""
    served = Served(mesh)
    served.service.tickets = Tickets(ttl_seconds=10.0, per_owner=2, clock=clock)
    yield served
    served.close()


def test_an_expired_ticket_is_not_found(strict: Served, clock: Still) -> None:
    client, options = strict.raw()
    ticket = client.get_flight_info(descriptor(QUERY), options).endpoints[0].ticket
    assert client.do_get(ticket, options).read_all().num_rows == 1
    clock.now += 11
    with pytest.raises(pa.ArrowKeyError, match="expired"):
        client.do_get(ticket, options).read_all()


def test_the_oldest_of_too_many_tickets_is_dropped(strict: Served) -> None:
    client, options = strict.raw()
    tickets = [
        client.get_flight_info(descriptor(QUERY), options).endpoints[0].ticket for _ in range(3)
    ]
    with pytest.raises(pa.ArrowKeyError):
        client.do_get(tickets[0], options).read_all()
    assert client.do_get(tickets[2], options).read_all().num_rows == 1


def test_a_hidden_dataset_and_a_missing_one_look_the_same(served: Served) -> None:
    def answer(ask: Callable[[Client], object]) -> str:
        with served.client(BOB) as client, pytest.raises(ServerError) as caught:
            ask(client)
        return str(caught.value)

    hidden = answer(lambda c: c.query("SELECT * FROM hr.staff.people"))
    missing = answer(lambda c: c.query("SELECT * FROM hr.staff.peepul"))
    assert hidden == missing.replace("peepul", "people")


def test_a_hidden_path_and_a_missing_one_look_the_same(served: Served) -> None:
    client, options = served.raw(BOB)
    answers = []
    for name in ("people", "peepul"):
        path = fl.FlightDescriptor.for_path("hr", "staff", name)
        with pytest.raises(pa.ArrowKeyError) as caught:
            client.get_flight_info(path, options)
        answers.append(str(caught.value).replace(name, "NAME"))
    assert answers[0] == answers[1]


def test_datasets_are_listed_by_right(served: Served) -> None:
    with served.client() as alice, served.client(BOB) as bob:
        assert "hr.staff.people" in alice.datasets()
        assert bob.datasets() == ["sales.shop.orders", "sales.shop.texts"]
