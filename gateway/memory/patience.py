"""Patience with what does not answer: said once, and tried again after ever longer pauses."""

from __future__ import annotations

import logging
import time


class Patience:
    """Pauses from `first` to `most` seconds, each twice the one before. For one thread."""

    def __init__(self, logger: logging.Logger, first: float, most: float) -> None:
        self._log = logger
        self._first, self._most = first, most
        self._pause = first
        self._next_try = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether it is too early to try again."""
        return time.monotonic() < self._next_try

    def failed(self, what: str) -> None:
        """It did not work; only the first time in a row is noted in the log."""
        if self._pause == self._first:
            self._log.warning("%s; it is tried again", what)
        self._next_try = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, self._most)

    def worked(self) -> None:
        """It did."""
        self._pause = self._first
