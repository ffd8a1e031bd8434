"""A mesh folder as the people of governance see it, and what a subject gets of a dataset there.

Whoever can read the folder can read its policies: nothing is hidden here.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.authorisation import READ, Access
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.entries import resource
from gateway.errors import (
    CatalogueError,
    ResidencyViolation,
    UnknownColumn,
    UnknownDataset,
    UserError,
    did_you_mean,
)
from gateway.identity.settings import Settings, load_settings
from gateway.identity.users import UserStore
from gateway.model import REGION, SCHEME, Address, Dataset, Principal
from gateway.serving.options import check_purpose
from policies.decide import Authoriser, Context, Decision, Subject, probe
from policies.explanation import DENIED, Asked, Column
from policies.judgement import CLEAR
from policies.matching import ACTIONS
from policies.rows import PRINCIPAL, ROLE
from policies.snapshot import Snapshot
from policies.store import PolicyError, PolicyStore, open_store

_QUOTED = re.compile(r'"([^"]*)"|([^."]+)')


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a dataset: who may do `action` to it, or to one column of it."""

    dataset: Dataset
    column: str = ""
    action: str = READ
    purpose: str = ""
    gateway_region: str = ""


@dataclass(frozen=True, slots=True)
class Residence:
    """Whether rows may go to somebody: ``rows``, ``aggregates`` or ``refused``, and why."""

    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """What a principal gets. `columns` are those asked about, empty when the answer is no."""

    principal: Principal
    asked: Asked
    decision: Decision
    columns: tuple[Column, ...] = ()
    residence: Residence | None = None

    @property
    def allowed(self) -> bool:
        """By the policies and by where the rows may be; of one column asked about: of it."""
        refused = self.residence is not None and self.residence.verdict == "refused"
        return self.decision.allowed and not refused and any(c.mask != DENIED for c in self.shown)

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns; where there is nothing to say of columns, one that is clear."""
        return self.columns or (Column("", frozenset(), CLEAR),)

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        if not self.decision.allowed:
            return self.decision.reason
        if self.residence is not None and self.residence.verdict == "refused":
            return self.residence.text
        column = self.columns[0] if len(self.columns) == 1 else None
        if column is None or column.mask == CLEAR:
            return self.decision.reason
        by = "denied by" if column.mask == DENIED else "masked by"
        return column.reason or f"{by} {because(column)}"


def because(column: Column) -> str:
    """Why a column is seen as it is: the rows that decided, or what no row says."""
    return column.reason or ", ".join(row.origin for row in column.rules)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Everything that has a part in a decision, as it is now."""

    catalogue: Catalogue
    authoriser: Authoriser
    users: UserStore
    settings: Settings
    now: float

    @classmethod
    def load(cls, folder: Path) -> Mesh:
        """Raises CatalogueError for what is wrong in the folder."""
        catalogue = load_catalogue(folder)
        now = time.time()
        authoriser = load_policies(lambda: open_store(folder), now)
        return cls(catalogue, authoriser, UserStore.load(folder), load_settings(folder), now)

    def view(self, principal: Principal, question: Question) -> View:
        """What the principal gets, and by which rows."""
        dataset, purpose = question.dataset, question.purpose
        subject = Subject(principal.name, principal.roles, principal.purposes)
        context = Context(purpose, principal.region)
        asked = Asked(
            self.authoriser, self.now, subject, resource(dataset), question.action, context
        )
        decision = asked.decision()
        if not decision.allowed:
            return View(principal, asked, decision)
        columns = tuple(
            column
            for column in (asked.columns(decision) if question.action in _OF_COLUMNS else ())
            if question.column in ("", column.name)
        )
        residence = None
        if question.action == READ:
            residence = self._residence(principal, dataset, question.gateway_region)
        return View(principal, asked, decision, columns, residence)

    def find(self, text: str) -> tuple[Dataset, str]:
        """The dataset and column that ``domain.product.dataset#column`` or an address means."""
        name, _, column = text.partition("#")
        if name.startswith(SCHEME):
            address = Address.parse(name)
            parts: tuple[str, ...] = (address.domain, address.product, address.dataset)
            version = address.version
        else:
            name, _, version = name.partition("@")
            parts = tuple(quoted or plain for quoted, plain in _QUOTED.findall(name))
        try:
            dataset = self.catalogue.resolve(parts, version or None, lambda _: True)
        except UnknownDataset as error:  # here nothing is hidden
            message = error.message.removesuffix(" that you may read")
            hint = error.hint or self.catalogue.suggestion(parts)
            raise UnknownDataset(message, hint=hint) from None
        if column and column not in dataset.schema.names:
            raise UnknownColumn(
                f"{dataset.address.sql_name} has no column {column}",
                hint=did_you_mean(column, dataset.schema.names),
            )
        return dataset, column

    def principal(self, args: argparse.Namespace) -> Principal:
        """Who --user, --principal and --role speak of, in the --region given."""
        found = self._principal(args)
        return replace(found, region=args.region) if args.region else found

    def known(self) -> Iterator[Principal]:
        """Every user of the file and every service that is declared."""
        yield from (user.principal for user in self.users.users)
        yield from self.settings.services.values()

    def _principal(self, args: argparse.Namespace) -> Principal:
        roles = tuple(dict.fromkeys(args.role))
        wrong = next((role for role in roles if not ROLE.match(role)), "")
        if wrong:
            raise UserError(f"{wrong!r} is not a role", hint="write ROLE or DOMAIN/ROLE")
        if args.user:
            user = self.users.get(args.user)
            if user is None:
                names = [user.name for user in self.users.users]
                hint = did_you_mean(args.user, names) or "meshgate user list shows who there is"
                raise UserError(f"there is no user {args.user} in this mesh", hint=hint)
            return replace(user.principal, roles=tuple(dict.fromkeys((*user.roles, *roles))))
        return self.named(args.principal or (roles[0] if len(roles) == 1 else "any:one"), roles)

    def named(self, name: str, roles: tuple[str, ...] = ()) -> Principal:
        """A principal as the mesh knows it, or a role as somebody who holds nothing but it.

        With `roles` the principal is taken to have these. Raises UserError.
        """
        if not PRINCIPAL.match(name) and not ROLE.match(name):
            raise UserError(
                f"{name!r} is neither a principal nor a role",
                hint="write user:NAME, svc:NAME, or a role such as sales/analyst",
            )
        known = next((p for p in self.known() if p.name == name), None)
        if known is not None and not roles:
            return known
        subject = probe(name)
        return Principal(subject.name, tuple(dict.fromkeys((*subject.roles, *roles))))

    def _residence(self, principal: Principal, dataset: Dataset, region: str) -> Residence | None:
        if dataset.residency is None:
            return None
        # Where nothing is said about the gateway, it is taken to be where the rows may be.
        here = region or dataset.residency.regions[0]
        access = Access(self.authoriser, product_key=lambda *_: b"", region=here)
        try:
            least = access.minimum_rows(principal, dataset)
        except ResidencyViolation as error:
            return Residence("refused", error.message)
        regions = " or ".join(dataset.residency.regions)
        if least is None:
            return Residence("rows", f"rows stay in {regions}")
        return Residence("aggregates", f"only aggregates over {least} rows or more leave {regions}")


