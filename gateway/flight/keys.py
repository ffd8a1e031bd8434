"""Primary and foreign keys as Flight SQL shows them, out of what contracts declare.

A foreign key is shown when both its ends are: both datasets, and every column of it. Keys without a
name in the contract get the names PostgreSQL would give them: clients group their rows by these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from google.protobuf.message import Message

from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Address, Dataset, ForeignKey
from gateway.serving.table_names import table_names

PRIMARY_KEYS = pa.schema(
    [
        pa.field("catalog_name", pa.utf8()),
        pa.field("db_schema_name", pa.utf8()),
        pa.field("table_name", pa.utf8(), False),
        pa.field("column_name", pa.utf8(), False),
        pa.field("key_sequence", pa.int32(), False),
        pa.field("key_name", pa.utf8()),
    ]
)
FOREIGN_KEYS = pa.schema(
    [
        pa.field("pk_catalog_name", pa.utf8()),
        pa.field("pk_db_schema_name", pa.utf8()),
        pa.field("pk_table_name", pa.utf8(), False),
        pa.field("pk_column_name", pa.utf8(), False),
        pa.field("fk_catalog_name", pa.utf8()),
        pa.field("fk_db_schema_name", pa.utf8()),
        pa.field("fk_table_name", pa.utf8(), False),
        pa.field("fk_column_name", pa.utf8(), False),
        pa.field("key_sequence", pa.int32(), False),
        pa.field("fk_key_name", pa.utf8()),
        pa.field("pk_key_name", pa.utf8()),
        pa.field("update_rule", pa.uint8(), False),
        pa.field("delete_rule", pa.uint8(), False),
    ]
)
NO_ACTION = 3
"""What happens to a key when what it refers to changes: the gateway changes nothing."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A dataset under the name it has as a table."""

    name: str
    dataset: Dataset

    @property
    def path(self) -> tuple[str, str, str]:
        return (self.dataset.address.domain, self.dataset.address.product, self.name)

    def meant(self, catalog: str | None, schema: str | None, table: str) -> bool:
        """Whether a request names this table; None is any."""
        domain, product, name = self.path
        return name == table and catalog in (None, domain) and schema in (None, product)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A foreign key of which both ends are visible."""

    key: ForeignKey
    source: _Table
    target: _Table

    @property
    def name(self) -> str:
        return self.key.name or f"{self.source.name}_{'_'.join(self.key.columns)}_fkey"

    @property
    def target_name(self) -> str | None:
        is_primary = self.key.target_columns == self.target.dataset.primary_key
        return _primary_name(self.target) if is_primary else None

    def rows(self) -> Iterator[tuple[object, ...]]:
        pairs = zip(self.key.target_columns, self.key.columns, strict=True)
        for sequence, (target, source) in enumerate(pairs, start=1):
            names = (self.name, self.target_name)
            yield (
                *(*self.target.path, target, *self.source.path, source),
                *(sequence, *names, NO_ACTION, NO_ACTION),
            )


def primary_keys(command: sql.CommandGetPrimaryKeys, datasets: Sequence[Dataset]) -> pa.Table:
    """The primary keys of the tables a command names."""
    rows = [
        (*table.path, column, sequence, _primary_name(table))
        for table in sorted(_tables(datasets), key=lambda table: table.path)
        if table.meant(_given(command, "catalog"), _given(command, "db_schema"), command.table)
        for sequence, column in enumerate(table.dataset.primary_key, start=1)
    ]
    return _table(rows, PRIMARY_KEYS)


def exported_keys(command: sql.CommandGetExportedKeys, datasets: Sequence[Dataset]) -> pa.Table:
    """The foreign keys that refer to the tables a command names."""
    catalog, schema = _given(command, "catalog"), _given(command, "db_schema")
    found = [k for k in _shown(datasets) if k.target.meant(catalog, schema, command.table)]
    return _foreign(sorted(found, key=lambda k: (k.source.path, k.name)))


def imported_keys(command: sql.CommandGetImportedKeys, datasets: Sequence[Dataset]) -> pa.Table:
    """The foreign keys of the tables a command names."""
    catalog, schema = _given(command, "catalog"), _given(command, "db_schema")
    found = [k for k in _shown(datasets) if k.source.meant(catalog, schema, command.table)]
    return _foreign(sorted(found, key=_by_target))


def cross_reference(command: sql.CommandGetCrossReference, datasets: Sequence[Dataset]) -> pa.Table:
    """The foreign keys of some tables that refer to some others."""
    target = (_given(command, "pk_catalog"), _given(command, "pk_db_schema"), command.pk_table)
    source = (_given(command, "fk_catalog"), _given(command, "fk_db_schema"), command.fk_table)
    found = [k for k in _shown(datasets) if k.target.meant(*target) and k.source.meant(*source)]
    return _foreign(sorted(found, key=_by_target))


def declared(datasets: Sequence[Dataset]) -> Mapping[Address, bytes]:
    """What contracts declare of whole tables, as JSON: for clients that ask for schemas only."""
    foreign: dict[Address, list[dict[str, object]]] = {}
    for shown in _shown(datasets):
        key = {"name": shown.name, "columns": shown.key.columns, "target": shown.target.path}
        target = {"target_columns": shown.key.target_columns}
        foreign.setdefault(shown.source.dataset.address, []).append({**key, **target})
    return {
        table.dataset.address: json.dumps(
            {
                "comment": table.dataset.description,
                "primary_key": {
                    "name": _primary_name(table),
                    "columns": table.dataset.primary_key,
                },
                "foreign_keys": sorted(
                    foreign.get(table.dataset.address, ()), key=lambda key: str(key["name"])
                ),
            }
        ).encode()
        for table in _tables(datasets)
    }


def _shown(datasets: Sequence[Dataset]) -> Iterator[_Shown]:
    tables = {table.dataset.address: table for table in _tables(datasets)}
    for source in tables.values():
        for key in source.dataset.foreign_keys:
            target = tables.get(key.target)
            if (
                target is not None
                and set(key.target_columns) <= set(target.dataset.schema.names)
                and set(key.columns) <= set(source.dataset.schema.names)
            ):
                yield _Shown(key, source, target)


def _tables(datasets: Sequence[Dataset]) -> Iterator[_Table]:
    return (_Table(name, dataset) for name, dataset in table_names(datasets))


def _by_target(shown: _Shown) -> tuple[object, ...]:
    return (shown.target.path, shown.target_name or "", shown.source.path, shown.name)


def _primary_name(table: _Table) -> str:
    return f"{table.name}_pkey"


def _given(command: Message, field: str) -> str | None:
    return str(getattr(command, field)) if command.HasField(field) else None


def _foreign(keys: Sequence[_Shown]) -> pa.Table:
    return _table([row for key in keys for row in key.rows()], FOREIGN_KEYS)


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    return pa.table([[row[i] for row in rows] for i in range(len(schema))], schema=schema)
