"""Queries of a session over the catalogues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gateway.model import Request
from gateway.postgres_wire.catalogue.engine import CatalogueEngine
from gateway.postgres_wire.catalogue.recognition import Understood
from gateway.postgres_wire.catalogue.rewriting import rewritten
from gateway.postgres_wire.catalogue.session_facts import SessionFacts
from gateway.postgres_wire.column_names import renamed
from gateway.postgres_wire.queries import Gone, Rows, Table
from gateway.postgres_wire.types import with_oids
from gateway.serving.admission import Admission


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The catalogues as one session sees them, at the time of one query."""

    engine: CatalogueEngine
    facts: SessionFacts
    of_session: Callable[[frozenset[str]], dict[str, pa.Table]]
    running: Callable[[Callable[[], None]], None]
    set: Callable[[str, str, bool], None]
    admission: Admission

    def run(self, query: Understood, values: Sequence[pa.Scalar] | None, most: str) -> pa.Table:
        text, read = rewritten(query, values, self.facts)
        limited = f"SELECT * FROM ({text}) {most}" if most else text
        return self.engine.run(limited, self.of_session(read), self.running)


class CatalogueQuery:
    """A query over the catalogues, which says what it takes and gives."""

    def __init__(self, text: str, query: Understood, look: Callable[[], Catalogue]) -> None:
        self.text = text
        self.parameters = query.parameters
        self._query = query
        self._look = look
        described = look().run(query, None, "AS described LIMIT 0")
        self.schema = renamed(with_oids(described).schema, query.tree)

    def start(self, request: Request, values: Sequence[pa.Scalar], gone: Gone) -> Rows:
        """Run it; what it sets takes effect once it has run."""
        catalogue = self._look()
        catalogue.admission.enter(request.principal.name)
        try:
            found = catalogue.run(self._query, values, "")
        finally:
            catalogue.admission.leave(request.principal.name)
        for name, value, local in catalogue.facts.settings_set:
            catalogue.set(name, value, local)
        return Table(with_oids(found).rename_columns(self.schema.names))
