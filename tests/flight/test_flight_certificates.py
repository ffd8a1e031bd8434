"""Services with a certificate, at an address of their own, and users with a token beside them."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import trustme

from connectors import memory
from gateway.commands import serve
from gateway.errors import UserError
from gateway.flight import commands
from gateway.flight.server import FlightServer, Tls, drain
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity import keys
from tests.flight.purposes import ANN, KEY, STORE, build
from tests.flight.serving import Served, descriptor
from tests.flight.test_flight_purpose import Cookies, basic, get_options, set_options
from tests.flight.test_serve_command import serving
from tests.identity.issuing import Provider, Signer

PLANS = "SELECT count(*) AS n FROM plans"
OPTIONS = adbc_driver_flightsql.DatabaseOptions


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build(tmp_path_factory.mktemp("clinic"))
    memory.forget(STORE)


@dataclass(frozen=True)
class Authority:
    """Who issues the certificates: the server's, and those of services."""

    ca: trustme.CA
    server: Tls

    @property
    def root(self) -> bytes:
        root: bytes = self.ca.cert_pem.bytes()
        return root

    def issue(self, *names: str, common_name: str | None = None) -> tuple[bytes, bytes]:
        issued = self.ca.issue_cert(*names, common_name=common_name)
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        return chain, issued.private_key_pem.bytes()


@pytest.fixture(scope="module")
def authority() -> Authority:
    ca = trustme.CA()
    issued = ca.issue_cert("localhost", "127.0.0.1")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    return Authority(ca, Tls(chain, issued.private_key_pem.bytes()))


@pytest.fixture(scope="module")
def uri(served: Served, authority: Authority) -> Iterator[str]:
    """The second address of the server, for certificates."""
    server = FlightServer(
        "grpc+tls://127.0.0.1:0",
        served.service,
        served.authenticator,
        authority.server,
        authority.root,
    )
    yield f"grpc+tls://localhost:{server.port}"
    server.shutdown()


def client_of(
    uri: str, authority: Authority, certificate: tuple[bytes, bytes] | None, **more: object
) -> fl.FlightClient:
    chain, key = certificate or (None, None)
    return fl.FlightClient(
        uri, tls_root_certs=authority.root, cert_chain=chain, private_key=key, **more
    )


def ask(client: fl.FlightClient, text: str, *headers: tuple[bytes, bytes]) -> dict[str, list[int]]:
    options = fl.FlightCallOptions(timeout=20, headers=list(headers))
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options)
    answer: dict[str, list[int]] = (
        client.do_get(info.endpoints[0].ticket, options).read_all().to_pydict()
    )
    return answer


def test_a_service_gets_what_it_was_declared(uri: str, authority: Authority) -> None:
    client = client_of(uri, authority, authority.issue("loader.example"))
    assert ask(client, PLANS) == {"n": [3]}
    visits = "SELECT count(*) AS n FROM visits"
    with pytest.raises(fl.FlightUnauthorizedError, match="PURPOSE_REQUIRED"):
        ask(client, visits)
    assert ask(client, visits, (b"x-meshgate-purpose", b"care")) == {"n": [3]}
    assert len(list(client.list_flights())) == 2


