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
from gateway.languages.dialects.dialect import DIALECT_NAMES
from gateway.model import PLACEMENTS, QueryOptions
from gateway.serving.options import check_purpose, read_dialect, read_duration

PASSWORD_VARIABLE = "MESHGATE_PASSWORD"
TOKEN_VARIABLE = "MESHGATE_TOKEN"
SCHEMES = ("grpc", "grpc+tcp", "grpc+tls")


def add_password_argument(parser: argparse.ArgumentParser) -> None:
    """How a password comes to every command that takes one."""
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help=f"read the password from stdin (else ${PASSWORD_VARIABLE}, else it is asked)",
    )


def add_login_arguments(parser: argparse.ArgumentParser) -> None:
    """All that says who asks, but --user; --connect is each command's own too."""
    add_password_argument(parser)
    token = parser.add_mutually_exclusive_group()
    token.add_argument(
        "--token",
        help=f"a JSON Web Token instead of a user and a password (else ${TOKEN_VARIABLE})",
    )
    token.add_argument("--token-file", type=Path, metavar="FILE", help="the file it is in")
    parser.add_argument("--purpose", default="", help="what the answer is for")
    parser.add_argument(
        "--placement",
        choices=PLACEMENTS,
        default="auto",
        help="who does the work a source could do: whoever is faster, the source, or the gateway",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run it a second time over bare scans, and answer only if both give the same",
    )
    parser.add_argument(
        "--dialect",
        default="",
        metavar="NAME",
        help=f"the SQL that the query is written in: {', '.join(DIALECT_NAMES)}",
    )
    parser.add_argument("--catalog", default="", help="the domain names are looked for in first")
    parser.add_argument("--schema", default="", help="the product names are looked for in first")
    parser.add_argument("--timeout", default="", metavar="T", help="how long it may take: 30s, 5m")
    parser.add_argument(
        "--freshness", default="", metavar="T", help="how old the rows may be: 5m; 0 is not at all"
    )
    parser.add_argument("--tls-roots", type=Path, metavar="PEM", help="certificates to trust")


def connect(args: argparse.Namespace) -> Client:
    """A client for --connect, logged in as --user or with a token, for --purpose.

    UserError for arguments that can not be.
    """
    check_address(args.connect)
    purpose = check_purpose(args.purpose)
    roots = _read_roots(args.tls_roots)
    token = _token(args)
    if token is not None:
        return Client(
            args.connect, token=token, tls_roots=roots, purpose=purpose, options=_options(args)
        )
    password = read_password(args.password_stdin)
    return Client(args.connect, args.user, password, roots, purpose=purpose, options=_options(args))


def query_options(args: argparse.Namespace) -> QueryOptions:
    """What the flags say; UserError for what is no duration."""
    return QueryOptions(
        args.placement,
        args.verify,
        read_duration("timeout", args.timeout),
        read_duration("freshness", args.freshness),
    )


def _options(args: argparse.Namespace) -> dict[str, str]:
    query_options(args)  # what is wrong is said before anybody has logged in
    verify = "true" if args.verify else ""
    placement = args.placement if args.placement != "auto" else ""
    given = {"verify": verify, "placement": placement}
    given |= {"dialect": read_dialect(args.dialect), "catalog": args.catalog, "schema": args.schema}
    given |= {"timeout": args.timeout, "freshness": args.freshness}
    return {name: value for name, value in given.items() if value}


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


def _ask_password(prompt: str, hint: str) -> str:
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


def _token(args: argparse.Namespace) -> str | None:
    """The token to come with; None when it is a user who logs in."""
    token: str | None = args.token
    if args.token_file is not None:
        try:
            token = args.token_file.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"can not read {args.token_file}") from error
    if args.user:
        if token is not None:
            raise UserError("--user and a token exclude each other", hint="a token says who it is")
        return None
    token = os.environ.get(TOKEN_VARIABLE) if token is None else token
    if token is None:
        raise UserError("who asks?", hint=f"--user NAME, --token-file FILE or ${TOKEN_VARIABLE}")
    return token.strip()


def read_password(from_stdin: bool, *, new: bool = False) -> str:
    """A line of stdin, or the variable's value, or what is typed; a `new` one is typed twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is not None:
        return password
    hint = f"set ${PASSWORD_VARIABLE}, or send it with --password-stdin"
    password = _ask_password("Password: ", hint)
    if new and _ask_password("Again: ", hint) != password:
        raise UserError("the two passwords differ")
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
