"""How a secured dataset is read: as a block of its source's SQL, or as a view of the engine's.

Nothing above this file ever sees a raw value of a masked column or a row the filter hides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import NotPushable, Relation
from connectors.dialect import SqlDialect
from connectors.interface import BatchStream
from connectors.marks import mark, marked
from connectors.operands import Operand
from gateway.engines.mask_batches import masked_batches
from gateway.engines.mask_sql import mask_sql
from gateway.model import Dataset
from gateway.plan.block import Aliases, Block, Joined, nest
from gateway.plan.own_expressions import OwnExpressions
from gateway.plan.qualify import DIALECT
from gateway.plan.security import FENCE_ROWS, Barrier, Security
from gateway.plan.source import Source, Table
from policies.masks import Mask

POLICY = "policy"
"""Mark on the nodes of a source's SQL that a policy has written: EXPLAIN may have to hide them."""


def read_block(
    table: Table,
    source: Source,
    names: Sequence[str],
    aliases: Aliases,
    *,
    raw: bool = False,
    alias: str = "",
) -> Block:
    """The block of a table with the columns named, secured unless `raw`.

    The table is known by the `alias` if one is given. Raises NotPushable when the source can not
    compute the row filter exactly.
    """
    reference = source.connector.table(table.dataset.binding.object)
    named = exp.to_identifier(alias, quoted=True) if alias else exp.to_identifier(aliases.next())
    reference.set("alias", exp.TableAlias(this=named))
    alias = alias or named.name
    security = table.security
    reader = _Reader(source.dialect, security, alias)
    tables = (Joined(reference),)
    if raw or not security.governs:
        columns = tuple(reader.raw(name) for name in names)
    else:
        columns = tuple(reader.secured(name) for name in names)
    block = Block(source, columns, tables)
    if security.minimum_rows is not None:
        bases = frozenset(c.sql.sql() for c in columns)
        block = replace(block, minimum_rows=security.minimum_rows, bases=bases)
    where = () if raw else reader.conditions()
    if where:
        source.dialect.require(Relation.FILTER)
        block = replace(block, where=where)
    if security.barrier is Barrier.FENCE and where:
        source.dialect.require(Relation.LIMIT)
        return nest(replace(block, limit=FENCE_ROWS), aliases)
    return block


class _Reader:
    """Writes the columns and the row filter of one table under an alias."""

    def __init__(self, dialect: SqlDialect, security: Security, alias: str) -> None:
        self._dialect = dialect
        self._security = security
        self._alias = alias

    def _by_policy(self, tree: exp.Expr, column: str = "") -> exp.Expr:
        if not self._security.discloses:
            return hidden(tree, column)
        return tree if isinstance(tree, exp.Paren) else exp.Paren(this=tree)

    def raw(self, name: str) -> Operand:
        """The column as the source has it."""
        declared = self._security.raw.field(name)
        column = self._column(name)
        native = self._dialect.native(column, declared)
        if native is not None:
            column = self._column(name)  # the other is in what is native
        return Operand(self._dialect.read(column, declared), declared.type, native=native)

    def _column(self, name: str) -> exp.Column:
        column = exp.Identifier(this=name, quoted=True)
        return exp.Column(this=column, table=exp.Identifier(this=self._alias, quoted=True))

    def secured(self, name: str) -> Operand:
        """The column masked and, behind the CASE barrier, NULL in a hidden row."""
        operand = self.raw(name)
        security = self._security
        mask = security.masks.get(name)
        if mask is not None:
            try:
                tree = self._dialect.mask(mask.kind, mask.argument, operand)
                operand = Operand(self._by_policy(tree, name), operand.type)
            except NotPushable:
                operand = replace(operand, native=None, seal=Seal(mask, security.key))
        if security.row_filter is None or not security.guards(name):
            return operand
        guarded = exp.Case(ifs=[exp.If(this=self.conditions()[0], true=operand.sql)])
        return replace(operand, sql=self._by_policy(guarded, name), native=None)

    def conditions(self) -> tuple[exp.Expr, ...]:
        """The row filter, if there is one. Raises NotPushable."""
        tree = self._security.row_filter
        if tree is None:
            return ()
        writer = OwnExpressions(self._dialect, lambda _, name: self.raw(name), _no_subquery)
        return (self._by_policy(writer.condition(tree)),)


