"""The journals of a mesh folder: its audit logs, each taken over by whoever writes it.

What a gateway that is no more has left behind is taken over by another one, and by itself when it
comes back: decisions whose end nobody knows any more are ended first.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from gateway.audit.files import LogTaken, key_file, log_folder, log_numbers, read_key
from gateway.audit.log import AuditLog
from gateway.errors import GatewayError, MemoryUnavailable
from gateway.memory.patience import Patience
from gateway.memory.projection import Projection
from gateway.memory.store import Store

_log = logging.getLogger(__name__)

RETRY_SECONDS = (1.0, 30.0)

OTHERS_SECONDS = 10.0
"""How often logs that other gateways have written are looked at."""


class Journals:
    """Takes the log in folder `own` over into a store, and those beside it that nobody writes.

    `first` is the folder of log 1 of the mesh. For one thread at a time.
    """

    def __init__(self, store: Store, first: Path, own: Path) -> None:
        self._projection = Projection(store)
        self._first, self._own = first, own
        self._next_look = 0.0
        self._patience = Patience(_log, *RETRY_SECONDS)
        self._given_up: set[Path] = set()

    def run(self, stop: threading.Event) -> None:
        """Take over what is new; what can not be is tried again later."""
        if self._patience.exhausted:
            return
        try:
            self._take(stop)
        except GatewayError as error:
            self._patience.failed(f"the audit log is not taken over: {error}")
        else:
            self._patience.worked()

    def _take(self, stop: threading.Event) -> None:
        self._projection.take(self._own, stop)
        if time.monotonic() >= self._next_look and not stop.is_set():
            self._take_others(stop)
            self._next_look = time.monotonic() + OTHERS_SECONDS

    def _take_others(self, stop: threading.Event) -> None:
        for number in log_numbers(self._first):
            folder = log_folder(self._first, number)
            if folder == self._own or folder in self._given_up:
                continue
            try:
                if self._projection.behind(folder):
                    key = read_key(key_file(self._first))
                    AuditLog.open(folder, key, number).close()  # ends what was left open
                    self._projection.take(folder, stop)
            except LogTaken:  # its gateway lives
                continue
            except MemoryUnavailable:
                raise
            except GatewayError as error:
                _log.error("the audit log in %s can not be taken over: %s", folder, error)
                self._given_up.add(folder)
