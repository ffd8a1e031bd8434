"""What one session does now: in threads of its own, until it is done or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.errors import Cancelled
from gateway.postgres_wire.answers import Answer
from gateway.serving.streams import QueryStream

T = TypeVar("T")


class Work:
    """What is done for one message. All of it is called from the loop's thread."""

    def __init__(self, workers: ThreadPoolExecutor, interrupt: Callable[[], None]) -> None:
        self.busy = False
        self.running: Answer | None = None
        """The answer whose rows are being sent."""
        self._workers = workers
        self._interrupt = interrupt
        self._stopped: Callable[[], Cancelled] | None = None

    def begin(self) -> None:
        """A message has come."""
        self.busy = True

    def end(self) -> None:
        """The message is answered, and what was to stop it is forgotten."""
        self.busy = False
        self._stopped = None

    def stop(self, reason: Callable[[], Cancelled]) -> None:
        """Stop what is being done, if anything is. The first reason counts."""
        if not self.busy:
            return
        self._stopped = self._stopped or reason
        rows = self.running.rows if self.running else None
        if isinstance(rows, QueryStream):
            rows.request_stop(reason)
        self._interrupt()

    def reason(self) -> Cancelled | None:
        """Why it was stopped; None if it was not."""
        return self._stopped() if self._stopped else None

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """Do what may take long in a thread. Raises Cancelled if it was stopped before."""
        if (reason := self.reason()) is not None:
            raise reason
        return await self.finish(call, *arguments)

    async def finish(self, call: Callable[..., T], *arguments: Any) -> T:
        """Do what has to be done though all be stopped, such as closing an answer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, call, *arguments)
