"""From a query over opened tables to a plan: DataFusion optimises, the cut decides who does what.

The ladder, best rung first; every rung gives the same rows:

1. The whole query is one fragment: its source answers, the engine only passes the rows on.
2. The optimised plan, as Substrait, is cut into one fragment per source region and a remainder.
3. An operator a source may not be asked stays in the remainder; the cut moves below it.
4. What Substrait has no word for runs as the engine's own plan over lazily read tables, which
   still take projections and simple filters.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
from datafusion import DataFrame, LogicalPlan, SessionContext
from sqlglot import exp
from substrait.proto import Plan as SubstraitPlan

from connectors.capabilities import NotPushable
from connectors.interface import (
    EstimatesCost,
    SourceError,
)
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import incident, is_panic, translate
from gateway.errors import Unsupported
from gateway.plan import guards
from gateway.plan.barriers import Need, barriers
from gateway.plan.block import Aliases, Block
from gateway.plan.cutter import (
    Cutter,
    NotPushed,
    block_schema,
)
from gateway.plan.embedded import elsewhere, is_embedded, reads_on, without
from gateway.plan.embedded_remainder import EmbeddedRemainder, embedded_remainder
from gateway.plan.estimates import Estimator
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.lost_form import is_lost, may_be_lost
from gateway.plan.null_aware import leaves_null_aware, mark_null_aware
from gateway.plan.own_tree import own_tree
from gateway.plan.placement import Placement
from gateway.plan.plan import EngineRead, Plan
from gateway.plan.reads import engine_reads, read_columns
from gateway.plan.reducible import reductions_of
from gateway.plan.reduction import Reductions
from gateway.plan.regrouping import regroup
from gateway.plan.relations import function_names
from gateway.plan.residency import reshape, violation
from gateway.plan.rewrite import both_readings, rewritten, without_repeated_groups
from gateway.plan.secured_read import read_block
from gateway.plan.security import Barrier
from gateway.plan.sending import fragment_of
from gateway.plan.sessions import (
    NOTHING_FETCHED,
    Form,
    Providers,
    columns_of,
    frame_of,
    register_fragments,
    register_tables,
)
from gateway.plan.source import Table, TableName, Tables, Views
from gateway.plan.types import plain_schema

_CLOCK = re.compile(
    r"\b(now|today|current_(date|time|timestamp)|local(time|timestamp))\b", re.IGNORECASE
)
"""What the optimiser turns into the time of planning: such a plan is used once."""

_PART = re.compile(r'date_(?:part|trunc)\(Utf8\("\w+"\)')
"""A part of a date, which is the same in small letters and in large ones."""

_LITERAL = r"[A-Z][A-Za-z0-9]*\([^()\n]*\)(?: AS [^,()\n]*(?:\([^()\n]*\))?)?"
_CONSTANT = re.compile(rf"Projection: {_LITERAL}(?:, {_LITERAL})*\n  EmptyRelation: rows=1\n?")
"""The text of a plan that is nothing but constants."""

WORTHWHILE = 0.8
"""The rebuilt form must cost at most this share of the author's: estimates are not exact."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Query:
    """A query as the languages stage hands it over.

    `text` is SQL for the engine; `tree` the same query parsed. Table names in both are those
    under which the tables and `views` are opened.
    """

    text: str
    tree: exp.Query | exp.Values
    views: Views = field(default_factory=dict)


def plan_query(query: Query, tables: Tables, config: Config, placement: str = "auto") -> Plan:
    """Plan a query. Raises GatewayError for what the engine finds wrong with it.

    `placement` is one of PLACEMENTS: whether sources or the engine do what both could.
    """
    if any(view.security.minimum_rows is not None for view in query.views.values()):
        raise violation(None)
    known = columns_of(tables, query.views)
    text = rewritten(query.tree, known)
    if text is None:
        text = query.text
    else:
        _check_understood(query, tables, config)
    tables, columns = _secured(query, text, tables, config)
    tuning = _blind(tables, query.views)
    context, frame, logical = _optimised(query, text, tables, config, tuning)
    columns = columns or read_columns(logical, tables)
    written = frame.logical_plan().display_indent()
    if guards.lost_sort_keys(written, logical.display_indent()):
        if guards.repeats_groups(written):
            _check_understood(query, tables, config)
            text = without_repeated_groups(query.tree, known)
        tuning = replace(tuning, deduplicate=False)
        context, frame, logical = _optimised(query, text, tables, config, tuning)
    schema = _answer_schema(context, logical)
    lasting = _CLOCK.search(text) is None
    if not tables and _CONSTANT.fullmatch(logical.display_indent()):
        answer = _evaluated(frame, query.text)
        return Plan(schema, tables, constant=answer, lasting=lasting)
    plan = None
    bound = _bound(tables)
    if any(table.source for table in tables.values()) or _may_lose_sort(logical) or bound:
        plan = _federated(logical, context, query, tables, schema, tuning, placement)
    if plan is not None:
        return replace(plan, lasting=lasting, columns=columns, views=query.views)
    least = [
        t.security.minimum_rows for t in tables.values() if t.security.minimum_rows is not None
    ]
    if least:
        raise violation(max(least))
    reasons: tuple[NotPushed, ...] = ()
    if elsewhere(tables):
        why = "it has no Substrait form: tables are read lazily instead"
        reasons = (NotPushed("", "query", why),)
    return Plan(
        schema,
        tables,
        unfederated=text,
        lasting=lasting,
        tuning=_safe(tuning, logical),
        reads=engine_reads(logical, tables),
        not_pushed=reasons,
        columns=columns,
        views=query.views,
    )


