"""Opaque handles: what a client holds instead of our objects.

A handle is random, belongs to one principal, expires when unused, and there are only so many a
principal: opening one more drops the one unused for longest. To anyone but its owner it looks
like a handle that never was.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar

from gateway.errors import NotFound

T = TypeVar("T")

HANDLE_BYTES = 18


@dataclass(slots=True)
class _Entry(Generic[T]):
    value: T
    expires: float


class Handles(Generic[T]):
    """A table of handles, safe from any thread.

    `noun` names what they stand for in messages; `ttl_seconds` counts from the last use.
    """

    def __init__(
        self,
        noun: str,
        *,
        ttl_seconds: float,
        per_owner: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._noun = noun
        self._ttl_seconds = ttl_seconds
        self._per_owner = per_owner
        self._clock = clock
        self._owners: OrderedDict[str, OrderedDict[bytes, _Entry[T]]] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self._count = 0
        self._lock = Lock()

    @property
    def ttl_seconds(self) -> float:
        return self._ttl_seconds

    def add(self, owner: str, value: T) -> bytes:
        """A new handle for `value`."""
        now = self._clock()
        with self._lock:
            self._count += 1
            # Keyed by a secret it cannot be guessed; the system's random source is a slow call.
            handle = blake2b(
                self._count.to_bytes(8), digest_size=HANDLE_BYTES, key=self._secret
            ).digest()
            self._sweep(now)
            entries = self._owners.setdefault(owner, OrderedDict())
            self._drop(entries, now, self._per_owner - 1)
            entries[handle] = _Entry(value, now + self._ttl_seconds)
        return handle

    def get(self, owner: str, handle: bytes) -> T:
        """The value, used just now; NotFound when unknown, expired, or somebody else's."""
        now = self._clock()
        with self._lock:
            entries = self._owners.get(owner)
            entry = entries.get(handle) if entries else None
            if entries is None or entry is None or entry.expires <= now:
                raise self.missing()
            entry.expires = now + self._ttl_seconds
            entries.move_to_end(handle)
            return entry.value

    def missing(self) -> NotFound:
        """What is raised for a handle that is unknown, expired, or somebody else's."""
        return NotFound(
            f"there is no such {self._noun}, or it has expired",
            hint=f"it is kept for {self._ttl_seconds:g} seconds",
        )

    def discard(self, owner: str, handle: bytes) -> None:
        """Forget a handle; one that is not there is fine."""
        with self._lock:
            entries = self._owners.get(owner)
            if entries is not None:
                entries.pop(handle, None)
                if not entries:
                    del self._owners[owner]

    def _sweep(self, now: float) -> None:
        """Look at one owner, each time another: nobody's expired handles stay for ever."""
        if self._owners:
            owner, entries = next(iter(self._owners.items()))
            self._drop(entries, now, self._per_owner)
            if entries:
                self._owners.move_to_end(owner)
            else:
                del self._owners[owner]

    @staticmethod
    def _drop(entries: OrderedDict[bytes, _Entry[T]], now: float, keep: int) -> None:
        """Forget what has expired, and the oldest uses beyond `keep`."""
        while entries:  # the oldest use is first
            oldest, entry = next(iter(entries.items()))
            if entry.expires > now and len(entries) <= keep:
                break
            del entries[oldest]

    def __len__(self) -> int:
        with self._lock:
            return sum(len(entries) for entries in self._owners.values())
