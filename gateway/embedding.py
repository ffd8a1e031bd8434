"""Local Parquet files as a SQL source: answered by an embedded DuckDB where that is faster.

A table of files gets a source here, just before its query is planned, and keeps its connector:
what the planner leaves with the engine is read from the files as ever.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace

from connectors.embedded_duckdb import EmbeddedDuckDb
from connectors.interface import ProvidesParquet, SourceError
from gateway.config import Config
from gateway.plan.security import Security
from gateway.plan.source import Source, Table, TableName, Tables, Views

_log = logging.getLogger(__name__)


class Embedding:
    """The embedded DuckDB of a gateway; without the extra ``duckdb`` there is none."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._engine: EmbeddedDuckDb | None = None
        self._wanted = config.embedded_duckdb

    def placed(self, tables: Tables, views: Views) -> Tables:
        """The tables, those with a source that the embedded engine answers for.

        A table that policies govern is secured by the gateway's engine, and so is what a view
        with a row filter, or one that lends rights, stands on: these get no source.
        """
        if any(view.security.governs or view.lends for view in views.values()):
            return tables
        placed: Mapping[TableName, Table] = {n: self._placed(t) for n, t in tables.items()}
        return placed

    def close(self) -> None:
        """Close the engine, if one was ever needed."""
        with self._lock:
            engine, self._engine, self._wanted = self._engine, None, False
        if engine is not None:
            engine.close()

    def _placed(self, table: Table) -> Table:
        files = table.connector
        if table.source or not table.pushes or not isinstance(files, ProvidesParquet):
            return table
        engine = self._opened() if _open_to_all(table.security) else None
        if engine is None:
            return table
        try:
            offered = engine.offer(files, table.dataset.binding.object, table.security.raw)
        except SourceError:
            return table  # whoever reads it will say what is wrong
        if offered is None:
            return table
        return replace(table, source=Source(offered.source_key, offered, embedded=True))

    def _opened(self) -> EmbeddedDuckDb | None:
        with self._lock:
            if self._engine is None and self._wanted:
                config = self._config
                try:
                    self._engine = EmbeddedDuckDb(
                        config.memory_per_query_bytes, config.target_partitions
                    )
                except ImportError:
                    _log.info("duckdb is not installed: files are read by the engine alone")
                    self._wanted = False
            return self._engine


def _open_to_all(security: Security) -> bool:
    return not security.governs and not security.bound and security.rows_may_come
