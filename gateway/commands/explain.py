"""`meshgate explain`: who would be asked what, on a mesh folder or a running gateway."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from gateway.commands.connection import add_login_arguments, connect, query_options
from gateway.errors import GatewayError, Position, UserError
from gateway.identity.users import UserStore
from gateway.model import Request
from gateway.pipeline import Gateway
from gateway.serving.options import check_purpose, namespace_of, read_dialect
from gateway.settings import load_config

EXPLAIN = re.compile(r"\s*EXPLAIN\b", re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("sql", help="the query; EXPLAIN before it may be left out")
    parser.add_argument("--user", default="", metavar="NAME", help="whose rights count")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--mesh", type=Path, metavar="DIR", help="plan here, on a mesh folder")
    where.add_argument("--connect", metavar="URI", help="ask a running gateway: grpc://HOST:PORT")
    parser.add_argument(
        "--gateway-region",
        default="",
        metavar="REGION",
        help="where the gateway would stand (with --mesh)",
    )
    add_login_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the fragments, the remainder, and what was not pushed with the reason."""
    own_lines = 0 if EXPLAIN.match(args.sql) else 1  # a line of ours shifts no column
    statement = f"EXPLAIN\n{args.sql}" if own_lines else args.sql
    ask = _on_folder if args.mesh else _on_gateway
    try:
        rows = ask(args, statement)
    except GatewayError as error:
        if error.position:
            error.position = Position(error.position.line - own_lines, error.position.column)
        raise
    for row in rows:
        source = f"  {row['source']}" if row["source"] else ""
        print(f"{row['item']}{source}")
        for line in str(row["text"]).splitlines():
            print(f"    {line}")
    return 0


def _on_folder(args: argparse.Namespace, statement: str) -> Iterable[dict[str, object]]:
    if not args.user:
        raise UserError("whose rights count?", hint="--user NAME names a user of the mesh")
    user = UserStore.load(args.mesh).get(args.user)
    if user is None:
        raise UserError(
            f"there is no user {args.user} in this mesh",
            hint="meshgate user list --mesh DIR shows who there is",
        )
    purpose = check_purpose(args.purpose)
    gateway = Gateway.open(
        args.mesh, load_config(args.mesh, region=args.gateway_region), audited=False
    )
    try:
        prepared = gateway.prepare(
            Request(
                user.principal,
                statement,
                purpose=purpose,
                dialect=read_dialect(args.dialect),
                namespace=namespace_of(args.catalog, args.schema),
                options=query_options(args),
            )
        )
        batches = list(gateway.execute(prepared).batches)
    finally:
        gateway.close()
    return list(pa.Table.from_batches(batches).to_pylist())


def _on_gateway(args: argparse.Namespace, statement: str) -> Iterable[dict[str, object]]:
    with connect(args) as client:
        return list(client.query(statement).to_pylist())
