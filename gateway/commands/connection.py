"""What the commands that talk to a running gateway share: its address, the log-in, the password."""

from __future__ import annotations

import argparse
import getpass
import os
import ssl
import sys
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import UserError
from gateway.flight.client import Client

PASSWORD_VARIABLE = "MESHGATE_PASSWORD"
SCHEMES = ("grpc", "grpc+tcp", "grpc+tls")


def add_login_arguments(parser: argparse.ArgumentParser) -> None:
    """--password-stdin and --tls-roots; --connect and --user are each command's own."""
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help=f"read the password from stdin (else ${PASSWORD_VARIABLE}, else it is asked)",
    )
    parser.add_argument("--tls-roots", type=Path, metavar="PEM", help="certificates to trust")


def connect(args: argparse.Namespace) -> Client:
    """A client for --connect, logged in as --user. UserError for arguments that can not be."""
    check_address(args.connect)
    roots = _read_roots(args.tls_roots)
    return Client(args.connect, args.user, _password(args.password_stdin), roots)


def check_address(uri: str) -> None:
    """UserError unless it is ``grpc://HOST:PORT`` or ``grpc+tls://HOST:PORT``."""
    parts = urlsplit(uri)
    try:
        well_formed = bool(parts.hostname and parts.port)
    except ValueError:
        well_formed = False
    if parts.scheme not in SCHEMES or not well_formed:
        raise UserError(
            f"{uri!r} is not the address of a gateway",
            hint="write grpc://HOST:PORT or grpc+tls://HOST:PORT",
        )


def ask_password(prompt: str, hint: str) -> str:
    """Ask on the terminal; UserError with the hint when there is none, or for Ctrl-D."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except getpass.GetPassWarning:
        raise UserError("there is no terminal to ask for the password", hint=hint) from None
    except EOFError:
        print(file=sys.stderr)  # the prompt's line is still open
        raise UserError("no password was given", hint=hint) from None


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        hint = f"set ${PASSWORD_VARIABLE}, or send it with --password-stdin"
        password = ask_password("Password: ", hint)
    return password


def _read_roots(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        roots = path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        return roots
    except ssl.SSLError as error:
        raise UserError(f"{path} holds no certificates in PEM") from error
    except OSError as error:
        raise UserError(f"can not read {path}: {error.strerror}") from error
