"""Whether views still stand: by contracts, and by what their sources were last seen to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from gateway.errors import GatewayError
from gateway.languages import sql
from gateway.languages.mentions import Asked, mentioned_in
from gateway.plan.sessions import promised, view_schema
from gateway.plan.types import plain_schema
from gateway.views.graph import Graph, Stand, Use


class Level(StrEnum):
    """How a view is. UNREACHABLE says that nothing is known of a source: it may well stand."""

    VALID = "valid"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"


_WEIGHT = {level: weight for weight, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a view, or below it. `kind` may be told to everybody who may read the view.

    `told` names names, for whoever may know of the `column` of the `dataset` it is about; what is
    about no dataset that there is, is for those who look after the view. So is `said`, the words of
    a source, which tell where it is.
    """

    level: Level
    kind: str
    told: str
    dataset: str = ""
    column: str = ""
    said: str = ""

    def words(self, knows: Callable[[str, str], bool]) -> str:
        """What is told to somebody who `knows` of some datasets and columns."""
        text = self.told if knows(self.dataset, self.column) else self.kind
        return f"{text}: {self.said}" if self.said and knows("", "") else text


@dataclass(frozen=True, slots=True)
class Health:
    """How the view at an address is, and why; `stands_on` are the addresses straight below."""

    dataset: str
    findings: tuple[Finding, ...] = ()
    stands_on: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of all that was found."""
        return max((f.level for f in self.findings), key=_WEIGHT.__getitem__, default=Level.VALID)

    @property
    def kinds(self) -> str:
        """The reasons of its level, without a name."""
        return _joined(f.kind for f in self.findings if f.level is self.level)

    def reason(self, knows: Callable[[str, str], bool]) -> str:
        """Everything found, in the words for somebody who `knows` of some datasets and columns."""
        return _joined(f.words(knows) for f in self.findings)


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a dataset's source was last seen to be.

    `lost` has a line for each column that is not as the contract says. `unreachable` is why it
    could not be looked at, `unreadable` why there is nothing to look at any more.
    """

    lost: Mapping[str, str] = field(default_factory=dict)
    unreachable: str = ""
    unreadable: str = ""

    @property
    def keeps(self) -> bool:
        """Whether it is known to keep the contract."""
        return not (self.lost or self.unreachable or self.unreadable)


Findings = tuple[Finding, ...]


def by_contract(stand: Stand) -> Findings:
    """What is found by the contracts alone: names, columns and types."""
    if stand.parsed is None:
        return (Finding(Level.BROKEN, "its query can not be read", stand.problem),)
    missing = [
        Finding(Level.BROKEN, "a dataset it stands on is not there", use.problem)
        for use in stand.uses
        if use.dataset is None
    ]
    if missing:
        return tuple(missing)
    address, declared = str(stand.dataset.address), plain_schema(stand.dataset.schema)
    try:
        given = view_schema_of(stand)
    except GatewayError as error:
        kind = "its query does not fit what it stands on"
        return (Finding(Level.BROKEN, kind, f"its query: {error.message}"),)
    if promised(given, declared):
        return tuple(
            Finding(
                Level.DEGRADED,
                "a column is of a narrower type than declared",
                f"column {wanted.name} is {found.type}, its contract says {wanted.type}",
                address,
                wanted.name,
            )
            for found, wanted in zip(given, declared, strict=True)
            if found.type != wanted.type
        )
    kind = "it gives other columns than its contract declares"
    return (Finding(Level.BROKEN, kind, f"{kind}: {_differences(given, declared)}"),)


