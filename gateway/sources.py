"""The open sources of a gateway: one connector per source, and what their schemas last were."""

from __future__ import annotations

import threading
from dataclasses import replace

import pyarrow as pa
from cachetools import TTLCache

from connectors import open_connector
from connectors.interface import Binding, Connector, RunsSql
from gateway.catalogue.bindings import fill_secrets
from gateway.catalogue.drift import drift
from gateway.config import Config
from gateway.errors import SchemaDrift
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

    def open(self, dataset: Dataset, security: Security) -> Table:
        """The dataset as its reader sees it, once its source is known to keep the contract.

        Raises SourceError when the source does not answer, SchemaDrift when it has changed.
        """
        binding = dataset.binding
        connector, source = self._connected(binding)
        known = _contract(dataset)
        with self._lock:
            fresh = known in self._checked
        if not fresh:
            self.check(dataset, connector, security.raw)
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

    def check(self, dataset: Dataset, connector: Connector, raw: pa.Schema) -> None:
        """Compare the contract with the source as it is now. Raises SchemaDrift, SourceError.

        `raw` is the whole schema of the contract; what has changed is said of the columns the
        reader may see, and only of those.
        """
        actual = connector.schema(dataset.binding.object)
        if drift(raw, actual):
            seen = pa.schema([raw.field(name) for name in dataset.schema.names])
            lines = drift(seen, actual) or ["columns you may not read"]
            raise SchemaDrift(
                f"the source of {dataset.address} has changed: {'; '.join(lines)}",
                hint="the owner of the product publishes it again, or mends the source",
            )

    def forget(self, dataset: Dataset) -> None:
        """Look at the dataset's source again the next time it is opened."""
        with self._lock:
            self._checked.pop(
                (dataset.address, dataset.revision, *_identity(dataset.binding)), None
            )

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


def _contract(dataset: Dataset) -> tuple[object, ...]:
    """Equal for what is looked at alike: a contract that has changed is looked at again."""
    return (dataset.address, dataset.revision, *_identity(dataset.binding))


def _identity(binding: Binding) -> tuple[object, ...]:
    """Equal for bindings that one connector can serve. Secrets are still references here."""
    return (binding.connector, binding.uri, tuple(sorted(binding.options.items())))
