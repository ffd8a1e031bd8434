"""Push or pull: whether a source joins and groups its own tables, or sends them to the engine.

A block is pulled when its final groups are nearly as many as its rows, so that grouping in the
source saves no transfer, and when the source expects the whole to cost it no less than its scans.
Of a whole query that would be pushed, measured history may say otherwise.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
from cachetools import TTLCache
from substrait.proto import Rel

from connectors.interface import EstimatesCost, SourceError, SourceKey
from gateway.plan import relations
from gateway.plan.block import Block
from gateway.plan.estimates import Estimator
from gateway.plan.history import CLEARLY, History, Watch
from gateway.plan.relation_estimate import Estimate
from gateway.plan.source import Tables
from gateway.plan.walked_joins import walked_join

GROUPS_SHARE = 0.05
"""More final groups than this share of the largest scan's rows: grouping saves little transfer."""

WORTH_ASKING_ROWS = 20_000.0
"""Smaller scans are pushed: asking the source what they cost takes longer than can be won."""

SLOW_JOIN_ROWS = 50_000.0
"""Rows a source that joins slowly may group or join by itself."""

_COSTS: TTLCache[tuple[object, str], float] = TTLCache(1024, 300.0)
_costs_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one block, and why. `numbers` tell of the tables' sizes."""

    source: str
    reason: str
    numbers: str = ""


