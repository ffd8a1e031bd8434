"""Tables in this process, under a name: for tests, documentation and what a program computes."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.dataset as pads

from connectors.capabilities import Capabilities
from connectors.interface import ObjectInfo, SourceError, SourceErrorCode, SourceKey
from connectors.statistics import TableStatistics

SCHEME = "memory://"

_lock = threading.Lock()
_stores: dict[str, dict[str, pa.Table]] = {}


def register(store: str, tables: Mapping[str, pa.Table]) -> str:
    """Put tables into the named store, in place of those of the same name; gives its uri."""
    with _lock:
        _stores[store] = {**_stores.get(store, {}), **tables}
    return SCHEME + store


def forget(store: str) -> None:
    """Drop the named store."""
    with _lock:
        _stores.pop(store, None)


class MemoryConnector:
    """The tables registered under ``memory://name``."""

    capabilities = Capabilities()
    option_names: frozenset[str] = frozenset()

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        if not uri.startswith(SCHEME):
            raise SourceError(
                SourceErrorCode.BINDING_INVALID, f"the uri of a memory binding is {SCHEME}name"
            )
        self._store = uri[len(SCHEME) :]

    @property
    def source_key(self) -> SourceKey:
        """The store's name."""
        return SourceKey("memory", self._store)

    def schema(self, object_name: str) -> pa.Schema:
        """The table's own schema."""
        return self._table(object_name).schema

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table of the store."""
        for name, table in sorted(self._tables().items()):
            if fnmatch.fnmatchcase(name, pattern or "*"):
                yield ObjectInfo(name, table.schema)

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """The table as a dataset."""
        table = self._table(object_name)
        return pads.dataset(table if schema is None else _select(table, schema, object_name))

    def statistics(self, object_name: str) -> TableStatistics:
        """The number of rows."""
        return TableStatistics(float(self._table(object_name).num_rows))

    def close(self) -> None:
        """Nothing is held open: the store stays until it is forgotten."""

    def _tables(self) -> Mapping[str, pa.Table]:
        with _lock:
            return dict(_stores.get(self._store, {}))

    def _table(self, name: str) -> pa.Table:
        tables = self._tables()
        if name not in tables:
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND,
                f"memory store {self._store!r} has no table {name!r}",
                hint="connectors.memory.register puts it there",
            )
        return tables[name]


def _select(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    if not set(schema.names) <= set(table.column_names):
        raise SourceError(
            SourceErrorCode.VALUE_UNEXPECTED, f"memory table {name!r} lacks planned columns"
        )
    return table.select(schema.names).cast(schema)
