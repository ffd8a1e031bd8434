"""Purposes over the wire: by header, by session, by cookie; and where they do not come from."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from connectors import memory
from gateway.cli import main
from gateway.flight.client import Client, ServerError
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity.users import UserStore
from tests.flight.purposes import ANN, BEN, EVE, KEY, STORE, build
from tests.flight.serving import Served, descriptor

VISITS = "SELECT count(*) AS n FROM visits"
OPTION = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value + "purpose"
ERASE = adbc_driver_flightsql.ConnectionOptions.OPTION_ERASE_SESSION_OPTION_PREFIX.value
OPTIONS = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTIONS.value
HEADER = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
COOKIES = adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value
AUTHORIZATION = adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build(tmp_path_factory.mktemp("clinic"))
    memory.forget(STORE)


def connect(served: Served, user: tuple[str, str] = ANN, **options: str) -> adbc.Connection:
    login = {"username": user[0], "password": user[1], **options}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


def with_token(served: Served, token: str, **options: str) -> adbc.Connection:
    login = {AUTHORIZATION: f"Bearer {token}", **options}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


def count(connection: adbc.Connection, text: str = VISITS) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text)
        (n,) = cursor.fetchone()
        return int(n)


def ask(
    client: fl.FlightClient, text: str, *headers: tuple[bytes, bytes]
) -> tuple[fl.FlightInfo, fl.FlightCallOptions]:
    options = fl.FlightCallOptions(headers=list(headers), timeout=20)
    return client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options), (
        options
    )


def login(client: fl.FlightClient, user: tuple[str, str] = ANN) -> tuple[bytes, bytes]:
    header: tuple[bytes, bytes] = client.authenticate_basic_token(*user)
    return header


def test_without_a_purpose_what_needs_one_says_so(served: Served) -> None:
    with served.client(ANN) as client:
        with pytest.raises(ServerError, match="PURPOSE_REQUIRED"):
            client.query(VISITS)
        assert "clinic.ward.visits" not in client.datasets()


@pytest.mark.parametrize("name", [b"x-meshgate-purpose", b"purpose"])
def test_a_header_declares_a_purpose(served: Served, name: bytes) -> None:
    client = fl.FlightClient(served.uri)
    info, options = ask(client, VISITS, login(client), (name, b"care"))
    assert client.do_get(info.endpoints[0].ticket, options).read_all().to_pydict() == {"n": [3]}


def test_a_client_declares_a_purpose_for_everything(served: Served) -> None:
    with Client(served.uri, *ANN, purpose="care") as client:
        assert client.query(VISITS).to_pydict() == {"n": [3]}
        assert "clinic.ward.visits" in client.datasets()


@pytest.mark.parametrize("purpose", ["marketing", "billing2", "CARE", "all"])
def test_a_purpose_that_is_not_granted_is_refused_alike(served: Served, purpose: str) -> None:
    with (
        Client(served.uri, *ANN, purpose=purpose) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.query("SELECT 1")
    assert caught.value.code == "PURPOSE_NOT_GRANTED"
    assert caught.value.message == f"the purpose {purpose} is not granted to you"


def test_no_traceback_leaves_when_a_schema_is_refused(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    headers = [login(client), (b"x-meshgate-purpose", b"marketing")]
    query = descriptor(sql.CommandStatementQuery(query="SELECT 1"))
    with pytest.raises(pa.ArrowException) as caught:
        client.get_schema(query, fl.FlightCallOptions(headers=headers))
    assert "[PURPOSE_NOT_GRANTED] the purpose marketing is not granted" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert ".py" not in str(caught.value)


def test_an_identity_can_restrict_what_may_be_declared(served: Served) -> None:
    with Client(served.uri, *BEN, purpose="billing") as client:
        assert client.query(VISITS).to_pydict() == {"n": [3]}
    with Client(served.uri, *BEN, purpose="care") as client, pytest.raises(ServerError):
        client.query(VISITS)
    with Client(served.uri, *EVE, purpose="care") as client, pytest.raises(ServerError):
        client.datasets()


@pytest.mark.parametrize("purpose", ["a b", "care|billing", "*", "care,billing", "x" * 201, "../x"])
def test_what_is_no_name_is_refused(served: Served, purpose: str) -> None:
    client = fl.FlightClient(served.uri)
    with pytest.raises(pa.ArrowInvalid, match="INVALID_REQUEST"):
        ask(client, "SELECT 1", login(client), (b"x-meshgate-purpose", purpose.encode()))


def test_two_purposes_at_once_are_refused(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    twice = [(b"purpose", b"care"), (b"purpose", b"billing")]
    with pytest.raises(pa.ArrowInvalid, match="more than one"):
        ask(client, "SELECT 1", login(client), *twice)


@pytest.mark.parametrize("name", [b"x-meshgate-region", b"x-meshgate-principal"])
def test_a_header_that_would_say_who_asks_is_refused(served: Served, name: bytes) -> None:
    client = fl.FlightClient(served.uri)
    with pytest.raises(pa.ArrowInvalid, match=r"there is no option .* there are purpose, "):
        ask(client, "SELECT 1 AS n", login(client), (name, b"EU"))
    query = (b"x-meshgate-query", b"6f9b")
    ask(client, "SELECT 1 AS n", login(client), query)


def test_a_region_does_not_come_from_a_header(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    with pytest.raises(pa.ArrowKeyError, match="UNKNOWN_DATASET"):
        ask(client, "SELECT * FROM plans", login(client), (b"region", b"EU"))
    with served.client(BEN) as ben:
        assert ben.query("SELECT count(*) AS n FROM plans").to_pydict() == {"n": [3]}


def test_adbc_declares_a_purpose_by_header(served: Served) -> None:
    with connect(served, **{HEADER + "x-meshgate-purpose": "care"}) as connection:
        assert count(connection) == 3


def test_adbc_sets_and_erases_the_purpose_of_its_session(served: Served) -> None:
    with connect(served) as connection:
        native = connection.adbc_connection
        with pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"):
            count(connection)
        native.set_options(**{OPTION: "care"})
        assert count(connection) == 3
        assert '"purpose":"care"' in native.get_option(OPTIONS)
        native.set_options(**{ERASE + "purpose": ""})
        with pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"):
            count(connection)
        with connect(served) as other, pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"):
            count(other)


@pytest.mark.parametrize("purpose", ["marketing", "a b", "*"])
def test_a_session_does_not_take_a_purpose_that_is_not_granted(
    served: Served, purpose: str
) -> None:
    with connect(served) as connection:
        with pytest.raises(adbc.Error, match=r"(?i)invalid.value"):
            connection.adbc_connection.set_options(**{OPTION: purpose})
        assert count(connection, "SELECT count(*) FROM reports") == 3


def test_a_header_wins_over_the_session(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    header = login(client)
    set_options(client, [header], "care")
    assert ask(client, VISITS, header)
    with pytest.raises(fl.FlightUnauthorizedError, match="marketing"):
        ask(client, VISITS, header, (b"x-meshgate-purpose", b"marketing"))


def test_a_token_with_cookies_keeps_a_purpose(served: Served) -> None:
    token = KEY.sign(groups=["all"], purposes=["care"])
    with with_token(served, token, **{COOKIES: "true"}) as connection:
        connection.adbc_connection.set_options(**{OPTION: "care"})
        assert count(connection) == 3
        with (
            with_token(served, token) as other,
            pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"),
        ):
            count(other)


class Cookies(fl.ClientMiddlewareFactory):  # type: ignore[misc]
    """Keeps what the server sets, as a browser would."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def start_call(self, info: fl.CallInfo) -> fl.ClientMiddleware:
        factory = self

        class Keep(fl.ClientMiddleware):  # type: ignore[misc]
            def received_headers(self, headers: dict[str, list[str]]) -> None:
                factory.received += headers.get("set-cookie", [])

        return Keep()

    @property
    def header(self) -> tuple[bytes, bytes]:
        return b"cookie", self.received[-1].partition(";")[0].encode()


