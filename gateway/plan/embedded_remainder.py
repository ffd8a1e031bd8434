"""A remainder over files as a statement of the embedded engine, over what the fragments bring.

The sources' answers are tables beside the files there. Only what comes down to few rows is worth
it, and only operators that the embedded engine has exactly; those above stay with the gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp
from substrait.proto import Plan as SubstraitPlan

from connectors.embedded_duckdb import EmbeddedFiles
from connectors.interface import Binding, Connector
from gateway.model import Address, Dataset
from gateway.plan.block import Block
from gateway.plan.cutter import FRAGMENT_TABLE, Cutter, block_schema
from gateway.plan.embedded import pays, reads_on
from gateway.plan.fragment import Fragment
from gateway.plan.relations import table_name, walk
from gateway.plan.security import Security
from gateway.plan.sending import fragment_of
from gateway.plan.source import Source, Table, TableName, Tables

_NOWHERE = Address("", "", "")


@dataclass(frozen=True, slots=True)
class EmbeddedRemainder:
    """The statement as one more fragment, and the fragments it reads by the names of their tables.

    `rest` is what the gateway's engine makes of its answer; None where it is the whole answer.
    `local` are inputs that the embedded engine gives as well, `reads` the files it reads itself.
    """

    fragment: Fragment
    files: EmbeddedFiles = field(repr=False)
    inputs: Mapping[str, int]
    local: frozenset[int]
    rest: SubstraitPlan | None = field(default=None, repr=False)
    reads: tuple[TableName, ...] = ()


def embedded_remainder(
    plan: SubstraitPlan,
    fragments: Sequence[Fragment],
    tables: Tables,
    schema: pa.Schema,
    *,
    subqueries: bool,
) -> EmbeddedRemainder | None:
    """The remainder `plan` for the embedded engine; None where it is better off without."""
    found = _of(tables)
    if found is None:
        return None
    names = {FRAGMENT_TABLE.format(f.number): f for f in fragments}
    inputs: dict[TableName, Table] = {(n,): found.table(n, f.schema) for n, f in names.items()}
    number = len(fragments) + 1
    rest = SubstraitPlan()
    rest.CopyFrom(plan)
    cutter = Cutter(rest, {**tables, **inputs}, subqueries=subqueries, numbered_from=number)
    cut = cutter.cut()
    if len(cut.blocks) != 1 or not pays(cut.blocks[0]):
        return None
    if not cut.whole and reads_on(rest.relations[0].root.input, tables):
        return None
    block = cut.blocks[0]
    read = {name: names[name] for name in _tables(block) & names.keys()}
    return EmbeddedRemainder(
        fragment_of(number, block, schema if cut.whole else block_schema(block, number)),
        found.files,
        {name: fragment.number for name, fragment in read.items()},
        frozenset(f.number for f in read.values() if f.source == found.source.key),
        None if cut.whole else rest,
        _files(plan, tables),
    )


def _files(plan: SubstraitPlan, tables: Tables) -> tuple[TableName, ...]:
    names = (table_name(rel) for rel in walk(plan.relations[0].root.input))
    return tuple(dict.fromkeys(name for name in names if name is not None and name in tables))


def _tables(block: Block) -> set[str]:
    return {table.name for table in block.select().find_all(exp.Table)}


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The embedded engine, as one of a query's tables knows it."""

    connector: Connector
    source: Source
    files: EmbeddedFiles

    def table(self, name: str, schema: pa.Schema) -> Table:
        """A table of the engine that holds a fragment's rows."""
        source = Source(self.source.key, self.files.beside(name), embedded=True)
        dataset = Dataset(_NOWHERE, schema, Binding("", "", name))
        return Table(dataset, self.connector, source, Security(schema))


def _of(tables: Tables) -> _Embedded | None:
    for table in tables.values():
        source = table.source
        if source is not None and isinstance(source.connector, EmbeddedFiles):
            return _Embedded(table.connector, source, source.connector)
    return None
