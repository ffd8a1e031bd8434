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

from connectors.capabilities import NotPushable
from connectors.statistics import UNKNOWN
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import incident, translate
from gateway.errors import Unsupported
from gateway.plan import guards
from gateway.plan.barriers import Need, barriers
from gateway.plan.block import Aliases
from gateway.plan.brief import is_brief
from gateway.plan.column_lineage import column_lineage
from gateway.plan.cutter import NotPushed
from gateway.plan.embedded import elsewhere
from gateway.plan.federation import Optimised, federated, needs_substrait
from gateway.plan.fragment import FragmentReads
from gateway.plan.history import History
from gateway.plan.hoisting import with_filters_above
from gateway.plan.lossy_casts import hidden
from gateway.plan.plan import Plan
from gateway.plan.reading import reading
from gateway.plan.reads import engine_reads, read_columns
from gateway.plan.residency import violation
from gateway.plan.rewrite import (
    both_readings,
    rewritten,
    with_nested_outer_joins,
    without_repeated_groups,
)
from gateway.plan.secured_read import read_block
from gateway.plan.security import Barrier
from gateway.plan.sessions import (
    NOTHING_FETCHED,
    Form,
    Providers,
    columns_of,
    decimals_of,
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

_LITERAL = r"[A-Z][A-Za-z0-9]*\([^()\n]*\)(?: AS [^,()\n]*(?:\([^()\n]*\))?)?"
_CONSTANT = re.compile(rf"Projection: {_LITERAL}(?:, {_LITERAL})*\n  EmptyRelation: rows=1\n?")
"""The text of a plan that is nothing but constants."""

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


def plan_query(
    query: Query,
    tables: Tables,
    config: Config,
    placement: str = "auto",
    *,
    parts: bool = True,
    history: History | None = None,
) -> Plan:
    """Plan a query. Raises GatewayError for what the engine finds wrong with it.

    `placement` is one of PLACEMENTS: whether sources or the engine do what both could.
    Without `parts` the engine groups no scan for a source that does the rest. `history` may choose
    between pushing a whole query and pulling it.
    """
    plan = _planned(query, tables, config, placement, parts, history)
    names = plan.schema.names
    lineage = column_lineage(query.tree, tables, query.views, plan.columns, names)
    return replace(plan, lineage=lineage)


def _planned(
    query: Query,
    tables: Tables,
    config: Config,
    placement: str,
    parts: bool,
    history: History | None,
) -> Plan:
    if any(view.security.minimum_rows is not None for view in query.views.values()):
        raise violation(None)
    known = columns_of(tables, query.views)
    own, tree = hidden(query.text, query.tree, known, decimals_of(tables, query.views))
    text = rewritten(tree, known)
    if text is None:
        text = own
    else:
        _check_understood(query, tables, config)
    tables, columns = _secured(query, text, tables, config)
    tuning = _blind(tables, query.views)
    context, frame, logical = _optimised(query, text, tables, config, tuning)
    columns = columns or read_columns(logical, tables)
    written, optimised = frame.logical_plan().display_indent(), logical.display_indent()
    if guards.lost_sort_keys(written, optimised):
        if guards.repeats_groups(written):
            _check_understood(query, tables, config)
            text = without_repeated_groups(tree, known)
        tuning = replace(tuning, deduplicate=False)
        context, frame, logical = _optimised(query, text, tables, config, tuning)
        optimised = logical.display_indent()
    schema = _answer_schema(context, logical)
    lasting = _CLOCK.search(text) is None
    if not tables and _CONSTANT.fullmatch(optimised):
        answer = _evaluated(frame, query.text)
        return Plan(schema, tables, constant=answer, lasting=lasting)
    plan = None
    if any(table.source for table in tables.values()) or needs_substrait(optimised, tables):
        plan = federated(
            Optimised(
                logical,
                optimised,
                context,
                query.tree,
                _told(tables, query.views),
                query.views,
                schema,
                tuning,
                config,
                placement,
                parts,
                history,
            )
        )
    brief = is_brief(query.tree, tables, query.views)
    if plan is not None:
        brief = brief and plan.remainder is not None and not plan.answers
        return replace(plan, lasting=lasting, brief=brief, columns=columns, views=query.views)
    least = [
        t.security.minimum_rows for t in tables.values() if t.security.minimum_rows is not None
    ]
    if least:
        raise violation(max(least))
    hash_joins = not guards.filters_outer_joins(optimised)
    if not hash_joins and guards.joins_conditionally(optimised):
        _check_understood(query, tables, config)
        text, hash_joins = with_nested_outer_joins(tree, known), True
        _, _, logical = _optimised(query, text, tables, config, tuning)
        optimised = _without_outer_hash_joins(logical)
    reasons: tuple[NotPushed, ...] = ()
    if elsewhere(tables):
        why = "it has no Substrait form: tables are read lazily instead"
        reasons = (NotPushed("", "query", why),)
    return Plan(
        schema,
        tables,
        unfederated=text,
        lasting=lasting,
        brief=brief,
        tuning=replace(tuning, hash_joins=hash_joins, nested_loops=guards.nests_loops(optimised)),
        reads=engine_reads(logical, tables),
        not_pushed=reasons,
        columns=columns,
        views=query.views,
    )


def _without_outer_hash_joins(logical: LogicalPlan) -> str:
    """The plan as text. Raises Unsupported if there are such joins: those below a view stay."""
    text: str = logical.display_indent()
    if guards.joins_outer_by_columns(text):
        raise Unsupported(
            "a view of this query has an outer join with a condition beside its equal columns,"
            " which the engine would get wrong here",
            hint="ask for its rows in a query of their own",
        )
    return text


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


def _told(tables: Tables, views: Views) -> Tables:
    """The tables, without statistics below a view that hides rows of them."""
    if not any(view.security.hides_rows for view in views.values()):
        return tables
    return {name: replace(table, statistics=UNKNOWN) for name, table in tables.items()}


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
    texts = both_readings(query.text, query.tree)
    own, parsed = (reading(text, tables, query.views, config) for text in texts)
    if not own.agrees(parsed):
        raise Unsupported(
            "this query needs to be rewritten for the engine, and holds a function, operator or"
            " type that would not survive it",
            hint="write ON in place of USING, and move IN, EXISTS, IS DISTINCT FROM or EXCEPT ALL"
            " into a sub-query of their own",
        )


def _answer_schema(context: SessionContext, logical: LogicalPlan) -> pa.Schema:
    """The schema after type coercion: before it, a UNION has the types of its first branch."""
    return plain_schema(context.create_dataframe_from_logical_plan(logical).schema())


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
    handed = tuning is None or tuning.push_filters
    return engine.from_substrait(
        plan.remainder if handed else with_filters_above(plan.remainder), context
    )
