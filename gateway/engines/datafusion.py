"""The embedded engine: a fresh DataFusion session a request, holding only that request's tables."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

# Python-backed tables block the worker they run on while they wait for their source. Workers must
# outnumber them, or an unrelated query waits too. Read once, when datafusion is first imported.
os.environ.setdefault("TOKIO_WORKER_THREADS", "32")

import datafusion.substrait as substrait
import pyarrow as pa
import pyarrow.dataset as pads
from datafusion import (
    DataFrame,
    LogicalPlan,
    RuntimeEnvBuilder,
    SessionConfig,
    SessionContext,
    SQLOptions,
)
from datafusion.catalog import Catalog, Schema
from substrait.proto import Plan

from connectors.interface import ParquetFiles
from gateway.config import Config

READ_ONLY = SQLOptions().with_allow_ddl(False).with_allow_dml(False).with_allow_statements(False)
"""Only queries: everything that changes or sets anything is refused by the engine as well."""

DEFAULT_CATALOG, DEFAULT_SCHEMA = "datafusion", "public"

Provider: TypeAlias = pads.Dataset | ParquetFiles | pa.Table
"""A table the engine can read: any pyarrow dataset, Parquet files it opens itself, or rows."""


OF_FILES = ("input_file_name", "file_row_index")
"""Functions that tell where the rows of a dataset are: its binding, and columns that are denied
where files lie in folders named after their values."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the engine plans. The defaults are best; a plan that needs another way says so.

    `deduplicate` lets the engine drop repeated sort keys, which DataFusion 55 may do to a key
    that is none; without the rule it mistakes columns where GROUP BY repeats one. With `statistics`
    it looks into files to plan joins, and computes conditions over the least and greatest values.
    """

    hash_joins: bool = True
    push_filters: bool = True
    deduplicate: bool = True
    nested_loops: bool = False
    statistics: bool = True


BEST = Tuning()


def session(config: Config, *, remainder: bool = False, tuning: Tuning = BEST) -> SessionContext:
    """A session without tables. A `remainder` keeps the join order the plan came with."""
    small = config.batch_rows_of_nested_loops
    batch_rows = small if tuning.nested_loops else config.batch_rows
    settings = _settings(batch_rows, config.target_partitions, tuning)
    runtime = RuntimeEnvBuilder().with_disk_manager_os()
    runtime = runtime.with_fair_spill_pool(config.memory_per_query_bytes)
    context = SessionContext(settings, runtime)
    for name in OF_FILES:
        context.deregister_udf(name)
    if remainder:
        context.remove_optimizer_rule("eliminate_cross_join")
    if not tuning.deduplicate:
        context.remove_optimizer_rule("eliminate_duplicated_expr")
    if not tuning.push_filters:
        context.remove_optimizer_rule("push_down_filter")
    return context


@lru_cache(maxsize=64)
def _settings(batch_rows: int, partitions: int, tuning: Tuning) -> SessionConfig:
    """What sessions are made with; each takes a copy of it."""
    return (
        SessionConfig()
        .with_batch_size(batch_rows)
        .with_target_partitions(partitions)
        .with_information_schema(False)
        .set("datafusion.execution.parquet.schema_force_view_types", "false")
        .set("datafusion.sql_parser.recursion_limit", "300")
        .set("datafusion.sql_parser.map_string_types_to_utf8view", "false")
        .set("datafusion.optimizer.prefer_hash_join", str(tuning.hash_joins).lower())
        .set("datafusion.execution.collect_statistics", str(tuning.statistics).lower())
    )


def register(
    context: SessionContext, name: tuple[str, ...], provider: Provider, schema: pa.Schema
) -> None:
    """Make a table known under a name of one, two or three parts, exactly as the query has it."""
    table: Any = provider
    if isinstance(provider, ParquetFiles):
        table = _listing(context, provider, schema)
    elif isinstance(provider, pa.Table):
        table = _in_memory(context, provider)
    *path, leaf = name  # a part may have dots in it, which the session itself would take for parts
    catalog_name, schema_name = [*(DEFAULT_CATALOG, DEFAULT_SCHEMA)[: 2 - len(path)], *path]
    if catalog_name not in context.catalog_names():
        context.register_catalog_provider(catalog_name, Catalog.memory_catalog())
    catalog = context.catalog(catalog_name)
    if schema_name not in catalog.names():
        catalog.register_schema(schema_name, Schema.memory_schema())
    catalog.schema(schema_name).register_table(leaf, table)


def _listing(context: SessionContext, files: ParquetFiles, schema: pa.Schema) -> Any:
    """A table over Parquet files that the engine opens and prunes itself."""
    partitions = {f.name for f in files.partition_columns}
    held = pa.schema([f for f in schema if f.name not in partitions])
    name = f"__files_{uuid.uuid4().hex}"
    context.register_listing_table(
        name,
        files.location,
        table_partition_cols=[(f.name, f.type) for f in files.partition_columns],
        file_extension=files.extension,
        schema=held,
    )
    return context.catalog(DEFAULT_CATALOG).schema(DEFAULT_SCHEMA).table(name)


def _in_memory(context: SessionContext, rows: pa.Table) -> Any:
    """A table of rows at hand, whose number the engine knows when it plans joins."""
    name = f"__rows_{uuid.uuid4().hex}"
    batches = rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)]
    context.register_record_batches(name, [batches])
    return context.catalog(DEFAULT_CATALOG).schema(DEFAULT_SCHEMA).table(name)


def to_substrait(optimised: LogicalPlan, context: SessionContext) -> Plan:
    """An optimised plan as Substrait. Raises RuntimeError for what Substrait has no word for."""
    produced = substrait.Producer.to_substrait_plan(optimised, context)
    return Plan.FromString(produced.encode())


def from_substrait(plan: bytes, context: SessionContext) -> DataFrame:
    """The frame of a Substrait plan over tables registered in the session."""
    logical = substrait.Consumer.from_substrait_plan(
        context, substrait.Serde.deserialize_bytes(plan)
    )
    return context.create_dataframe_from_logical_plan(logical)
