"""Transitions: from one state of a dataset's life to the next, written into its contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.catalogue.deprecation import DeprecationError, parse_deprecation
from gateway.catalogue.editing import with_life
from gateway.catalogue.pages import Page
from gateway.catalogue.problems import catalogue_error
from gateway.catalogue.staging import staged
from gateway.catalogue.steps import check_steps, short_steps
from gateway.catalogue.versions import newest_first
from gateway.errors import UserError, did_you_mean
from gateway.model import UNPUBLISHED, Address, Dataset, Deprecation

FROM = {
    "active": UNPUBLISHED,
    "deprecated": frozenset({"active", "deprecated"}),
    "retired": frozenset({"deprecated"}),
}
"""From which states a state is reached; what is deprecated may be given another reason or date."""

FORCED = {"retired": frozenset({"active"})}
"""The same where it is insisted upon: readers have not been told that it would end."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A contract to be written, and the datasets whose status that changes, as they will be."""

    page: Page
    datasets: tuple[Dataset, ...]


def transition(
    mesh: Path, address: Address, status: str, end: Deprecation, *, force: bool = False
) -> Transition:
    """What takes a dataset to its next state. Nothing is written yet.

    `end` is what is to be said of it, where what it says already stays if nothing else is. Raises
    UserError for a step that is none of its life, CatalogueError where the mesh is wrong or would
    be.
    """
    before, problems = staged(mesh, {})
    if problems:
        raise catalogue_error(str(mesh), problems)
    dataset = _the_one(before, address)
    _check_step(dataset, status, force)
    told = _end(dataset, status, end)
    file = dataset.source_file
    text = (mesh / file).read_bytes().decode()
    written = with_life(text, file, status, told)
    after, problems = staged(mesh, {file: written})
    if problems:
        raise catalogue_error(str(mesh), problems)
    old = {d.address: d for d in before}
    changed = tuple(d for d in after if old.get(d.address) != d)
    new = next(d for d in after if d.address == dataset.address)
    if new.status != status:
        raise UserError(
            f"{new.address} would still be {new.status}, as its product is",
            hint="set the status of the product first",
        )
    if status == "active":  # a draft is held to its number from now on
        check_steps(short_steps([d for d in before if d is not dataset], after))
    if told is not None and new.deprecation != told:
        raise UserError(
            f"{new.address} has a mesh.deprecation of its own in its schema object",
            hint=f"change it there, in {file}",
        )
    return Transition(Page(Path(file), written, text), changed)


def _the_one(datasets: Sequence[Dataset], address: Address) -> Dataset:
    name = (address.domain, address.product, address.dataset)
    versions = [
        d for d in datasets if (d.address.domain, d.address.product, d.address.dataset) == name
    ]
    if not versions:
        known = {str(Address(d.address.domain, d.address.product, d.address.dataset)): d
                 for d in datasets}  # fmt: skip
        asked = str(Address(*name))
        raise UserError(f"there is no dataset {asked} in the mesh", hint=did_you_mean(asked, known))
    found = [d for d in versions if d.address.version == address.version]
    if address.version is None and len(versions) == 1:
        found = versions
    if not found:
        listed = ", ".join(f"{d.address} ({d.status})" for d in newest_first(versions))
        missing = f"no version {address.version}" if address.version else "several versions"
        raise UserError(f"the dataset has {missing}", hint=f"there is {listed}")
    return found[0]


def _check_step(dataset: Dataset, status: str, force: bool) -> None:
    now = dataset.status
    if now in FROM[status] or (force and now in FORCED.get(status, ())):
        return
    if now in FORCED.get(status, ()):
        raise UserError(
            f"{dataset.address} is {now}: its readers have not been told that it ends",
            hint="deprecate it first, or insist with --force",
        )
    if now == status:
        raise UserError(f"{dataset.address} is {now} already")
    onward = {"draft": "active", "proposed": "active", "active": "deprecated"}.get(now, "retired")
    hint = "publish a new version instead" if now == "retired" else f"it can become {onward}"
    raise UserError(f"{dataset.address} is {now} and can not become {status}", hint=hint)


def _end(dataset: Dataset, status: str, end: Deprecation) -> Deprecation | None:
    """What the contract is to say of its end, checked; None leaves it as it is."""
    parts = {key: getattr(end, key) for key in ("reason", "successor", "ends")}
    given = {key: text for key, text in parts.items() if text}
    if not given:
        return None
    if status == "active":
        raise UserError(
            "what becomes active has no end", hint="leave --reason, --successor and --ends out"
        )
    said = dataset.deprecation
    kept = {key: getattr(said, key) for key in parts if said and getattr(said, key)}
    try:
        return parse_deprecation({**kept, **given})
    except DeprecationError as error:
        raise UserError(f"--{error.key}: {error}") from None