class Placement:
    """The choices of one plan. `wanted` is one of PLACEMENTS of `gateway.model`.

    `blind` plans see tables of which policies hide something: a choice by what their sources say
    would tell of it, so everything is pushed unless asked otherwise. Rows bound to their region
    are pushed in any case. `own_text` gives the author's own form of a block that is everything,
    where the source is asked for that. Without `subqueries` no expression holds any. Without
    `parts`, all of a block is pulled or nothing. `history` knows what whole queries took; `watch`
    is what it is to be told about this one, if it may choose between its forms.
    """

    def __init__(
        self,
        wanted: str,
        tables: Tables,
        estimator: Estimator,
        *,
        blind: bool,
        own_text: Callable[[Block], str | None],
        subqueries: bool = True,
        parts: bool = True,
        history: History | None = None,
    ) -> None:
        self._wanted = wanted
        self._tables = tables
        self._estimator = estimator
        self._blind = blind
        self._own_text = own_text
        self._subqueries = subqueries
        self._parts = parts
        self._history = history
        self.watch: Watch | None = None
        self.choices: list[Choice] = []

    def pulls(
        self, rel: Rel, block: Block, block_of: Callable[[Rel], Block | None], *, whole: bool
    ) -> bool:
        """True when the inputs of `rel` are to be fetched instead of `block`."""
        if is_scan(rel) or self._bound(rel):
            return False
        source = str(block.source.key)
        if self._wanted != "auto":
            asked = "pulled: as asked for" if self._wanted == "pull" else "pushed: as asked for"
            self.choices.append(Choice(source, asked))
            return self._wanted == "pull"
        if self._blind or not self._known(rel):
            return False
        if self._estimated(rel, block, block_of, whole=whole):
            return True
        return whole and self._measured(rel, block, block_of)

    def _estimated(
        self, rel: Rel, block: Block, block_of: Callable[[Rel], Block | None], *, whole: bool
    ) -> bool:
        """True when pulling is expected to cost less."""
        source = str(block.source.key)
        connector, slow = block.source.connector, block.source.dialect.joins_slowly
        if not slow and not (isinstance(connector, EstimatesCost) and _has_keys(rel)):
            return False
        found = self._scans(rel)
        largest = max((self._estimator.of(scan).rows for scan in found), default=0.0)
        if largest < WORTH_ASKING_ROWS:
            return False
        if slow or not isinstance(connector, EstimatesCost):
            return self._beyond_slow_joins(rel, source, found)
        groups = max((self._estimator.of(each).rows for each in final_groups(rel)), default=0.0)
        if groups <= GROUPS_SHARE * largest:
            return False
        return self._dearer_than_scans(connector, block, found, block_of, whole, groups)

    def _measured(self, rel: Rel, block: Block, block_of: Callable[[Rel], Block | None]) -> bool:
        """True when history pulls a whole query that would be pushed."""
        connector, slow = block.source.connector, block.source.dialect.joins_slowly
        asked = connector if isinstance(connector, EstimatesCost) else None
        if self._history is None or block.product or (asked is None and not slow):
            return False
        fetched = [(scan, block_of(scan)) for scan in self._scans(rel)]
        if any(scan is None for _, scan in fetched):
            return False

        def cost(text: str) -> float | None:
            try:
                return None if asked is None else _cost(asked, block, text)
            except SourceError:
                return None

        def expected() -> float:
            if len(fetched) == 1 and fetched[0][1] is not None and asked is not None:
                alone, all_ = cost(_text(fetched[0][1])), cost(_text(block))
                if alone is None or all_ is None or alone > CLEARLY * all_:
                    return math.inf  # reading the one table is nearly all the source has to do
            return sum(_arrow_bytes(self._estimator.of(r), b) for r, b in fetched if b is not None)

        self.watch = Watch(block.source.key, lambda: _text(block), cost, expected)
        verdict = self._history.verdict(self.watch)
        if verdict is None:
            return False
        self.watch = replace(self.watch, pulled=verdict.pulled, patience=verdict.patience)
        # in place of what was chosen by cost for this block, which is all there is
        self.choices[:] = [Choice(str(block.source.key), verdict.reason, verdict.numbers)]
        return verdict.pulled

    def groups_apart(
        self, rel: Rel, block: Block, block_of: Callable[[Rel], Block | None], *, whole: bool
    ) -> tuple[Rel, ...]:
        """The groupings below `rel` that the engine is to do for the source of `block`.

        They save the source no transfer, and their keys reduce what it does of the rest.
        """
        if not self._parts or self._wanted != "auto" or self._blind or is_scan(rel):
            return ()
        connector = block.source.connector
        if block.source.dialect.joins_slowly or not isinstance(connector, EstimatesCost):
            return ()
        found = tuple(self._saving_nothing(rel))
        if not found or self._bound(rel) or not self._known(rel):
            return ()
        costs = self._costs(connector, block, self._scans(rel), block_of, whole)
        if costs is None or costs[0] < costs[1]:
            return ()
        groups = sum(self._estimator.of(aggregate_of(each)).rows for each in found)
        rows = sum(self._estimator.of(relations.inputs(aggregate_of(e))[0]).rows for e in found)
        reason = "pulled in part: the source would group nearly all rows of a scan, for few of them"
        numbers = f"{costs[0]:.0f} against {costs[1]:.0f}, {groups:.0f} groups of {rows:.0f} rows"
        self.choices.append(Choice(str(block.source.key), reason, numbers))
        return found

    def _saving_nothing(self, rel: Rel) -> Iterator[Rel]:
        for each in selective_groups(rel):
            aggregate = aggregate_of(each)
            rows = self._estimator.of(relations.inputs(aggregate)[0]).rows
            groups = self._estimator.of(aggregate).rows
            if rows >= WORTH_ASKING_ROWS and groups > GROUPS_SHARE * rows:
                yield each

    def _costs(
        self,
        connector: EstimatesCost,
        block: Block,
        found: list[Rel],
        block_of: Callable[[Rel], Block | None],
        whole: bool,
    ) -> tuple[float, float] | None:
        """What a source expects of the whole, and of its scans; None where it can not tell."""
        blocks = [block_of(scan) for scan in found]
        own = self._own_text(block) if whole else None
        if None in blocks:
            return None
        try:
            cost = _cost(connector, block, own or _text(block))
            return cost, sum(_cost(connector, b, _text(b)) for b in blocks if b is not None)
        except SourceError:
            return None

    def _dearer_than_scans(
        self,
        connector: EstimatesCost,
        block: Block,
        found: list[Rel],
        block_of: Callable[[Rel], Block | None],
        whole: bool,
        groups: float,
    ) -> bool:
        costs = self._costs(connector, block, found, block_of, whole)
        if costs is None:
            return False
        cost, apart = costs
        pulled = cost >= apart
        what = "no less" if pulled else "less"
        reason = f"{'pulled' if pulled else 'pushed'}: the whole costs the source {what} than"
        numbers = f"{cost:.0f} against {apart:.0f}, {groups:.0f} groups"
        self.choices.append(
            Choice(str(block.source.key), f"{reason} its scans, and its groups are many", numbers)
        )
        return pulled

    def _beyond_slow_joins(self, rel: Rel, source: str, found: list[Rel]) -> bool:
        """For a source that joins and groups slowly: many rows, and few of them saved by it."""
        rows = max(self._estimator.of(scan).rows for scan in found)
        grouped = list(final_groups(rel))
        walked = walked_join(rel, self._estimator, self._tables)
        if walked is not None and walked.is_dearer_than_keys(grouped=bool(grouped)):
            self.choices.append(Choice(source, walked.reason, walked.numbers))
            return True
        if grouped:
            below = self._estimator.of(relations.inputs(grouped[-1])[0]).rows
            groups = self._estimator.of(grouped[0]).rows
            pulled = below > SLOW_JOIN_ROWS and groups > GROUPS_SHARE * rows
            what, numbers = "groups", f"{groups:.0f} groups of {below:.0f} rows"
        else:
            joined = self._estimator.of(rel)
            fetched = sum(self._estimator.of(scan).bytes for scan in found)
            pulled = joined.rows > SLOW_JOIN_ROWS and joined.bytes >= fetched
            what, numbers = "joins", f"{joined.bytes:.0f} bytes against {fetched:.0f}"
        if pulled:
            reason = f"pulled: the source {what} slowly, and saves little transfer by it"
            self.choices.append(Choice(source, reason, numbers))
        return pulled

    def _scans(self, rel: Rel) -> list[Rel]:
        return list(scans(rel, subqueries=self._subqueries))

    def _bound(self, rel: Rel) -> bool:
        if not any(table.security.bound for table in self._tables.values()):
            return False
        names = map(relations.table_name, relations.walk(rel))
        return any(t.security.bound for n in names if n and (t := self._tables.get(n)))

    def _known(self, rel: Rel) -> bool:
        """Whether the source has told how large all its tables are."""
        if all(table.statistics.rows is not None for table in self._tables.values()):
            return True
        names = [n for n in map(relations.table_name, relations.walk(rel)) if n]
        found = [self._tables.get(name) for name in names]
        return all(table is not None and table.statistics.rows is not None for table in found)


