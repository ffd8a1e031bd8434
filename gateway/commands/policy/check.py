"""`meshgate policy check`: everything wrong in the policies, and rows that can never count."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.catalogue.entries import resource
from gateway.commands.policy.mesh import load_catalogue
from gateway.errors import UserError, did_you_mean
from gateway.identity.settings import Settings, load_settings
from gateway.identity.users import UserStore
from gateway.model import SYSTEM
from gateway.system.system import System
from policies.explanation import not_in_force
from policies.matching import mesh_match, one_of, parse_pattern
from policies.request import Resource
from policies.rows import ALL_ROWS, COLUMNS, PRINCIPAL, PolicyError, PolicyRows, Row
from policies.store import SETTINGS, open_folder, review_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="policies that are not in force (policies/ of the mesh)",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when something is wrong; warnings alone are no failure."""
    folder = args.folder or args.mesh / "policies"
    rows, wrong = _review(folder)
    catalogue = load_catalogue(args.mesh)
    datasets = (*catalogue.datasets, *System().datasets)
    resources = [*map(resource, datasets), *map(resource, catalogue.artefacts)]
    owners = [dataset.view.owner for dataset in catalogue.datasets if dataset.view is not None]
    people = People.of(UserStore.load(args.mesh), load_settings(args.mesh), rows.rows, owners)
    purposes = {name for row in rows.rows if row.ptype == "g2" for name in row.columns}
    checks = Checks(resources, people, purposes, time.time())
    warnings = [(row, text) for row in rows.rows for text in checks.warnings(row)]
    if args.json:
        print(json.dumps(_json(rows, wrong, warnings), indent=2))
    else:
        for error in wrong:
            print(f"{_place(error)}: error: {error.reason}")
        for row, text in warnings:
            print(f"{row.origin}: warning: {text}")
        found = f"{_count(len(wrong), 'error')}, {_count(len(warnings), 'warning')}"
        print(f"{_count(len(rows.rows) + len(wrong), 'row')}: {found}", file=sys.stderr)
    return 1 if wrong else 0


