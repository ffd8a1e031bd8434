"""`meshgate serve`: the gateway of a mesh folder, over Arrow Flight SQL, until it is stopped."""

from __future__ import annotations

import argparse
import errno
import gc
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.catalogue import check_folder
from gateway.config import Config
from gateway.errors import UserError
from gateway.flight.authentication import Authenticator
from gateway.flight.server import FlightServer, Tls, drain
from gateway.flight.service import FlightSql
from gateway.identity.identity import Identity
from gateway.logs import start_logging
from gateway.pipeline import Gateway
from gateway.postgres_wire import listening as postgres_wire
from gateway.postgres_wire.listening import Address
from gateway.serving.admission import Admission
from gateway.serving.service import STREAMS, STREAMS_PER_PRINCIPAL, Service
from gateway.settings import load_config

if TYPE_CHECKING:
    from gateway.postgres_wire.server import PostgresServer

DEFAULT_LISTEN = "grpc://127.0.0.1:8815"
HURRY_SECONDS = 8.0
"""How long stopping at once may take: each of its own waits is bounded by two seconds."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mesh", type=Path, required=True, metavar="DIR", help="the mesh folder")
    parser.add_argument(
        "--listen",
        default=DEFAULT_LISTEN,
        metavar="URI",
        help=f"grpc://HOST:PORT or grpc+tls://HOST:PORT; port 0 is any free one ({DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--listen-mtls",
        metavar="URI",
        help="a second address, grpc+tls://HOST:PORT, for services with a certificate",
    )
    parser.add_argument(
        "--client-ca", type=Path, metavar="PEM", help="who issues the certificates of services"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate chain")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="private key")
    parser.add_argument(
        "--postgres",
        metavar="[HOST:]PORT",
        help="listen for PostgreSQL's clients as well (psql, ODBC, dbt); HOST is 127.0.0.1",
    )
    parser.add_argument(
        "--postgres-cleartext",
        action="store_true",
        help="let them send passwords without TLS from other machines",
    )
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="how long running queries may go on after SIGTERM (30)",
    )
    parser.add_argument(
        "--region",
        default="",
        metavar="REGION",
        help="where this gateway stands, for datasets whose rows may not leave a region",
    )
    parser.add_argument(
        "--max-streams", type=int, default=STREAMS, metavar="N", help="at once, in all"
    )
    parser.add_argument(
        "--max-streams-per-user",
        type=int,
        default=STREAMS_PER_PRINCIPAL,
        metavar="N",
        help="at once, of one user",
    )


def run(args: argparse.Namespace) -> int:
    start_logging()
    listeners = listeners_of(args)
    check_folder(args.mesh)
    config = load_config(args.mesh, region=args.region)
    for listener in listeners:  # before anything is opened: an audit log would be left behind
        check_free(listener.uri)
    postgres = postgres_address(args, config)
    signals = _listen_for_signals()
    identity = Identity(args.mesh)
    gateway = Gateway.open(args.mesh, config)
    service = Service(
        gateway, streams=args.max_streams, streams_per_principal=args.max_streams_per_user
    )
    flight = FlightSql(gateway, shared=service)
    authenticator = Authenticator(identity)
    try:
        servers = [listen(listener, flight, authenticator) for listener in listeners]
        front = listen_for_postgres(postgres, args, service, identity) if postgres else None
    except BaseException:
        gateway.close()  # threads that still work would keep the process from ending
        raise
    if not identity.anybody:
        logger.warning("there are no users: add one with `meshgate user add NAME --mesh DIR`")
    for listener in listeners:
        warn_of_cleartext(listener)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection shall walk through it again
    for listener, server in zip(listeners, servers, strict=True):
        print(f"listening on {address(listener.uri, server.port)}", flush=True)
    if front is not None:
        print(f"listening on {front.address}", flush=True)
    os.read(signals, 1)
    logger.info(
        "stopping: running queries have %g seconds; interrupt again to stop at once",
        args.drain_seconds,
    )
    threading.Thread(target=_hurry, args=(signals, service.admission), daemon=True).start()
    if front is not None:
        front.drain()
    ended = drain(servers, flight, args.drain_seconds)
    if front is not None:
        ended = front.close() and ended
    gateway.close()
    gc.unfreeze()  # else what holds modules in C lives on, and DuckDB's says so at length
    logger.info("stopped")
    if not ended:
        sys.stdout.flush()
        os._exit(0)  # a client that does not read keeps a thread of gRPC for ever
    return 0


def _listen_for_signals() -> int:
    """A descriptor that can be read once SIGTERM or SIGINT has come.

    A thread blocked in a lock sleeps on when another thread of the process gets the signal.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reader


def _hurry(signals: int, admission: Admission) -> None:
    """At the second signal nothing is waited for any more, and the third must not be needed."""
    os.read(signals, 1)
    logger.info("stopping at once")
    admission.hurry()
    time.sleep(HURRY_SECONDS)
    os._exit(1)