def _secured(
    query: Query, text: str, tables: Tables, config: Config
) -> tuple[Tables, Mapping[TableName, tuple[str, ...]]]:
    """The tables with the place where each is secured, and the barrier its row filter needs.

    With them, if something had to be secured, come the columns that the query reads.
    """
    if not any(t.security.governs or t.security.bound for t in tables.values()):
        return tables, {}
    placed = {name: _placed(table) for name, table in tables.items()}
    needed: Mapping[TableName, Need] = {}
    context, _, logical = _optimised(query, text, placed, config, engine.BEST, Form.OPAQUE)
    if not any(t.security.row_filter is not None or t.security.bound for t in placed.values()):
        return placed, read_columns(logical, placed)
    try:
        needed = barriers(engine.to_substrait(logical, context), placed)
    except Exception:  # Substrait has no word for something: what can not be seen may fail
        _log.debug("no Substrait form to look for fallible expressions in", exc_info=True)
    for name, need in needed.items():
        if placed[name].security.bound and need.barrier is not Barrier.PLAIN:
            # whether it fails for one row is more than may be told of a row that is not to leave
            raise violation(placed[name].security.minimum_rows, fails=True)
    hidden = _below_filters(query.views)
    needed = {name: need for name, need in needed.items() if name not in hidden}
    barred = {n: _barred(t, needed.get(n, Need(Barrier.FENCE))) for n, t in placed.items()}
    return barred, read_columns(logical, placed)


def _below_filters(views: Views) -> set[TableName]:
    """What is read below a view with a row filter of its own: the look at the query ends there."""
    found: set[TableName] = set()
    waiting = [v for v in views.values() if v.security.row_filter is not None]
    while waiting:
        names = set(waiting.pop().names.values()) - found
        found |= names
        waiting += [views[name] for name in names if name in views]
    return found


def _bound(tables: Tables) -> dict[TableName, int]:
    """The datasets the engine reads whose callers may only have large enough groups."""
    return {
        name: table.security.minimum_rows
        for name, table in tables.items()
        if table.source is None and table.security.minimum_rows is not None
    }


def _barred(table: Table, need: Need) -> Table:
    if table.security.row_filter is None:
        return table
    if need.selective and (table.source is None or table.source.dialect.believes_statistics):
        # Statistics count hidden rows too. What they rule out is skipped, errors included, and so
        # are words of an AND by batches of rows: the caller's conditions must not get that near.
        why = "a condition may fail, and the source would skip it by what it knows of hidden rows"
        refusal = table.refusal if table.source is None else why
        security = replace(table.security, barrier=Barrier.FENCE)
        return replace(table, source=None, security=security, refusal=refusal)
    security = replace(table.security, barrier=need.barrier, guarded=need.guarded)
    return replace(table, security=security)


def _placed(table: Table) -> Table:
    """The table, without its source if the source can not apply the row filter."""
    if table.source is None or not table.security.governs:
        return table
    try:
        read_block(table, table.source, (), Aliases())
    except NotPushable as refusal:
        why = f"policies are applied by the gateway: {refusal.reason}"
        return replace(table, source=None, refusal=why)
    return table


def _blind(tables: Tables, views: Views) -> engine.Tuning:
    """Without statistics where a fence stands in the engine: they are those of hidden rows too."""
    fenced = any(
        t.secured_by_engine and t.security.barrier is Barrier.FENCE for t in tables.values()
    )
    fenced = fenced or any(view.security.row_filter is not None for view in views.values())
    return replace(engine.BEST, statistics=not fenced)


def _safe(tuning: engine.Tuning, logical: LogicalPlan) -> engine.Tuning:
    text = logical.display_indent()
    hash_joins = tuning.hash_joins and guards.hash_joins_are_right(text)
    return replace(tuning, hash_joins=hash_joins, nested_loops=guards.nests_loops(text))


