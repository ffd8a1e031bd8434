"""`meshgate publish`: inspect a source and write a data product for what it holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from connectors import REGISTRY
from connectors.interface import Binding, ObjectInfo, SourceError
from gateway.catalogue import Catalogue
from gateway.catalogue.inspection import inspect_source, written_binding
from gateway.catalogue.publication import Page, Product, Publication, publish_objects
from gateway.catalogue.staging import staged
from gateway.catalogue.steps import ShortStep, check_steps, short_steps
from gateway.errors import UserError

_NAMES_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mesh", type=Path, required=True, metavar="DIR", help="the mesh folder")
    parser.add_argument("--domain", required=True, help="the domain the product belongs to")
    parser.add_argument("--product", required=True, help="the name of the product")
    parser.add_argument(
        "--connector", required=True, metavar="C", help=f"one of {', '.join(sorted(REGISTRY))}"
    )
    parser.add_argument(
        "--uri", required=True, help="where the source is; secrets as '${NAME}' (in single quotes)"
    )
    parser.add_argument("--object", metavar="PATTERN", help="only objects of this name (* and ?)")
    parser.add_argument(
        "--option", action="append", default=[], metavar="K=V", help="a connector's option"
    )
    parser.add_argument("--version", default="1.0.0", help="the version of the datasets (1.0.0)")
    parser.add_argument("--dry-run", action="store_true", help="show the files, write nothing")
    parser.add_argument("--force", action="store_true", help="replace files that say otherwise")


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
    steps = _short_steps(mesh, publication.pages)
    if args.dry_run:
        for page in publication.pages:
            print(f"# {page.path}\n{page.text}")
    replaced = [step for step in steps if step.in_place and args.force]
    check_steps([step for step in steps if step not in replaced])
    for step in replaced:
        print(f"meshgate: readers are broken: {step}", file=sys.stderr)
    if not args.dry_run:
        write_pages(mesh, publication.pages, force=args.force)
        Catalogue.load(mesh)
        _print_summary(product, publication)
    return 1 if publication.problems else 0


def _short_steps(mesh: Path, pages: Sequence[Page]) -> list[ShortStep]:
    """The versions that change more than their number says, were the pages written."""
    before, _ = staged(mesh, {})
    after, _ = staged(mesh, {page.path.as_posix(): page.text for page in pages})
    return short_steps(before, after)


def write_pages(mesh: Path, pages: Sequence[Page], *, force: bool) -> None:
    """Put the pages on disk and say so, all or (UserError without `force`) none."""
    conflicts = [page for page in pages if page.is_conflict]
    if conflicts and not force:
        listed = "".join(f"\n  {page.path}" for page in conflicts)
        raise UserError(
            f"these files are there already and say otherwise:{listed}",
            hint="--force replaces them (what was added by hand stays); or raise --version",
        )
    for page in pages:
        if page.is_new or page.is_changed:
            page.write(mesh)
            done = "wrote" if page.is_new else "added to" if page.only_adds else "replaced"
            print(f"{done} {page.path}")
            if page.is_changed:
                print("".join(f"    {line}\n" for line in page.changes()), end="")
        else:
            print(f"unchanged {page.path}")


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
