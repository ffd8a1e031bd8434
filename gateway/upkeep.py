"""Upkeep: what a gateway does beside its requests, each task in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""How long closing waits for tasks that are at work."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done when the gateway opens, and again `seconds` after it was done.

    `run` may be asked to hurry: it should end soon once the event it is given is set. What it
    raises is logged, and it is tried again at its next time. With `last` it is done once more when
    the gateway closes.
    """

    name: str
    seconds: float
    run: Callable[[threading.Event], None]
    last: bool = False


class Upkeep:
    """Runs tasks until it is closed. Safe to use from many threads."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        tasks = tuple(tasks)
        self._closing = threading.Event()
        self._bells = {task.name: threading.Event() for task in tasks}
        self._threads = [
            threading.Thread(target=self._keep, args=(task,), name=task.name, daemon=True)
            for task in tasks
        ]
        for thread in self._threads:
            thread.start()

    def hasten(self, name: str) -> None:
        """Let a task be done now instead of at its next time, if there is such a task here."""
        if name in self._bells:
            self._bells[name].set()

    def close(self) -> None:
        """Let every task end, and those that want it be done once more."""
        self._closing.set()
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def _keep(self, task: Task) -> None:
        bell = self._bells[task.name]
        while not self._closing.is_set():
            bell.clear()
            if self._closing.is_set():
                break
            self._done(task)
            bell.wait(task.seconds)
        if task.last:
            self._done(task)

    def _done(self, task: Task) -> None:
        try:
            task.run(self._closing)
        except Exception:
            _log.exception("the task %s failed; it is tried again", task.name)