def is_scan(rel: Rel) -> bool:
    """True for what reads one table: filtered, computed, cut to its first rows, not grouped."""
    while relations.kind(rel) in {"filter", "project", "sort", "fetch"}:
        if relations.subqueries(rel):
            return False
        rel = relations.inputs(rel)[0]
    return relations.kind(rel) == "read"


def scans(rel: Rel, *, subqueries: bool = True) -> Iterator[Rel]:
    """The largest scans below a relation, those of its sub-queries too, if there are any."""
    top, nested = rel, relations.subqueries(rel) if subqueries else []
    while not nested and relations.kind(rel) in {"filter", "project", "sort", "fetch"}:
        rel = relations.inputs(rel)[0]
        nested = relations.subqueries(rel) if subqueries else []
    if relations.kind(rel) == "read":
        if any(relations.table_name(part) for part in relations.walk(rel)):
            yield top
        return
    for child in (*relations.inputs(rel), *nested):
        yield from scans(child, subqueries=subqueries)


def final_groups(rel: Rel) -> Iterator[Rel]:
    """The aggregates between a relation and its topmost join, outermost first."""
    while relations.kind(rel) in {"filter", "project", "sort", "fetch", "aggregate"}:
        if relations.kind(rel) == "aggregate":
            yield rel
        rel = relations.inputs(rel)[0]


def _has_keys(rel: Rel) -> bool:
    """Whether there may be more than one final group."""
    return any(len(each.aggregate.grouping_expressions) for each in final_groups(rel))


def selective_groups(rel: Rel) -> Iterator[Rel]:
    """The groupings of one scan with a HAVING by which a join below `rel` tests rows."""
    for child in relations.inputs(rel):
        if _tests_rows(rel, child) and _is_selective(child):
            yield child
        else:
            yield from selective_groups(child)


def aggregate_of(rel: Rel) -> Rel:
    """The aggregate below what only filters and computes."""
    while relations.kind(rel) in {"filter", "project"}:
        rel = relations.inputs(rel)[0]
    return rel


def _tests_rows(rel: Rel, child: Rel) -> bool:
    if relations.kind(rel) != "join":
        return False
    kind = relations.join_type(rel)
    tested_by_right = kind == "LEFT_SEMI" and child is relations.inputs(rel)[1]
    tested_by_left = kind == "RIGHT_SEMI" and child is relations.inputs(rel)[0]
    return kind == "INNER" or tested_by_right or tested_by_left


def _is_selective(rel: Rel) -> bool:
    having = False
    while relations.kind(rel) in {"filter", "project"}:
        having = having or relations.kind(rel) == "filter"
        if relations.subqueries(rel):
            return False
        rel = relations.inputs(rel)[0]
    if not having or relations.kind(rel) != "aggregate" or relations.subqueries(rel):
        return False
    below = relations.inputs(rel)[0]
    plain = is_scan(below) and not _cut_short(below)
    return plain and bool(rel.aggregate.grouping_expressions) and len(rel.aggregate.groupings) <= 1


def _cut_short(rel: Rel) -> bool:
    return any(relations.kind(part) in {"sort", "fetch"} for part in relations.walk(rel))


def _arrow_bytes(estimate: Estimate, block: Block) -> float:
    """What the rows of a block take once they are here."""
    columns = zip(block.columns, estimate.columns, strict=False)
    return estimate.rows * sum(_width(column.type, known.width) for column, known in columns)


def _width(data_type: pa.DataType, known: float) -> float:
    try:
        return float(data_type.bit_width) / 8
    except ValueError:  # of variable width, with an offset
        return known + 4.0


def _text(block: Block) -> str:
    schema = pa.schema([pa.field(f"c{i}", c.type) for i, c in enumerate(block.columns)])
    schema = schema if len(schema) else pa.schema([pa.field("c0", pa.int64())])
    return block.source.connector.render(block.select(), schema)


def _cost(connector: EstimatesCost, block: Block, text: str) -> float:
    return remembered_cost(connector, block.source.key, text)


def remembered_cost(connector: EstimatesCost, source: SourceKey, text: str) -> float:
    """What a text costs its source, asked once in a while. Raises SourceError."""
    key = (source, text)
    with _costs_lock:
        known = _COSTS.get(key)
    if known is None:
        known = connector.cost(text)
        with _costs_lock:
            _COSTS[key] = known
    return known