def judged(
    graph: Graph,
    contracts: Mapping[str, Findings],
    states: Mapping[str, SourceState],
    unfit: Callable[[str], bool],
) -> dict[str, Health]:
    """Every view's health: what is wrong below comes up through all layers.

    `unfit` tells of datasets that are not to be read for reasons of their own.
    """
    found: dict[str, Health] = {}
    for address, stand in graph.views.items():
        findings = list(contracts[address])
        for use in stand.uses:
            if use.dataset is None:
                continue
            below = str(use.dataset.address)
            if use.dataset.view is not None:
                if below in found:
                    findings += found[below].findings
                else:
                    kind = "it stands on itself"
                    findings.append(Finding(Level.BROKEN, kind, f"{kind}, by {below}", below))
            else:
                findings += _of_source(stand, use, states.get(below, SourceState()))
            findings += _of_life(use, below)
            if unfit(below):
                kind = "what it stands on is not to be read at present"
                told = f"{below} is not to be read at present"
                findings.append(Finding(Level.DEGRADED, kind, told, below))
        found[address] = Health(address, tuple(dict.fromkeys(findings)), stand.below)
    return found


def statement_of(stand: Stand) -> sql.Statement:
    """A view's query over the contracts of what it stands on. Raises GatewayError."""
    assert stand.parsed is not None
    statement, schemas = stand.parsed, _schemas(stand)
    if not isinstance(statement, sql.Statement):
        statement = statement.translated(schemas)
    return statement.over(schemas.values())


def view_schema_of(stand: Stand) -> pa.Schema:
    """The columns a view's query gives by the contracts below it. Raises GatewayError."""
    statement = statement_of(stand)
    asked = _AskedSchema(statement.text, tuple(_schemas(stand).items()), statement.tree)
    return _given(asked)


@dataclass(frozen=True, slots=True)
class _AskedSchema:
    text: str
    read: tuple[tuple[tuple[str, ...], pa.Schema], ...]
    tree: exp.Query | exp.Values = field(compare=False, repr=False)


@lru_cache(maxsize=1024)
def _given(asked: _AskedSchema) -> pa.Schema:
    return plain_schema(view_schema(asked.text, asked.tree, dict(asked.read)))


def _schemas(stand: Stand) -> dict[tuple[str, ...], pa.Schema]:
    return {use.name: use.dataset.schema for use in stand.uses if use.dataset is not None}


def _of_source(stand: Stand, use: Use, state: SourceState) -> Iterator[Finding]:
    assert use.dataset is not None
    below = str(use.dataset.address)
    if state.unreachable:
        kind, told = "a source of it does not answer", f"the source of {below} does not answer"
        yield Finding(Level.UNREACHABLE, kind, told, below, said=state.unreachable)
    if use.moment is not None:
        return  # it stands on a state that does not change
    if state.unreadable:
        kind, told = "a dataset it stands on can not be read", f"{below} can not be read"
        yield Finding(Level.BROKEN, kind, told, below, said=state.unreadable)
    if not state.lost:
        return
    used = _used(stand, use)
    for column, line in state.lost.items():
        told = f"{below}: {line}"
        if column in used:
            kind = "a column it uses is gone or has changed"
            yield Finding(Level.BROKEN, kind, told, below, column)
        else:
            kind = "a column it does not use is gone or has changed"
            yield Finding(Level.DEGRADED, kind, told, below, column)


def _used(stand: Stand, use: Use) -> frozenset[str]:
    assert use.dataset is not None
    names = tuple(use.dataset.schema.names)
    try:
        statement = statement_of(stand)
    except GatewayError:  # found by the contracts already
        return frozenset(names)
    return mentioned_in(Asked(statement.text, names, statement.tree))


def _of_life(use: Use, below: str) -> Iterator[Finding]:
    assert use.dataset is not None
    status = use.dataset.status
    if status != "active":
        kind = f"it stands on what is {status}"
        level = Level.BROKEN if status == "retired" else Level.DEGRADED  # which nobody may read
        yield Finding(level, kind, f"{below} is {status}", below)


def _differences(given: pa.Schema, declared: pa.Schema) -> str:
    if given.names != declared.names:
        return f"{', '.join(given.names)} in place of {', '.join(declared.names)}"
    return "; ".join(
        f"column {wanted.name} is {found.type} and not {wanted.type}"
        for found, wanted in zip(given, declared, strict=True)
        if found.type != wanted.type
    )


def _joined(texts: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
