"""A file of the mesh as it is now: read again when it has changed, looked at once a second."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from gateway.errors import GatewayError

T = TypeVar("T")

RELOAD_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Watched(Generic[T]):
    """What `load` makes of the file. Safe from any thread.

    The first reading raises what `load` raises. Later a file that can not be read is logged, and
    then counts as `broken(last)`: what that returns of the last good reading.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[], T],
        broken: Callable[[T], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._load = load
        self._broken = broken
        self._clock = clock
        self._lock = Lock()
        self._stamp = self._stat()  # before the reading: a change during it is seen next time
        self._value = load()
        self._looked = clock()

    def current(self) -> T:
        """The file's content as of a second ago at most."""
        if self._clock() - self._looked < RELOAD_SECONDS:
            return self._value
        with self._lock:
            stamp = self._stat()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._value = self._load()
                except Exception as error:
                    known = isinstance(error, GatewayError)
                    logger.error(
                        "%s is not used as it is now: %s",
                        self._path.name,
                        error,
                        exc_info=None if known else error,
                    )
                    self._value = self._broken(self._value)
            self._looked = self._clock()
        return self._value

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
