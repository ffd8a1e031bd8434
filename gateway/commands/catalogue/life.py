"""The life of datasets on the command line: `meshgate catalogue activate`, and what follows it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.catalogue.catalogue import check_folder
from gateway.catalogue.events import Event, events
from gateway.catalogue.transitions import transition
from gateway.errors import UserError
from gateway.memory.store import DATABASE, open_store
from gateway.model import NAME, Address, Deprecation
from gateway.settings import load_config

WORDS = """\
activate ADDRESS   a draft is there for all who may read it
deprecate ADDRESS  it is read with a notice; with --reason, --successor and --ends
retire ADDRESS     it is not read any more; what is active needs --force
events [ADDRESS]   what has happened to datasets: to all, to one, or to one version of it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of these actions alone."""
    parser.add_argument("--reason", default="", metavar="T", help="deprecate, retire: why")
    parser.add_argument(
        "--successor", default="", metavar="URI", help="deprecate, retire: what to read instead"
    )
    parser.add_argument(
        "--ends", default="", metavar="DATE", help="deprecate: until when it is read (2027-01-31)"
    )


def read_address(text: str) -> Address:
    """``mesh://domain/product/dataset@version``, or ``domain.product.dataset@version``."""
    name, at, version = text.partition("@")
    parts = name.split(".")
    if "/" in text or len(parts) != 3:
        address = Address.parse(text)
    elif all(map(NAME.match, [*parts, *([version] if at else [])])):
        address = Address(parts[0], parts[1], parts[2], version or None)
    else:
        raise UserError(f"{text!r} is not the name of a dataset")
    if address.column:
        raise UserError("a column has no life of its own", hint="name its dataset")
    return address


def _move(status: str) -> Callable[[argparse.Namespace, Sequence[str]], int]:
    def run(args: argparse.Namespace, words: Sequence[str]) -> int:
        if len(words) != 1:
            raise UserError("name one dataset", hint="mesh://domain/product/dataset@version")
        end = Deprecation(args.reason.strip(), args.successor, args.ends)
        address = read_address(words[0])
        check_folder(args.mesh)
        done = transition(args.mesh, address, status, end, force=args.force)
        done.page.write(args.mesh)
        print(f"replaced {done.page.path}")
        print("".join(f"    {line}\n" for line in done.page.changes()), end="")
        for dataset in done.datasets:
            print(f"{dataset.address} is {dataset.status}")
        return 0

    return run


def _events(args: argparse.Namespace, words: Sequence[str]) -> int:
    if len(words) > 1:
        raise UserError("name one dataset, or none for all")
    address = read_address(words[0]) if words else None
    mesh: Path = args.mesh
    config = load_config(mesh)
    if not config.store and not (mesh / DATABASE).exists():
        raise UserError(
            "nothing is known yet of the life of this mesh",
            hint="a gateway that serves it writes down what happens",
        )
    store = open_store(mesh, config.store)
    try:
        after = 0
        while found := events(store, address, after):
            for event in found:
                print("\t".join(_row(event)))
            after = found[-1].number
    finally:
        store.close()
    return 0


def _row(event: Event) -> tuple[str, ...]:
    when = event.time.isoformat(timespec="seconds")
    return when, event.kind, event.address, told(event.detail)


def told(detail: Mapping[str, Any]) -> str:
    """The detail of an event, for people."""
    changes = detail.get("changes")
    if changes:
        return "; ".join(f"{change['effect']}: {change['text']}" for change in changes)
    parts = [f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in detail.items()]
    return ", ".join(parts)


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Sequence[str]], int]] = {
    "activate": _move("active"),
    "deprecate": _move("deprecated"),
    "retire": _move("retired"),
    "events": _events,
}
"""What can be done: with the arguments, and the words after the action."""