def test_adbc_comes_with_a_certificate(uri: str, authority: Authority) -> None:
    chain, key = authority.issue("loader.example")
    login = {
        OPTIONS.TLS_ROOT_CERTS.value: authority.root.decode(),
        OPTIONS.MTLS_CERT_CHAIN.value: chain.decode(),
        OPTIONS.MTLS_PRIVATE_KEY.value: key.decode(),
        OPTIONS.RPC_CALL_HEADER_PREFIX.value + "x-meshgate-purpose": "care",
    }
    with (
        adbc.connect(uri, db_kwargs=login, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM visits")
        assert cursor.fetchone() == (3,)
        assert connection.adbc_get_table_types() == ["TABLE"]


def test_a_common_name_counts_only_without_other_names(uri: str, authority: Authority) -> None:
    alone = client_of(uri, authority, authority.issue(common_name="loader.example"))
    assert ask(alone, PLANS) == {"n": [3]}
    beside = authority.issue("other.example", common_name="loader.example")
    second = authority.issue("other.example", "loader.example")
    for certificate in (beside, second):
        with pytest.raises(fl.FlightUnauthenticatedError):
            ask(client_of(uri, authority, certificate), PLANS)


@pytest.mark.parametrize(
    "name", ["other.example", "*.example", "loader.example.evil", "loader@example", "10.0.0.1"]
)
def test_a_certificate_of_nobody_declared_is_unauthenticated_at_every_door(
    uri: str, authority: Authority, name: str
) -> None:
    client = client_of(uri, authority, authority.issue(name))
    options = fl.FlightCallOptions(timeout=20)
    query = descriptor(sql.CommandStatementQuery(query="SELECT 1"))

    for call in (
        lambda: client.get_flight_info(query, options),
        lambda: list(client.list_flights(b"", options)),
        lambda: client.do_get(fl.Ticket(commands.encode(sql.CommandGetTables())), options),
        lambda: list(client.do_action("GetSessionOptions", options)),
        lambda: client.list_actions(options),
    ):
        with pytest.raises(fl.FlightUnauthenticatedError, match="no service that is known"):
            answer = call()
            if isinstance(answer, fl.FlightStreamReader):
                answer.read_all()
    with pytest.raises(pa.ArrowException) as caught:  # pyarrow has no status for it at this door
        client.get_schema(query, options)
    assert "[UNAUTHENTICATED] the certificate is of no service" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert ".py" not in str(caught.value)


def test_no_certificate_and_one_of_another_authority_do_not_connect(
    uri: str, authority: Authority
) -> None:
    issued = trustme.CA().issue_cert("loader.example")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    foreign = chain, issued.private_key_pem.bytes()
    for certificate in (None, foreign):
        with pytest.raises(fl.FlightUnavailableError):
            ask(client_of(uri, authority, certificate), "SELECT 1")


def test_a_password_does_not_count_where_certificates_do(uri: str, authority: Authority) -> None:
    client = client_of(uri, authority, authority.issue("loader.example"))
    with pytest.raises(fl.FlightUnauthenticatedError, match="by their certificates only"):
        ask(client, "SELECT 1", basic(ANN))
    with pytest.raises(NotImplementedError):
        client.authenticate_basic_token(*ANN)


def test_a_service_keeps_its_purpose_under_a_cookie(uri: str, authority: Authority) -> None:
    cookies = Cookies()
    certificate = authority.issue("loader.example")
    client = client_of(uri, authority, certificate, middleware=[cookies])
    assert set_options(client, [], "care") == {}
    assert get_options(client, [cookies.header]) == {"purpose": "care"}
    assert ask(client, "SELECT count(*) AS n FROM visits", cookies.header) == {"n": [3]}


def test_a_ticket_of_a_service_is_not_a_users(
    served: Served, uri: str, authority: Authority
) -> None:
    client = client_of(uri, authority, authority.issue("loader.example"))
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query="SELECT 1")))
    user, options = served.raw(ANN)
    with pytest.raises(KeyError, match="NOT_FOUND"):
        user.do_get(info.endpoints[0].ticket, options).read_all()


