"""Which names a query sees: the columns of what it reads, and the outputs it has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from gateway.errors import InvalidQuery, UnknownColumn, UserError, did_you_mean
from gateway.languages.dialects.client import Client
from gateway.languages.dialects.dialect import Dialect
from gateway.languages.dialects.operands import Kind, Operand


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a client means it: `exact`, or in any case of letters, then in small ones."""

    text: str
    exact: bool

    def means(self, known: str) -> bool:
        return self.text == (known if self.exact else lowered(known))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of something read, or an output."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Source:
    """What stands in FROM: `alias` is its name in our text, `path` its names in the client's.

    A `path` holds more than one name where the client may say where the source is.
    """

    alias: str
    path: tuple[str, ...]
    columns: Sequence[Column]

    def column(self, column: Column) -> Operand:
        sql = exp.column(column.name, table=self.alias, quoted=True)
        return Operand(sql, column.kind)


@dataclass(frozen=True, slots=True)
class Alias:
    """A named output; `column` is the name of the column it is, if it is one."""

    name: str
    operand: Operand
    plain: bool


@dataclass(slots=True)
class Scope:
    """The names of one SELECT, and of those around it.

    `merged` are the columns that USING has made one of two. `ctes` are the columns of what WITH
    has defined up to here, by their names.
    """

    client: Client
    outer: Scope | None = None
    ctes: dict[str, Sequence[Column]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: list[Alias] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)

    def cte(self, name: Name) -> tuple[str, Sequence[Column]] | None:
        """What WITH has defined under a name, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            for known, columns in scope.ctes.items():
                if name.means(known):
                    return known, columns
            scope = scope.outer
        return None

    def column(self, node: exp.Column) -> Operand | None:
        """The column that a name means, here or further out; None where there is none.

        Raises InvalidQuery for one that may mean several.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope.own(node)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def alias(self, node: exp.Column) -> Alias | None:
        """The output of that name."""
        name = spelling(node.this, self.client.dialect)
        found = [a for a in self.aliases if name.means(a.name)]
        if node.table or not found:
            return None
        first = found[0]
        if any(other.operand.sql != first.operand.sql for other in found):
            raise self._ambiguous(node)
        return first

    def own(self, node: exp.Column) -> Operand | None:
        dialect = self.client.dialect
        name = spelling(node.this, dialect)
        path = [spelling(p, dialect) for p in node.parts[:-1]]
        if not path:
            for merged in self.merged:
                if name.means(merged.name):
                    return merged.operand.copied()
        found = [
            (source, column)
            for source in self.sources
            if _reaches(path, source)
            for column in source.columns
            if name.means(column.name)
        ]
        if len(found) > 1:
            raise self._ambiguous(node)
        return found[0][0].column(found[0][1]) if found else None

    def _ambiguous(self, node: exp.Column) -> UserError:
        return InvalidQuery(
            f"column {node.name} may mean several",
            position=self.client.at(node),
            hint=f"write which one: dataset.{node.name}",
        )

    def unknown(self, node: exp.Column) -> UserError:
        """The error for a name that is none of a column."""
        path = [spelling(p, self.client.dialect) for p in node.parts[:-1]]
        known = [c.name for s in self.sources if _reaches(path, s) for c in s.columns]
        position = self.client.at(node)
        if path and not any(_reaches(path, s) for s in self.sources):
            hint = did_you_mean(node.table, [s.path[-1] for s in self.sources if s.path])
            return UnknownColumn(
                f"there is no column {'.'.join(p.name for p in node.parts)} here: nothing in FROM"
                f" is called {node.table}",
                position=position,
                hint=hint,
            )
        return UnknownColumn(
            f"there is no column {node.name} here",
            position=position,
            hint=did_you_mean(node.name, known),
        )


def spelling(identifier: exp.Expr, dialect: Dialect) -> Name:
    """How a name is to be looked up."""
    name = identifier.name
    quoted = bool(identifier.args.get("quoted"))
    if not dialect.quoted_case:
        return Name(lowered(name), exact=False)
    if dialect.name == "snowflake":  # there what is not quoted is in capitals
        mixed = quoted and name != name.upper()
        return Name(name, exact=True) if mixed else Name(lowered(name), exact=False)
    return Name(name if quoted else lowered(name), exact=True)


def lowered(name: str) -> str:
    """In small letters; a Kelvin sign is no k."""
    folded = name.lower()
    return name if folded.isascii() and not name.isascii() else folded


def _reaches(path: list[Name], source: Source) -> bool:
    """Whether a column's prefix, perhaps with schema and catalogue, names the source."""
    if len(path) > len(source.path):
        return False
    ends = source.path[len(source.path) - len(path) :]
    return all(name.means(part) for name, part in zip(path, ends, strict=True))
