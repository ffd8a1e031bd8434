"""How a query is answered, set by header, by session option and by the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as fl
import pytest

from connectors import memory
from gateway.cli import main
from gateway.flight.client import Client
from gateway.flight.wire import flight_pb2 as wire
from gateway.model import Principal, QueryOptions, Request
from gateway.serving.callers import Session, make_caller
from gateway.serving.options import READERS
from tests.flight.purposes import ANN, EVE, STORE, build
from tests.flight.serving import Served

PREFIX = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
BOOLS = adbc_driver_flightsql.ConnectionOptions.OPTION_BOOL_SESSION_OPTION_PREFIX.value
ERASE = adbc_driver_flightsql.ConnectionOptions.OPTION_ERASE_SESSION_OPTION_PREFIX.value
HEADER = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
COOKIES = adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value
SORTED = "SELECT id FROM clinic.ward.reports ORDER BY id"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build(tmp_path_factory.mktemp("clinic"))
    memory.forget(STORE)


def connect(served: Served) -> adbc.Connection:
    login = {"username": ANN[0], "password": ANN[1], COOKIES: "true"}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


VALUES = [
    ("catalog", "clinic"),
    ("schema", "ward"),
    ("purpose", "care"),
    ("dialect", "postgresql"),
    ("freshness", "5m"),
    ("freshness", "0"),
    ("placement", "push"),
    ("placement", "pull"),
    ("timeout", "30s"),
    ("verify", "true"),
]
WRONG = [
    ("catalog", "no such"),
    ("schema", "a/b"),
    ("purpose", "a b"),
    ("dialect", "cobol"),
    ("freshness", "soon"),
    ("freshness", "-1"),
    ("placement", "sideways"),
    ("timeout", "1e3"),
    ("timeout", "nan"),
    ("verify", "maybe"),
]


def answers(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SORTED)
        assert [row[0] for row in cursor.fetchall()] == [1, 2, 3]


def test_the_lists_above_have_every_option() -> None:
    assert {name for name, _ in VALUES} == {name for name, _ in WRONG} == set(READERS)


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_an_option_is_set_read_and_unset(served: Served, name: str, value: str) -> None:
    with connect(served) as connection:
        native = connection.adbc_connection
        native.set_options(**{PREFIX + name: value})
        assert native.get_option(PREFIX + name) == value
        answers(connection)
        native.set_options(**{ERASE + name: ""})
        with pytest.raises(adbc.Error):
            native.get_option(PREFIX + name)
        answers(connection)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_is_none_is_refused(served: Served, name: str, value: str) -> None:
    with connect(served) as connection:
        with pytest.raises(adbc.Error, match=r"(?i)invalid.value"):
            connection.adbc_connection.set_options(**{PREFIX + name: value})
        answers(connection)
    for header in (f"x-meshgate-{name}", name):
        login = {"username": ANN[0], "password": ANN[1], HEADER + header: value}
        with (
            adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
            pytest.raises(adbc.Error, match="INVALID_REQUEST"),
        ):
            answers(connection)


@pytest.mark.parametrize("name", ["verfy", "colour", "region", "principal"])
def test_an_option_that_is_none_is_refused(served: Served, name: str) -> None:
    with connect(served) as connection:
        with pytest.raises(adbc.Error, match=r"(?i)invalid.name"):
            connection.adbc_connection.set_options(**{PREFIX + name: "x"})
        answers(connection)


@pytest.mark.parametrize(("name", "value"), [("catalog", "hr"), ("schema", "staff")])
def test_a_catalog_has_to_be_one_the_caller_sees(served: Served, name: str, value: str) -> None:
    with connect(served) as connection, pytest.raises(adbc.Error, match=r"(?i)invalid.value"):
        connection.adbc_connection.set_options(**{PREFIX + name: value})
    login = {"username": EVE[0], "password": EVE[1]}
    with (
        adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
        pytest.raises(adbc.Error, match=r"(?i)invalid.value"),
    ):
        connection.adbc_connection.set_options(**{PREFIX + "catalog": "clinic"})


def test_a_schema_has_to_be_one_of_the_catalog(served: Served) -> None:
    options = {"schema": "ward", "catalog": "clinic"}
    assert set_options(served, **options) == {}
    assert set_options(served, catalog="clinic", schema="staff") == {"schema": INVALID}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("catalog", "clinik", "there is no catalog clinik, or you may not know of it.*clinic"),
        ("schema", "hr", "there is no schema hr, or you may not know of it"),
        ("purpose", "fraud", "the purpose fraud is not granted to user:ann"),
        ("timeout", "soon", "timeout is not a duration: 'soon'"),
        ("verfy", "true", "there is no such option.*did you mean verify"),
        ("verify", ["true"], "no option is a list"),
    ],
)
def test_why_an_option_is_refused_is_in_the_log(
    served: Served, name: str, value: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert set(set_options(served, **{name: value})) == {name}
    (said,) = [r.getMessage() for r in caplog.records if "session option" in r.getMessage()]
    assert re.search(f"session option '{name}' of user:ann is refused: .*{reason}", said)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"catalog": "clinik"}, "there is no catalog clinik,.*did you mean clinic"),
        ({"schema": "wrd"}, "there is no schema wrd,.*did you mean ward"),
        ({"catalog": "clinic", "schema": "wrd"}, "there is no schema wrd in clinic,.*ward"),
        ({"purpose": "fraud"}, "the purpose fraud is not granted"),
    ],
)
def test_headers_say_why_they_are_refused(
    served: Served, headers: dict[str, str], reason: str
) -> None:
    """Even where every name is found without them."""
    login = {"username": ANN[0], "password": ANN[1]}
    prefix = "adbc.flight.sql.rpc.call_header.x-meshgate-"
    given = {prefix + name: value for name, value in headers.items()}
    with (
        adbc.connect(served.uri, db_kwargs={**login, **given}, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        for text in ("SELECT id FROM reports", "SELECT id FROM clinic.ward.reports", "SELECT 1"):
            with pytest.raises(adbc.Error, match=reason):
                cursor.execute(text)


def test_a_hidden_catalog_is_told_of_no_more_than_one_that_is_none(served: Served) -> None:
    prefix = "adbc.flight.sql.rpc.call_header."
    login = {"username": EVE[0], "password": EVE[1]}
    said = []
    for name in ("clinic", "clinix", "nowhere"):
        given = {**login, prefix + "catalog": name}
        with (
            adbc.connect(served.uri, db_kwargs=given, autocommit=True) as connection,
            connection.cursor() as cursor,
            pytest.raises(adbc.Error) as caught,
        ):
            cursor.execute("SELECT 1")
        said.append(str(caught.value).replace(name, "NAME"))
    assert len(set(said)) == 1


def test_a_catalog_may_be_named_before_its_purpose(served: Served, tmp_path: Path) -> None:
    """Of one with nothing but what may be read for a purpose, that is what the error is about."""
    folder = build(tmp_path)
    rules = "p,all/reader,*,mesh://clinic/ward/visits,discover|read,care|billing,*,*,allow\n"
    (folder / "policies" / "access.csv").write_text(rules)
    narrow = Served(folder)
    header = {"adbc.flight.sql.rpc.call_header.catalog": "clinic"}
    login = {"username": ANN[0], "password": ANN[1], **header}
    try:
        with (
            adbc.connect(narrow.uri, db_kwargs=login, autocommit=True) as connection,
            connection.cursor() as cursor,
            pytest.raises(adbc.Error, match="PURPOSE_REQUIRED"),
        ):
            cursor.execute("SELECT id FROM visits")
    finally:
        narrow.close()


def test_options_are_of_the_kind_they_were_set_as(served: Served) -> None:
    client, call = served.raw(ANN)
    options = {"timeout": 30, "freshness": 0.5, "verify": True, "placement": "pull"}
    assert set_options(served, (client, call), **options) == {}
    (result,) = client.do_action(fl.Action("GetSessionOptions", b""), call)
    found = wire.GetSessionOptionsResult.FromString(result.body.to_pybytes()).session_options
    assert {name: getattr(v, v.WhichOneof("option_value")) for name, v in found.items()} == options
    for name in READERS:
        assert set_options(served, (client, call), **{name: ["a", "b"]}) == {name: INVALID}


def test_adbc_sets_numbers_and_truths(served: Served) -> None:
    with connect(served) as connection:
        native = connection.adbc_connection
        native.set_options(**{PREFIX + "timeout": 30, PREFIX + "freshness": 1.5})
        native.set_options(**{BOOLS + "verify": "true"})
        assert native.get_option_int(PREFIX + "timeout") == 30
        assert native.get_option_float(PREFIX + "freshness") == 1.5
        assert native.get_option(BOOLS + "verify") == "true"
        answers(connection)


INVALID = wire.SetSessionOptionsResult.INVALID_VALUE
Raw = tuple[fl.FlightClient, fl.FlightCallOptions]


def set_options(served: Served, raw: Raw | None = None, **options: object) -> dict[str, int]:
    """Which of these options the session refuses, and how."""
    client, call = raw or served.raw(ANN)
    request = wire.SetSessionOptionsRequest()
    for name, value in options.items():
        option = request.session_options[name]
        if isinstance(value, list):
            option.string_list_value.values.extend(value)
        else:
            kind = {bool: "bool", int: "int64", float: "double", str: "string"}[type(value)]
            setattr(option, f"{kind}_value", value)
    action = fl.Action("SetSessionOptions", request.SerializeToString())
    (result,) = client.do_action(action, call)
    errors = wire.SetSessionOptionsResult.FromString(result.body.to_pybytes()).errors
    return {name: error.value for name, error in errors.items()}


@pytest.mark.parametrize("form", ["x-meshgate-{}", "{}"])
def test_headers_become_what_a_request_says(form: str) -> None:
    given = {"catalog": "clinic", "schema": "ward", "purpose": "care", "dialect": "MySQL"}
    given |= {"freshness": "5m", "timeout": "250ms", "placement": "pull", "verify": "on"}
    headers = {form.format(name): [value] for name, value in given.items()}
    request = make_caller(Principal("user:ann"), headers, None).request("SELECT 1")
    assert (request.purpose, request.dialect) == ("care", "mysql")
    assert request.namespace == ("clinic", "ward")
    assert request.options == QueryOptions("pull", True, timeout=0.25, freshness=300.0)


def test_what_goes_before_what() -> None:
    session = Session()
    session.options = {"timeout": 1, "schema": "ward"}
    principal = Principal("user:ann")

    def request(**headers: str) -> Request:
        given = {name.replace("_", "-"): [value] for name, value in headers.items()}
        return make_caller(principal, given, session).request("SELECT 1")

    assert request().namespace == ("", "ward")
    assert request(catalog="clinic", schema="").namespace == ("clinic", "ward")
    assert request().options.timeout == 1.0
    assert request(timeout="2").options.timeout == 2.0
    assert request(timeout="2", x_meshgate_timeout="3").options.timeout == 3.0


def test_options_are_sent_with_every_call(served: Served) -> None:
    options = {"verify": "true", "placement": "pull"}
    with Client(served.uri, *ANN, options=options) as client:
        assert client.query(SORTED).column(0).to_pylist() == [1, 2, 3]


def test_the_command_line_has_them(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", ANN[1])
    where = ["--connect", served.uri, "--user", ANN[0], "--format", "csv"]
    flags = ["--verify", "--placement", "push", "--timeout", "1m", "--freshness", "0"]
    assert main(["query", *where, *flags, SORTED]) == 0
    assert capsys.readouterr().out.split() == ["id", "1", "2", "3"]
    assert main(["query", *where, "--timeout", "soon", SORTED]) == 1
    assert "timeout is not a duration" in capsys.readouterr().err


def test_a_header_of_no_option_is_refused(served: Served) -> None:
    """A misspelt ``verify`` must not give an answer that nobody has verified."""
    login = {"username": ANN[0], "password": ANN[1], HEADER + "x-meshgate-verfy": "true"}
    with (
        adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc.Error, match="did you mean verify"),
    ):
        cursor.execute(SORTED)
