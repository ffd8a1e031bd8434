"""What the planner knows of the places its tables live in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from connectors.dialect import SqlDialect
from connectors.interface import Connector, RunsSql, SourceKey
from connectors.statistics import UNKNOWN, TableStatistics
from gateway.model import Dataset
from gateway.plan.security import Security

TableName = tuple[str, ...]
"""A table as it is named in the query: one to three parts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that answers SQL, as the planner sees it."""

    key: SourceKey
    connector: RunsSql
    embedded: bool = False
    """Whether it is in this process, over files that the engine could read as well."""

    @property
    def dialect(self) -> SqlDialect:
        """How the source writes SQL and what it may be asked."""
        return self.connector.dialect


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset opened for one query.

    `dataset` is what the caller sees of it; `security` is what stands between that and the rows.
    """

    dataset: Dataset
    connector: Connector
    source: Source | None
    """The SQL source that is asked for parts of queries; None when the engine reads the dataset."""
    security: Security
    nested: bool = False
    """Whether it is below a view: the caller's text can not name it then."""
    refusal: str = ""
    """Why the source can not secure the dataset: the engine does, over the source's raw rows."""
    pushes: bool = True
    """Whether a source is asked for more than columns; not in the unpushed form of a query."""
    statistics: TableStatistics = UNKNOWN
    """What the source said of the dataset's object, raw: hidden rows and columns count as well."""
    statistics_version: int = 0
    """Another one with other statistics: a plan is as good as what it was made with."""
    snapshot: str = ""
    """Which former state of its source the connector reads; "" is the present."""
    shared: bool = True
    """Whether a plan over it may be used again: not where its rows are one request's own."""

    @property
    def secured_by_engine(self) -> bool:
        """True when the engine reads raw rows, and a view of its own stands before them."""
        return self.security.governs and self.source is None


def unpushed(table: Table) -> Table:
    """The table read row by row and column by column, all else left to the engine."""
    return replace(table, source=None, refusal="", pushes=False)


Tables = Mapping[TableName, Table]

Columns = Mapping[TableName, Sequence[str]]
"""The columns of everything a query names."""


@dataclass(frozen=True, slots=True)
class View:
    """A dataset that is a query over others, opened for one query.

    `names` leads from the names in `text` to the tables and views that are meant. `security` is
    the view's own; that of what it reads is with the tables. `lends` is true when some of them
    are read with the rights of the view's owner.
    """

    dataset: Dataset
    security: Security
    text: str
    tree: exp.Query | exp.Values
    names: Mapping[TableName, TableName]
    nested: bool = False
    lends: bool = False


Views = Mapping[TableName, View]

Rights = tuple[tuple[object, ...], ...]
"""Equal where the same may be seen of the same datasets, whatever is known of their sources."""


def rights_over(tables: Tables, views: Views) -> Rights:
    """What a caller may see of all that a query reads.

    Of a table that is one request's own that can not be told beforehand: it is equal to itself.
    """
    read: list[tuple[TableName, Table | View]] = [*tables.items(), *views.items()]
    return tuple(
        (
            name,
            opened.dataset.address,
            opened.dataset.schema,
            opened.security.fingerprint,
            isinstance(opened, View) and opened.lends,
            opened.connector if isinstance(opened, Table) and not opened.shared else None,
        )
        for name, opened in read
    )
