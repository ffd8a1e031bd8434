"""Which columns a name in a query means: those of FROM, of outputs, and of the queries around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.relation import Relation, Untold
from gateway.lineage.uses import Uses


@dataclass(eq=False, slots=True)
class Source:
    """What stands in FROM, under its alias or its name; without a `path` under any.

    A `hidden` one can not be named any more: the other side of a semi-join.
    """

    path: tuple[str, ...]
    relation: Relation
    hidden: bool = False

    def called(self, qualifier: tuple[str, ...]) -> bool:
        """Whether a qualifier names it, perhaps with less than its whole path."""
        return not self.path or self.path[-len(qualifier) :] == qualifier


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name leads: to a column of a source, or what USING has `merged` of several.

    `inside`: to something in it, a field of a structure.
    """

    source: Source
    position: int
    merged: Uses | None
    inside: bool

    @property
    def uses(self) -> Uses:
        """The uses of the value there."""
        found = self.merged
        if found is None:
            found = self.source.relation.column(self.position)
        return uses.changed(found) if self.inside else found


@dataclass(eq=False, slots=True)
class Scope:
    """The names of one SELECT: its sources, its named windows, and what is called like an output.

    `merged` are the columns that USING has made one of two. `outer` is the scope around.
    """

    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Uses] = field(default_factory=dict)
    windows: Mapping[str, exp.Window] = field(default_factory=dict)
    outputs: Mapping[str, exp.Expr] = field(default_factory=dict)

    @property
    def visible(self) -> Sequence[Source]:
        """The sources that can be named."""
        return [source for source in self.sources if not source.hidden]

    def place(self, path: tuple[str, ...]) -> Place | None:
        """Where a dotted name leads in the sources here, if anywhere.

        Raises Untold for one that may mean several columns.
        """
        for end in range(len(path) - 1, -1, -1):
            found = self._found(path[:end], path[end])
            if found is not None:
                source, position, merged = found
                return Place(source, position, merged, inside=end + 1 < len(path))
        return None

    def unnamed(self, qualifier: tuple[str, ...]) -> Uses | None:
        """The only column without a name, which a name of the engine's own must mean."""
        found = [
            (source, position)
            for source in self.visible
            if not qualifier or source.called(qualifier)
            for position, name in enumerate(source.relation.names)
            if not name and not source.relation.unknown
        ]
        return found[0][0].relation.column(found[0][1]) if len(found) == 1 else None

    def _found(
        self, qualifier: tuple[str, ...], name: str
    ) -> tuple[Source, int, Uses | None] | None:
        meant = [s for s in self.visible if not qualifier or s.called(qualifier)]
        found = [
            (source, position)
            for source in meant
            if name in source.relation.names
            for position, known in enumerate(source.relation.names)
            if known == name
        ]
        merged = None if qualifier else self.merged.get(name)
        if merged is not None:
            source, position = found[0] if found else (meant[0], 0)
            return source, position, merged
        found = found or [(source, 0) for source in meant if source.relation.unknown]
        if len(found) > 1:
            raise Untold(f"the column {name} may mean several")
        return (*found[0], None) if found else None


def folded(identifier: exp.Expr) -> str:
    """A name as the engine looks it up: in small letters, unless it is quoted."""
    return identifier.name if identifier.args.get("quoted") else identifier.name.lower()


def path_of(node: exp.Column | exp.Table) -> tuple[str, ...]:
    """The parts of a dotted name."""
    return tuple(folded(part) for part in node.parts)


def column_names(item: exp.Expr) -> list[str]:
    """The names an alias gives to columns."""
    alias = item.args.get("alias")
    return [folded(c) for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
