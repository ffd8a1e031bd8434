"""Runs brief plans over one small file: on the thread that asks, in a session that is kept.

To make a session and to hand each batch from the engine's threads to another takes as long as to
find a row by its key. A session belongs to one execution at a time, and to one state of its file.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import pyarrow as pa
from datafusion import DataFrame, SessionContext

from connectors.interface import ParquetFiles
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.decoded_size import decoded_size
from gateway.errors import Cancelled
from gateway.plan.fragment import FragmentReads
from gateway.plan.plan import Plan
from gateway.plan.secured_read import view_text
from gateway.plan.sessions import Form, bare, frame_of, provider, register_tables
from gateway.plan.source import TableName

BRIEF_BYTES = 4 << 20
"""How large the file may be."""

BRIEF_MEMORY = 32 << 20
"""How many bytes its rows may take: while one batch is read nobody is asked whether to go on."""

SETTLED_SECONDS = 1.0
"""So long after its last change a file is known by its times, whose steps may be coarse."""

KEPT = 64
"""How many sessions are kept; each has a little of its file's footer in memory."""


@dataclass(frozen=True, slots=True)
class _Key:
    """Equal for executions that may use the same session.

    `state` tells a file from the one that took its place: nobody can set its time of change. What
    the caller may not see is left out by the `secured` text, or by a plan that holds it itself.
    """

    config: Config
    tuning: engine.Tuning
    form: Form
    name: TableName
    file: ParquetFiles
    state: tuple[int, ...]
    schema: pa.Schema
    secured: str


class _Sessions:
    """Sessions that nobody uses now, the least recently used first. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: OrderedDict[_Key, list[SessionContext]] = OrderedDict()
        self._count = 0

    def take(self, key: _Key) -> SessionContext | None:
        with self._lock:
            idle = self._idle.get(key)
            if not idle:
                return None
            self._count -= 1
            taken = idle.pop()
            if not idle:
                del self._idle[key]
            return taken

    def keep(self, key: _Key, context: SessionContext) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(context)
            self._idle.move_to_end(key)
            self._count += 1
            while self._count > KEPT:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop(0)
                self._count -= 1
                if not self._idle[oldest]:
                    del self._idle[oldest]


_SESSIONS = _Sessions()


def brief_run(
    plan: Plan, config: Config, cancelled: Callable[[], bool]
) -> Generator[pa.RecordBatch] | None:
    """The rows of a brief plan; None where its table is not one small file by now."""
    if not plan.brief:
        return None
    key = _key(plan, replace(config, target_partitions=1))
    return None if key is None else _rows(plan, key, cancelled)


def _key(plan: Plan, config: Config) -> _Key | None:
    ((name, table),) = plan.tables.items()
    secured = table.secured_by_engine
    schema = bare(table.security.raw if secured else table.dataset.schema)
    file = provider(table, schema, FragmentReads())
    if not isinstance(file, ParquetFiles) or file.location.endswith("/"):
        return None
    state = _state(file.location)
    if state is None or decoded_size(file.location, state, BRIEF_MEMORY) is None:
        return None
    form = Form.SECURED if plan.remainder is None else Form.RAW
    hides = secured and form is Form.SECURED
    text = view_text(table.dataset, table.security, name) if hides else ""
    return _Key(config, plan.tuning, form, name, file, state, schema, text)


def _state(location: str) -> tuple[int, ...] | None:
    """What tells the file from every other that is there in its time; None if it is not small."""
    try:
        found = os.stat(location)
    except OSError:  # who runs it like any other says what is wrong
        return None
    if found.st_size > BRIEF_BYTES:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _settled(key: _Key) -> bool:
    """Whether what was read since the key was made is the key's file, and no later one is like it.

    It may have been another for a moment, when a link to it was set anew; and what is written twice
    between two steps of the clock has one time.
    """
    changed = key.state[-1] / 1e9
    return time.time() - changed > SETTLED_SECONDS and _state(key.file.location) == key.state


def _rows(plan: Plan, key: _Key, cancelled: Callable[[], bool]) -> Generator[pa.RecordBatch]:
    context = _SESSIONS.take(key) or _session(plan, key)
    for batch in _frame(plan, context).execute_stream():
        if cancelled():
            raise Cancelled("the request was cancelled")
        rows = batch.to_pyarrow()
        if rows.num_rows:
            yield rows
    if _settled(key):
        _SESSIONS.keep(key, context)  # not after a failure, nor while somebody reads on


def _session(plan: Plan, key: _Key) -> SessionContext:
    context = engine.session(key.config, remainder=key.form is Form.RAW, tuning=key.tuning)
    register_tables(context, plan.tables, {}, FragmentReads(), key.form)
    return context


def _frame(plan: Plan, context: SessionContext) -> DataFrame:
    if plan.remainder is not None:
        return engine.from_substrait(plan.remainder, context)
    assert plan.unfederated is not None
    return frame_of(context, plan.unfederated)
