"""Sessions of the engine: which tables one query may see there, and through what."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
from datafusion import DataFrame, SessionContext
from sqlglot import exp

from connectors.interface import (
    ComputesRows,
    ParquetFiles,
    ProvidesDataset,
    ProvidesParquet,
    RunsSql,
)
from connectors.plain_types import is_wider
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import translate
from gateway.engines.mask_sql import register as mask_functions
from gateway.errors import GatewayError, InvalidQuery, ResidencyViolation, SchemaDrift
from gateway.plan.computed import computed_opener
from gateway.plan.cutter import FRAGMENT_TABLE
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.lazy import LazyDataset, Opener, ReadableDataset
from gateway.plan.lossy_casts import Scales, hidden, scales
from gateway.plan.rewrite import rewritten
from gateway.plan.scan import scan_opener, scan_recorder
from gateway.plan.secured_read import quoted_name, view_text
from gateway.plan.security import FENCE_ROWS, Barrier
from gateway.plan.source import Table, TableName, Tables, View, Views
from gateway.plan.types import plain_type

_log = logging.getLogger(__name__)


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
    context: SessionContext, tables: Tables, views: Views, reads: FragmentReads, form: Form
) -> None:
    """Make everything the query names known to a session, read lazily where a source holds it.

    A RAW session runs plans, not texts: it knows the tables below views, and no views.
    """
    if form is Form.RAW:
        mask_functions(context)
    for name, table in tables.items():
        if form is Form.RAW or not table.nested:
            _register_table(context, name, table, reads, form)
    for name, view in views.items():
        if form is not Form.RAW and not view.nested:
            schema = bare(view.dataset.schema)
            given = _view(name, tables, views, reads, form)
            engine.register(context, name, given, schema)


def _register_table(
    context: SessionContext, name: TableName, table: Table, reads: FragmentReads, form: Form
) -> None:
    visible = bare(table.dataset.schema)
    if form is Form.OPAQUE and table.security.governs:
        engine.register(context, name, LazyDataset(visible, _no_rows), visible)
    elif form is Form.SECURED and table.secured_by_engine:
        schema = bare(table.security.raw)
        raw = provider(table, schema, reads)
        secured = _secured_files if isinstance(raw, ParquetFiles) else _secured
        text = view_text(table.dataset, table.security, name)
        engine.register(context, name, secured(name, text, raw, schema), visible)
    else:
        schema = bare(table.security.raw) if table.secured_by_engine else visible
        engine.register(context, name, provider(table, schema, reads), schema)


def _secured(
    name: TableName, text: str, raw: engine.Provider, schema: pa.Schema
) -> engine.Provider:
    """A secured table, planned in a session of its own: no text of the caller meets raw rows."""
    private = _private()
    engine.register(private, name, raw, schema)
    return private.sql(text).into_view()


# Over files it holds nothing of a request: the text says all there is to secure, and the files
# are listed anew at each reading. To plan it takes as long as to plan a small query. It is kept as
# written: once optimised, what the caller adds would meet other rules than without that.
_secured_files = lru_cache(maxsize=256)(_secured)


def _view(
    name: TableName, tables: Tables, views: Views, reads: FragmentReads, form: Form
) -> engine.Provider:
    """A view over what it reads, each below a name of its own, with the view's own security."""
    view = views[name]
    if form is Form.OPAQUE and view.security.row_filter is not None:
        return LazyDataset(bare(view.dataset.schema), _no_rows)
    private = _private()
    for own, meant in view.names.items():
        if meant in views:
            given = _view(meant, tables, views, reads, form)
            schema = bare(views[meant].dataset.schema)
        else:
            below = _private()
            _register_table(below, meant, tables[meant], reads, form)
            given = below.sql(f"SELECT * FROM {quoted_name(meant)}").into_view()
            schema = bare(tables[meant].dataset.schema)
        engine.register(private, own, given, schema)
    read = {
        own: (views[n].dataset if n in views else tables[n].dataset).schema
        for own, n in view.names.items()
    }
    try:
        frame = body_of(private, view.text, view.tree, read)
    except GatewayError as error:
        _log.warning("the view %s can not be computed: %s", view.dataset.address, error)
        raise InvalidQuery(
            f"the view {view.dataset.address} can not be computed", hint="its owner has to mend it"
        ) from None
    body = _conformed(frame, view)
    if view.lends and leaves_out_rows(view.tree):
        # nor are the rows that only its owner may see told of by a condition that fails on them
        body = body.limit(FENCE_ROWS)
    # what the caller computes over a view is not looked at: its own filter comes first, always
    security = replace(view.security, barrier=Barrier.FENCE)
    outside = _private()
    engine.register(outside, name, body.into_view(), bare(view.security.raw))
    return outside.sql(view_text(view.dataset, security, name)).into_view()


