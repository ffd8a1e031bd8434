"""What differs from session to session: its settings, cursors and prepared statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from gateway.postgres_wire.catalogue import pg_catalog
from gateway.postgres_wire.catalogue.relations import (
    INFORMATION_SCHEMA,
    PG_CATALOG,
    relations,
)
from gateway.postgres_wire.catalogue.world import PG_CATALOG_OID, World
from gateway.postgres_wire.databases import chains
from gateway.postgres_wire.settings import REPORTED

if TYPE_CHECKING:
    from gateway.postgres_wire.states import State


class SessionTables:
    """Of one session, at the time of one query."""

    def __init__(self, state: State, world: World) -> None:
        self._state = state
        self._world = world

    def named(self, names: frozenset[str]) -> dict[str, pa.Table]:
        """The relations of the session of these names."""
        rows = {
            "pg_settings": self._settings,
            "pg_cursors": self._cursors,
            "pg_prepared_statements": self._prepared,
            "pg_stat_activity": self._activity,
        }
        known = relations()[PG_CATALOG]
        return {name: known[name].table(rows[name]()) for name in names}

    def oid(self, name: str) -> int | None:
        """The oid of a relation by its name as it is written in SQL."""
        found = chains(name)
        if len(found) != 1:
            return None
        parts = [word.name for word in found[0]]
        if len(parts) == 3 and parts[0] == self._world.database.name:
            parts = parts[1:]
        path = self._state.search_path(self._world)
        for table in self._world.tables:
            alone = table.schema in path if path else table.visible
            if parts == [table.schema, table.name] or (parts == [table.name] and alone):
                return table.oid
        for row in pg_catalog.system_classes():
            inside = row["relnamespace"] == PG_CATALOG_OID
            schema = PG_CATALOG if inside else INFORMATION_SCHEMA
            if parts in ([schema, row["relname"]], [row["relname"]] if inside else []):
                return int(str(row["oid"]))
        return None

    def _settings(self) -> list[dict[str, object]]:
        settings = self._state.settings
        return [
            {
                "name": REPORTED.get(name, name),
                "setting": value,
                "vartype": "string",
                "context": "user",
                "source": "default",
                "boot_val": settings.defaults.get(name),
                "reset_val": settings.defaults.get(name),
            }
            for name, value in sorted(settings.values.items())
        ]

    def _cursors(self) -> list[dict[str, object]]:
        return [
            {"name": name, "statement": text, "is_holdable": hold}
            for name, text, hold in self._state.cursors()
        ]

    def _prepared(self) -> list[dict[str, object]]:
        return [{"name": name, "statement": text} for name, text in self._state.prepared()]

    def _activity(self) -> list[dict[str, object]]:
        """Only the session itself: what others do is nobody's business."""
        return [
            {
                "datname": self._world.database.name,
                "pid": self._state.process,
                "usename": self._state.user,
                "application_name": self._state.settings.values["application_name"],
                "state": "active",
                "backend_type": "client backend",
            }
        ]
