"""The stage of remote queries: a caller's own SQL for the source of a product.

Rows that go this way pass no row filter and no mask. So it takes a right of its own on every
dataset of the product, and on everything else that the gateway knows to be on that server the right
to read it without any obligation. Whatever is not known denies, always in the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass

import pyarrow as pa

from connectors.interface import Binding, SourceError, SourceKey
from connectors.own_queries import NotAllowed, OwnQuery, TakesOwnQueries, one_reading_query
from gateway.authorisation import READ, REMOTE_QUERY, Access, Grant
from gateway.catalogue.catalogue import Catalogue
from gateway.errors import (
    GatewayError,
    InvalidQuery,
    ResidencyViolation,
    SourceFailure,
    UnknownDataset,
    Unsupported,
    from_source,
)
from gateway.languages.remote import FUNCTION, RemoteCall
from gateway.model import Address, Dataset, Request
from gateway.plan.security import Security
from gateway.plan.source import Source, Table, TableName
from gateway.sources import Sources
from policies.decide import Decision

_SERVERS = frozenset({"mariadb", "mysql"})
"""Connectors whose connections reach every database of their server."""


@dataclass(frozen=True, slots=True)
class RemoteTable:
    """The answer of one remote query, opened: as a grant it is recorded, as a table planned.

    `product` are the datasets of the product it is of: what is known of these counts for it.
    """

    grant: Grant
    table: Table
    product: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True)
class RemoteQueries:
    """Authorises and opens the remote queries of one request. `decided` collects what was decided.

    `access` has the policies of one instant.
    """

    catalogue: Catalogue
    sources: Sources
    access: Access
    request: Request
    decided: MutableMapping[str, Decision]

    def open(self, calls: tuple[RemoteCall, ...]) -> Mapping[TableName, RemoteTable]:
        """Every remote query by the name it has in the statement. Raises GatewayError."""
        found: dict[TableName, RemoteTable] = {}
        for call in calls:
            try:
                found[(call.name,)] = self._open(call)
            except SourceError as error:
                raise from_source(error) from error
        return found

    def _open(self, call: RemoteCall) -> RemoteTable:
        datasets, decision = self._authorised(call)
        connector = self.sources.connector(datasets[0].binding)
        if not isinstance(connector, TakesOwnQueries):
            raise Unsupported(
                f"the source of {call.source} takes no {FUNCTION}", position=call.position
            )
        try:
            tree = one_reading_query(call.query, connector.dialect.name)
        except NotAllowed as refusal:
            raise InvalidQuery(
                f"the text of {FUNCTION} is refused: {refusal.reason}", position=call.position
            ) from None
        own = OwnQuery(connector, tree)
        schema = own.schema()
        if len(set(schema.names)) != len(schema.names) or not schema.names:
            raise InvalidQuery(
                f"the columns of a {FUNCTION} need names, each another", position=call.position
            )
        dataset = _dataset(datasets[0], own, schema)
        security = Security(raw=schema, discloses=True)
        table = Table(dataset, own, Source(own.source_key, own), security)
        return RemoteTable(Grant(dataset, security, decision), table, tuple(datasets))

    def _authorised(self, call: RemoteCall) -> tuple[list[Dataset], Decision]:
        """The product's datasets, and the decision that let its source be queried."""
        product = self._product(call.source)
        reason, decision = self._refusal(product)
        asked = f"{FUNCTION}({call.source})"
        if decision is None:
            self.decided[asked] = Decision(False, reason)
            raise UnknownDataset(
                f"there is no source {call.source} that you may query",
                position=call.position,
                hint=f"the first text names a product, as domain.product, that grants {FUNCTION}",
            )
        self.decided[asked] = decision
        return product, decision

    def _product(self, source: str) -> list[Dataset]:
        domain, dot, product = source.partition(".")
        if not dot:
            return []
        return [d for d in self.catalogue.of_product(domain, product) if d.view is None]

    def _refusal(self, product: list[Dataset]) -> tuple[str, Decision | None]:
        """Why not, for the record; or the decision to allow it."""
        if not product:
            return "no such product", None
        decision: Decision | None = None
        for dataset in product:
            decision = self._decide(dataset, REMOTE_QUERY)
            if not decision.allowed:
                return f"{dataset.address}: {decision.reason}", None
        try:
            keys = {self.sources.connector(d.binding).source_key for d in product}
        except (GatewayError, SourceError):
            return "its source can not be opened", None
        if len(keys) != 1:
            return "the product is in more than one source", None
        for dataset in self._on_server(keys.pop()):
            obligation = self._obligation(dataset)
            if obligation:
                return f"{dataset.address}: {obligation}", None
        return "", decision

    def _decide(self, dataset: Dataset, action: str) -> Decision:
        return self.access.decide(self.request.principal, dataset, action, self.request.purpose)

    def _on_server(self, key: SourceKey) -> Iterator[Dataset]:
        """Datasets whose rows a query to the source might reach, under any login.

        Not those that the caller is known to read just as they are: they are in nobody's way.
        """
        catalogue = self.catalogue
        free = self.access.outlook(self.request.principal, self.request.purpose, catalogue).free
        for positions in catalogue.sources.values():
            if self._may_reach(catalogue.datasets[positions[0]].binding, key):
                for position in positions:
                    if catalogue.entries[position].bound or not free[position]:
                        yield catalogue.datasets[position]

    def _may_reach(self, binding: Binding, key: SourceKey) -> bool:
        try:
            other = self.sources.connector(binding).source_key
        except (SourceError, SourceFailure):
            # Where it is can not be known: it may be there.
            return _family(binding.connector) == _family(key.connector)
        return _family(other.connector) == _family(key.connector) and _place(other) == _place(key)

    def _obligation(self, dataset: Dataset) -> str:
        """What stands between the caller and the whole dataset as it is; empty: nothing."""
        read = self._decide(dataset, READ)
        if not read.allowed:
            return f"it may not be read: {read.reason}"
        if read.denied_columns:
            return "some of its columns are denied"
        if read.permissive or read.restrictive:
            return "a row filter is owed"
        if read.masks:
            return "a mask is owed"
        if dataset.residency is not None:
            try:
                if self.access.minimum_rows(self.request.principal, dataset) is not None:
                    return "its rows may not leave their region"
            except ResidencyViolation:
                return "its rows may not leave their region"
        return ""


def _family(connector: str) -> str:
    return {"mysql": "mariadb"}.get(connector, connector)


def _place(key: SourceKey) -> str:
    if key.connector in _SERVERS:
        return key.location.partition("/")[0]
    return key.location


def _dataset(of: Dataset, own: OwnQuery, schema: pa.Schema) -> Dataset:
    """The answer as a dataset of the product. Plans are kept by its address: text and types."""
    columns = [(f.name, str(f.type)) for f in schema]
    digest = hashlib.sha256(repr((own.text, columns)).encode()).hexdigest()
    address = Address(of.address.domain, of.address.product, f"{FUNCTION}_{digest}", "0")
    return Dataset(address, schema, of.binding, revision=of.revision)
