"""A caller's own query in a source's own SQL: what it may hold, and its answer as a table.

The text is parsed in the source's dialect, and what is sent is written from that tree: nothing
reaches the source that was not looked at. Functions are an allow-list: those sqlglot knows by name
(none of which change anything) and a few more; a function of the source's users is none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from connectors.capabilities import Capabilities
from connectors.dialect import SqlDialect
from connectors.interface import PHYSICAL_TYPE, BatchStream, SourceKey

MAX_NODES = 20_000
"""How large a query may be, in nodes of its tree."""

_CHANGES = (
    *(exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command, exp.Drop, exp.Alter, exp.Merge),
    *(exp.Set, exp.Use, exp.Pragma, exp.Attach, exp.Detach, exp.Copy, exp.Transaction),
)
"""What changes or locks something, wherever it stands. A DDL node that is a query is none."""

_FOREIGN = (
    *(exp.Parameter, exp.SessionParameter, exp.Placeholder, exp.PropertyEQ),
    *(exp.Operator, exp.Hint, exp.NextValueFor, exp.ReadCSV, exp.ReadParquet, exp.AnonymousAggFunc),
)
"""Variables, assignments, operators by name, hints, sequences, files."""

_MORE: Mapping[str, frozenset[str]] = {
    "postgres": frozenset(
        {"jsonb_build_object", "json_build_object", "jsonb_array_elements", "jsonb_typeof"}
        | {"jsonb_array_elements_text", "jsonb_each", "jsonb_each_text", "btrim", "age", "scale"}
        | {"make_date", "to_tsvector", "plainto_tsquery", "ts_rank", "cardinality", "ascii"}
    ),
    "mysql": frozenset({"json_unquote", "inet_ntoa", "inet_aton", "field", "find_in_set"}),
}
"""Functions sqlglot has no class for and that only compute, by dialect, in lower case."""


_CATALOGUES = frozenset({"information_schema", "mysql", "performance_schema", "sys"})


class NotAllowed(Exception):
    """The text may not be sent; `reason` says what in it is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@runtime_checkable
class TakesOwnQueries(Protocol):
    """A SQL source that can be given a caller's own query: it is only ever read from.

    `describe` gives the columns of a query's answer without computing it, those without an exact
    counterpart in Arrow as TYPE_UNSUPPORTED. Raises SourceError.
    """

    @property
    def source_key(self) -> SourceKey: ...

    @property
    def dialect(self) -> SqlDialect: ...

    def describe(self, text: str) -> pa.Schema: ...

    def render(self, query: exp.Query, schema: pa.Schema) -> str: ...

    def query(self, text: str, schema: pa.Schema) -> BatchStream: ...


def one_reading_query(text: str, dialect: str) -> exp.Query:
    """The one query that the text is. Raises NotAllowed."""
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=dialect) if tree is not None]
    except (SqlglotError, RecursionError):
        raise NotAllowed("it can not be read as one query of the source's SQL") from None
    if len(trees) != 1:
        raise NotAllowed("it has to be exactly one statement")
    (tree,) = trees
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise NotAllowed("it has to be a SELECT")
    for count, node in enumerate(tree.walk()):
        if count > MAX_NODES:
            raise NotAllowed("it is too large")
        _check(node, dialect)
    _check_tables(tree, dialect)
    return tree


def _check_tables(tree: exp.Query, dialect: str) -> None:
    """Refuse the source's own catalogue, which tells of more than tables."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a function, which has been looked at
        schema = table.db.lower()
        if schema.startswith("pg_") or schema in _CATALOGUES:
            raise NotAllowed(f"tables of {schema} are not allowed")
        if dialect == "postgres" and not schema and table.name.lower() not in ctes:
            raise NotAllowed("a table is named with its schema, such as public.orders")


def _check(node: exp.Expr, dialect: str) -> None:
    if isinstance(node, _CHANGES) and not isinstance(node, exp.Query):
        raise NotAllowed("it may only read")
    if isinstance(node, exp.Insert | exp.Create):
        raise NotAllowed("it may only read")
    if isinstance(node, _FOREIGN):
        raise NotAllowed("variables, sequences, files, hints and operators by name are not allowed")
    if isinstance(node, exp.Dot) and node.find(exp.Func) is not None:
        raise NotAllowed("a function of a schema of its own is not allowed")
    if isinstance(node, exp.Anonymous) and node.name.lower() not in _MORE.get(dialect, ()):
        raise NotAllowed(f"the function {node.name.lower()} is not in the list")


class OwnQuery:
    """The answer of one own query as the one table of a connector; nothing is pushed into it.

    `schema` is what `describe` said.
    """

    capabilities = Capabilities()

    def __init__(self, source: TakesOwnQueries, tree: exp.Query) -> None:
        self._source = source
        self._tree = tree
        self._text = tree.sql(dialect=source.dialect.name, comments=False)
        # its own dialect, so that its columns are read as they come
        self._dialect = SqlDialect(source.dialect.name, Capabilities())
        self._described: pa.Schema | None = None

    @property
    def text(self) -> str:
        """The query as it is sent."""
        return self._text

    @property
    def source_key(self) -> SourceKey:
        """The source's, but shared with nothing: the query's columns have types of their own."""
        key = self._source.source_key
        return SourceKey(key.connector, key.location, f"{key.credential}/remote_query/{self._text}")

    @property
    def dialect(self) -> SqlDialect:
        """The source's SQL, in which nothing more may be asked."""
        return self._dialect

    def schema(self, object_name: str = "") -> pa.Schema:
        """The columns of the answer."""
        if self._described is None:
            self._described = self._source.describe(self._text)
        return self._described

    def table(self, object_name: str) -> exp.Table:
        """The query in parentheses."""
        return exp.Subquery(this=self._tree.copy())  # type: ignore[return-value]

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """As the source writes it."""
        return self._source.render(query, schema)

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """As the source runs it."""
        return self._source.query(text, schema)

    def close(self) -> None:
        """The source is closed by whoever opened it."""


def described(name: str, data_type: pa.DataType) -> pa.Field:
    """A column of an own query: it may always be NULL."""
    return pa.field(name, data_type, True, {PHYSICAL_TYPE: str(data_type)})
