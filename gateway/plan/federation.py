"""From an optimised plan to fragments and a remainder: the rungs of the ladder above the last.

    optimised plan → Substrait → regrouped → cut → reductions, embedded remainder → read back

Each step hands an immutable value to the next; the Substrait message in it is the one thing that
changes on the way. None from any of them is the rung below: DataFusion's own plan over lazily read
tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pyarrow as pa
from datafusion import LogicalPlan, SessionContext
from sqlglot import exp
from substrait.proto import Plan as SubstraitPlan

from connectors.interface import EstimatesCost, SourceError
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import is_panic
from gateway.plan import guards
from gateway.plan.block import Block
from gateway.plan.cutter import Cut, Cutter, block_schema
from gateway.plan.embedded import elsewhere, is_embedded, reads_on, without
from gateway.plan.embedded_remainder import EmbeddedRemainder, embedded_remainder
from gateway.plan.estimates import Estimator
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.history import History, Watch
from gateway.plan.local_givers import reductions_with_files
from gateway.plan.lost_form import is_lost, may_be_lost
from gateway.plan.null_aware import leaves_null_aware, mark_null_aware
from gateway.plan.own_tree import own_tree
from gateway.plan.placement import Choice, Placement, remembered_cost
from gateway.plan.plan import EngineRead, Plan
from gateway.plan.pulled_groups import PulledGroups, groups_of, with_scans
from gateway.plan.reads import engine_reads
from gateway.plan.reduction import Reductions
from gateway.plan.regrouping import regroup
from gateway.plan.relations import function_names
from gateway.plan.residency import reshape
from gateway.plan.sending import fragment_of
from gateway.plan.sessions import Form, register_fragments, register_tables
from gateway.plan.shared_scans import with_shared_scans
from gateway.plan.source import TableName, Tables, Views
from gateway.plan.unknown_words import leave_out_unknown_words

WORTHWHILE = 0.8
"""The rebuilt form must cost at most this share of the author's: estimates are not exact."""


@dataclass(frozen=True, slots=True)
class Optimised:
    """A query as DataFusion has optimised it: `logical`, `text` as that plan writes itself.

    `tree` is the author's own form, `schema` what the answer looks like, `wanted` one of
    PLACEMENTS, `tuning` how the engine has to plan it again. Without `parts` the engine groups no
    scan for a source that does the rest. `history` is what earlier runs have taken.
    """

    logical: LogicalPlan = field(repr=False)
    text: str
    context: SessionContext = field(repr=False)
    tree: exp.Query | exp.Values = field(repr=False)
    tables: Tables
    views: Views
    schema: pa.Schema
    tuning: engine.Tuning
    config: Config
    wanted: str = "auto"
    parts: bool = True
    history: History | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Relational:
    """The plan in Substrait, with joins put in another order if `regrouped`.

    `null_aware`: some join in it has to find NULLs as NOT IN does, which Substrait does not say.
    """

    plan: SubstraitPlan = field(repr=False)
    subqueries: bool
    null_aware: bool
    regrouped: bool


@dataclass(frozen=True, slots=True)
class _Apart:
    """The plan with reads of `fragments` in the places of blocks, and why they are where they are.

    `reads_files`: the remainder reads files that the embedded engine might read. The engine makes
    `groups` of the last of the fragments.
    """

    relational: _Relational
    cut: Cut = field(repr=False)
    fragments: tuple[Fragment, ...]
    choices: tuple[Choice, ...]
    reads_files: bool
    groups: tuple[PulledGroups, ...] = ()
    watch: Watch | None = None


