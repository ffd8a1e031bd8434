"""The plans of a gateway: made once for equal texts over equal datasets, and bettered by history.

The one place that knows what a plan is made anew for: another form of it that failed or did not
pay, and what was learnt from its runs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
from cachetools import TTLCache

from connectors.interface import SourceErrorCode
from gateway.config import Config
from gateway.embedding import Embedding
from gateway.errors import GatewayError, InvalidQuery, Unsupported
from gateway.languages.sql import Statement
from gateway.plan.embedded import is_embedded
from gateway.plan.history import History, Watch
from gateway.plan.parameters import fitted
from gateway.plan.plan import Plan, called
from gateway.plan.planner import Query, plan_query
from gateway.plan.source import Table, TableName, Tables, View, Views, unpushed
from gateway.prepared_plans import PreparedPlans
from gateway.query_report import Measurement

_REJECTED = f"failed: {SourceErrorCode.REJECTED.value}"


class Plans:
    """Plans queries, and remembers plans. Safe to use from many threads.

    `history` is what was learnt from runs; None where the settings say so.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._embedding = Embedding(config)
        self._kept: TTLCache[tuple[object, ...], Plan] = TTLCache(
            config.cached_plans, config.plan_age_seconds
        )
        self._prepared = PreparedPlans(config)
        self._lock = threading.Lock()
        self.history: History | None = None
        if config.history_age_seconds > 0:
            self.history = History(config.history_age_seconds, config.memory_per_query_bytes)

    def close(self) -> None:
        """Close the embedded engine that plans may have asked for."""
        self._embedding.close()

    def forget(self) -> None:
        """Plan every query anew from now on."""
        with self._lock:
            self._kept.clear()
        self._prepared.forget()

    def of(
        self,
        statement: Statement,
        tables: Tables,
        views: Views,
        placement: str = "auto",
        values: Sequence[pa.Scalar] = (),
    ) -> Plan:
        """Equal text over equal datasets is planned once: what may be read is part of the key.
        Over a table that is one request's own it is planned each time, and nothing is remembered.

        Without the `values` a statement takes, its plan only describes the answer: it has
        `parameters`. Raises GatewayError, with positions in the client's text.
        """
        shared = all(table.shared for table in tables.values())
        key = _key(statement, tables, views, placement) if shared else None
        plan = self._of(key, statement, tables, views, placement, values)
        return called(plan, statement.named(plan.schema)) if statement.repeated else plan

    def _of(
        self,
        key: tuple[object, ...] | None,
        statement: Statement,
        tables: Tables,
        views: Views,
        placement: str,
        values: Sequence[pa.Scalar],
    ) -> Plan:
        try:
            if statement.placeholders.count:
                return self._with_parameters(key, statement, tables, views, placement, values)
            if values:
                raise InvalidQuery(
                    f"values the statement takes: none, given: {len(values)}",
                    hint="write ? or $1 where a value belongs",
                )
            if key is None:
                return self._made(key, statement, tables, views, placement)
            with self._lock:
                plan = self._kept.get(key)
            if plan is None:
                plan = self._made(key, statement, tables, views, placement)
                self._keep(key, plan)
            return plan
        except GatewayError as error:
            error.position = error.position and statement.original(error.position)
            raise

    def _with_parameters(
        self,
        key: tuple[object, ...] | None,
        statement: Statement,
        tables: Tables,
        views: Views,
        placement: str,
        values: Sequence[pa.Scalar],
    ) -> Plan:
        def planner(bound: Statement) -> Plan:
            return self._made(None, bound, tables, views, placement)

        described = self._prepared.described(key, statement, tables, views, planner)
        types = described.takes.types
        if values:
            given = fitted(values, types)
            plan = self._prepared.of(key, statement, given, described, planner)
            return replace(plan, parameters=types)
        return replace(described.plan, parameters=types, unbound=True)

    def _made(
        self,
        key: tuple[object, ...] | None,
        statement: Statement,
        tables: Tables,
        views: Views,
        placement: str,
    ) -> Plan:
        query = Query(statement.text, statement.tree, views)
        placed = self._embedding.placed(tables, views)
        history = self.history if key is not None else None
        plan = plan_query(query, placed, self._config, placement, history=history)
        embedded = plan.embedded or any(is_embedded(f, plan.tables) for f in plan.fragments)
        if embedded or plan.groups:
            remembered = key if plan.groups and not embedded and plan.lasting else None
            otherwise = partial(self._planned_whole, remembered, query, tables, placement)
            plan = replace(plan, otherwise=otherwise)
        elif plan.tried:
            otherwise = partial(self._planned_pushed, plan, query, tables, placement)
            plan = replace(plan, otherwise=otherwise)
        return plan

    def unpushed(
        self,
        statement: Statement,
        tables: Tables,
        views: Views,
        values: Sequence[pa.Scalar] = (),
    ) -> Plan | None:
        """The plan that leaves everything to the engine, to compare with. None for an EXPLAIN."""
        if statement.explain:
            return None
        if any(table.security.bound for table in tables.values()):
            raise Unsupported(
                "a query over rows that may not leave their region can not be verified",
                hint="ask without verify",
            )
        scans = {name: unpushed(table) for name, table in tables.items()}
        return self.of(statement, scans, views, values=values)

    def learn(self, plan: Plan, measured: Measurement) -> None:
        """Take in how a run of the plan went: what it took, or that its source has rejected it."""
        if measured.report.outcome == _REJECTED:
            self._forget_sources_of(plan)
        if plan.watch is None or self.history is None:
            return
        changed = self.history.learn(plan.watch, measured.run())
        if plan.tried and measured.report.outcome.startswith("failed"):
            changed = self.history.give_up(plan.watch) or changed
        if changed:
            self._forget_watched(plan.watch)

    def _keep(self, key: tuple[object, ...], plan: Plan) -> None:
        if plan.lasting and self._config.cached_plans:
            with self._lock:
                self._kept[key] = plan

    def _planned_whole(
        self, key: tuple[object, ...] | None, query: Query, tables: Tables, placement: str
    ) -> Plan:
        """The plan for when another failed or did not pay; with a `key`, for the next times too."""
        plan = plan_query(query, tables, self._config, placement, parts=False)
        if key is not None:
            self._keep(key, plan)
        return plan

    def _planned_pushed(self, tried: Plan, query: Query, tables: Tables, placement: str) -> Plan:
        """The plan for when pulling a query only because of history failed: not again, then."""
        assert tried.watch is not None and self.history is not None
        if self.history.give_up(tried.watch):
            self._forget_watched(tried.watch)
        return plan_query(query, tables, self._config, placement)

    def _forget_sources_of(self, rejected: Plan) -> None:
        """Plan anew what reads any source of a plan that was rejected: one of them has changed."""
        sources = {table.connector.source_key for table in rejected.tables.values()}

        def read(plan: Plan) -> bool:
            return any(table.connector.source_key in sources for table in plan.tables.values())

        with self._lock:
            for key, plan in list(self._kept.items()):
                if read(plan):
                    self._kept.pop(key, None)
        self._prepared.forget(read)

    def _forget_watched(self, watch: Watch) -> None:
        """Plan anew what history chooses a form of, over the source it has learnt about."""
        with self._lock:
            for key, plan in list(self._kept.items()):
                if plan.watch is not None and plan.watch.source == watch.source:
                    self._kept.pop(key, None)


def _key(statement: Statement, tables: Tables, views: Views, placement: str) -> tuple[object, ...]:
    return (
        statement.normalised,
        tuple(statement.placeholders.declared.items()),
        placement,
        *(_identity(name, table) for name, table in tables.items()),
        *(_identity(name, view) for name, view in views.items()),
    )


def _identity(name: TableName, opened: Table | View) -> tuple[object, ...]:
    """Equal for datasets that every plan reads alike."""
    dataset = opened.dataset
    lends = isinstance(opened, View) and opened.lends
    names = tuple(dataset.schema.names)
    raw = len(opened.security.raw)  # a source may have lost columns nobody asks for
    if isinstance(opened, View):
        made_with: tuple[object, ...] = (opened.text,)  # of a catalogue that was read anew
    else:
        made_with = (opened.pushes, opened.statistics_version, opened.snapshot)
    return (
        name,
        dataset.address,
        dataset.revision,
        names,
        opened.security.fingerprint,
        lends,
        raw,
        made_with,
    )