def _review(folder: Path) -> tuple[PolicyRows, tuple[PolicyError, ...]]:
    """The rows that are right and all that is wrong; a database tells only the first of it."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", hint="name a folder of *.csv files")
    if not (folder / SETTINGS).exists():
        return review_folder(folder)
    try:
        store = open_folder(folder)
        try:
            return store.load(), ()
        finally:
            store.close()
    except PolicyError as error:
        return PolicyRows(), (error,)


@dataclass(frozen=True, slots=True)
class People:
    """Who there is, as far as the files say: a token may bring any subject of an issuer."""

    principals: frozenset[str]
    roles: frozenset[str]
    settings: Settings

    @classmethod
    def of(
        cls, users: UserStore, settings: Settings, rows: Iterable[Row], owners: Iterable[str] = ()
    ) -> People:
        """Roles are held where somebody, or a group of an issuer, has them, also by way of rows.

        Nobody has to hold those of `owners`: views are read with their rights.
        """
        known = [*(user.principal for user in users.users), *settings.services.values()]
        roles = {role for principal in known for role in principal.roles}
        roles.update(filter(None, owners))
        roles.update(role for issuer in settings.issuers for _, role in issuer.groups)
        names = frozenset(principal.name for principal in known)
        links = [row.columns for row in rows if row.ptype == "g"]
        found = cls(names, frozenset(), settings)
        while True:
            more = {
                role
                for member, role in links
                if member in roles or (PRINCIPAL.match(member) and found.is_somebody(member))
            }
            if more <= roles:
                return cls(names, frozenset(roles), settings)
            roles |= more

    def is_somebody(self, principal: str) -> bool:
        """Whether it is a user or service, or could be the subject of a token."""
        return principal in self.principals or self.settings.is_scoped(principal)


@dataclass(frozen=True, slots=True)
class Checks:
    """What may be wrong with a row that is right by itself."""

    resources: list[Resource]
    people: People
    purposes: set[str]
    now: float

    def warnings(self, row: Row) -> Iterator[str]:
        """Why the row never counts, or not as it seems to."""
        late = not_in_force(row, self.now)
        if late.startswith("ended"):
            yield f"the row {late}"
        columns = dict(zip(COLUMNS[row.ptype], row.columns, strict=True))
        yield from self._subject(columns.get("sub") or columns.get("member", "*"))
        if "obj" not in columns:
            return
        yield from self._purposes(columns["purpose"])
        datasets = self._datasets(columns["dom"], columns["obj"])
        yield from self._places(columns["dom"], columns["obj"], datasets)
        if not datasets:
            return
        if row.ptype == "p":
            tags = {t for r in datasets for t in r.tags} | _column_tags(datasets)
            yield from _tags(columns["tags"], tags, "the datasets it is for have")
        elif row.ptype == "p3":
            tags = _column_tags(datasets)
            yield from _tags(columns["tag"], tags, "the columns it is for have")
        elif row.effect == "allow":
            # system tables are filtered by what their reader may know, not by policies
            yield from _filter(columns["filter_id"], [r for r in datasets if r.domain != SYSTEM])

    def _subject(self, subject: str) -> Iterator[str]:
        if subject == "*":
            return
        if PRINCIPAL.match(subject):
            if not self.people.is_somebody(subject):
                hint = did_you_mean(subject, self.people.principals)
                yield _hinted(f"there is no {subject}", hint)
        elif subject not in self.people.roles:
            hint = did_you_mean(subject, self.people.roles)
            yield _hinted(f"nobody has the role {subject}", hint)

    def _purposes(self, purposes: str) -> Iterator[str]:
        """Where there is a tree, a purpose that is not in it may be a slip."""
        for purpose in purposes.split("|") if self.purposes and purposes != "*" else ():
            if purpose not in self.purposes:
                hint = did_you_mean(purpose, self.purposes)
                yield _hinted(f"the purpose {purpose} is not in the tree of g2 rows", hint)

    def _datasets(self, domains: str, pattern: str) -> list[Resource]:
        return [
            r for r in self.resources if one_of(r.domain, domains) and _is_for(pattern, r.address)
        ]

    def _places(self, domains: str, pattern: str, datasets: list[Resource]) -> Iterator[str]:
        known = {resource.domain for resource in self.resources}
        unknown = [d for d in domains.split("|") if d != "*" and d not in known]
        for domain in unknown:
            yield _hinted(f"no dataset is in the domain {domain}", did_you_mean(domain, known))
        if not any(_is_for(pattern, r.address) for r in self.resources):
            addresses = {r.address for r in self.resources}
            addresses |= {address.partition("@")[0] for address in addresses}
            hint = did_you_mean(pattern.partition("#")[0], addresses)
            yield _hinted(f"there is no dataset {pattern}", hint)
        elif not datasets and not unknown:
            yield f"no dataset {pattern} is in the domain {domains}"
        column = parse_pattern(pattern)[4]
        names = {name for r in datasets for name, _ in r.columns}
        if datasets and column is not None and column not in names:
            yield _hinted(f"there is no column {column}", did_you_mean(column, names))


def _is_for(pattern: str, address: str) -> bool:
    """Whether the pattern is for the dataset or a column of it."""
    column = parse_pattern(pattern)[4]
    return mesh_match(f"{address}#{column}" if column is not None else address, pattern)


def _column_tags(datasets: Iterable[Resource]) -> set[str]:
    return {tag for r in datasets for _, tags in r.columns for tag in tags}


def _tags(written: str, known: set[str], whose: str) -> Iterator[str]:
    for tag in written.split("|") if written != "*" else ():
        if tag not in known:
            yield _hinted(f"none of {whose} the tag {tag}", did_you_mean(tag, known))


def _filter(filter_id: str, datasets: list[Resource]) -> Iterator[str]:
    if filter_id == ALL_ROWS:
        return
    without = [r for r in datasets if filter_id not in r.row_filters]
    if without:
        hint = did_you_mean(filter_id, {f for r in without for f in r.row_filters})
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        text = (
            f"{without[0].address}{more} has no row filter {filter_id}:"
            " whoever the row is for can not read it"
        )
        yield _hinted(text, hint)


def _hinted(text: str, hint: str | None) -> str:
    return f"{text}; {hint}" if hint else text


def _place(error: PolicyError) -> str:
    return f"{error.file}:{error.line}" if error.line else error.file


def _json(
    rows: PolicyRows, wrong: Iterable[PolicyError], warnings: Iterable[tuple[Row, str]]
) -> dict[str, object]:
    return {
        "rows": len(rows.rows),
        "errors": [{"file": e.file, "line": e.line, "reason": e.reason} for e in wrong],
        "warnings": [
            {"file": row.file, "line": row.line, "row": str(row), "reason": text}
            for row, text in warnings
        ],
    }


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