_OF_COLUMNS = (READ, "discover")


def load_catalogue(folder: Path) -> Catalogue:
    if not (folder / "products").is_dir():
        raise UserError(
            f"{folder} is not a mesh folder: there is no folder products in it",
            hint="name one with --mesh DIR; meshgate publish makes one",
        )
    return Catalogue.load(folder)


def load_policies(open_: Callable[[], PolicyStore], now: float) -> Authoriser:
    """The policies of a store as they are in force at `now`. Raises CatalogueError."""
    try:
        store = open_()
        try:
            return Authoriser(Snapshot(store.load()), lambda: now)
        finally:
            store.close()
    except PolicyError as error:
        raise CatalogueError(
            str(error), hint="meshgate policy check says everything that is wrong"
        ) from error


def add_question(parser: argparse.ArgumentParser) -> None:
    """The arguments of a question about a dataset."""
    parser.add_argument(
        "dataset",
        metavar="DATASET[#COLUMN]",
        help="domain.product.dataset or mesh://domain/product/dataset[@version]",
    )
    parser.add_argument("--action", default=READ, choices=sorted(ACTIONS), help="to do what (read)")
    parser.add_argument("--purpose", default="", help="the purpose declared")
    parser.add_argument(
        "--region", default="", help="where the caller is, whatever the users' file says"
    )
    parser.add_argument(
        "--gateway-region",
        default="",
        metavar="REGION",
        help="where the gateway is (where the rows may be)",
    )


def question(mesh: Mesh, args: argparse.Namespace) -> Question:
    """What `add_question` has read. Raises UserError."""
    for region in (args.region, args.gateway_region):
        if region and not REGION.match(region):
            raise UserError(f"{region!r} is not a region", hint="write a name such as EU")
    purpose = check_purpose(args.purpose)
    dataset, column = mesh.find(args.dataset)
    if column and args.action not in _OF_COLUMNS:
        raise UserError(
            f"{args.action} is not decided for a column",
            hint="ask about the dataset, or about read or discover",
        )
    return Question(dataset, column, args.action, purpose, args.gateway_region)