def leaves_out_rows(tree: exp.Expr) -> bool:
    """True unless the query has something of every row it reads: one SELECT, perhaps grouped."""
    source = tree.args.get("from_")
    return not (
        isinstance(tree, exp.Select)
        and source is not None
        and isinstance(source.this, exp.Table)
        and {k for k, v in tree.args.items() if v} <= {"kind", "expressions", "from_", "group"}
    )


def _private() -> SessionContext:
    context = engine.session(Config())
    mask_functions(context)
    return context


def body_of(
    context: SessionContext,
    text: str,
    tree: exp.Query | exp.Values,
    read: Mapping[TableName, pa.Schema],
) -> DataFrame:
    """The frame of a view's query, in a session that knows what it reads. Raises GatewayError."""
    known: dict[TableName, Sequence[str]] = {name: s.names for name, s in read.items()}
    written, changed = hidden(text, tree, known, scales(read.values()))
    return frame_of(context, rewritten(changed, known) or written)


def view_schema(
    text: str, tree: exp.Query | exp.Values, read: Mapping[TableName, pa.Schema]
) -> pa.Schema:
    """The columns that a view's query gives over tables of these columns, of which nothing is read.

    Raises GatewayError for what does not make sense over them.
    """
    private = _private()
    for name, schema in read.items():
        engine.register(private, name, LazyDataset(bare(schema), _no_rows), bare(schema))
    return body_of(private, text, tree, read).schema()


def _conformed(frame: DataFrame, view: View) -> DataFrame:
    """The view's rows as its contract declares them. Raises SchemaDrift."""
    given, declared = frame.schema(), bare(view.security.raw)
    if not promised(given, declared):
        raise SchemaDrift(
            f"the view {view.dataset.address} gives other columns than its contract declares",
            hint="the owner of the product mends the view, or publishes it again",
        )
    types = [(plain_type(a.type), plain_type(b.type)) for a, b in zip(given, declared, strict=True)]
    if all(found == wanted for found, wanted in types):
        return frame
    return frame.cast({field.name: field.type for field in declared})


def promised(given: pa.Schema, declared: pa.Schema) -> bool:
    """Whether a view's query gives what its contract declares: numbers may be narrower than that.

    Every value of theirs is one of the declared type.
    """
    return given.names == declared.names and all(
        plain_type(a.type) == plain_type(b.type) or is_wider(plain_type(a.type), plain_type(b.type))
        for a, b in zip(given, declared, strict=True)
    )


def columns_of(tables: Tables, views: Views) -> dict[TableName, Sequence[str]]:
    """The columns of everything the caller's text can name."""
    named = {name: t.dataset.schema.names for name, t in tables.items() if not t.nested}
    return named | {name: v.dataset.schema.names for name, v in views.items() if not v.nested}


def decimals_of(tables: Tables, views: Views) -> Scales:
    """The scales of the decimal columns that the caller's text can name."""
    named = [t.dataset for t in tables.values() if not t.nested]
    named += [v.dataset for v in views.values() if not v.nested]
    return scales(dataset.schema for dataset in named)


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
    if isinstance(connector, ComputesRows):
        return LazyDataset(schema, computed_opener(connector, object_name, schema, reads))
    if isinstance(connector, ProvidesParquet):
        files = connector.parquet(object_name, schema)
        if files is not None:
            return files
    assert isinstance(connector, ProvidesDataset)
    return ReadableDataset(connector.dataset(object_name, schema))


Providers = Mapping[int, engine.Provider]
"""Tables of rows that have been asked for already, by the numbers of their fragments."""

NOTHING_FETCHED: Providers = {}


def register_fragments(
    context: SessionContext,
    fragments: tuple[Fragment, ...],
    reads: FragmentReads,
    fetched: Providers = NOTHING_FETCHED,
) -> None:
    """Make the answers of the sources known to a session, under their numbers."""
    for fragment in fragments:
        table = fetched.get(fragment.number)
        if table is None:
            table = LazyDataset(fragment.schema, _reader(fragment, reads))
        name = FRAGMENT_TABLE.format(fragment.number)
        engine.register(context, (name,), table, fragment.schema)


def _reader(fragment: Fragment, reads: FragmentReads) -> Opener:
    return lambda columns, filter_: reads.read(fragment)


def bare(schema: pa.Schema) -> pa.Schema:
    """The schema without metadata: two tables that differ in it could not be united."""
    return pa.schema([f.remove_metadata() for f in schema])