def _optimised(
    query: Query,
    text: str,
    tables: Tables,
    config: Config,
    tuning: engine.Tuning,
    form: Form = Form.SECURED,
) -> tuple[SessionContext, DataFrame, LogicalPlan]:
    context = engine.session(config, tuning=tuning)
    register_tables(context, tables, query.views, FragmentReads(), form)
    frame = frame_of(context, text)
    try:
        return context, frame, frame.optimized_logical_plan()
    except BaseException as error:
        failure = translate(error, query.text)
        if form is Form.SECURED and any(table.secured_by_engine for table in tables.values()):
            # the query itself has been planned before: what fails here may quote policies
            failure = incident(error)
        raise failure from error


def _evaluated(frame: DataFrame, text: str) -> tuple[pa.RecordBatch, ...]:
    try:
        return tuple(frame.collect())
    except BaseException as error:
        raise translate(error, text) from error


def _check_understood(query: Query, tables: Tables, config: Config) -> None:
    """Raise Unsupported if rewriting the query would change what its author wrote.

    sqlglot's PostgreSQL is not quite the engine's SQL: ``5 ^ 3`` is 125 in one and 6 in the other.
    """
    readings = both_readings(query.text, query.tree)
    plans = [_understood(text, query, tables, config) for text in readings]
    if plans[0] != plans[1]:
        raise Unsupported(
            "this query needs to be rewritten for the engine, and holds a function, operator or"
            " type that would not survive it",
            hint="write ON in place of USING, and move IN, EXISTS, IS DISTINCT FROM or EXCEPT ALL"
            " into a sub-query of their own",
        )


def _understood(text: str, query: Query, tables: Tables, config: Config) -> str:
    """What the engine makes of a text: its optimised plan, or as far as it gets."""
    context = engine.session(config)
    register_tables(context, tables, query.views, FragmentReads(), Form.OPAQUE)
    plan = None
    try:
        frame = context.sql_with_options(text, engine.READ_ONLY)
        plan = frame.logical_plan()
        plan = frame.optimized_logical_plan()
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        if plan is None:
            return str(error)
    understood = re.sub(r"_sq_\d+", "_sq", plan.display_indent())
    return _PART.sub(lambda match: match[0].lower(), understood)


def _answer_schema(context: SessionContext, logical: LogicalPlan) -> pa.Schema:
    """The schema after type coercion: before it, a UNION has the types of its first branch."""
    return plain_schema(context.create_dataframe_from_logical_plan(logical).schema())


def _federated(
    logical: LogicalPlan,
    context: SessionContext,
    query: Query,
    tables: Tables,
    schema: pa.Schema,
    tuning: engine.Tuning,
    wanted: str,
    *,
    regrouping: bool = True,
) -> Plan | None:
    text = logical.display_indent()
    if guards.lost_by_substrait(text):
        return None
    try:
        plan = engine.to_substrait(logical, context)
    except Exception:  # Substrait has no word for something, or protobuf no depth for it
        return None
    reshape(plan, _bound(tables))
    null_aware = mark_null_aware(text, plan)
    if null_aware is None:
        return None
    subqueries = "<subquery>" in text or "Subquery:" in text
    regrouped = regrouping and regroup(plan, tables, subqueries=subqueries)
    placement = _placement(wanted, query, tables, schema, plan)
    cutter = Cutter(plan, tables, placement, subqueries=subqueries)
    cut = cutter.cut()
    if cut.whole:
        found = _whole(cut.blocks[0], query, tables, schema, cut.not_pushed)
        return replace(found, placement=tuple(dict.fromkeys(placement.choices)))
    if null_aware and leaves_null_aware(plan):
        return None
    fragments = tuple(
        fragment_of(number, block, block_schema(block, number))
        for number, block in enumerate(cut.blocks, start=1)
    )
    reads_files = reads_on(plan.relations[0].root.input, tables)
    embedded, reductions = None, Reductions()
    if elsewhere(tables) or not reads_files:
        reductions = reductions_of(plan, cut, fragments, tables)
    if elsewhere(tables) and reads_files:
        embedded = embedded_remainder(plan, fragments, tables, schema, subqueries=subqueries)
    shares = embedded is not None or reductions.concern(
        {f.number for f in fragments if is_embedded(f, tables)}
    )
    if reads_files and not shares:
        tables = without(tables)
        if not elsewhere(tables) and not _may_lose_sort(logical) and not _bound(tables):
            return None  # files that are read as ever
        return _federated(
            logical, context, query, tables, schema, tuning, wanted, regrouping=regrouping
        )
    answers = fragments
    if embedded is not None and embedded.rest is not None:
        plan, answers = embedded.rest, (*fragments, embedded.fragment)
    guards.settle_constants(plan)
    guards.keep_sorts(plan)
    guards.name_outputs(plan)
    remainder = plan.SerializeToString()
    try:  # what Substrait can say is not always what the engine can read back
        rest = _consumed(remainder, answers, tables, tuning)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        if regrouped:  # the engine reads every join by the names of its columns
            return _federated(
                logical, context, query, tables, schema, tuning, wanted, regrouping=False
            )
        return None
    return Plan(
        schema,
        tables,
        fragments,
        remainder,
        tuning=_safe(tuning, rest),
        reads=(*engine_reads(rest, tables), *_read_beside(embedded, tables)),
        not_pushed=cut.not_pushed,
        reductions=reductions,
        embedded=embedded,
        placement=tuple(dict.fromkeys(placement.choices)),
    )


