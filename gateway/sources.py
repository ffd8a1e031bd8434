"""The open sources of a gateway: one connector per source, and what their schemas last were."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace

import pyarrow as pa
from cachetools import TTLCache
from sqlglot import exp

from connectors import open_connector
from connectors.interface import (
    Binding,
    Connector,
    Moment,
    RunsSql,
    SourceError,
    SourceErrorCode,
    TravelsInTime,
)
from gateway.catalogue.bindings import fill_secrets
from gateway.catalogue.drift import drift, drift_of_the_past, drifted
from gateway.config import Config
from gateway.errors import SchemaDrift, UnknownSnapshot, Unsupported
from gateway.model import Dataset
from gateway.plan.security import Security
from gateway.plan.source import Source, Table
from gateway.statistics import StatisticsCache

SCHEMA_AGE_SECONDS = 30.0
"""How long a dataset that was found to keep its contract is not looked at again."""


class Sources:
    """Opens datasets. Connectors are shared by all requests and live as long as the gateway."""

    def __init__(self, config: Config) -> None:
        self._lock = threading.Lock()
        self._statistics = StatisticsCache(
            config.statistics_age_seconds, config.statistics_wait_seconds
        )
        self._opened: dict[tuple[object, ...], tuple[Connector, Source | None]] = {}
        self._checked: TTLCache[tuple[object, ...], bool] = TTLCache(10_000, SCHEMA_AGE_SECONDS)

    def open(
        self,
        dataset: Dataset,
        security: Security,
        moment: Moment | None = None,
        needed: frozenset[str] | None = None,
    ) -> Table:
        """The dataset as its reader sees it, once its source is known to keep the contract.

        Of a `moment` it is the source's state then, under the rights of today. With `needed` a
        source may have lost other columns: the dataset is without them then. Raises SourceError
        when the source does not answer, SchemaDrift when it has changed; UnknownSnapshot and
        Unsupported where there is no such state.
        """
        binding = dataset.binding
        connector, source = self._connected(binding)
        if moment is not None:
            return self._opened_at(dataset, security, connector, moment)
        known = _contract(dataset)
        with self._lock:
            fresh = known in self._checked
        if not fresh:
            lost = self.lost(dataset, connector, security)
            if lost and (needed is None or lost & (needed | _filtered(security))):
                self.check(dataset, connector, security)
            if lost:
                dataset, security = _without(dataset, security, lost)
            else:
                with self._lock:
                    self._checked[known] = True
        key = (*_identity(binding), binding.object)
        found = self._statistics.of(key, connector, binding.object)
        return Table(
            dataset,
            connector,
            source,
            security,
            statistics=found.statistics,
            statistics_version=found.version,
        )

    def lost(self, dataset: Dataset, connector: Connector, security: Security) -> frozenset[str]:
        """The columns that the source has no longer as the contract says. Raises SourceError."""
        return frozenset(drifted(security.raw, connector.schema(dataset.binding.object)))

    def _opened_at(
        self, dataset: Dataset, security: Security, connector: Connector, moment: Moment
    ) -> Table:
        """The dataset as it was. Nothing of it is kept: states are many, each is read rarely."""
        if not isinstance(connector, TravelsInTime):
            raise Unsupported(
                f"the source of {dataset.address} keeps no former states of it",
                hint="Iceberg and Delta tables are read as of a version or a time, others as now",
            )
        if moment.instant is not None and moment.instant > dt.datetime.now(dt.UTC):
            raise UnknownSnapshot(f"{moment} has not come yet", hint="ask without a time")
        try:
            found = connector.at(dataset.binding.object, moment)
        except SourceError as error:
            if error.code is SourceErrorCode.BINDING_INVALID:
                raise Unsupported(
                    f"which state of {dataset.address} is read its contract says",
                    hint="ask without a version or time",
                ) from error
            if error.code is not SourceErrorCode.SNAPSHOT_NOT_FOUND:
                raise
            raise UnknownSnapshot(
                f"there is no state of {dataset.address} as of {moment}",
                hint="ask for one that its source has still",
            ) from error
        self.check_then(dataset, found.connector, security, str(moment))
        return Table(dataset, found.connector, None, security, snapshot=found.id)

    def check(self, dataset: Dataset, connector: Connector, security: Security) -> None:
        """Compare the contract with the source as it is now. Raises SchemaDrift, SourceError.

        What has changed is said of the columns the reader may see, and only of those.
        """
        actual, raw = connector.schema(dataset.binding.object), security.raw
        if drift(raw, actual):
            seen = pa.schema([raw.field(name) for name in dataset.schema.names])
            lines = drift(seen, actual) or ["columns you may not read"]
            raise SchemaDrift(
                f"the source of {dataset.address} has changed: {'; '.join(lines)}",
                hint="the owner of the product publishes it again, or mends the source",
            )

    def check_then(
        self, dataset: Dataset, connector: Connector, security: Security, when: str
    ) -> None:
        """Compare the contract with a former state of the source. Raises SchemaDrift, SourceError.

        A column of the reader's row filter has to have been there: NULL would let rows through.
        """
        then, raw = connector.schema(dataset.binding.object), security.raw
        if drift_of_the_past(raw, then, _filtered(security)):
            seen = pa.schema([raw.field(name) for name in dataset.schema.names])
            # which columns a policy is about is not said
            lines = drift_of_the_past(seen, then, ()) or ["it had not all that policies go by"]
            raise SchemaDrift(
                f"the source of {dataset.address} was another as of {when}: {'; '.join(lines)}",
                hint="ask for a state since it keeps its contract of today, or for another version",
            )

    def schema(self, dataset: Dataset) -> pa.Schema:
        """The columns that the dataset's source has now. Raises SourceError, SourceFailure."""
        return self.connector(dataset.binding).schema(dataset.binding.object)

    def forget(self, dataset: Dataset) -> None:
        """Look at the dataset's source again the next time it is opened."""
        with self._lock:
            self._checked.pop(_contract(dataset), None)

    def connector(self, binding: Binding) -> Connector:
        """The one connector of all bindings that mean the same source. Raises SourceError."""
        return self._connected(binding)[0]

    def _connected(self, binding: Binding) -> tuple[Connector, Source | None]:
        identity = _identity(binding)
        with self._lock:
            opened = self._opened.get(identity)
        if opened is not None:
            return opened
        connector = open_connector(replace(fill_secrets(binding)))
        source = None
        if isinstance(connector, RunsSql):  # a slow question, asked once
            source = Source(connector.source_key, connector)
        with self._lock:
            return self._opened.setdefault(identity, (connector, source))

    def close(self) -> None:
        """Close every connector."""
        self._statistics.close()
        with self._lock:
            opened = list(self._opened.values())
            self._opened.clear()
        for connector, _ in opened:
            connector.close()


