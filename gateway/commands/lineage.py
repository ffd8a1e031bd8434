"""`meshgate lineage`: what a dataset or column is made of, and who is affected if it goes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.authorisation import ADMIN, DISCOVER, Access
from gateway.catalogue.catalogue import Catalogue
from gateway.commands.audit import since
from gateway.commands.policy.mesh import Mesh
from gateway.errors import UnknownColumn, UnknownDataset, UserError
from gateway.lineage import shown
from gateway.lineage.drawing import svg
from gateway.lineage.graph import WHOLE, Direction, Kind, LineageGraph, Link, Node, Trace
from gateway.memory.store import DATABASE, open_store
from gateway.mesh_lineage import known_part, mesh_lineage, start_of, with_readers
from gateway.model import SCHEME, Address, Artefact, Dataset, Principal
from gateway.serving.options import check_purpose
from gateway.settings import load_config

IMPACT = "impact"
"""What hangs on something, told by kind: whom to ask before it is changed."""

FORMATS = ("text", "json", "svg")

HEADINGS = {
    Kind.VIEW: "views",
    Kind.ARTEFACT: "artefacts",
    Kind.READER: "readers",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "direction",
        choices=(*Direction, IMPACT),
        help="what it is made of; what hangs on it; who is affected if it goes",
    )
    parser.add_argument("address", metavar="URI[#COLUMN]", help="mesh://domain/product/dataset")
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="(text)")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="write it there (svg or json by its ending)"
    )
    parser.add_argument("--depth", type=_depth, metavar="N", help="at most so many steps away")
    parser.add_argument(
        "--since", type=since, metavar="T", help="readers since 7d, 12h, or 2026-01-31 (ever)"
    )
    parser.add_argument(
        "--as",
        dest="principal",
        default="",
        metavar="PRINCIPAL",
        help="only what user:NAME, svc:NAME or a role may know of (all there is)",
    )
    parser.add_argument("--purpose", default="", metavar="P", help="declared by that principal")


def run(args: argparse.Namespace) -> int:
    """Print the trace, or write it to a file."""
    address = _address(args.address)
    form = _form(args)
    mesh = Mesh.load(args.mesh)
    graph = mesh_lineage(mesh.catalogue)
    viewer = _Viewer(mesh, args) if args.principal else None
    start = _start(mesh, graph, address, viewer, args)
    direction = Direction.DOWNSTREAM if args.direction == IMPACT else Direction(args.direction)
    trace = graph.trace(start, direction, args.depth)
    trace = _with_readers(trace, args)
    if viewer is not None:
        trace = known_part(trace, viewer.follows)
    if args.direction == IMPACT and form == "text":
        written = _impact(trace)
    else:
        written = {"text": shown.text, "json": shown.as_json, "svg": svg}[form](trace)
    if args.out is None:
        print(written)
    else:
        try:
            args.out.write_text(f"{written}\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"can not write {args.out}: {error.strerror}") from error
        print(f"wrote {args.out}", file=sys.stderr)
    return 0


def _start(
    mesh: Mesh,
    graph: LineageGraph,
    address: Address,
    viewer: _Viewer | None,
    args: argparse.Namespace,
) -> Node:
    """Where the trace begins: what is hidden from the viewer and what is not there are alike."""
    try:
        start = start_of(mesh.catalogue, graph, address)
        if viewer is None or viewer.knows(start):
            return start
    except (UnknownDataset, UnknownColumn):
        if viewer is None:
            raise
    who = f"that {args.principal} may know of"
    raise UnknownDataset(f"there is no dataset or column {args.address} {who}")


class _Viewer:
    """Somebody who may know only of a part of the mesh."""

    def __init__(self, mesh: Mesh, args: argparse.Namespace) -> None:
        asked = argparse.Namespace(user="", principal=args.principal, role=[], region="")
        self._principal: Principal = mesh.principal(asked)
        self._purpose = check_purpose(args.purpose)
        self._access = Access(mesh.authoriser.pinned(), _no_key)
        self._catalogue: Catalogue = mesh.catalogue

    def knows(self, node: Node) -> bool:
        """Whether they may know of a node."""
        if node.kind is Kind.READER:
            return True
        what = self._found(node)
        if what is None:
            return False
        if isinstance(what, Artefact):
            return self._access.may(self._principal, what, DISCOVER, self._purpose)
        seen = self._access.discoverable(self._principal, what, self._purpose)
        return seen is not None and node.column in (WHOLE, *seen.schema.names)

    def follows(self, link: Link) -> bool:
        """Whether they may know of a link; who else reads a dataset only who may administer it."""
        if not (self.knows(link.source) and self.knows(link.target)):
            return False
        if link.target.kind is not Kind.READER or link.target.uri == self._principal.name:
            return True
        what = self._found(link.source)
        return what is not None and self._access.may(self._principal, what, ADMIN, self._purpose)

    def _found(self, node: Node) -> Dataset | Artefact | None:
        address = Address.parse(node.uri)
        if node.kind is Kind.ARTEFACT:
            return self._catalogue.artefact(address)
        return self._catalogue.get(address)


def _with_readers(trace: Trace, args: argparse.Namespace) -> Trace:
    """The trace with who reads what it has reached, if anybody remembers."""
    address = load_config(args.mesh).store
    if not address and not (args.mesh / DATABASE).is_file():
        return trace
    store = open_store(args.mesh, address)
    try:
        return with_readers(trace, store, args.since)
    finally:
        store.close()


def _impact(trace: Trace) -> str:
    """Who and what is affected, by kind, with the way it is."""
    lines = [f"if {trace.start} goes:"]
    for kind, heading in HEADINGS.items():
        reached = trace.reached(kind)
        lines.append(f"\n{heading}: {len(reached) or 'none'}")
        for uri in reached:
            ways = dict.fromkeys(
                f"{link.source} {shown.said(link)}"
                for link in trace.links
                if link.target.uri == uri and link.source.uri != uri
            )
            lines.append(f"  {uri}")
            lines += [f"    by {way}" for way in ways]
    return "\n".join(lines)


def _address(text: str) -> Address:
    """An address, or domain.product.dataset[@version][#column]. Raises UserError."""
    if text.startswith(SCHEME):
        return Address.parse(text)
    name, mark, column = text.partition("#")
    return Address.parse(f"{SCHEME}{name.replace('.', '/', 2)}{mark}{column}")


def _form(args: argparse.Namespace) -> str:
    ending = args.out.suffix.removeprefix(".").lower() if args.out is not None else ""
    if args.format != "text" or ending in ("", "txt", "text"):
        return str(args.format)
    if ending not in FORMATS:
        raise UserError(
            f"lineage is not written as {ending}",
            hint="as .svg, .json or .txt; --format says it for another ending",
        )
    return ending


def _depth(text: str) -> int:
    depth = int(text) if text.isdecimal() else 0
    if depth < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps from 1 on")
    return depth


def _no_key(domain: str, product: str) -> bytes:
    raise AssertionError("no rows are read for a trace")
