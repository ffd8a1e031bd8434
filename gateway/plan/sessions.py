"""Sessions of the engine: which tables one query may see there, and through what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc
from datafusion import DataFrame, SessionContext

from connectors.interface import ProvidesDataset, ProvidesParquet, RunsSql
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import translate
from gateway.engines.mask_sql import register as mask_functions
from gateway.errors import ResidencyViolation
from gateway.plan.cutter import FRAGMENT_TABLE
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.lazy import LazyDataset, Opener, ReadableDataset
from gateway.plan.scan import scan_opener, scan_recorder
from gateway.plan.secured_read import view_text
from gateway.plan.source import Table, TableName, Tables


class Form(Enum):
    """How secured tables stand in a session of the engine.

    SECURED: as the caller may see them. RAW: without their security, for a plan that has it
    inside and was made here. OPAQUE: as the caller sees them, empty, with no security to be seen.
    """

    SECURED = "secured"
    RAW = "raw"
    OPAQUE = "opaque"


def frame_of(context: SessionContext, text: str) -> DataFrame:
    """The frame of a text that only reads. Raises GatewayError."""
    try:
        return context.sql_with_options(text, engine.READ_ONLY)
    except BaseException as error:
        raise translate(error, text) from error


def register_tables(
    context: SessionContext, tables: Tables, reads: FragmentReads, form: Form
) -> None:
    """Make every table of the query known to a session, read lazily where a source holds it."""
    if form is Form.RAW:
        mask_functions(context)
    for name, table in tables.items():
        visible = bare(table.dataset.schema)
        if form is Form.OPAQUE and table.security.governs:
            engine.register(context, name, LazyDataset(visible, _no_rows), visible)
        elif form is Form.SECURED and table.secured_by_engine:
            engine.register(context, name, _view(name, table, reads), visible)
        else:
            schema = bare(table.security.raw) if table.secured_by_engine else visible
            engine.register(context, name, provider(table, schema, reads), schema)


def _view(name: TableName, table: Table, reads: FragmentReads) -> engine.Provider:
    """The secured view, planned in a session of its own: no text of the caller meets raw rows."""
    private = engine.session(Config())
    mask_functions(private)
    schema = bare(table.security.raw)
    engine.register(private, name, provider(table, schema, reads), schema)
    return private.sql(view_text(table, name)).into_view()


def _no_rows(
    columns: Sequence[str] | None, condition: pc.Expression | None
) -> Iterator[pa.RecordBatch]:
    return iter(())


def provider(table: Table, schema: pa.Schema, reads: FragmentReads) -> engine.Provider:
    """What the engine reads a table through, as `schema`."""
    connector = table.connector
    object_name = table.dataset.binding.object
    if isinstance(connector, RunsSql):
        return LazyDataset(schema, scan_opener(table, reads), scan_recorder(table, reads))
    if not table.security.rows_may_come:
        raise ResidencyViolation(
            "rows of a dataset of this query may not leave their region",
            hint="the gateway would have to read them, and is not there: ask one that is",
        )
    if isinstance(connector, ProvidesParquet):
        files = connector.parquet(object_name, schema)
        if files is not None:
            return files
    assert isinstance(connector, ProvidesDataset)
    return ReadableDataset(connector.dataset(object_name, schema))


def register_fragments(
    context: SessionContext, fragments: tuple[Fragment, ...], reads: FragmentReads
) -> None:
    """Make the answers of the sources known to a session, under their numbers."""
    for fragment in fragments:
        table = LazyDataset(fragment.schema, _reader(fragment, reads))
        name = FRAGMENT_TABLE.format(fragment.number)
        engine.register(context, (name,), table, fragment.schema)


def _reader(fragment: Fragment, reads: FragmentReads) -> Opener:
    return lambda columns, filter_: reads.read(fragment)


def bare(schema: pa.Schema) -> pa.Schema:
    """The schema without metadata: two tables that differ in it could not be united."""
    return pa.schema([f.remove_metadata() for f in schema])
