"""How a query is answered, set by header, by session option and by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pytest

from connectors import memory
from gateway.cli import main
from gateway.flight.client import Client, ServerError
from tests.flight.purposes import ANN, STORE, build
from tests.flight.serving import Served

PREFIX = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
COOKIES = adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value
SORTED = "SELECT id FROM clinic.ward.reports ORDER BY id"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build(tmp_path_factory.mktemp("clinic"))
    memory.forget(STORE)


def connect(served: Served) -> adbc.Connection:
    login = {"username": ANN[0], "password": ANN[1], COOKIES: "true"}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


@pytest.mark.parametrize(
    ("name", "value"), [("verify", "true"), ("placement", "push"), ("placement", "pull")]
)
def test_an_option_is_set_by_the_session(served: Served, name: str, value: str) -> None:
    with connect(served) as connection:
        connection.adbc_connection.set_options(**{PREFIX + name: value})
        assert connection.adbc_connection.get_option(PREFIX + name) == value
        with connection.cursor() as cursor:
            cursor.execute(SORTED)
            assert [row[0] for row in cursor.fetchall()] == [1, 2, 3]


@pytest.mark.parametrize(("name", "value"), [("verify", "maybe"), ("placement", "sideways")])
def test_a_value_that_is_none_is_refused(served: Served, name: str, value: str) -> None:
    with connect(served) as connection, pytest.raises(adbc.Error):
        connection.adbc_connection.set_options(**{PREFIX + name: value})
    with pytest.raises(ServerError) as caught, Client(served.uri, *ANN, options={name: value}) as c:
        c.query(SORTED)
    assert caught.value.code == "INVALID_REQUEST"


def test_options_are_sent_with_every_call(served: Served) -> None:
    options = {"verify": "true", "placement": "pull"}
    with Client(served.uri, *ANN, options=options) as client:
        assert client.query(SORTED).column(0).to_pylist() == [1, 2, 3]


def test_the_command_line_has_them(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", ANN[1])
    where = ["--connect", served.uri, "--user", ANN[0], "--format", "csv"]
    assert main(["query", *where, "--verify", "--placement", "push", SORTED]) == 0
    assert capsys.readouterr().out.split() == ["id", "1", "2", "3"]


def test_a_header_of_no_option_is_refused(served: Served) -> None:
    """A misspelt ``verify`` must not give an answer that nobody has verified."""
    header = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
    login = {"username": ANN[0], "password": ANN[1], header + "x-meshgate-verfy": "true"}
    with (
        adbc.connect(served.uri, db_kwargs=login, autocommit=True) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc.Error, match="did you mean verify"),
    ):
        cursor.execute(SORTED)