def set_options(
    client: fl.FlightClient, headers: list[tuple[bytes, bytes]], purpose: object, name: str = ""
) -> dict[str, int]:
    request = wire.SetSessionOptionsRequest()
    value = request.session_options[name or "purpose"]
    if isinstance(purpose, bool):
        value.bool_value = purpose
    elif purpose is not None:
        value.string_value = str(purpose)
    action = fl.Action("SetSessionOptions", request.SerializeToString())
    (result,) = client.do_action(action, fl.FlightCallOptions(headers=headers))
    parsed = wire.SetSessionOptionsResult.FromString(result.body.to_pybytes())
    return {key: error.value for key, error in parsed.errors.items()}


def get_options(client: fl.FlightClient, headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    options = fl.FlightCallOptions(headers=headers)
    (result,) = client.do_action(fl.Action("GetSessionOptions", b""), options)
    parsed = wire.GetSessionOptionsResult.FromString(result.body.to_pybytes())
    return {key: value.string_value for key, value in parsed.session_options.items()}


def basic(user: tuple[str, str]) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(":".join(user).encode())


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + token.encode()


def test_options_are_taken_or_refused_one_by_one(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    headers = [login(client)]
    errors = wire.SetSessionOptionsResult
    assert set_options(client, headers, "care") == {}
    assert set_options(client, headers, "x", "colour") == {"colour": errors.INVALID_NAME}
    assert set_options(client, headers, True) == {"purpose": errors.INVALID_VALUE}
    assert set_options(client, headers, "nope") == {"purpose": errors.INVALID_VALUE}
    assert get_options(client, headers) == {"purpose": "care"}
    assert set_options(client, headers, None) == {}
    assert get_options(client, headers) == {}


def test_a_cookie_is_worth_nothing_to_anybody_else(served: Served) -> None:
    cookies = Cookies()
    client = fl.FlightClient(served.uri, middleware=[cookies])
    assert set_options(client, [basic(ANN)], "care") == {}
    assert get_options(client, [basic(ANN), cookies.header]) == {"purpose": "care"}
    assert ask(client, VISITS, basic(ANN), cookies.header)
    secret = cookies.header[1].partition(b"=")[2]
    ann = KEY.sign(sub="ann", groups=["all"])
    for headers in (
        [basic(BEN), cookies.header],
        [bearer(ann), cookies.header],
        [cookies.header],
        [bearer("ann:" + secret.decode())],
        [basic(ANN), (b"cookie", b"arrow_flight_session_id=" + b"A" * 24)],
        [basic(ANN), (b"cookie", b"a=b; arrow_flight_session_id=" + secret[:-1])],
        [basic(ANN), (b"cookie", b"arrow_flight_session_id=" + b"A" * 4000)],
        [basic(ANN), (b"cookie", b"arrow_flight_session_id=")],
    ):
        with pytest.raises(fl.FlightUnauthenticatedError):
            get_options(client, headers)


def test_other_cookies_do_not_matter(served: Served) -> None:
    client = fl.FlightClient(served.uri)
    assert get_options(client, [basic(ANN), (b"cookie", b"route=7; lang=en")]) == {}


@pytest.mark.parametrize("kind", ["login", "cookie"])
def test_a_closed_session_is_unauthenticated(served: Served, kind: str) -> None:
    cookies = Cookies()
    client = fl.FlightClient(served.uri, middleware=[cookies])
    headers = [login(client)] if kind == "login" else [basic(ANN)]
    set_options(client, headers, "care")
    if kind == "cookie":
        headers.append(cookies.header)
    list(client.do_action(fl.Action("CloseSession", b""), fl.FlightCallOptions(headers=headers)))
    assert "Max-Age=0" in cookies.received[-1]
    with pytest.raises(fl.FlightUnauthenticatedError, match="log in again"):
        get_options(client, headers)
    assert get_options(client, [basic(ANN)]) == {}


@pytest.mark.filterwarnings("ignore:Cannot disable autocommit")
def test_adbc_connections_of_one_database_do_not_share_a_session(served: Served) -> None:
    with connect(served) as first:
        second = first.adbc_clone()
        first.adbc_connection.set_options(**{OPTION: "care"})
        first.close()
        assert count(second, "SELECT count(*) FROM reports") == 3
        with pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"):
            count(second)
        second.close()


def test_a_prepared_statement_keeps_the_purpose_it_was_made_with(served: Served) -> None:
    with connect(served) as connection, connection.cursor() as cursor:
        connection.adbc_connection.set_options(**{OPTION: "care"})
        cursor.adbc_prepare(VISITS)
        connection.adbc_connection.set_options(**{ERASE + "purpose": ""})
        cursor.execute(VISITS)
        assert cursor.fetchone() == (3,)


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", ANN[1])
    monkeypatch.delenv("MESHGATE_TOKEN", raising=False)


@pytest.mark.usefixtures("password")
def test_the_commands_declare_a_purpose(
    served: Served, mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = ["--connect", served.uri, "--user", ANN[0]]
    assert main(["query", *address, "--format", "csv", VISITS]) == 1
    assert main(["query", *address, "--format", "csv", "--purpose", "care", VISITS]) == 0
    assert capsys.readouterr().out == "n\n3\n"
    for place in (["--connect", served.uri], ["--mesh", str(mesh)]):
        arguments = ["explain", *place, "--user", ANN[0]]
        assert main([*arguments, "--purpose", "care", VISITS]) == 0
        assert main([*arguments, VISITS]) == 1
        assert main([*arguments, "--purpose", "no name", VISITS]) == 1
        assert main([*arguments, "--purpose", "marketing", VISITS]) == 1
    assert "is not granted" in capsys.readouterr().err


@pytest.mark.usefixtures("password")
def test_a_query_comes_with_a_token(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = KEY.sign(groups=["all"], purposes=["care"])
    (tmp_path / "token").write_text(token + "\n")
    query = ["query", "--connect", served.uri, "--format", "csv", "--purpose", "care", VISITS]
    assert main([*query, "--token", token]) == 0
    assert main([*query, "--token-file", str(tmp_path / "token")]) == 0
    assert main(["explain", "--connect", served.uri, "--token", token, "SELECT 1"]) == 0
    monkeypatch.setenv("MESHGATE_TOKEN", token)
    assert main(query) == 0
    capsys.readouterr()
    assert main([*query, "--token", "a.b.c"]) == 1
    assert "[UNAUTHENTICATED] the token is not accepted" in capsys.readouterr().err
    monkeypatch.delenv("MESHGATE_TOKEN")
    for arguments, message in (
        ([], "who asks?"),
        (["--user", "ann", "--token", token], "exclude each other"),
        (["--token-file", str(tmp_path / "none")], "can not read"),
    ):
        assert main([*query, *arguments]) == 1
        assert message in capsys.readouterr().err


def test_a_user_is_added_with_a_region_and_purposes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--mesh", str(tmp_path)]
    more = ["--region", "EU", "--purpose", "care", "--purpose", "billing"]
    monkeypatch.setenv("MESHGATE_PASSWORD", "secret")
    assert main(["user", "add", "zoe", *more, *where]) == 0
    assert main(["user", "add", "yan", *where]) == 0
    zoe, yan = (UserStore.load(tmp_path).verify(name, "secret") for name in ("zoe", "yan"))
    assert (zoe.principal.region, zoe.principal.purposes) == ("EU", ("care", "billing"))
    assert (yan.principal.region, yan.principal.purposes) == ("", None)
    capsys.readouterr()
    assert main(["user", "list", *where]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "zoe\t\tregion=EU\tpurposes=care,billing"
    for wrong in (["--region", "E U"], ["--purpose", "a|b"]):
        assert main(["user", "add", "xia", *wrong, *where]) == 1
