"""`meshgate publish`: a data product from a source's tables, or from the files of one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from connectors import REGISTRY
from connectors.interface import Binding, ObjectInfo, SourceError
from gateway.catalogue.download import is_url
from gateway.catalogue.guessing import guess_connector, guess_product
from gateway.catalogue.inspection import inspect_source, written_binding
from gateway.catalogue.pages import Page
from gateway.catalogue.problems import Problem, catalogue_error
from gateway.catalogue.publication import Product, Publication, publish_objects
from gateway.catalogue.staging import staged
from gateway.catalogue.steps import ShortStep, short_steps
from gateway.catalogue.submission import holds_contracts, is_yaml
from gateway.commands.submit import check_changes, submit_source, write_pages
from gateway.errors import UserError

_NAMES_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="ODPS and ODCS files as a file, folder or http(s) URL; or a file, folder or address of"
        " data, whose connector is guessed",
    )
    parser.add_argument("--mesh", type=Path, required=True, metavar="DIR", help="the mesh folder")
    parser.add_argument("--domain", help="the domain the product belongs to")
    parser.add_argument("--product", help="the name of the product")
    parser.add_argument("--connector", metavar="C", help=f"one of {', '.join(sorted(REGISTRY))}")
    parser.add_argument(
        "--uri", help="where the source is; secrets as '${NAME}' (in single quotes)"
    )
    parser.add_argument("--object", metavar="PATTERN", help="only objects of this name (* and ?)")
    parser.add_argument(
        "--option", action="append", default=[], metavar="K=V", help="a connector's option"
    )
    parser.add_argument("--version", default="1.0.0", help="the version of the datasets (1.0.0)")
    parser.add_argument("--dry-run", action="store_true", help="show the files, write nothing")
    parser.add_argument("--force", action="store_true", help="replace files that say otherwise")
    parser.set_defaults(wrong_usage=parser.error)


def _held(mesh: Path, binding: Binding) -> Sequence[ObjectInfo]:
    """All that a source holds; nothing if it can not list it."""
    try:
        return inspect_source(mesh, binding, None)
    except (SourceError, UserError):
        return ()


def _nothing(pattern: str | None, held: Sequence[ObjectInfo]) -> UserError:
    """The error for a source or a pattern without a table, with the names there are."""
    if not held:
        return UserError("the source holds nothing that can be published")
    names = ", ".join(found.name for found in held[:_NAMES_SHOWN])
    more = ", ..." if len(held) > _NAMES_SHOWN else ""
    return UserError(
        f"the source holds nothing that matches {pattern!r}", hint=f"it holds {names}{more}"
    )


def run(args: argparse.Namespace) -> int:
    if args.source is None:
        needed = ("domain", "product", "connector", "uri")
        missing = [f"--{name}" for name in needed if getattr(args, name) is None]
        if missing:
            args.wrong_usage(f"the following arguments are required: {', '.join(missing)}")
    elif args.uri is not None:
        args.wrong_usage("SOURCE and --uri are two sources; give one of them")
    elif _is_contracts(args):
        return _submit(args)
    else:
        _guess(args)
    return _inspect(args)


def _is_contracts(args: argparse.Namespace) -> bool:
    """Whether the source is products and contracts, rather than data."""
    if args.connector is not None:
        return False
    path = Path(args.source)
    return is_url(args.source) or (holds_contracts(path) if path.is_dir() else is_yaml(path.name))


def _submit(args: argparse.Namespace) -> int:
    for name in ("object", "option"):
        if getattr(args, name):
            args.wrong_usage(f"--{name} is for data; contracts say where their rows are")
    home = (args.domain or "", args.product or "")
    return submit_source(args.mesh, args.source, home, dry_run=args.dry_run, force=args.force)


def _guess(args: argparse.Namespace) -> None:
    """Fill in what a source of data says itself; whose it is, it can not."""
    if args.domain is None:
        args.wrong_usage("the following arguments are required: --domain")
    args.uri = args.source
    args.connector = args.connector or guess_connector(args.source)
    args.product = args.product or guess_product(args.source)


def _inspect(args: argparse.Namespace) -> int:
    mesh: Path = args.mesh
    binding = written_binding(mesh, args.connector, args.uri, _options(args.option))
    if binding.object and args.object:
        raise UserError(
            f"the URI ends in the pattern {binding.object!r}, and --object is another",
            hint="give one of them",
        )
    product = Product(args.domain, args.product, args.version, binding)
    product.check()
    objects = inspect_source(mesh, binding, args.object)
    if not objects:
        raise _nothing(args.object, _held(mesh, binding) if args.object else ())
    publication = publish_objects(mesh, product, objects)
    for problem in publication.problems:
        print(f"meshgate: left out {problem}", file=sys.stderr)
    for key in publication.keys_left_out:
        print(f"meshgate: left out {key}", file=sys.stderr)
    for old, new in publication.renames.items():
        print(f"meshgate: renamed {old!r}: it is published as {new}", file=sys.stderr)
    steps, wrong = _judged(mesh, publication.pages)
    if args.dry_run:
        for page in publication.pages:
            print(f"# {page.path}\n{page.text}")
        _print_changed(publication)
    check_changes(steps, force=args.force)
    if wrong:
        raise catalogue_error(str(mesh), wrong)
    if not args.dry_run:
        write_pages(mesh, publication.pages, force=args.force)
        _print_summary(product, publication)
    return 1 if publication.problems else 0


def _print_changed(publication: Publication) -> None:
    """How files that are there would change, as comments: what is printed stays YAML."""
    for page in publication.pages:
        if page.is_changed:
            print("".join(f"# {line}\n" for line in page.unified().splitlines()))


def _judged(mesh: Path, pages: Sequence[Page]) -> tuple[list[ShortStep], list[Problem]]:
    """Versions that change more than their number says, and what is wrong, were they written."""
    before, _ = staged(mesh, {})
    after, problems = staged(mesh, {page.path.as_posix(): page.text for page in pages})
    return short_steps(before, after), problems


def policy_line(product: Product, role: str) -> str:
    """The row that lets a role read every dataset of the product."""
    pattern = f"mesh://{product.domain}/{product.name}/*"
    return f"p,{role},{product.domain},{pattern},read,*,*,*,allow"


def _print_summary(product: Product, publication: Publication) -> None:
    if not publication.addresses:
        return
    print("\npublished")
    for address in publication.addresses:
        print(f"  {address}   in SQL: {address.sql_name}")
    print("\nTo let a role read it, add a line like this to policies/*.csv of the mesh:")
    print(f"  {policy_line(product, f'{product.domain}/analyst')}")
    print("A gateway that is running already finds it within seconds.")


def _options(pairs: Sequence[str]) -> dict[str, str]:
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--option {pair!r} is not NAME=VALUE")
        options[name] = value
    return options
