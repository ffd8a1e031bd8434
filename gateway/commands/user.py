"""`meshgate user`: who may log in to the gateway of a mesh."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gateway.commands.connection import (
    PASSWORD_VARIABLE,
    add_password_argument,
    read_password,
)
from gateway.errors import UserError
from gateway.identity.users import UserStore, add_user, remove_user


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a user, with a password")
    add.add_argument("name")
    add.add_argument("--role", action="append", default=[], help="a role; may be repeated")
    add.add_argument("--region", default="", help="where the user is, such as EU")
    add.add_argument(
        "--purpose",
        action="append",
        help="a purpose the user may declare; may be repeated (else as the policies say)",
    )
    add_password_argument(add)
    add.add_argument("--replace", action="store_true", help="replace a user of that name")
    show = actions.add_parser("list", help="list the users: name, roles, region, purposes")
    remove = actions.add_parser("remove", help="remove a user; open sessions end with it")
    remove.add_argument("name")
    for action in (add, show, remove):
        action.add_argument("--mesh", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    if args.action == "add":
        piped = _piped_line() if not args.password_stdin else ""
        add_user(
            args.mesh,
            args.name,
            args.role,
            piped or read_password(args.password_stdin, new=True),
            region=args.region,
            purposes=args.purpose,
            replace=args.replace,
        )
        of_variable = not (piped or args.password_stdin) and PASSWORD_VARIABLE in os.environ
        with_it = f", with the password in ${PASSWORD_VARIABLE}" if of_variable else ""
        print(f"{args.name} can log in now{with_it}")
    elif args.action == "remove":
        remove_user(args.mesh, args.name)
        print(f"{args.name} can no longer log in")
    else:
        if not args.mesh.is_dir():
            raise UserError(f"{args.mesh} is not a folder", hint="--mesh names the mesh folder")
        for user in UserStore.load(args.mesh).users:
            more = [f"region={user.region}"] if user.region else []
            if user.purposes is not None:
                more.append(f"purposes={','.join(user.purposes)}")
            print("\t".join([user.name, " ".join(user.roles), *more]))
    return 0


def _piped_line() -> str:
    """What scripts have sent as a password since before there was a flag for it."""
    try:
        piped = sys.stdin is not None and not sys.stdin.isatty()
        return sys.stdin.readline().rstrip("\r\n") if piped else ""
    except OSError:  # a stdin that nobody can read
        return ""
