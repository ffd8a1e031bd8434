"""The resolve and authorise stages: names to datasets, each with what its reader owes.

A view is resolved down to the datasets it stands on. Every layer is decided by itself: for the
caller, or for the view's owner where the view unmasks and the owner may publish what is below.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.interface import Moment
from gateway.authorisation import DISCOVER, PUBLISH, READ, Access, Grant
from gateway.catalogue.catalogue import FULL_NAME, Catalogue
from gateway.catalogue.deprecation import successor_of
from gateway.errors import (
    AccessDenied,
    AmbiguousDataset,
    DatasetRetired,
    GatewayError,
    InvalidQuery,
    LimitExceeded,
    PurposeRequired,
    ResidencyViolation,
    UnknownDataset,
)
from gateway.languages import sql
from gateway.languages.mentions import Asked, mentioned_in
from gateway.languages.request_languages import Parsed, parsed_view
from gateway.model import Address, Dataset, Principal, Request, View
from gateway.plan.source import TableName
from gateway.system.system import System
from policies.decide import Decision
from policies.outlook import Outlook

RESERVED = "__below_"
"""How the names of what views read begin; no name of a caller's may."""

MAX_LAYERS = 16
"""How many views may stand on each other."""

ASKED_SINGLY = 8
"""Of so many datasets that a name may mean each is decided, and its denial recorded. Of more, only
those the caller may know of: a name that many hidden datasets have costs what an unused one does.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Body:
    """A view's query: `names` leads from the names in it to those in `Authorised`."""

    statement: sql.Statement
    names: Mapping[TableName, TableName]
    lends: bool


@dataclass(frozen=True, slots=True)
class Authorised:
    """Everything a request reads: grants by name, and the bodies of those that are views.

    `nested` are the names only views know, and `needed` the columns the views use of them;
    `moments` are there for what is read as it was.
    """

    grants: Mapping[TableName, Grant]
    bodies: Mapping[TableName, Body]
    nested: frozenset[TableName]
    moments: Mapping[TableName, Moment] = field(default_factory=dict)
    needed: Mapping[TableName, frozenset[str]] = field(default_factory=dict)


def _unchecked(view: Dataset) -> None:
    """Every view is as good as another."""


