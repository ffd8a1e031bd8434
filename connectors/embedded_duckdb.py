"""The embedded DuckDB: an engine in this process that answers SQL over the local Parquet files.

It holds no rows. What it is asked about are the files as they are when a query begins: every query
lists them anew, nothing of a file is kept between two queries, and a file that was replaced is
another file. An engine serves one query at a time, with the memory of one query; beyond it, it
spills into a folder of its own. It reads below the folders of the mesh only, loads no extension,
and none of its settings can be changed once it is open.

SQL reaches it only as trees that were written here, never as text of a caller.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlglot import TokenType, exp
from sqlglot.dialects.duckdb import DuckDB

from connectors.capabilities import Capabilities
from connectors.casting import refuse_outside
from connectors.dialect import SqlDialect
from connectors.embedded_dialect import EMBEDDED, type_name
from connectors.file_paths import NO_VALUE, is_pattern, paths_below
from connectors.interface import (
    BatchStream,
    ParquetFiles,
    ProvidesParquet,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.pool import SessionPool
from connectors.sql import SqlStream, one_line

KEY = SourceKey("embedded duckdb", "files")
"""All local Parquet files are one source: whatever is asked of several of them is one statement."""

BATCH_ROWS = 65_536
ENGINES = 8
"""Queries that may be answered at once."""

WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of elsewhere that a statement reads as a table: their schema, and where they come from.

    `batches` is called once, and iterated on a thread of its own. `give_up` is called when a table
    could not be made: a source that keeps another one waiting has to be told.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    give_up: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Known:
    """A table as it was offered: how to find its files, and the columns it promises."""

    files: ProvidesParquet
    object: str
    schema: pa.Schema


class EmbeddedDuckDb:
    """The engines of one gateway. Opening imports duckdb (ImportError without the extra)."""

    def __init__(self, memory_bytes: int, threads: int) -> None:
        import duckdb

        self._driver = duckdb
        self._config = {
            "memory_limit": f"{memory_bytes}B",
            "threads": str(threads),
            "preserve_insertion_order": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
        }
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._names: dict[tuple[int, str, pa.Schema], str] = {}
        self._folders: frozenset[str] = frozenset()
        self._pool = SessionPool(
            self._open,
            ENGINES,
            WAIT_SECONDS,
            is_current=lambda engine: engine.folders == self._folders,  # type: ignore[attr-defined]
        )

    def offer(self, files: object, object_name: str, schema: pa.Schema) -> EmbeddedFiles | None:
        """The table as this engine answers for it; None when it can not read it exactly.

        `schema` are the object's columns. Raises SourceError when the files can not be listed.
        """
        if not isinstance(files, ProvidesParquet):
            return None
        found = files.parquet(object_name, schema)
        if found is None or _paths(found) is None or not any(type_name(t) for t in schema.types):
            return None
        return EmbeddedFiles(self, self._name(files, object_name, schema, found))

    def query(
        self, text: str, schema: pa.Schema, rows: Mapping[str, Rows] | None = None
    ) -> BatchStream:
        """Run a statement over offered tables, and over `rows` by name: see RunsSql."""
        if rows is None:
            return SqlStream(self._pool, text, schema, self._explain)
        return _StreamOverRows(self._pool, text, schema, self._explain, rows)

    def close(self) -> None:
        """Close every engine that is idle, and the others when their queries end."""
        self._pool.close()

    def view(self, name: str) -> str | None:
        """The statement that makes an offered table known to an engine, over the files of now.

        None for a name that was never offered. Raises SourceError when its files have changed so
        that they are not what was promised any more.
        """
        with self._lock:
            known = self._known.get(name)
        if known is None:
            return None
        found = known.files.parquet(known.object, known.schema)
        paths = None if found is None else _paths(found)
        if found is None or paths is None:
            raise SourceError(
                SourceErrorCode.REJECTED, f"the files {name} have changed", retryable=True
            )
        selection = _selection(paths, known.schema, found)
        return f"CREATE OR REPLACE TEMP VIEW {_quoted(name)} AS {selection}"

    def state(self, name: str) -> object:
        """The files of an offered table as they are now; another value once one was replaced.

        Raises SourceError when they can not be listed.
        """
        with self._lock:
            known = self._known.get(name)
        found = None if known is None else known.files.parquet(known.object, known.schema)
        try:
            stats = [(path, os.stat(path)) for path in (found and _paths(found)) or ()]
        except OSError:  # gone since it was listed
            return None
        return [(path, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for path, s in stats]

    def _name(
        self, files: ProvidesParquet, object_name: str, schema: pa.Schema, found: ParquetFiles
    ) -> str:
        key = (id(files), object_name, schema)
        with self._lock:
            name = self._names.get(key)
            if name is not None:
                return name
            location = found.location.rstrip("/") or "/"
            name, number = location, 1
            while name in self._known:  # the same files, read in another way
                number += 1
                name = f"{location} ({number})"
            self._known[name] = _Known(files, object_name, schema)
            self._names[key] = name
            folder = location if found.location.endswith("/") else os.path.dirname(location)
            self._folders |= {folder}
            return name

    def _open(self) -> _Engine:
        with self._lock:
            folders = self._folders
        return _Engine(self, self._driver.connect(":memory:", config=self._config), folders)

    def _explain(self, error: Exception) -> SourceError:
        driver = self._driver
        text = one_line(str(error).splitlines()[0] if str(error) else type(error).__name__)
        if isinstance(error, driver.InterruptException):
            return SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")
        if isinstance(error, driver.OutOfMemoryException):
            return SourceError(SourceErrorCode.REJECTED, "the query needs more memory than it has")
        if isinstance(error, (driver.OutOfRangeException, driver.ConversionException)):
            return SourceError(SourceErrorCode.ARITHMETIC, text)
        if isinstance(error, driver.IOException):
            return SourceError(SourceErrorCode.UNAVAILABLE, text, retryable=True)
        return SourceError(SourceErrorCode.REJECTED, text)


class EmbeddedFiles:
    """One table of files as a SQL source (RunsSql); all of one engine are asked together."""

    def __init__(self, engine: EmbeddedDuckDb, name: str) -> None:
        self._engine = engine
        self._name = name

    @property
    def dialect(self) -> SqlDialect:
        """DuckDB's, for what files hold."""
        return EMBEDDED

    @property
    def capabilities(self) -> Capabilities:
        """What DuckDB may be asked."""
        return EMBEDDED.capabilities

    @property
    def source_key(self) -> SourceKey:
        """The engine's: the files of all folders are one source."""
        return KEY

    def table(self, object_name: str) -> exp.Table:
        """The table, under its path."""
        return exp.Table(this=exp.to_identifier(self._name, quoted=True))

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """The text the engine will get."""
        return query.sql(dialect="duckdb", comments=False)

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """Run a rendered text; nothing is read before the first batch is asked for."""
        return self._engine.query(text, schema)

    def state(self, query: exp.Query) -> object:
        """The files of the tables a query reads as they are now; see EmbeddedDuckDb."""
        names = sorted({table.name for table in query.find_all(exp.Table)})
        return [self._engine.state(name) for name in names]

    def beside(self, name: str) -> EmbeddedFiles:
        """A table of the same engine that will only be there, by this name, in `query_over`."""
        return EmbeddedFiles(self._engine, name)

    def query_over(self, text: str, schema: pa.Schema, rows: Mapping[str, Rows]) -> BatchStream:
        """Run a rendered text over rows that are brought to the engine, by the tables' names."""
        return self._engine.query(text, schema, rows)


