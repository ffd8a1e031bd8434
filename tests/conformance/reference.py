"""DataFusion's answers, the source's, and how the two are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa
from datafusion import SessionConfig, SessionContext
from sqlglot import exp

from connectors.operands import Operand
from tests.conformance.specs import Source

TABLE = "canonical"


class Reference:
    """The engine over the canonical rows."""

    def __init__(self, rows: pa.Table) -> None:
        config = SessionConfig().set("datafusion.sql_parser.map_string_types_to_utf8view", "false")
        self._context = SessionContext(config)
        self._context.register_record_batches(TABLE, [rows.to_batches()])

    def answer(self, sql: str) -> pa.Table:
        """The engine's answer to a query over `canonical`."""
        table = self._context.sql(sql).to_arrow_table()
        return table.cast(pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema]))


def _plain(data_type: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_string_view(data_type) else data_type


def column(source: Source, name: str) -> Operand:
    """A column of the canonical table as the planner reads it: wrapped by the dialect."""
    field = schema_of(source).field(name)
    bare = exp.column(name, "t0", quoted=True)
    dialect = source.connector.dialect
    native = dialect.native(bare.copy(), field)
    return Operand(dialect.read(bare, field), field.type, native=native)


_schemas: dict[object, pa.Schema] = {}


def schema_of(source: Source) -> pa.Schema:
    """The canonical table's schema, for which its connector is asked once."""
    if source.connector not in _schemas:
        _schemas[source.connector] = source.connector.schema(TABLE)
    return _schemas[source.connector]


def constant(source: Source, value: object, data_type: pa.DataType) -> Operand:
    """A constant as the planner writes it."""
    tree = source.connector.dialect.literal(value, data_type)
    return Operand(tree, data_type, value, is_literal=True)


def from_table(source: Source, *outputs: exp.Expr) -> exp.Select:
    """SELECT outputs FROM the canonical table, the outputs called c0, c1, ..."""
    aliased = [exp.alias_(o, f"c{i}") for i, o in enumerate(outputs)]
    table = exp.alias_(source.connector.table(TABLE), "t0", table=True)
    return exp.select(*aliased).from_(table)


def run(source: Source, query: exp.Query, types: Sequence[pa.DataType]) -> list[tuple[object, ...]]:
    """The source's rows for a tree, as `types`."""
    schema = pa.schema([pa.field(f"c{i}", t) for i, t in enumerate(types)])
    return run_text(source, source.connector.render(query, schema), schema)


def run_text(source: Source, text: str, schema: pa.Schema) -> list[tuple[object, ...]]:
    """The source's rows for a text, as `schema`."""
    stream = source.connector.query(text, schema)
    try:
        batches = list(stream)
    finally:
        stream.close()
    assert all(batch.schema == schema for batch in batches)
    return rows_of(pa.Table.from_batches(batches, schema))


def rows_of(table: pa.Table) -> list[tuple[object, ...]]:
    """The rows as tuples, NaN made comparable."""
    columns = [[_comparable(v) for v in c.to_pylist()] for c in table.columns]
    return list(zip(*columns, strict=True))


def _comparable(value: object) -> object:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def by_id(source: Source, query: exp.Select) -> exp.Select:
    """The query in the order of `id`."""
    order = exp.Ordered(this=column(source, "id").sql, nulls_first=False)
    return query.order_by(order)