def _read_beside(embedded: EmbeddedRemainder | None, tables: Tables) -> tuple[EngineRead, ...]:
    """The files that only the embedded engine reads: the engine's own plan does not name them."""
    if embedded is None or embedded.rest is None:
        return ()
    return tuple(
        EngineRead(str(tables[name].connector.source_key), ".".join(name))
        for name in embedded.reads
    )


def _placement(
    wanted: str, query: Query, tables: Tables, schema: pa.Schema, plan: SubstraitPlan
) -> Placement:
    """Who decides what is pushed: blind where policies hide something of a table or a view."""
    secured = [t.security for t in tables.values()] + [v.security for v in query.views.values()]

    def own_text(block: Block) -> str | None:
        own = own_tree(query.tree, tables, block.source, schema)
        return None if own is None else block.source.connector.render(own, schema)

    return Placement(
        wanted,
        tables,
        Estimator(tables, function_names(plan)),
        blind=any(s.governs or s.bound for s in secured),
        own_text=own_text,
    )


def _consumed(
    remainder: bytes, fragments: tuple[Fragment, ...], tables: Tables, tuning: engine.Tuning
) -> LogicalPlan:
    context = engine.session(Config(), remainder=True, tuning=tuning)
    reads = FragmentReads()
    register_tables(context, tables, {}, reads, Form.RAW)
    register_fragments(context, fragments, reads)
    return engine.from_substrait(remainder, context).optimized_logical_plan()


def _whole(
    block: Block,
    query: Query,
    tables: Tables,
    schema: pa.Schema,
    not_pushed: tuple[NotPushed, ...],
) -> Plan:
    """One fragment for everything: the query's own tree where a source plans it better."""
    fragment = fragment_of(1, block, schema)
    connector = block.source.connector
    bound = block.minimum_rows is not None or any(
        table.security.minimum_rows is not None for table in tables.values()
    )
    if isinstance(connector, EstimatesCost) and not bound:
        own = own_tree(query.tree, tables, block.source, schema)
        if own is not None:
            fragment = _cheaper(connector, fragment, fragment_of(1, block, schema, own))
    elif block.source.embedded and may_be_lost(query.tree):
        own = own_tree(query.tree, tables, block.source, schema, wanted=is_lost)
        if own is not None:
            fragment = fragment_of(1, block, schema, own)
    return Plan(schema, tables, (fragment,), not_pushed=not_pushed)


def _cheaper(connector: EstimatesCost, rebuilt: Fragment, own: Fragment) -> Fragment:
    """The form its source expects to answer for less; the author's own when it can not tell."""
    try:
        rebuilt_cost, own_cost = connector.cost(rebuilt.text), connector.cost(own.text)
    except SourceError:
        return own
    return rebuilt if rebuilt_cost < own_cost * WORTHWHILE else own


def _may_lose_sort(logical: LogicalPlan) -> bool:
    text = logical.display_indent()
    return "Sort:" in text and " = " in text


def open_frame(
    plan: Plan,
    config: Config,
    reads: FragmentReads,
    tuning: engine.Tuning | None = None,
    fetched: Providers = NOTHING_FETCHED,
) -> DataFrame:
    """The engine's frame of a plan, in a session of its own that reads through `reads`.

    Fragments in `fetched` are read from there.
    """
    remainder = plan.remainder is not None
    context = engine.session(config, remainder=remainder, tuning=tuning or plan.tuning)
    reads.reserve(len(plan.answers))
    form = Form.RAW if remainder else Form.SECURED
    register_tables(context, plan.tables, plan.views, reads, form)
    if plan.remainder is None:
        assert plan.unfederated is not None
        return frame_of(context, plan.unfederated)
    register_fragments(context, plan.answers, reads, fetched)
    return engine.from_substrait(plan.remainder, context)