class _StreamOverRows(SqlStream):
    """A statement over rows that have to be brought to its engine first."""

    def __init__(
        self,
        pool: SessionPool,
        text: str,
        schema: pa.Schema,
        explain: Callable[[Exception], SourceError],
        rows: Mapping[str, Rows],
    ) -> None:
        super().__init__(pool, text, schema, explain)
        self._rows = rows

    def _start(self) -> Generator[pa.RecordBatch, None, None]:
        self._check_cancelled(None)
        session, _ = self._pool.acquire(cancelled=self._cancelled)
        self._hold(session)
        assert isinstance(session, _Engine)
        yield from session.run_over(self._text, self._rows)


class _Engine:
    """One in-memory database (a Session of the pool)."""

    def __init__(self, owner: EmbeddedDuckDb, database: Any, folders: frozenset[str]) -> None:
        self._owner = owner
        self._database = database
        self.folders = folders
        self._views: dict[str, str] = {}
        self._loading: list[Any] = []
        self._spilled = os.path.join(tempfile.gettempdir(), f"meshgate-duckdb-{uuid.uuid4().hex}")
        listed = ", ".join(_text(f) for f in sorted(folders))
        for setting in (
            f"temp_directory = {_text(self._spilled)}",
            f"allowed_directories = [{listed}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            database.execute(f"SET {setting}")

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        for token in DuckDB().tokenize(text):
            if token.token_type is TokenType.IDENTIFIER:
                self._see(token.text.replace('""', '"'))
        for batch in self._database.sql(text).to_arrow_reader(BATCH_ROWS):
            # DuckDB takes the largest number each way for infinity.
            refuse_outside(batch, 2 - 2**31, 2 - 2**63, 2**31 - 2, 2**63 - 2)
            yield batch

    def run_over(self, text: str, rows: Mapping[str, Rows]) -> Generator[pa.RecordBatch]:
        """Run a statement over tables made for it, which are gone when it has ended.

        As tables they have statistics, by which joins are ordered, and room to spill.
        """
        try:
            self._load(rows)
            yield from self.run(text)
        finally:
            for name in rows:
                self._database.execute(f"DROP TABLE IF EXISTS {_quoted(name)}")

    def _load(self, rows: Mapping[str, Rows]) -> None:
        """Make a table of each, side by side: they come from sources of their own."""
        self._loading = [self._database.cursor() for _ in rows]
        pool = ThreadPoolExecutor(max(len(rows), 1), thread_name_prefix="meshgate-load")
        try:
            loads = [
                pool.submit(_load, cursor, name, source)
                for cursor, (name, source) in zip(self._loading, rows.items(), strict=True)
            ]
            done, _ = wait(loads, return_when=FIRST_EXCEPTION)
            for load in done:
                load.result()
        except BaseException:
            self.cancel()
            for source in rows.values():
                source.give_up()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            loading, self._loading = self._loading, []
            for cursor in loading:
                cursor.close()

    def _see(self, name: str) -> None:
        """Know the table of that name as its files are now."""
        view = self._owner.view(name)
        if view is not None and self._views.get(name) != view:
            self._database.execute(view)
            self._views[name] = view

    def cancel(self) -> None:
        for cursor in self._loading:
            cursor.interrupt()
        self._database.interrupt()

    def close(self) -> None:
        try:
            self._database.close()
        finally:
            shutil.rmtree(self._spilled, ignore_errors=True)


def _load(cursor: Any, name: str, rows: Rows) -> None:
    reader = pa.RecordBatchReader.from_batches(rows.schema, rows.batches())
    cursor.register("__rows", reader)
    try:
        cursor.execute(f"CREATE OR REPLACE TABLE {_quoted(name)} AS SELECT * FROM __rows")
    finally:
        cursor.unregister("__rows")


def _paths(files: ParquetFiles) -> list[str] | None:
    """The files, in order; None when DuckDB would take one of their names for something else."""
    location = files.location
    if not location.endswith("/"):
        paths, base = [location], os.path.dirname(location)
    else:
        paths, base = sorted(paths_below(location[:-1], files.extension)), location
    below = [path[len(base) :] for path in paths]
    odd = any("%" in path or f"={NO_VALUE}" in path for path in below)
    if files.partition_columns and ("=" in base or odd):
        # Folders of the base are no columns; escapes are read in other ways; and of a partition
        # without a value the engine's plans do not know that there may be one.
        return None
    if not paths or any(is_pattern(path) or path.startswith("~") for path in paths):
        return None
    return paths


def _selection(paths: list[str], schema: pa.Schema, files: ParquetFiles) -> str:
    """The query that reads the files as the schema, whichever of its columns a file has.

    Columns of a type that is not read exactly are left out. A cast to the type a column has
    already costs nothing; read_parquet's own parameter `schema` would, as DuckDB 2.0 then knows
    nothing of how many rows there are (TPC-H: two to three times as slow).
    """
    columns = {f.name: kind for f in schema if (kind := type_name(f.type))}
    casts = (f"CAST({_quoted(n)} AS {kind}) AS {_quoted(n)}" for n, kind in columns.items())
    # without being told so, it takes a NaN for no number above the largest one of a file
    options = ["can_have_nan = true", f"union_by_name = {str(len(paths) > 1).lower()}"]
    if files.partition_columns:
        types = ", ".join(f"{_text(f.name)}: {columns[f.name]}" for f in files.partition_columns)
        options += ["hive_partitioning = true", "hive_types_autocast = false"]
        options += [f"hive_types = {{{types}}}"]
    else:
        options += ["hive_partitioning = false"]
    listed = ", ".join(map(_text, paths))
    return f"SELECT {', '.join(casts)} FROM read_parquet([{listed}], {', '.join(options)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
