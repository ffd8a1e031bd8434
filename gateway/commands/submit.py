"""Products and contracts from files, for `publish SOURCE` and `catalogue import`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.catalogue import Catalogue
from gateway.catalogue.differences import differences
from gateway.catalogue.pages import Page
from gateway.catalogue.problems import catalogue_error
from gateway.catalogue.steps import ShortStep, check_steps, short_steps
from gateway.catalogue.submission import Submission, read_files, submit
from gateway.errors import UserError
from gateway.model import Artefact, Dataset
from gateway.views.graph import graph_of
from gateway.views.problems import view_problems


def submit_source(
    mesh: Path, source: str, home: tuple[str, str], *, dry_run: bool, force: bool
) -> int:
    """Put the products and contracts of a source into the mesh, or show what that would change."""
    if not mesh.is_dir():
        raise UserError(f"the mesh folder {mesh} does not exist")
    submission = submit(mesh, read_files(source), home)
    if problems := list(view_problems(graph_of(submission.after))):
        raise catalogue_error(str(mesh), problems)
    before = submission.before.datasets if submission.before else ()
    steps = short_steps(before, submission.after.datasets)
    if dry_run:
        for page in submission.pages:
            print(page.unified() or f"unchanged {page.path}")
        print_changes(submission)
    check_changes(steps, force=force)
    check_conflicts(submission.pages, force=force)
    if not dry_run:
        write_pages(mesh, submission.pages, force=force)
        print_changes(submission)
    return 0


def check_changes(steps: Sequence[ShortStep], *, force: bool) -> None:
    """Raise UserError for versions that change more than their number says.

    With `force` a version that is there may break its readers, and that is said.
    """
    replaced = [step for step in steps if step.in_place and force]
    check_steps([step for step in steps if step not in replaced])
    for step in replaced:
        print(f"meshgate: readers are broken: {step}", file=sys.stderr)


def print_changes(submission: Submission) -> None:
    """What the submission means to the readers of the mesh."""
    found = differences(_all(submission.before), _all(submission.after))
    print("\nwhat changes:" if found else "\nnothing changes for readers")
    for difference in found:
        print("".join(f"  {line}\n" for line in str(difference).splitlines()), end="")
    print()


def _all(catalogue: Catalogue | None) -> list[Dataset | Artefact]:
    return [*catalogue.datasets, *catalogue.artefacts] if catalogue else []


def check_conflicts(pages: Sequence[Page], *, force: bool) -> None:
    """Raise UserError for files from which something would be lost, unless by `force`."""
    conflicts = [page for page in pages if page.is_conflict]
    if conflicts and not force:
        listed = "".join(f"\n  {page.path}" for page in conflicts)
        raise UserError(
            f"these files are there already and say otherwise:{listed}",
            hint="--force replaces them (what was added by hand stays); or raise --version",
        )


def write_pages(mesh: Path, pages: Sequence[Page], *, force: bool) -> None:
    """Put the pages on disk and say so, all or (UserError without `force`) none."""
    check_conflicts(pages, force=force)
    for page in pages:  # whoever stops reading what is printed does not stop the writing
        if page.is_new or page.is_changed:
            page.write(mesh)
    for page in pages:
        if page.is_new or page.is_changed:
            done = "wrote" if page.is_new else "added to" if page.only_adds else "replaced"
            print(f"{done} {page.path}")
            if page.is_changed:
                print("".join(f"    {line}\n" for line in page.changes()), end="")
        else:
            print(f"unchanged {page.path}")