def test_both_addresses_are_served_and_stop_together(
    mesh: Path, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "cert.pem").write_bytes(authority.server.certificate)
    (tmp_path / "key.pem").write_bytes(authority.server.key)
    (tmp_path / "ca.pem").write_bytes(authority.root)
    flags = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    second = ["--listen-mtls", "grpc+tls://127.0.0.1:0", "--client-ca", str(tmp_path / "ca.pem")]
    with serving(mesh, *flags, *second) as (process, first):
        assert first.startswith("grpc://")
        assert process.stdout is not None
        uri = process.stdout.readline().removeprefix("listening on ").strip()
        port = uri.rpartition(":")[2]
        client = client_of(
            f"grpc+tls://localhost:{port}", authority, authority.issue("loader.example")
        )
        # The store of this mesh lives in the memory of the tests: only its names are there.
        assert [f.descriptor.path[2] for f in client.list_flights()] == [b"plans", b"reports"]
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--listen-mtls", "grpc://127.0.0.1:0", "--client-ca", "ca.pem"], "needs TLS"),
        (["--listen-mtls", "http://127.0.0.1:0", "--client-ca", "ca.pem"], "can not listen"),
        (["--listen-mtls", "grpc+tls://127.0.0.1:0"], "--client-ca go together"),
        (["--client-ca", "ca.pem"], "--client-ca go together"),
        (["--listen-mtls", "grpc+tls://127.0.0.1:0", "--client-ca", "x.pem"], "--tls-cert"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags: list[str], message: str) -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    args = parser.parse_args(["--mesh", "mesh", "--listen", "grpc://127.0.0.1:0", *flags])
    with pytest.raises(UserError, match=message):
        serve.listeners_of(args)


def test_draining_waits_for_both_servers(mesh: Path, authority: Authority) -> None:
    served = Served(mesh)
    second = FlightServer(
        "grpc+tls://127.0.0.1:0",
        served.service,
        served.authenticator,
        authority.server,
        authority.root,
    )
    assert drain([served.server, second], served.service, 0.0)
    with pytest.raises(fl.FlightUnavailableError):
        ask(
            client_of(
                f"grpc+tls://localhost:{second.port}", authority, authority.issue("loader.example")
            ),
            "SELECT 1",
        )
    served.gateway.close()


def token_connection(served: Served, token: str) -> adbc.Connection:
    login = {OPTIONS.AUTHORIZATION_HEADER.value: f"Bearer {token}"}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


def test_adbc_comes_with_a_token_until_it_is_revoked(served: Served, mesh: Path) -> None:
    token = KEY.sign(groups=["all"], region="EU", jti="adbc")
    with token_connection(served, token) as connection, connection.cursor() as cursor:
        cursor.execute(PLANS)
        assert cursor.fetchone() == (3,)
        (mesh / "revoked.toml").write_text('jti = ["adbc"]')
        time.sleep(1.1)
        with pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"):
            cursor.execute(PLANS)
        (mesh / "revoked.toml").unlink()
        time.sleep(1.1)
        cursor.execute(PLANS)


def test_adbc_is_unauthenticated_with_an_expired_token(served: Served) -> None:
    token = KEY.sign(exp=int(time.time()) - 60)
    with (
        token_connection(served, token) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc.ProgrammingError, match=r"UNAUTHENTICATED.*expired"),
    ):
        cursor.execute("SELECT 1")


def test_a_key_rotates_under_a_running_server(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REFETCH_SECONDS", 0.1)
    provider, new = Provider(), Signer("new", "ES256")
    provider.publish(KEY)
    settings = mesh / "identity.toml"
    before = settings.read_text()
    uri = f'jwks_uri = "{provider.uri}/jwks"'
    settings.write_text(before.replace('jwks_file = "keys.json"', uri))
    served = Served(mesh)
    try:
        for signer in (KEY, new):
            provider.publish(signer)
            time.sleep(0.2)
            token = signer.sign(groups=["all"], region="EU")
            with token_connection(served, token) as connection, connection.cursor() as cursor:
                cursor.execute(PLANS)
                assert cursor.fetchone() == (3,)
        with (
            token_connection(served, KEY.sign(sub="bob")) as connection,
            connection.cursor() as cursor,
            pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"),
        ):
            cursor.execute("SELECT 1")
    finally:
        settings.write_text(before)
        served.close()
        provider.close()
