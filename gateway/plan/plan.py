"""The planner's product: what each source gets, and what the engine does with the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from gateway.engines.datafusion import BEST, Tuning
from gateway.lineage.model import Lineage
from gateway.plan.cutter import NotPushed
from gateway.plan.embedded_remainder import EmbeddedRemainder
from gateway.plan.fragment import Fragment
from gateway.plan.history import Watch
from gateway.plan.placement import Choice
from gateway.plan.pulled_groups import PulledGroups
from gateway.plan.reduction import Reductions
from gateway.plan.source import TableName, Tables, View, Views


@dataclass(frozen=True, slots=True)
class EngineRead:
    """A dataset the engine reads itself: where it is, and what the engine reads of it."""

    source: str
    text: str


_NOTHING = pa.schema([])


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query is answered. Immutable: it may be executed many times, also at once.

    Exactly one of four: `constant` is the answer itself, when it depends on nothing; `remainder`
    is a Substrait plan over fragments and engine tables; `unfederated` is SQL the engine runs on
    lazily read tables; or none of them, when the one fragment is the whole query and its rows
    stream straight through. `lasting` is false for a plan that holds the time it was made.
    A `brief` one may be done at once, and not be watched.
    `columns` are those the query reads of each dataset, `lineage` what its answer is made of,
    with the names in `schema` (None before the planner is done), `reductions` what fragments may
    do for each other. With `embedded`, the embedded engine computes the remainder, or most of it.
    Of `groups` the engine makes fragments before it starts. `otherwise` plans the same without
    either, for when it fails, or does not pay, before the first row; or pushes what history pulled.
    `watch` is what history is told of its runs. `parameters` are what its statement takes; as
    long as it is `unbound` it has no values for them, and only tells what the answer looks like.
    """

    schema: pa.Schema
    tables: Tables
    fragments: tuple[Fragment, ...] = ()
    remainder: bytes | None = field(default=None, repr=False)
    unfederated: str | None = None
    constant: tuple[pa.RecordBatch, ...] | None = field(default=None, repr=False)
    lasting: bool = True
    brief: bool = False
    tuning: Tuning = BEST
    reads: tuple[EngineRead, ...] = ()
    not_pushed: tuple[NotPushed, ...] = ()
    placement: tuple[Choice, ...] = ()
    views: Views = field(default_factory=dict)
    columns: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)
    lineage: Lineage | None = field(default=None, repr=False)
    embedded: EmbeddedRemainder | None = field(default=None, repr=False)
    groups: tuple[PulledGroups, ...] = field(default=(), repr=False)
    reductions: Reductions = field(default_factory=Reductions, repr=False)
    watch: Watch | None = field(default=None, repr=False)
    parameters: pa.Schema = field(default=_NOTHING, repr=False)
    unbound: bool = False
    otherwise: Callable[[], Plan] | None = field(default=None, repr=False, compare=False)

    @property
    def answers(self) -> tuple[Fragment, ...]:
        """The fragments whose rows the engine's remainder may read."""
        if self.embedded is None or self.embedded.rest is None:
            return self.fragments
        return (*self.fragments, self.embedded.fragment)

    @property
    def tried(self) -> bool:
        """True when history pulled what would have been pushed."""
        return self.watch is not None and self.watch.pulled

    @property
    def hidden_views(self) -> list[View]:
        """The views whose owners' rights are lent: the caller may not see how they are read."""
        return [v for v in self.views.values() if v.lends and not v.security.discloses]

    @property
    def whole(self) -> bool:
        """True when one fragment answers the query by itself."""
        return self.constant is None and self.remainder is None and self.unfederated is None


def called(plan: Plan, schema: pa.Schema) -> Plan:
    """The plan with its columns called, and typed, as in another schema of as many."""
    lineage = plan.lineage and plan.lineage.named(schema.names)
    return replace(plan, schema=schema, lineage=lineage)