def _filtered(security: Security) -> frozenset[str]:
    """The columns that the reader's row filter is about."""
    if security.row_filter is None:
        return frozenset()
    return frozenset(column.name for column in security.row_filter.find_all(exp.Column))


def _without(
    dataset: Dataset, security: Security, lost: frozenset[str]
) -> tuple[Dataset, Security]:
    """The dataset as if its contract did not have some columns, which no row filter is about."""

    def kept(schema: pa.Schema) -> pa.Schema:
        return pa.schema([f for f in schema if f.name not in lost])

    masks = {name: mask for name, mask in security.masks.items() if name not in lost}
    return (
        replace(
            dataset,
            schema=kept(dataset.schema),
            primary_key=() if lost & set(dataset.primary_key) else dataset.primary_key,
            foreign_keys=tuple(k for k in dataset.foreign_keys if not lost & set(k.columns)),
        ),
        replace(security, raw=kept(security.raw), masks=masks),
    )


def _contract(dataset: Dataset) -> tuple[object, ...]:
    """Equal for what is looked at alike: a contract that has changed is looked at again."""
    return (dataset.address, dataset.revision, *_identity(dataset.binding))


def _identity(binding: Binding) -> tuple[object, ...]:
    """Equal for bindings that one connector can serve. Secrets are still references here."""
    return (binding.connector, binding.uri, tuple(sorted(binding.options.items())))
