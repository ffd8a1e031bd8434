"""Policy rows in a PostgreSQL table, for gateways that share them.

A trigger counts every change in the transaction that makes it, deletions and TRUNCATE too, so one
number tells whether the rows have changed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from policies.rows import PolicyError, PolicyRows, Row, StoreError

ORIGIN = "postgresql:policy"
"""What rows have for a file; their line is their id."""

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")

_DEFAULTS = {"connect_timeout": "10", "application_name": "meshgate", "tcp_user_timeout": "30000"}

_SETTINGS = """SELECT
    set_config('search_path', 'pg_catalog', false),
    set_config('statement_timeout', '30s', false),
    set_config('lock_timeout', '10s', false)"""

_CREATE = """DO $create$ BEGIN
    PERFORM pg_advisory_xact_lock(7238906451);
    CREATE TABLE IF NOT EXISTS {schema}.meshgate_policies (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ptype text NOT NULL,
        columns text[] NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.meshgate_policies_version (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        version bigint NOT NULL
    );
    INSERT INTO {schema}.meshgate_policies_version (version) VALUES (0)
        ON CONFLICT (one) DO NOTHING;
    -- With its owner's rights: who may change policies need not be able to set the counter.
    CREATE OR REPLACE FUNCTION {schema}.meshgate_policies_changed() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $changed$
        BEGIN
            UPDATE {schema}.meshgate_policies_version SET version = version + 1;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'meshgate_policies_version has lost its row';
            END IF;
            RETURN NULL;
        END $changed$;
    CREATE OR REPLACE TRIGGER meshgate_policies_changed
        AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.meshgate_policies
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.meshgate_policies_changed();
    -- Also in sessions that play back a replica or a dump and switch ordinary triggers off.
    ALTER TABLE {schema}.meshgate_policies ENABLE ALWAYS TRIGGER meshgate_policies_changed;
END $create$"""

_STAMP = """SELECT c.oid::bigint AS oid, v.version AS version, t.tgenabled::text AS enabled
    FROM {schema}.meshgate_policies_version v
    JOIN pg_class c ON c.oid = '{schema}.meshgate_policies'::regclass
    LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'meshgate_policies_changed'"""

_ROWS = "SELECT id, ptype, columns FROM {schema}.meshgate_policies ORDER BY id"


class PostgresStore:
    """The table ``meshgate_policies`` of a database: id, type and columns of every row.

    `uri` is ``postgresql://user:password@host:port/database``.
    """

    def __init__(self, uri: str, schema: str = "public") -> None:
        try:
            import adbc_driver_postgresql.dbapi as driver
        except ImportError as error:
            raise PolicyError(ORIGIN, 0, "install meshgate[postgres]") from error
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise PolicyError(ORIGIN, 0, "the uri of the store is malformed") from None
        if parts.scheme not in {"postgresql", "postgres"}:
            raise PolicyError(ORIGIN, 0, "the uri of the store starts with postgresql://")
        if not _IDENTIFIER.match(schema):
            raise PolicyError(ORIGIN, 0, f"{schema!r} is not the name of a schema in lower case")
        missing = (f"{k}={v}" for k, v in _DEFAULTS.items() if f"{k}=" not in parts.query)
        self._uri = f"{uri}{'&' if parts.query else '?'}{'&'.join(missing)}"
        self._secrets = {uri, self._uri, parts.password or "", unquote(parts.password or "")}
        self._schema = schema
        self._driver = driver
        self._connection: Any = None
        self._lock = threading.Lock()

    def create(self) -> None:
        """Make the table, its counter and its trigger where they are missing: PostgreSQL 14 on."""
        self._ask(_CREATE, fetch=False)

    def load(self) -> PolicyRows:
        """Every row, by id: one statement sees one state of the table."""
        rows = []
        for number, ptype, columns in self._ask(_ROWS):
            if not all(isinstance(value, str) for value in columns):
                raise PolicyError(ORIGIN, number, "a column is NULL or an array")
            rows.append(Row(ptype, tuple(columns), ORIGIN, number))
        return PolicyRows.checked(rows)

    def stamp(self) -> object:
        """The table's identity and the number of its changes. Without the trigger, an error."""
        found = self._ask(_STAMP)
        if len(found) != 1:
            raise StoreError(ORIGIN, 0, "meshgate_policies_version must hold exactly one row")
        oid, version, enabled = found[0]
        if enabled != "A":
            reason = (
                "the trigger that counts changes is missing or not ENABLE ALWAYS: make it again"
            )
            raise StoreError(ORIGIN, 0, reason)
        return (oid, version)

    def close(self) -> None:
        """Drop the connection; the next question opens another."""
        with self._lock:
            self._drop()

    def _ask(self, statement: str, fetch: bool = True) -> Sequence[tuple[Any, ...]]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._driver.connect(self._uri, autocommit=True)
                    self._run(_SETTINGS, True)
                return self._run(statement.format(schema=f'"{self._schema}"'), fetch)
            except Exception as error:
                self._drop()
                reason = f"the policies can not be read: {self._one_line(error)}"
                raise StoreError(ORIGIN, 0, reason) from None

    def _run(self, statement: str, fetch: bool) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if fetch else []

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # a broken connection may fail to close in any way its driver likes
                return

    def _one_line(self, error: Exception) -> str:
        """The driver's message without the uri, its password or line breaks."""
        text = str(error)
        for secret in sorted(filter(None, self._secrets), key=len, reverse=True):
            text = text.replace(secret, "***")
        return " ".join(text.split())
