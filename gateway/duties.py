"""What a gateway does beside its requests: the table of contents of its background.

Each task is done when the gateway opens, and again so many seconds after it was done.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gateway.catalogue import events as life_cycle
from gateway.upkeep import Task

if TYPE_CHECKING:
    from gateway.audit.log import AuditLog
    from gateway.memory.memory import Memory
    from gateway.pipeline import Gateway
    from gateway.records import Recorder

MEMORY_SECONDS = 0.25
"""How far the memory is behind the audit log, and an endpoint of lineage behind the memory."""

SEARCH_SECONDS = 3600.0
"""How often the index of the search is looked after; a change of the catalogue tells it to."""

LIFE_CYCLE_SECONDS = 60.0
"""How often it is asked what other gateways have found out about the life of datasets."""


def duties(gateway: Gateway) -> list[Task]:
    """The tasks of a gateway: those of what it has."""
    poll = gateway.config.catalogue_poll_seconds
    tasks = [Task("catalogue", poll, gateway.watch.look)] if poll else []
    tasks.append(
        Task("search", SEARCH_SECONDS, lambda _: gateway.search.prepare(gateway.catalogue))
    )
    if gateway.quality is not None:
        tasks.append(gateway.quality.task())
    memory, audit = gateway.memory, gateway.audit
    looks = gateway.config.schema_poll_seconds
    if memory is not None:
        if looks:
            tasks.append(gateway.views.task(looks))
        tasks.append(_life_cycle(gateway, memory))
        if audit is not None:
            tasks.append(_journal(memory, audit, gateway.recorder))
        if memory.outbox is not None:
            tasks.append(Task("openlineage", MEMORY_SECONDS, memory.outbox.run))
    return tasks


def _journal(memory: Memory, audit: AuditLog, recorder: Recorder) -> Task:
    """Take the audit log over into the memory."""
    journals = memory.journals(audit.first, audit.folder)

    def take_over(closing: threading.Event) -> None:
        recorder.end_abandoned()
        journals.run(closing)

    return Task("journal", MEMORY_SECONDS, take_over, last=True)


def _life_cycle(gateway: Gateway, memory: Memory) -> Task:
    """Note what has become of datasets, and tell readers of what broke its promises."""

    def note(closing: threading.Event) -> None:
        catalogue = gateway.catalogue
        life_cycle.note(memory.store, catalogue.datasets, catalogue.version, closing)
        gateway.standing.set("life cycle", life_cycle.broken_notices(memory.store))

    return Task("life cycle", LIFE_CYCLE_SECONDS, note)
