"""What a gateway does beside its requests: the table of contents of its background.

Each task is done when the gateway opens, and again so many seconds after it was done.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gateway.catalogue import events as life_cycle
from gateway.curated_views import NAME as VIEWS
from gateway.quality.quality import FINDER as QUALITY
from gateway.upkeep import Task

if TYPE_CHECKING:
    from gateway.audit.log import AuditLog
    from gateway.memory.memory import Memory
    from gateway.mesh import Mesh
    from gateway.records import Recorder

MEMORY_SECONDS = 0.25
"""How far the memory is behind the audit log, and an endpoint of lineage behind the memory."""

SEARCH_SECONDS = 3600.0
"""How often the index of the search is looked after; a change of the catalogue tells it to."""

LIFE_CYCLE, SEARCH = "life cycle", "search"

AFTER_CHANGE = (LIFE_CYCLE, VIEWS, SEARCH, QUALITY)
"""The tasks that have work as soon as the catalogue is another one."""

LIFE_CYCLE_SECONDS = 60.0
"""How often it is asked what other gateways have found out about the life of datasets."""


def duties(mesh: Mesh) -> list[Task]:
    """The tasks of a gateway: those of what its mesh has."""
    poll = mesh.config.catalogue_poll_seconds
    tasks = [Task("catalogue", poll, mesh.watch.look)] if poll else []
    tasks.append(Task(SEARCH, SEARCH_SECONDS, lambda _: mesh.search.prepare(mesh.catalogue)))
    if mesh.quality is not None:
        tasks.append(mesh.quality.task())
    memory, audit = mesh.memory, mesh.audit
    looks = mesh.config.schema_poll_seconds
    if memory is not None:
        if looks:
            tasks.append(mesh.views.task(looks))
        tasks.append(_life_cycle(mesh, memory))
        if audit is not None:
            tasks.append(_journal(memory, audit, mesh.recorder))
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


def _life_cycle(mesh: Mesh, memory: Memory) -> Task:
    """Note what has become of datasets, and tell readers of what broke its promises."""

    def note(closing: threading.Event) -> None:
        catalogue = mesh.catalogue
        life_cycle.note(memory.store, catalogue.datasets, catalogue.version, closing)
        mesh.standing.set("life cycle", life_cycle.broken_notices(memory.store))

    return Task(LIFE_CYCLE, LIFE_CYCLE_SECONDS, note)
