"""`meshgate catalogue export` and `import`: the catalogue in other forms, and from them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.catalogue.bindings import has_plain_secret
from gateway.catalogue.document import Document, read_document
from gateway.catalogue.files import CONTRACTS, PRODUCTS
from gateway.commands.catalogue.reader import Reader
from gateway.commands.submit import submit_source
from gateway.errors import CatalogueError, UserError
from gateway.interchange import FORMATS, Extract
from gateway.model import Artefact, Dataset


def export(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Write what the reader may know, or that of the addresses in `words`."""
    if args.format is None:
        args.wrong_usage(f"export takes --format, one of {', '.join(sorted(FORMATS))}")
    if has_plain_secret(args.endpoint or ""):
        raise UserError("the endpoint holds a password, which would be handed on")
    extract = extract_of(Reader.load(args), args.mesh, words, args.endpoint or "")
    if not (extract.datasets or extract.artefacts):
        raise UserError("there is nothing to export")
    files = FORMATS[args.format](extract)
    if args.out is None:
        _print(files)
    else:
        _write(files, args.out)
    return 0


def import_(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Put contracts and products of others into the mesh."""
    if len(words) != 1:
        raise UserError("import takes one file, folder or URL")
    home = (args.domain or "", args.product or "")
    return submit_source(
        args.mesh, words[0], home, dry_run=bool(args.dry_run), force=bool(args.force)
    )


def extract_of(reader: Reader, mesh: Path, words: Sequence[str], endpoint: str = "") -> Extract:
    """What a reader may be given of a mesh, with the documents behind it."""
    chosen = [reader.find(word) for word in words] if words else list(reader.all())
    contracts = {d.file: d.content for d in _documents(mesh, f"*{CONTRACTS}")}
    products = {
        (str(d.content.get("domain")), str(d.content.get("name"))): (d.file, d.content)
        for d in _documents(mesh, f"*{PRODUCTS}")
    }
    datasets = tuple(sorted({d.address: d for d in chosen if isinstance(d, Dataset)}.items()))
    artefacts = tuple(sorted({a.address: a for a in chosen if isinstance(a, Artefact)}.items()))
    return Extract(
        tuple(dataset for _, dataset in datasets),
        tuple(artefact for _, artefact in artefacts),
        {address: artefact.way for address, artefact in artefacts if reader.may_read(artefact)},
        frozenset(one.address for one in chosen if reader.may_keep(one)),
        products,
        contracts,
        {address: dataset.source_file for address, dataset in datasets},
        endpoint,
    )


def _documents(mesh: Path, pattern: str) -> list[Document]:
    """The documents of the mesh, which has been found to be right."""
    found = (read_document(file, file.relative_to(mesh).as_posix()) for file in mesh.rglob(pattern))
    return [document for document in found if isinstance(document, Document)]


def _print(files: Mapping[str, str]) -> None:
    contracts = [text for name, text in files.items() if not name.endswith(".odps.yaml")]
    if len(contracts) > 1:
        raise UserError(
            f"these are {len(files)} files", hint="name a folder for them with --out DIR"
        )
    sys.stdout.write(contracts[0])


def _write(files: Mapping[str, str], out: Path) -> None:
    """One file to where it was asked for; several into a folder."""
    try:
        for name, text in files.items():
            target = out / name if name else out
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target}")
    except OSError as error:
        raise CatalogueError(f"{out} can not be written: {error.strerror}") from error