def federated(optimised: Optimised, *, regrouping: bool = True) -> Plan | None:
    """The plan with fragments; None where Substrait or the engine has no word for the query.

    Raises ResidencyViolation for rows that may not leave their region.
    """
    relational = _relational(optimised, regrouping=regrouping)
    if relational is None:
        return None
    placement = _placement(optimised, relational)
    cutter = Cutter(relational.plan, optimised.tables, placement, subqueries=relational.subqueries)
    cut = cutter.cut()
    choices = tuple(dict.fromkeys(placement.choices))
    if cut.whole:
        return replace(_whole(cut, optimised, choices), watch=placement.watch)
    if relational.null_aware and leaves_null_aware(relational.plan):
        return _as_estimated(optimised, placement, regrouping=regrouping)
    apart = replace(_apart(relational, cut, optimised.tables, choices), watch=placement.watch)
    reductions = _reductions(apart, optimised)
    if apart.groups and not reductions.given_by({g.number for g in apart.groups}):
        return federated(replace(optimised, parts=False), regrouping=regrouping)
    embedded = _embedded(apart, optimised)
    shares = embedded is not None or reductions.concern(
        {f.number for f in apart.fragments if is_embedded(f, optimised.tables)}
    )
    if apart.reads_files and not shares:
        return _without_embedded(optimised, regrouping=regrouping)
    plan = _read_back(apart, embedded, reductions, optimised)
    if plan is None and relational.regrouped:
        # the engine reads every join by the names of its columns
        return federated(optimised, regrouping=False)
    if plan is None:
        return _as_estimated(optimised, placement, regrouping=regrouping)
    return plan


def _as_estimated(optimised: Optimised, placement: Placement, *, regrouping: bool) -> Plan | None:
    """The plan for when history pulled what the engine has no word for; None if it did not."""
    if placement.watch is None or not placement.watch.pulled:
        return None
    return federated(replace(optimised, history=None), regrouping=regrouping)


def engine_bounds(tables: Tables) -> dict[TableName, int]:
    """The datasets the engine reads whose callers may only have large enough groups."""
    return {
        name: table.security.minimum_rows
        for name, table in tables.items()
        if table.source is None and table.security.minimum_rows is not None
    }


def needs_substrait(plan_text: str, tables: Tables) -> bool:
    """Whether the engine would get a plan wrong, were it not mended on the way."""
    return (
        guards.may_lose_sort(plan_text)
        or guards.filters_outer_joins(plan_text)
        or bool(engine_bounds(tables))
    )


def _relational(optimised: Optimised, *, regrouping: bool) -> _Relational | None:
    text, tables = optimised.text, optimised.tables
    if guards.lost_by_substrait(text):
        return None
    try:
        plan = engine.to_substrait(optimised.logical, optimised.context)
    except Exception:  # Substrait has no word for something, or protobuf no depth for it
        return None
    leave_out_unknown_words(plan)
    reshape(plan, engine_bounds(tables))
    null_aware = mark_null_aware(text, plan)
    if null_aware is None:
        return None
    subqueries = "<subquery>" in text or "Subquery:" in text
    regrouped = regrouping and regroup(plan, tables, subqueries=subqueries)
    return _Relational(plan, subqueries, bool(null_aware), bool(regrouped))


def _placement(optimised: Optimised, relational: _Relational) -> Placement:
    """Who decides what is pushed: blind where policies hide something of a table or a view."""
    secured = [table.security for table in optimised.tables.values()]
    secured += [view.security for view in optimised.views.values()]

    def own_text(block: Block) -> str | None:
        own = own_tree(optimised.tree, optimised.tables, block.source, optimised.schema)
        return None if own is None else block.source.connector.render(own, optimised.schema)

    return Placement(
        optimised.wanted,
        optimised.tables,
        Estimator(optimised.tables, function_names(relational.plan)),
        blind=any(s.governs or s.bound for s in secured),
        own_text=own_text,
        subqueries=relational.subqueries,
        parts=optimised.parts,
        history=optimised.history,
    )


def _whole(cut: Cut, optimised: Optimised, choices: tuple[Choice, ...]) -> Plan:
    """One fragment for everything: the query's own tree where a source plans it better."""
    (block,), tables, schema = cut.blocks, optimised.tables, optimised.schema
    fragment = fragment_of(1, block, schema)
    connector = block.source.connector
    bound = block.minimum_rows is not None or any(
        table.security.minimum_rows is not None for table in tables.values()
    )
    if isinstance(connector, EstimatesCost) and not bound:
        own = own_tree(optimised.tree, tables, block.source, schema)
        if own is not None:
            fragment = _cheaper(connector, fragment, fragment_of(1, block, schema, own))
    elif block.source.embedded and may_be_lost(optimised.tree):
        own = own_tree(optimised.tree, tables, block.source, schema, wanted=is_lost)
        if own is not None:
            fragment = fragment_of(1, block, schema, own)
    return Plan(schema, tables, (fragment,), not_pushed=cut.not_pushed, placement=choices)