def _no_subquery(tree: exp.Expr) -> tuple[exp.Query, tuple[Operand, ...]]:
    raise NotPushable("a sub-query in a row filter")


def hidden(tree: exp.Expr, column: str = "") -> exp.Expr:
    """The expression marked as what a policy has written: a mask of the column, or a row filter."""
    tree = tree if isinstance(tree, exp.Paren) else exp.Paren(this=tree)
    mark(tree, POLICY, column)
    return tree


def shows_policies(tree: exp.Query) -> bool:
    """True when the statement holds what a policy wrote and its reader may not see."""
    return any(POLICY in node._meta for node in tree.walk() if node._meta is not None)


def without_policies(tree: exp.Query) -> exp.Query:
    """The statement with what policies have written replaced by names, for who may not read it."""

    def named(node: exp.Expr) -> exp.Expr:
        if not marked(node, POLICY):
            return node
        column = node.meta[POLICY]
        if not column:
            return exp.Anonymous(this="row_filter")
        shown = exp.column(column)
        shown.this.set("quoted", True)
        return exp.Anonymous(this="masked", expressions=[shown])

    shown: exp.Query = tree.copy().transform(named)  # type: ignore[assignment]
    return shown


def view_text(dataset: Dataset, security: Security, name: Sequence[str]) -> str:
    """The engine's SQL of a secured dataset over its raw rows, which `name` stands for.

    The columns are those of the dataset as the caller sees it, in order.
    """
    row_filter = security.row_filter
    where = row_filter.sql(DIALECT, identify=True) if row_filter is not None else ""
    columns = []
    for column in dataset.schema.names:
        quoted = _quoted(column)
        value = quoted
        if column in security.masks:
            declared = security.raw.field(column).type
            value = mask_sql(security.masks[column], quoted, declared, security.key)
        if where and security.guards(column):
            value = f"CASE WHEN {where} THEN {value} END"
        columns.append(value if value is quoted else f"{value} AS {quoted}")
    text = f"SELECT {', '.join(columns)} FROM {quoted_name(name)}"
    if where:
        text += f" WHERE {where}"
        if security.barrier is Barrier.FENCE:
            text += f" LIMIT {FENCE_ROWS}"
    return text


def quoted_name(name: Sequence[str]) -> str:
    """A name of one to three parts as the engine's SQL writes it."""
    return ".".join(map(_quoted, name))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Seal:
    """A mask its source can not compute: until the gateway has, the column may only be passed on.

    `key` is that of the column's product.
    """

    mask: Mask
    key: bytes = field(repr=False)


def seals(block: Block) -> dict[int, Seal]:
    """The output columns of a block that arrive raw and are masked on arrival, by position."""
    return {i: c.seal for i, c in enumerate(block.columns) if isinstance(c.seal, Seal)}


def unsealed(stream: BatchStream, masks: Mapping[int, Seal]) -> BatchStream:
    """The stream with its sealed columns masked; the stream itself where there are none."""
    return _Unsealed(stream, masks) if masks else stream


class _Unsealed:
    """A source's batches with the masks the source could not compute."""

    def __init__(self, stream: BatchStream, masks: Mapping[int, Seal]) -> None:
        self._stream = stream
        self._masks = masks

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches: a mask never changes a type."""
        return self._stream.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        masks = {position: (seal.mask, seal.key) for position, seal in self._masks.items()}
        return masked_batches(self._stream, masks)

    def cancel(self) -> None:
        """Stop the source."""
        self._stream.cancel()

    def close(self) -> None:
        """Release the source."""
        self._stream.close()
