"""The catalogue as Flight SQL shows it: catalog = domain, schema = product, table = dataset.

Every answer is made from the datasets the caller may discover, and from nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
from google.protobuf.message import Message

from gateway.errors import InternalError
from gateway.flight import keys, sqlinfo, types
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import SYSTEM, Dataset
from gateway.serving.plain_types import Types
from gateway.serving.table_names import table_names

TABLE = "TABLE"

CATALOGS = pa.schema([pa.field("catalog_name", pa.utf8(), False)])
DB_SCHEMAS = pa.schema(
    [pa.field("catalog_name", pa.utf8()), pa.field("db_schema_name", pa.utf8(), False)]
)
TABLES = pa.schema(
    [
        pa.field("catalog_name", pa.utf8()),
        pa.field("db_schema_name", pa.utf8()),
        pa.field("table_name", pa.utf8(), False),
        pa.field("table_type", pa.utf8(), False),
    ]
)
TABLES_WITH_SCHEMA = TABLES.append(pa.field("table_schema", pa.binary(), False))
TABLE_TYPES = pa.schema([pa.field("table_type", pa.utf8(), False)])

SCHEMAS: dict[type[Message], pa.Schema] = {
    sql.CommandGetCatalogs: CATALOGS,
    sql.CommandGetDbSchemas: DB_SCHEMAS,
    sql.CommandGetTableTypes: TABLE_TYPES,
    sql.CommandGetPrimaryKeys: keys.PRIMARY_KEYS,
    sql.CommandGetExportedKeys: keys.FOREIGN_KEYS,
    sql.CommandGetImportedKeys: keys.FOREIGN_KEYS,
    sql.CommandGetCrossReference: keys.FOREIGN_KEYS,
    sql.CommandGetXdbcTypeInfo: types.TYPE_INFO_SCHEMA,
    sql.CommandGetSqlInfo: sqlinfo.SCHEMA,
}


def schema(command: Message) -> pa.Schema | None:
    """The columns of the answer to a metadata command; None when it is another command."""
    if isinstance(command, sql.CommandGetTables):
        return TABLES_WITH_SCHEMA if command.include_schema else TABLES
    return SCHEMAS.get(type(command))


def answer(
    command: Message, datasets: Sequence[Dataset], of_client: Types = Types.PLAIN
) -> pa.Table:
    """The rows of the answer, over the datasets the caller may discover, sorted by address.

    Columns have the types `of_client`: those that it can take.
    """
    match command:
        case sql.CommandGetCatalogs():
            return _catalogs(datasets)
        case sql.CommandGetDbSchemas():
            return _db_schemas(command, datasets)
        case sql.CommandGetTables():
            return _tables(command, datasets, of_client)
        case sql.CommandGetTableTypes():
            return pa.table([[TABLE]], schema=TABLE_TYPES)
        case sql.CommandGetPrimaryKeys():
            return keys.primary_keys(command, datasets)
        case sql.CommandGetExportedKeys():
            return keys.exported_keys(command, datasets)
        case sql.CommandGetImportedKeys():
            return keys.imported_keys(command, datasets)
        case sql.CommandGetCrossReference():
            return keys.cross_reference(command, datasets)
        case sql.CommandGetXdbcTypeInfo():
            return types.type_info(command.data_type if command.HasField("data_type") else None)
        case sql.CommandGetSqlInfo():
            return sqlinfo.table(command.info, of_client)
    raise InternalError(f"no metadata answers {command.DESCRIPTOR.name}")


def like(pattern: str) -> re.Pattern[str]:
    """A search pattern of the protocol: ``%`` any text, ``_`` one character, ``\\`` escapes.

    Matching takes linear time whatever the pattern: each piece between two ``%`` is found at
    its first place and never tried again.
    """
    pieces = [""]
    for token in re.findall(r"\\?.", pattern, re.DOTALL):
        if token == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if token == "_" else re.escape(token[-1])
    first, *rest = pieces
    if not rest:
        return re.compile(first + r"\Z", re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}.*{rest[-1]}" + r"\Z", re.DOTALL)


def _catalogs(datasets: Sequence[Dataset]) -> pa.Table:
    found = {dataset.address.domain for dataset in datasets} - {SYSTEM}
    return pa.table([sorted(found)], schema=CATALOGS)


def _db_schemas(command: sql.CommandGetDbSchemas, datasets: Sequence[Dataset]) -> pa.Table:
    selected = _selected(command, _of_mesh(command, datasets))
    found = sorted({(d.address.domain, d.address.product) for d in selected})
    return pa.table([[c for c, _ in found], [s for _, s in found]], schema=DB_SCHEMAS)


def _tables(
    command: sql.CommandGetTables, datasets: Sequence[Dataset], of_client: Types
) -> pa.Table:
    rows = []
    if not command.table_types or TABLE in command.table_types:
        name_filter = command.HasField("table_name_filter_pattern")
        wanted = like(command.table_name_filter_pattern) if name_filter else None
        for name, dataset in table_names(_selected(command, _of_mesh(command, datasets))):
            if wanted is None or wanted.match(name):
                rows.append((dataset.address.domain, dataset.address.product, name, dataset))
    rows.sort(key=lambda row: row[:3])
    columns: list[list[object]] = [[row[i] for row in rows] for i in range(3)]
    columns.append([TABLE] * len(rows))
    if not command.include_schema:
        return pa.table(columns, schema=TABLES)
    declared = keys.declared(datasets)
    schemas = (
        types.column_schema(dataset, name, declared[dataset.address], of_client)
        for *_, name, dataset in rows
    )
    columns.append([schema.serialize().to_pybytes() for schema in schemas])
    return pa.table(columns, schema=TABLES_WITH_SCHEMA)


def _of_mesh(
    command: sql.CommandGetDbSchemas | sql.CommandGetTables, datasets: Sequence[Dataset]
) -> Sequence[Dataset]:
    """The datasets that are meant: the system's own tables only where a catalog is named.

    A list of all that there is to read has no use for them.
    """
    if command.HasField("catalog"):
        return datasets
    return [dataset for dataset in datasets if dataset.address.domain != SYSTEM]


def _selected(
    command: sql.CommandGetDbSchemas | sql.CommandGetTables, datasets: Sequence[Dataset]
) -> list[Dataset]:
    catalog = command.catalog if command.HasField("catalog") else None
    pattern = command.HasField("db_schema_filter_pattern")
    wanted = like(command.db_schema_filter_pattern) if pattern else None
    return [
        dataset
        for dataset in datasets
        if (catalog is None or dataset.address.domain == catalog)
        and (wanted is None or wanted.match(dataset.address.product))
    ]
