"""The one connection of this process to a DuckDB file, open only while it is used.

DuckDB locks a file that is open, so that nobody can write to it; and it knows an open file by its
path, so that a file put in its place is not seen before the old one is closed.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakValueDictionary

from connectors.interface import SourceError, SourceErrorCode
from connectors.local_file import FileIdentity, identify

_CONFIG = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "lock_configuration": "true",
}

_files: WeakValueDictionary[str, DuckDbFile] = WeakValueDictionary()
_files_lock = threading.Lock()


class DuckDbFile:
    """A read-only database file; shared by all connectors of the process that name its path."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: Any = None
        self._identity: FileIdentity | None = None
        self._users = 0
        self._timer: threading.Timer | None = None

    @classmethod
    def at(cls, path: str) -> DuckDbFile:
        """The file of that path."""
        with _files_lock:
            file = _files.get(path)
            if file is None:
                file = _files[path] = cls(path)
            return file

    def cursor(self) -> Any:
        """A cursor on the file as it is now; `release` is called once for each.

        Raises UNAVAILABLE when there is no file, or when another was put in its place and the
        old one is still being read; DuckDB's own errors when it can not be opened.
        """
        import duckdb

        with self._lock:
            self._stop_timer()
            try:
                self._drop_replaced()
                if self._database is None:
                    self._identity = identify(self._path, "DuckDB")
                    self._database = duckdb.connect(self._path, read_only=True, config=_CONFIG)
                cursor = self._database.cursor()
            except BaseException:
                if self._users == 0:
                    self._drop()
                raise
            self._users += 1
            return cursor

    def release(self, idle_seconds: float) -> None:
        """A cursor was closed. After the last one the file is closed, unless it is used again."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._timer = threading.Timer(idle_seconds, self._close_idle)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Close the file now, unless a cursor is in use: then soon after it is released."""
        with self._lock:
            if self._users == 0:
                self._stop_timer()
                self._drop()

    def _close_idle(self) -> None:
        with self._lock:
            # A timer that fired while a cursor was being made comes too late.
            if self._users == 0 and threading.current_thread() is self._timer:
                self._timer = None
                self._drop()

    def _drop_replaced(self) -> None:
        if self._database is None or identify(self._path, "DuckDB") == self._identity:
            return
        if self._users:
            raise SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"{self._path} was replaced while queries still read the file before it",
                hint="run the query again when they have ended",
                retryable=True,
            )
        self._drop()

    def _drop(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
