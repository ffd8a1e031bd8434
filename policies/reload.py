"""Policies that follow their store while the gateway runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from policies.decide import Authoriser
from policies.rows import PolicyError, StoreError
from policies.snapshot import Snapshot
from policies.store import PolicyStore

_log = logging.getLogger(__name__)


class Reloader:
    """Looks at the store every `interval_seconds` and swaps the authoriser's snapshot on change.

    The next snapshot is built beside the current one, so there is no moment without denials. Of
    policies that are wrong nothing counts: the last good snapshot stays, and `last_error` says why.
    `on_error` is called with every new error, on the thread that found it. The reloader closes its
    store.
    """

    def __init__(
        self,
        store: PolicyStore,
        authoriser: Authoriser,
        interval_seconds: float = 1.0,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._store = store
        self._authoriser = authoriser
        self._interval = interval_seconds
        self._on_error = on_error
        self._seen: object = None
        self._wrong: PolicyError | None = None  # what is wrong with the rows of the stamp seen
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="policies", daemon=True)
        self._thread.start()

    @property
    def last_error(self) -> Exception | None:
        """Why the policies in the store are not those in force; None when they are."""
        return self._error

    def refresh(self) -> bool:
        """Look now, and read if there was a change. True when another snapshot is in force.

        Never raises: see `last_error`.
        """
        with self._lock:
            if self._stop.is_set():
                return False
            try:
                return self._look()
            except Exception as error:
                self._failed(error)
                return False

    def close(self) -> None:
        """Stop looking. The policies stay as they are."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            self._store.close()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.refresh()

    def _look(self) -> bool:
        stamp = self._store.stamp()
        if stamp == self._seen:
            self._error = self._wrong  # the store may have been out of reach in between
            return False
        try:
            snapshot = Snapshot(self._store.load())
        except StoreError:
            raise
        except PolicyError as error:
            self._seen, self._wrong = stamp, error
            raise
        current = self._authoriser.snapshot
        self._seen, self._wrong, self._error = stamp, None, None
        if snapshot.same_as(current):
            return False
        self._authoriser.swap(snapshot)
        _log.info("policies %s are in force: %d rows", snapshot.version, len(snapshot.rows))
        return True

    def _failed(self, error: Exception) -> None:
        if str(error) == str(self._error):
            return
        self._error = error
        _log.error("the policies in force stay as they are: %s", error)
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:
                _log.exception("the handler of policy errors failed")
