"""Requests in other dialects of SQL, translated into the gateway's own.

    text → `client.read`: words and tree, calls and parameters by number
         → references: what the catalogue and the policies are asked for
         → `queries.Queries`, once the columns are known: a tree of our own SQL, typed as it is made
         → the text of that tree, read like any other, with every place led back to the client's

What is not known to mean the same is refused. sqlglot reads the grammar; what words mean is said
here: in `dialect` for the rules of each dialect, in `registry` and its tables for functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from gateway.errors import (
    GatewayError,
    LimitExceeded,
    ParseError,
    Position,
)
from gateway.languages import moments, remote, sql
from gateway.languages.dialects.client import Client, read
from gateway.languages.dialects.dialect import DIALECTS, NAMES, OWN, Dialect, dialect_named
from gateway.languages.dialects.places import places
from gateway.languages.dialects.queries import Queries
from gateway.languages.dialects.registry import FUNCTIONS
from gateway.languages.dialects.sources import TableName, table_name


@dataclass(frozen=True, slots=True)
class Foreign:
    """A statement in another dialect, up to what is to be asked of the catalogue."""

    client: Client = field(repr=False)
    tree: exp.Expr = field(repr=False)
    references: tuple[sql.Reference, ...]
    explain: bool = False
    remote: tuple[remote.RemoteCall, ...] = ()

    def translated(self, schemas: Mapping[TableName, pa.Schema]) -> sql.Statement:
        """The statement in our own SQL, over datasets of these columns. Raises GatewayError."""
        key = tuple(sorted(schemas.items(), key=lambda item: item[0]))
        if len(self.client.text) > sql.REMEMBERED_LENGTH:
            return _translated(self, key)
        return _remembered_translation(self, key)

    def __hash__(self) -> int:
        return hash((self.client.text, self.client.dialect.name))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Foreign)
            and self.client.text == other.client.text
            and self.client.dialect.name == other.client.dialect.name
        )


def parse(text: str, dialect: Dialect) -> Foreign:
    """Read one statement of a dialect. Raises ParseError, Unsupported, LimitExceeded."""
    if len(text) <= sql.REMEMBERED_LENGTH:
        return _remembered(text, dialect.name)
    return _read(text, dialect)


@lru_cache(maxsize=1024)
def _remembered(text: str, name: str) -> Foreign:
    return _read(text, DIALECTS[name])


def _read(text: str, dialect: Dialect) -> Foreign:
    blanked = sql.without_explain(text)
    client, tree = read(blanked, dialect, FUNCTIONS[dialect.name])
    try:
        calls = _remote_calls(client, tree)
        references = tuple(_references(client, tree, {(call.name,) for call in calls}))
    except RecursionError:
        raise LimitExceeded("the query is nested too deeply") from None
    return Foreign(client, tree, references, blanked is not text, calls)


def _references(client: Client, tree: exp.Expr, ours: set[TableName]) -> list[sql.Reference]:
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: dict[TableName, sql.Reference] = {}
    for table in tree.find_all(exp.Table):
        try:
            name = table_name(table)
            leaf, version, moment = moments.split(name[-1] if name else "")
        except GatewayError as error:
            error.position = error.position or client.at(table)
            raise
        if name is None or name in found or name in ours:
            continue
        optional = len(name) == 1 and leaf in ctes
        found[name] = sql.Reference(
            name, (*name[:-1], leaf), version, client.at(table.parts[0]), optional, moment
        )
    return list(found.values())


def _remote_calls(client: Client, tree: exp.Expr) -> tuple[remote.RemoteCall, ...]:
    """Every ``remote_query(...)``, each with a name of ours in its place in the tree."""
    for table in tree.find_all(exp.Table):
        if table.name.lower().startswith(remote.PREFIX):
            raise ParseError(f"no name may begin with {remote.PREFIX}", position=client.at(table))
    found: list[remote.RemoteCall] = []
    for table in list(tree.find_all(exp.Table)):
        call = table.this
        if not isinstance(call, exp.Anonymous):
            continue
        if (client.called(call) or call.name.upper()) != remote.FUNCTION.upper():
            continue
        texts = [a.name for a in call.expressions if isinstance(a, exp.Literal) and a.is_string]
        position = client.at(call) or Position(1, 1)
        if len(texts) != 2 or len(call.expressions) != 2:
            raise ParseError(
                f"{remote.FUNCTION} takes two texts that are written out",
                position=position,
                hint=f"{remote.FUNCTION}('domain.product', 'SELECT ...')",
            )
        name = f"{remote.PREFIX}{len(found)}"
        found.append(remote.RemoteCall(name, texts[0], texts[1], position))
        table.set("this", exp.to_identifier(name, quoted=True))
        if len(found) > remote.MAX_CALLS:
            raise ParseError(f"a statement may have {remote.MAX_CALLS} remote queries")
    return tuple(found)


@lru_cache(maxsize=1024)
def _remembered_translation(
    foreign: Foreign, schemas: tuple[tuple[TableName, pa.Schema], ...]
) -> sql.Statement:
    return _translated(foreign, schemas)


def _translated(
    foreign: Foreign, schemas: tuple[tuple[TableName, pa.Schema], ...]
) -> sql.Statement:
    try:
        made = Queries(foreign.client, dict(schemas)).statement(foreign.tree)
        text = made.sql.sql(sql.DIALECT)
    except RecursionError:
        raise LimitExceeded("the query is nested too deeply") from None
    original = places(made.sql, text, foreign.client)
    try:
        return sql.translated(text, foreign.remote, original, explain=foreign.explain)
    except GatewayError as error:
        error.position = error.position and original(error.position)
        raise


__all__ = ["NAMES", "OWN", "Foreign", "dialect_named", "parse"]
