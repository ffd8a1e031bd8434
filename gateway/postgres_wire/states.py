"""What a session knows between its messages: who it is of, its database, settings, transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata

import pyarrow as pa

from gateway.errors import PurposeNotGranted
from gateway.model import SYSTEM, Dataset, Request
from gateway.postgres_wire import commands
from gateway.postgres_wire.authentication import Login
from gateway.postgres_wire.catalogue.queries import Catalogue, CatalogueQuery
from gateway.postgres_wire.catalogue.recognition import MAY_BE_CATALOGUE, understood
from gateway.postgres_wire.catalogue.session_facts import SessionFacts
from gateway.postgres_wire.catalogue.session_tables import SessionTables
from gateway.postgres_wire.catalogue.world import World
from gateway.postgres_wire.commands import Command, Query
from gateway.postgres_wire.databases import Database, schemas
from gateway.postgres_wire.errors import UNKNOWN_SETTING, SqlError
from gateway.postgres_wire.parameters import declared
from gateway.postgres_wire.queries import DatasetQuery, Engine, PlannedQuery, Started
from gateway.postgres_wire.settings import REPORTED, SERVER_VERSION, Settings, canonical
from gateway.postgres_wire.transactions import TransactionState
from gateway.postgres_wire.types import TYPES
from gateway.serving.callers import Caller, Session, make_caller


class State:
    """Of one session. What it does may take long: it is called from the session's workers."""

    def __init__(
        self, engine: Engine, login: Login, user: str, database: Database, settings: Settings
    ) -> None:
        self.settings = settings
        self.transaction = TransactionState(settings)
        self.database = database
        self.user = user
        self.process = 0
        self.prepared: Callable[[], Sequence[tuple[str, str]]] = list
        self.cursors: Callable[[], Sequence[tuple[str, str, bool]]] = list
        self._engine = engine
        self._login = login
        self._interrupt: Callable[[], None] = lambda: None

    @property
    def max_text(self) -> int:
        """How many characters a message of SQL may have."""
        return self._engine.gateway.max_query_length

    def caller(self) -> Caller:
        """Who the session is of, as of now, with the options it has set."""
        session = Session()
        session.options = dict(self.settings.options)
        return make_caller(self._login(), {}, session)

    def datasets(self, caller: Caller) -> list[Dataset]:
        """What the caller is shown: its datasets, or in the database of that name the system's."""
        browsing = self._engine.gateway.browsing
        shown = browsing.browsable if self.database.domain == SYSTEM else browsing.visible
        return shown(caller.principal, caller.purpose)

    def products(self, caller: Caller) -> Sequence[tuple[str, str]]:
        """The domains and products of what the caller may know of."""
        return self._engine.gateway.browsing.products(caller.principal, caller.purpose)

    def plan(self, query: Query, types: Sequence[int]) -> PlannedQuery:
        """Understand a query. Raises GatewayError."""
        self._engine.admission.check()
        if MAY_BE_CATALOGUE.search(query.text):
            found = understood(query.text, types)
            if found is not None:
                return CatalogueQuery(query.text, found, self._catalogue)
        caller = self.caller()
        written = self.database.written(query.text, lambda: self.products(caller))
        request = replace(self._request(caller, written.text), declared=declared(types))
        return DatasetQuery(self._engine, request, written, query.start)

    def start(
        self, planned: PlannedQuery, values: Sequence[pa.Scalar], gone: Callable[[], bool]
    ) -> Started:
        """Run a query that was understood, with values for its placeholders."""
        caller = self.caller()
        begun = planned.start(self._request(caller, planned.text), values, gone)
        return Started(begun.rows, lambda: begun.check(self.caller().principal), begun.notices)

    def interrupt(self) -> None:
        """Stop a query of the catalogue, from any thread."""
        self._interrupt()

    def _running(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt

    def _catalogue(self) -> Catalogue:
        """The catalogues as they are now for whoever the session is of."""
        caller = self.caller()
        engine = self._engine.catalogues.of(
            self.user, caller.name, caller.purpose, self.database, self.datasets(caller)
        )
        path = self.search_path(engine.world)
        schema = path[0] if path else None
        database = self.database.name
        constants = {
            **dict.fromkeys(("current_database", "current_catalog"), database),
            **dict.fromkeys(("current_user", "session_user", "user", "current_role"), self.user),
            "current_schema": schema,
            "version": f"PostgreSQL {SERVER_VERSION} (Meshgate {metadata.version('meshgate')})",
            "pg_backend_pid": str(self.process),
        }
        tables = SessionTables(self, engine.world)
        facts = SessionFacts(constants, path, self._setting, tables.oid)
        return Catalogue(
            engine, facts, tables.named, self._running, self._set, self._engine.admission
        )

    def search_path(self, world: World) -> list[str]:
        """The schemas whose tables need no schema; none where all are searched."""
        found = [s for s in schemas(self.settings.values["search_path"]) if s in world.schemas]
        return found or (list(world.schemas) if len(world.schemas) == 1 else [])

    def _setting(self, name: str, missing: bool) -> str | None:
        try:
            return self.settings.show(name)
        except SqlError:
            if missing:
                return None
            raise

    def transact(self, command: commands.Transaction) -> str:
        return self.transaction.act(command)

    def act(self, command: Command) -> str:
        """A command that changes the session only; the tag that tells the client."""
        match command:
            case commands.Set():
                self.transaction.check()
                if command.value is None:
                    self.settings.reset(command.name)
                else:
                    self._set(command.name, command.value, command.local)
                return "SET"
            case commands.Reset():
                self.transaction.check()
                if command.name:
                    self.settings.reset(command.name)
                else:
                    self.settings.reset_all()
                return "RESET"
            case commands.Nothing():
                self.transaction.check()
                return command.tag
        raise AssertionError(command)

    def shown(self, name: str) -> pa.Table:
        """What SHOW answers."""
        if name:
            spelt = REPORTED.get(canonical(name), canonical(name))
            return pa.table({spelt: [self.settings.show(name)]})
        names = sorted(self.settings.values)
        return pa.table({"name": names, "setting": [self.settings.values[n] for n in names]})

    def reported(self) -> Mapping[str, str]:
        """The settings a client is told of."""
        values = {**self.settings.values, "session_authorization": self.user}
        return {spelt: values[name] for name, spelt in REPORTED.items()}

    def types_named(self, names: Sequence[str]) -> tuple[int, ...]:
        """The oids of types by their names, as in ``PREPARE name (int, text)``."""
        known = {name: kind.oid for kind in TYPES for name in (kind.name, kind.sql)}
        known |= {"int": 23, "decimal": 1700, "float": 701}
        found = []
        for name in names:
            if name.lower() not in known:
                raise SqlError(UNKNOWN_SETTING, f"there is no type {name[:60]!r}")
            found.append(known[name.lower()])
        return tuple(found)

    def _set(self, name: str, value: str, local: bool) -> None:
        before = dict(self.settings.values)
        self.settings.set(name, value, local=local)
        try:
            self.check_options()
        except BaseException:
            self.settings.values = before
            raise

    def check_options(self) -> None:
        """Raise GatewayError for an option with no such value, a purpose that is not granted, or
        a path of schemas that are not there."""
        caller = self.caller()
        granted = self._engine.gateway.browsing.purposes(caller.principal) if caller.purpose else ()
        if caller.purpose and caller.purpose not in granted:
            raise PurposeNotGranted(
                f"the purpose {caller.purpose} is not granted to you",
                hint="declare another, or none",
            )
        self.database.check_path(self.settings.values["search_path"], lambda: self.products(caller))

    def _request(self, caller: Caller, text: str) -> Request:
        namespace = self.database.namespace(
            self.settings.values["search_path"], lambda: self.products(caller)
        )
        return replace(caller.request(text), namespace=namespace)