def _cheaper(connector: EstimatesCost, rebuilt: Fragment, own: Fragment) -> Fragment:
    """The form its source expects to answer for less; the author's own when it can not tell."""
    try:
        rebuilt_cost = remembered_cost(connector, rebuilt.source, rebuilt.text)
        own_cost = remembered_cost(connector, own.source, own.text)
    except SourceError:
        return own
    return rebuilt if rebuilt_cost < own_cost * WORTHWHILE else own


def _apart(
    relational: _Relational, cut: Cut, tables: Tables, choices: tuple[Choice, ...]
) -> _Apart:
    cut = with_shared_scans(relational.plan, cut)
    fragments = tuple(
        fragment_of(number, block, block_schema(block, number))
        for number, block in enumerate(cut.blocks, start=1)
    )
    reads_files = reads_on(relational.plan.relations[0].root.input, tables)
    groups = groups_of(relational.plan, cut)
    made = with_scans(fragments, groups)
    return _Apart(relational, cut, made, choices, reads_files, groups)


def _reductions(apart: _Apart, optimised: Optimised) -> Reductions:
    """What the fragments of blocks do for each other."""
    tables = optimised.tables
    if apart.reads_files and not elsewhere(tables):
        return Reductions()
    fragments = apart.fragments[: len(apart.cut.blocks)]
    relational = apart.relational
    first = len(apart.fragments) + 2  # between them is the embedded remainder
    return reductions_with_files(
        relational.plan,
        apart.cut,
        fragments,
        tables,
        first,
        optimised.config,
        subqueries=relational.subqueries,
    )


def _embedded(apart: _Apart, optimised: Optimised) -> EmbeddedRemainder | None:
    """What the embedded engine does with the answers of other sources."""
    if not (apart.reads_files and elsewhere(optimised.tables)):
        return None
    plan, subqueries = apart.relational.plan, apart.relational.subqueries
    return embedded_remainder(
        plan, apart.fragments, optimised.tables, optimised.schema, subqueries=subqueries
    )


def _without_embedded(optimised: Optimised, *, regrouping: bool) -> Plan | None:
    """The gateway's engine reads the files, then, and all of them."""
    tables = without(optimised.tables)
    if not elsewhere(tables) and not needs_substrait(optimised.text, tables):
        return None  # files that are read as ever
    return federated(replace(optimised, tables=tables), regrouping=regrouping)


def _read_back(
    apart: _Apart,
    embedded: EmbeddedRemainder | None,
    reductions: Reductions,
    optimised: Optimised,
) -> Plan | None:
    """The plan around a remainder that the engine has read; None if it can not."""
    plan, answers = apart.relational.plan, apart.fragments
    if embedded is not None and embedded.rest is not None:
        plan, answers = embedded.rest, (*answers, embedded.fragment)
    guards.settle_constants(plan)
    guards.keep_sorts(plan)
    guards.fence_outer_joins(plan)
    guards.name_outputs(plan)
    remainder, tables, tuning = plan.SerializeToString(), optimised.tables, optimised.tuning
    try:  # what Substrait can say is not always what the engine can read back
        rest = _consumed(remainder, answers, tables, tuning)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        return None
    return Plan(
        optimised.schema,
        tables,
        apart.fragments,
        remainder,
        tuning=replace(tuning, nested_loops=guards.nests_loops(rest.display_indent())),
        reads=(*engine_reads(rest, tables), *_read_beside(embedded, tables)),
        not_pushed=apart.cut.not_pushed,
        groups=apart.groups,
        reductions=reductions,
        embedded=embedded,
        placement=apart.choices,
        watch=apart.watch,
    )


def _consumed(
    remainder: bytes, fragments: tuple[Fragment, ...], tables: Tables, tuning: engine.Tuning
) -> LogicalPlan:
    context = engine.session(Config(), remainder=True, tuning=tuning)
    reads = FragmentReads()
    register_tables(context, tables, {}, reads, Form.RAW)
    register_fragments(context, fragments, reads)
    return engine.from_substrait(remainder, context).optimized_logical_plan()


def _read_beside(embedded: EmbeddedRemainder | None, tables: Tables) -> tuple[EngineRead, ...]:
    """The files that only the embedded engine reads: the engine's own plan does not name them."""
    if embedded is None or embedded.rest is None:
        return ()
    return tuple(
        EngineRead(str(tables[name].connector.source_key), ".".join(name))
        for name in embedded.reads
    )
