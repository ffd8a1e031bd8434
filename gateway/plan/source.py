"""What the planner knows of the places its tables live in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.dialect import SqlDialect
from connectors.interface import Connector, RunsSql, SourceKey
from gateway.model import Dataset

TableName = tuple[str, ...]
"""A table as it is named in the query: one to three parts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that answers SQL, as the planner sees it."""

    key: SourceKey
    connector: RunsSql

    @property
    def dialect(self) -> SqlDialect:
        """How the source writes SQL and what it may be asked."""
        return self.connector.dialect


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset opened for one query."""

    dataset: Dataset
    connector: Connector
    source: Source | None
    """The SQL source that holds it; None when the engine reads the dataset itself."""


Tables = Mapping[TableName, Table]