@dataclass(slots=True)
class Resolution:
    """Resolves one request. `decided` are the decisions made for it so far, by address or name.

    `check_view` may refuse a view its reader has named, before what it stands on is looked for.
    """

    catalogue: Catalogue
    system: System
    access: Access
    request: Request
    decided: dict[str, Decision] = field(default_factory=dict)
    check_view: Callable[[Dataset], None] = _unchecked
    _grants: dict[TableName, Grant] = field(default_factory=dict)
    _bodies: dict[TableName, Body] = field(default_factory=dict)
    _nested: set[TableName] = field(default_factory=set)
    _moments: dict[TableName, Moment] = field(default_factory=dict)
    _needed: dict[TableName, frozenset[str]] = field(default_factory=dict)

    def authorise(self, references: Iterable[sql.Reference]) -> Authorised:
        """The datasets behind the names of the caller's statement. Raises GatewayError."""
        references = list(references)
        namespace = self.request.namespace
        short = any(len(r.parts) < FULL_NAME and not r.optional for r in references)
        if namespace and short and not self.system.holds(namespace):
            known = self._outlook(self.request.principal).known_products
            self.catalogue.namespaces.check(namespace, known)
        for reference in references:
            if any(part.lower().startswith(RESERVED) for part in reference.name):
                raise UnknownDataset(
                    f"there is no dataset {'.'.join(reference.name)}, or you may not read it",
                    position=reference.position,
                )
            found = self._of_system(reference)
            if found is None:
                found = self._find(reference, self.request.principal, self.request.namespace)
            if found is not None:
                if found[0].view is not None:
                    self.check_view(found[0])
                self._remember(reference.name, reference.moment)
                self._grant(
                    reference.name, *found, self.request.principal, self.request.purpose, ()
                )
        return Authorised(
            dict(self._grants),
            dict(self._bodies),
            frozenset(self._nested),
            dict(self._moments),
            dict(self._needed),
        )

    def _remember(self, name: TableName, moment: Moment | None) -> None:
        if moment is not None:
            self._moments[name] = moment

    def _of_system(self, reference: sql.Reference) -> tuple[Dataset, Decision] | None:
        """A system table that is named, if the caller may read it. No view may stand on one."""
        dataset = self.system.named(reference.parts, reference.version, self.request.namespace)
        if dataset is None:
            return None
        request = self.request
        decision = self.system.decide(request.principal, dataset, self.access, request.purpose)
        if not decision.allowed:
            return None
        self.decided[str(dataset.address)] = decision
        return dataset, decision

    def _known(self, dataset: Dataset) -> bool:
        """Whether the caller may know of a dataset, if perhaps for another purpose only."""
        principal, purpose = self.request.principal, self.request.purpose
        reading = self.access.decide(principal, dataset, READ, purpose)
        if reading.allowed or reading.purposes:
            return True
        return self.access.may(principal, dataset, DISCOVER, purpose)

    def _outlook(self, principal: Principal) -> Outlook:
        return self.access.outlook(principal, self.request.purpose, self.catalogue)

    def _find(
        self, reference: sql.Reference, principal: Principal, namespace: tuple[str, ...] = ()
    ) -> tuple[Dataset, Decision] | None:
        """The dataset and the decision to let it be read; None for the name of a CTE.

        The `namespace` is the caller's, for names in its own text: in a view's they would mean
        something else for each caller.
        """
        asked: dict[str, Decision] = {}

        def among(positions: Sequence[int]) -> Sequence[int]:
            if 0 < len(positions) <= ASKED_SINGLY:
                return positions
            known = self._outlook(principal).known
            return [position for position in positions if known[position]]

        def readable(dataset: Dataset) -> bool:
            decision = self.access.decide(principal, dataset, READ, self.request.purpose)
            asked[str(dataset.address)] = decision
            return decision.allowed

        try:
            dataset = self.catalogue.resolve(
                reference.parts, reference.version, readable, namespace, among
            )
        except (UnknownDataset, AmbiguousDataset) as error:
            if reference.optional:
                return None
            self.decided.update({a: d for a, d in asked.items() if not d.allowed})
            self.decided.setdefault(".".join(reference.parts), Decision(False, "no such dataset"))
            denial = purpose_wanted(asked.values()) or error
            denial.position = error.position or reference.position
            if denial is error and denial.hint is None:
                shown = self._outlook(principal).readable
                denial.hint = self.catalogue.suggestion(reference.parts, shown)
            raise denial from None
        if dataset.status == "retired":
            self.decided[str(dataset.address)] = Decision(False, "the dataset is retired")
            raise self._retired(dataset, reference)
        decision = self.decided[str(dataset.address)] = asked[str(dataset.address)]
        return dataset, decision

    def _retired(self, dataset: Dataset, reference: sql.Reference) -> DatasetRetired:
        reason = dataset.deprecation.reason if dataset.deprecation else ""
        successor = self.successor(dataset)
        return DatasetRetired(
            f"{dataset.address} is retired" + (f": {reason}" if reason else ""),
            hint=f"read {successor} instead" if successor else "ask its owner what to read instead",
            position=reference.position,
        )

    def successor(self, dataset: Dataset) -> Address | None:
        """What is to be read instead of a dataset, if the caller may know of it."""
        named = successor_of(dataset)
        if named is None:
            return None
        parts = (named.domain, named.product, named.dataset)
        try:
            self.catalogue.resolve(parts, named.version, self._known)
        except (UnknownDataset, AmbiguousDataset):
            return None
        return named

    def _grant(
        self,
        name: TableName,
        dataset: Dataset,
        decision: Decision,
        principal: Principal,
        purpose: str,
        above: tuple[str, ...],
    ) -> None:
        self._grants[name] = self.access.grant(principal, dataset, decision, purpose)
        if dataset.view is not None:
            self._bodies[name] = self._body(dataset, dataset.view, principal, purpose, above)

    def _body(
        self,
        dataset: Dataset,
        view: View,
        principal: Principal,
        purpose: str,
        above: tuple[str, ...],
    ) -> Body:
        """What a view reads. An error below it says no more than that the view can not be read."""
        address = str(dataset.address)
        if address in above or len(above) >= MAX_LAYERS:
            raise LimitExceeded(f"the view {address} stands on too many views, or on itself")
        try:
            parsed = parsed_view(view)
            if parsed.remote:  # its reader would have to hold the right, and be shown the text
                raise InvalidQuery("a view may not hold a remote_query")
            names: dict[TableName, TableName] = {}
            lends = False
            for reference in parsed.references:
                found = self._below(reference, view, principal, purpose)
                if found is None:
                    continue
                below, decision, reader, reading = found
                lends = lends or reader is not principal
                meant = (f"{RESERVED}{len(self._nested)}",)
                self._nested.add(meant)
                names[reference.name] = meant
                self._remember(meant, reference.moment)
                self._grant(meant, below, decision, reader, reading, (*above, address))
            statement = self._over_columns(parsed, names)
        except (PurposeRequired, ResidencyViolation, LimitExceeded) as error:
            error.position = None  # of a text the caller has not written
            raise
        except (UnknownDataset, AmbiguousDataset, AccessDenied):
            raise AccessDenied(
                f"the view {address} reads what you may not",
                hint="ask its owner which datasets you need rights to",
            ) from None
        except GatewayError as error:
            _log.warning("the view %s can not be computed: %s", address, error)
            raise InvalidQuery(
                f"the view {address} can not be computed", hint="its owner has to mend it"
            ) from None
        return Body(statement, names, lends)

    def _over_columns(self, parsed: Parsed, names: Mapping[TableName, TableName]) -> sql.Statement:
        """A view's query as a statement of ours, and which columns below each table has to have."""
        schemas = {own: self._grants[meant].dataset.schema for own, meant in names.items()}
        statement = parsed
        if not isinstance(statement, sql.Statement):
            statement = statement.translated(schemas)
        statement = statement.over(schemas.values())
        for own, meant in names.items():
            asked = Asked(statement.text, tuple(schemas[own].names), statement.tree)
            self._needed[meant] = mentioned_in(asked)
        return statement

    def _below(
        self, reference: sql.Reference, view: View, principal: Principal, purpose: str
    ) -> tuple[Dataset, Decision, Principal, str] | None:
        """A dataset below a view, the decision, and with whose rights and purpose it is read."""
        if view.unmasks:
            owner = Principal(f"role:{view.owner}", (view.owner,), region=principal.region)
            lent = self._lent(reference, owner)
            if lent is not None:
                return (*lent, owner, "")
        found = self._find(reference, principal)
        return None if found is None else (*found, principal, purpose)

    def _lent(self, reference: sql.Reference, owner: Principal) -> tuple[Dataset, Decision] | None:
        """What the owner may read, and also publish: only that it may lend to others."""

        def publishable(dataset: Dataset) -> bool:
            return all(self.access.may(owner, dataset, action) for action in (READ, PUBLISH))

        try:
            dataset = self.catalogue.resolve(reference.parts, reference.version, publishable)
        except (UnknownDataset, AmbiguousDataset):
            return None
        if dataset.status == "retired":
            raise self._retired(dataset, reference)
        return dataset, self.access.decide(owner, dataset, READ)


def purpose_wanted(decisions: Iterable[Decision]) -> PurposeRequired | None:
    """The error that tells which purposes would do; None when none would.

    Whoever may read the dataset for some purpose granted to it may know that it is there.
    """
    purposes = sorted({purpose for decision in decisions for purpose in decision.purposes})
    if not purposes:
        return None
    return PurposeRequired(
        "the dataset may be read for certain purposes only",
        hint=f"declare one of them for the session: {', '.join(purposes)}",
    )
