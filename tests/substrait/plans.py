"""Plans of clients: made by the engine's own producer, and by hand."""

from __future__ import annotations

from collections.abc import Mapping

import datafusion.substrait as substrait
import pyarrow as pa
from datafusion import SessionContext
from substrait.proto import Plan, Rel, Type

from gateway.engines import datafusion as engine
from gateway.plan import guards

Schemas = Mapping[tuple[str, ...], pa.Schema]


def produced(sql: str, schemas: Schemas, *, optimised: bool = False) -> bytes:
    """The plan a client with DataFusion sends for a query over tables of its own making.

    ValueError for what that loses on the way: such a plan means another query.
    """
    context = SessionContext()
    for name, schema in schemas.items():
        engine.register(context, name, schema.empty_table(), schema)
    frame = context.sql(sql)
    text = frame.optimized_logical_plan().display_indent()
    if guards.lost_by_substrait(text) or (optimised and "null_aware" in text):
        raise ValueError("the producer says less than the query")
    logical = frame.optimized_logical_plan() if optimised else frame.logical_plan()
    data: bytes = substrait.Producer.to_substrait_plan(logical, context).encode()
    return data


def read_of(names: tuple[str, ...], columns: Mapping[str, str]) -> Rel:
    """A read of a table; columns by name with the kind of their Substrait type."""
    rel = Rel()
    rel.read.base_schema.names.extend(columns)
    for kind in columns.values():
        getattr(
            rel.read.base_schema.struct.types.add(), kind
        ).nullability = Type.NULLABILITY_NULLABLE
    rel.read.base_schema.struct.nullability = Type.NULLABILITY_REQUIRED
    rel.read.named_table.names.extend(names)
    return rel


def plan_of(rel: Rel, names: list[str]) -> Plan:
    plan = Plan()
    plan.relations.add().root.input.CopyFrom(rel)
    plan.relations[0].root.names.extend(names)
    return plan
