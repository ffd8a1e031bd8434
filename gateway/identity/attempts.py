"""How often a user name may be tried with a wrong password."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from cachetools import LRUCache

BURST = 10
REFILL_SECONDS = 5.0
MAX_NAMES = 10_000


class Attempts:
    """For each name: `BURST` failures at once, then one more every REFILL_SECONDS.

    A name nobody has is counted as any other, so that the refusal tells nothing. Names are
    independent of each other, and the least recent one is forgotten when there are too many.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._free_at: LRUCache[str, float] = LRUCache(MAX_NAMES)

    def allowed(self, name: str) -> bool:
        """Whether the name may be tried now."""
        with self._lock:
            free_at = self._free_at.get(name, 0.0)
        return free_at - self._clock() <= (BURST - 1) * REFILL_SECONDS

    def failed(self, name: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        with self._lock:
            self._free_at[name] = max(self._free_at.get(name, 0.0), now) + REFILL_SECONDS

    def succeeded(self, name: str) -> None:
        """The right one: earlier failures were typing errors."""
        with self._lock:
            self._free_at.pop(name, None)
