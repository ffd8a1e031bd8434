"""From a client's plan to the SQL it means, and the proof that it means that.

    bytes → checked → understood by the engine → written as SQL → understood again → the same?

The engine reads the plan over empty tables that look as the plan says. What it makes of the text
has to be what it makes of the plan, or the plan is refused: then no mistake of this package can
give anybody wrong rows. Whose rows they are is not decided here: the text is as good as any text
of the caller, and goes the way of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
from datafusion import LogicalPlan, SessionContext
from substrait.proto import Plan, Rel, Type

from connectors.capabilities import NotPushable
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import is_panic, translate
from gateway.errors import GatewayError, InvalidQuery, Kind, Unsupported
from gateway.model import Dataset
from gateway.plan import guards, relations
from gateway.plan.lazy import LazyDataset
from gateway.plan.null_aware import mark_null_aware
from gateway.plan.source import TableName
from gateway.plan.types import arrow_type, plain_type
from gateway.substrait.constants import NotWritable
from gateway.substrait.form import form_of
from gateway.substrait.limits import read_plan
from gateway.substrait.writing import write

REMEMBERED = 256
"""So many plans are kept translated."""

Schemas = Mapping[TableName, pa.Schema]


@dataclass(frozen=True, slots=True)
class Translation:
    """The SQL of a plan; `columns` are what the plan takes its tables to have."""

    text: str
    columns: Schemas


@lru_cache(maxsize=REMEMBERED)
def translated(data: bytes) -> Translation:
    """The SQL a plan means. Raises GatewayError."""
    plan = read_plan(data)
    _believe_no_nullability(plan)
    tables = _tables(plan)
    context = _session(tables)
    try:
        frame = engine.from_substrait(plan.SerializeToString(), context)
        optimised = frame.optimized_logical_plan()
        mended = engine.to_substrait(optimised, context)
    except BaseException as error:
        raise _refusal(error) from error
    if not _says_all(optimised, mended):
        raise Unsupported("the plan holds what can not be told apart in it", hint=_AS_SQL)
    try:
        text = write(mended)
    except (NotWritable, NotPushable) as error:
        raise Unsupported(f"{error} in a Substrait plan is not taken", hint=_AS_SQL) from None
    if not _means(text, mended, tables):
        raise Unsupported("the plan has no form in SQL that means the same", hint=_AS_SQL)
    return Translation(text, tables)


def check_columns(declared: Schemas, datasets: Mapping[TableName, Dataset]) -> None:
    """InvalidQuery unless a plan's tables are as its caller sees them.

    A column that is not there is left to the planner: it is an unknown one, hidden or not.
    """
    for name, columns in declared.items():
        dataset = datasets.get(name)
        if dataset is None:
            continue
        known = {f.name: plain_type(f.type) for f in dataset.schema}
        for column in columns:
            there = known.get(column.name)
            if there is not None and there != plain_type(column.type):
                raise InvalidQuery(
                    f"{column.name} of {'.'.join(name)} is {there}, and {column.type} in the plan",
                    hint="make the plan over the columns the catalogue lists",
                )


_AS_SQL = "send the query as SQL"


def _believe_no_nullability(plan: Plan) -> None:
    """Let every column of every table be one that may be NULL, in place.

    What the plan says of that may be out of date, or untrue of a column that is masked; with it,
    the engine would drop tests for NULL.
    """
    for rel in _reads(plan):
        for column in rel.read.base_schema.struct.types:
            kind = column.WhichOneof("kind")
            if kind is not None and hasattr(getattr(column, kind), "nullability"):
                getattr(column, kind).nullability = Type.NULLABILITY_NULLABLE


def _tables(plan: Plan) -> Schemas:
    """The columns the plan takes each of its tables to have. Raises GatewayError."""
    tables: dict[TableName, pa.Schema] = {}
    for rel in _reads(plan):
        name = relations.table_name(rel)
        if name is None:
            continue
        schema = _schema(rel)
        if tables.setdefault(name, schema) != schema:
            raise InvalidQuery(f"the plan gives {'.'.join(name)} two different schemas")
    return tables


def _reads(plan: Plan) -> Iterator[Rel]:
    root = plan.relations[0].root.input
    return (rel for rel in relations.walk(root) if relations.kind(rel) == "read")


def _schema(rel: Rel) -> pa.Schema:
    base = rel.read.base_schema
    try:
        types = [arrow_type(t) for t in base.struct.types]
    except NotPushable as refusal:
        raise Unsupported(f"{refusal.reason} in a Substrait plan are not taken") from None
    if len(types) != len(base.names) or len(set(base.names)) != len(base.names):
        raise InvalidQuery("a table of the plan has more or fewer names than columns, or one twice")
    return pa.schema([pa.field(n, t) for n, t in zip(base.names, types, strict=True)])


def _session(tables: Schemas) -> SessionContext:
    context = engine.session(Config())
    for name, schema in tables.items():
        if not 1 <= len(name) <= 3 or not all(name):
            raise InvalidQuery(
                "a named table has one to three parts", hint="domain, product and dataset"
            )
        engine.register(context, name, LazyDataset(schema, _no_rows), schema)
    return context


def _no_rows(
    columns: Sequence[str] | None, condition: pc.Expression | None
) -> Iterator[pa.RecordBatch]:
    return iter(())


def _means(text: str, plan: Plan, tables: Schemas) -> bool:
    """Whether the engine makes the same of the text as of the plan."""
    context = _session(tables)
    try:
        optimised = context.sql_with_options(text, engine.READ_ONLY).optimized_logical_plan()
        other = engine.to_substrait(optimised, context)
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        return False
    return _says_all(optimised, other) and form_of(other) == form_of(plan)


def _says_all(optimised: LogicalPlan, plan: Plan) -> bool:
    """Whether nothing the engine knows is lost in its plan; joins by NOT IN get their mark."""
    text = optimised.display_indent()
    return not guards.lost_by_substrait(text) and mark_null_aware(text, plan) is not None


def _refusal(error: BaseException) -> GatewayError:
    if not (isinstance(error, Exception) or is_panic(error)):
        raise error
    failure = translate(error, "")
    failure.position = None
    if failure.kind is Kind.INTERNAL:
        return Unsupported("the engine can not read the plan", hint=_AS_SQL)
    return failure