@dataclass(frozen=True, slots=True)
class Listener:
    """One address to listen on; with `client_authority` (PEM), for callers with certificates."""

    uri: str
    tls: Tls | None = None
    client_authority: bytes | None = None


def listen(listener: Listener, flight: FlightSql, authenticator: Authenticator) -> FlightServer:
    """A server at this address; UserError when it can not listen."""
    uri = listener.uri
    check_free(uri)  # again: whoever took it meanwhile shall be named as well
    try:
        return FlightServer(uri, flight, authenticator, listener.tls, listener.client_authority)
    except Exception as error:
        raise UserError(f"can not listen on {uri}", hint="is the certificate wrong?") from error


def postgres_address(args: argparse.Namespace, config: Config) -> Address | None:
    """Where to listen for PostgreSQL's clients; None without being asked. Raises UserError."""
    asked = args.postgres or config.postgres
    if not asked:
        return None
    where = postgres_wire.address(asked)
    secure = bool(args.tls_cert)
    postgres_wire.check(where, secure=secure, cleartext=args.postgres_cleartext)
    check_free(str(where), "--postgres")
    return where


def listen_for_postgres(
    where: Address, args: argparse.Namespace, service: Service, identity: Identity
) -> PostgresServer:
    """A server for PostgreSQL's clients: what it takes to import is taken only here."""
    from gateway.postgres_wire.queries import Engine
    from gateway.postgres_wire.server import PostgresServer

    context = None
    if args.tls_cert:
        context = postgres_wire.tls_context(args.tls_cert, args.tls_key)
    engine = Engine(service.gateway, service.executions, service.admission)
    cleartext = args.postgres_cleartext
    return PostgresServer(where, engine, identity, context, cleartext=cleartext)


def check_free(uri: str, option: str = "--listen") -> None:
    """Raise UserError if nobody can listen at an address: what gRPC says is for its log only."""
    parts = urlsplit(uri)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            parts.hostname, parts.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise UserError(
            f"can not listen on {uri}: {'the port is taken' if taken else error.strerror}",
            hint=f"name another one with {option}; port 0 is any free one" if taken else None,
        ) from error


def warn_of_cleartext(listener: Listener) -> None:
    """Say so where passwords come without TLS from other machines; what is in front may have it."""
    parts = urlsplit(listener.uri)
    if listener.tls is None and not Address(parts.hostname or "", parts.port or 0).local:
        logger.warning(
            "%s takes passwords and tokens in the clear from other machines: give --tls-cert and"
            " --tls-key with --listen grpc+tls://HOST:PORT",
            listener.uri,
        )


def address(uri: str, port: int) -> str:
    """The URI with the port that was really taken."""
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def listeners_of(args: argparse.Namespace) -> list[Listener]:
    """The addresses the arguments ask for; UserError for those that do not go together."""
    uris = [args.listen, *([args.listen_mtls] if args.listen_mtls else [])]
    secure = [uri for uri in uris if _scheme(uri) == "grpc+tls"]
    if args.listen_mtls and args.listen_mtls not in secure:
        raise UserError(
            "--listen-mtls needs TLS to see certificates", hint="write grpc+tls://HOST:PORT"
        )
    if bool(args.listen_mtls) != bool(args.client_ca):
        raise UserError("--listen-mtls and --client-ca go together")
    certificate, key = args.tls_cert, args.tls_key
    given = bool(certificate and key)
    unused = given and not secure and not args.postgres
    if (secure and not given) or unused or bool(certificate) != bool(key):
        raise UserError("--tls-cert and --tls-key go together, with --listen grpc+tls://HOST:PORT")
    tls = _tls(certificate, key) if given else None
    listeners = [Listener(args.listen, tls if args.listen in secure else None)]
    if args.listen_mtls:
        listeners.append(Listener(args.listen_mtls, tls, _read_authority(args.client_ca)))
    return listeners


def _scheme(uri: str) -> str:
    parts = urlsplit(uri)
    try:
        well_formed = parts.hostname and parts.port is not None
    except ValueError:
        well_formed = False
    if parts.scheme not in ("grpc", "grpc+tcp", "grpc+tls") or not well_formed:
        raise UserError(
            f"can not listen on {uri!r}", hint="write grpc://HOST:PORT or grpc+tls://HOST:PORT"
        )
    return parts.scheme


def _tls(certificate: Path, key: Path) -> Tls:
    try:
        pair = Tls(certificate.read_bytes(), key.read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=lambda: "")
        return pair
    except ssl.SSLError as error:
        raise UserError(
            f"{certificate} and {key} are not a certificate and its private key",
            hint="both in PEM, and the key without a password",
        ) from error
    except OSError as error:
        raise UserError(f"can not read {error.filename}: {error.strerror}") from error


def _read_authority(path: Path) -> bytes:
    try:
        authority = path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
        return authority
    except ssl.SSLError as error:
        raise UserError(f"{path} holds no certificates in PEM") from error
    except OSError as error:
        raise UserError(f"can not read {path}: {error.strerror}") from error
