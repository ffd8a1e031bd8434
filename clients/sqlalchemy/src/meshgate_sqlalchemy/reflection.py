"""The mesh as SQLAlchemy's inspector shows it: only what the user may discover.

Without a catalogue in the URL the schemas are ``domain.product``; with one, they are its products.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy.exc import NoSuchTableError

from meshgate_sqlalchemy.dbapi import Connection
from meshgate_sqlalchemy.errors import translated
from meshgate_sqlalchemy.names import Scope, read_schema, write_schema
from meshgate_sqlalchemy.types import sqlalchemy_type

TABLE, VIEW = "TABLE", "VIEW"

_COMMENT = b"ARROW:FLIGHT:SQL:REMARKS"
_DECLARED = b"meshgate:declared"
_SPECIAL = re.compile(r"([%_\\])")

EVERYWHERE = Scope()

Found = tuple[str, str, str, str]
"""A table: domain, product, name, and whether it is a table or a view."""


def _cached(look: Callable[..., Any]) -> Callable[..., Any]:
    """Look once for each inspector. SQLAlchemy 1.4's own decorator can not read annotations."""

    @functools.wraps(look)
    def cached(self: Any, connection: Any, *arguments: Any, **kw: Any) -> Any:
        cache = kw.get("info_cache")
        if cache is None:
            return look(self, connection, *arguments, **kw)
        named = tuple((name, value) for name, value in kw.items() if isinstance(value, str))
        key = (look.__name__, arguments, named)
        if key not in cache:
            cache[key] = look(self, connection, *arguments, **kw)
        return cache[key]

    return cached


class Reflection:
    """The part of the dialect that looks at the catalogue."""

    scope: Scope
    """What the URL names: its catalogue and schema."""

    def in_schema(self, schema: str | None) -> Scope:
        """Where the tables of a schema are; None is the default."""
        return self.scope if schema is None else read_schema(schema, self.scope.domain)

    @_cached
    def get_catalog_names(self, connection: Any, **kw: Any) -> list[str]:
        """The domains. SQLAlchemy has no word for them; tools that know catalogues ask for it."""
        with _driver(connection) as driver:
            return sorted(found["catalog_name"] for found in _objects(driver, "catalogs"))

    @_cached
    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        only = self.scope.domain
        found = self._products(connection, Scope(only))
        return sorted(
            product if only else write_schema(domain, product) for domain, product in found
        )

    @_cached
    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        return self._names(connection, schema, TABLE)

    @_cached
    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        return self._names(connection, schema, VIEW)

    def get_temp_table_names(
        self, connection: Any, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return []

    get_temp_view_names = get_materialized_view_names = get_sequence_names = get_temp_table_names

    @_cached
    def has_table(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        return self._find(connection, table_name, schema) is not None

    @_cached
    def has_schema(self, connection: Any, schema_name: str, **kw: Any) -> bool:
        return bool(self._products(connection, self.in_schema(schema_name)))

    def has_index(
        self,
        connection: Any,
        table_name: str,
        index_name: str,
        schema: str | None = None,
        **kw: Any,
    ) -> bool:
        return False

    def has_sequence(
        self, connection: Any, sequence_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        return False

    @_cached
    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        return [
            {
                "name": field.name,
                "type": sqlalchemy_type(field.type),
                "nullable": field.nullable,
                "default": None,
                "comment": _metadata(field, _COMMENT),
            }
            for field in self._arrow_schema(connection, table_name, schema, **kw)
        ]

    @_cached
    def get_pk_constraint(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> dict[str, Any]:
        key = self._declared(connection, table_name, schema, **kw).get("primary_key") or {}
        columns = key.get("columns") or []
        return {"constrained_columns": columns, "name": key.get("name") if columns else None}

    @_cached
    def get_foreign_keys(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        declared = self._declared(connection, table_name, schema, **kw)
        found = []
        for key in declared.get("foreign_keys") or ():
            domain, product, table = key["target"]
            found.append(
                {
                    "name": key["name"],
                    "constrained_columns": key["columns"],
                    "referred_schema": self._schema_of(domain, product, schema),
                    "referred_table": table,
                    "referred_columns": key["target_columns"],
                    "options": {},
                }
            )
        return found

    @_cached
    def get_table_comment(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> dict[str, Any]:
        declared = self._declared(connection, table_name, schema, **kw)
        return {"text": declared.get("comment") or None}

    def _declared(
        self, connection: Any, table_name: str, schema: str | None, **kw: Any
    ) -> dict[str, Any]:
        """The comment and the keys of a table, out of its contract."""
        metadata = self._arrow_schema(connection, table_name, schema, **kw).metadata or {}
        return dict(json.loads(metadata.get(_DECLARED) or "{}"))

    def _schema_of(self, domain: str, product: str, schema: str | None) -> str | None:
        """How a table that a key refers to names its schema, from a table in `schema`."""
        if self.in_schema(schema).holds(domain, product) and schema is None:
            return None
        alone = domain == self.scope.domain and "." not in (schema or "")
        return product if alone else write_schema(domain, product)

    def _none_of(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[dict[str, Any]]:
        """What contracts do not know, of a table that has to be there."""
        self._arrow_schema(connection, table_name, schema, **kw)
        return []

    get_indexes = get_unique_constraints = get_check_constraints = _none_of

    def get_view_definition(
        self, connection: Any, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        raise NotImplementedError("the text of a view is its owner's")

    @_cached
    def _arrow_schema(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> pa.Schema:
        found = self._find(connection, table_name, schema)
        if found is None:
            raise NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        domain, product, name, _ = found
        with _driver(connection) as driver:
            return driver.adbc.adbc_get_table_schema(
                name, catalog_filter=domain, db_schema_filter=product
            )

    def _names(self, connection: Any, schema: str | None, kind: str) -> list[str]:
        found = self._tables(connection, self.in_schema(schema))
        names = [name for *_, name, of in found if of == kind]
        return sorted(name for name in names if names.count(name) == 1)

    def _find(self, connection: Any, name: str, schema: str | None) -> Found | None:
        """The one table of the name; None if there is none, or several that it could be."""
        found = self._tables(connection, self.in_schema(schema), name)
        return found[0] if len(found) == 1 else None

    def _products(self, connection: Any, scope: Scope) -> list[tuple[str, str]]:
        with _driver(connection) as driver:
            return [
                (catalog["catalog_name"], schema["db_schema_name"])
                for catalog in _objects(driver, "db_schemas", scope)
                for schema in catalog["catalog_db_schemas"] or ()
                if scope.holds(catalog["catalog_name"], schema["db_schema_name"])
            ]

    def _tables(self, connection: Any, scope: Scope, name: str | None = None) -> list[Found]:
        with _driver(connection) as driver:
            return [
                (domain, product, table["table_name"], table["table_type"])
                for catalog in _objects(driver, "tables", scope, name)
                for schema in catalog["catalog_db_schemas"] or ()
                for domain, product in [(catalog["catalog_name"], schema["db_schema_name"])]
                for table in schema["db_schema_tables"] or ()
                if scope.holds(domain, product) and name in (None, table["table_name"])
            ]


def driver_of(connection: Any) -> Connection:
    """The DBAPI connection of SQLAlchemy's; at the first connect, 1.4 has no pool around it."""
    pooled = connection.connection
    driver: Connection = getattr(pooled, "dbapi_connection", pooled)
    return driver


@contextmanager
def _driver(connection: Any) -> Iterator[Connection]:
    with translated():
        yield driver_of(connection)


def _objects(
    driver: Connection, depth: str, scope: Scope = EVERYWHERE, table: str | None = None
) -> list[dict[str, Any]]:
    reader = driver.adbc.adbc_get_objects(
        depth=depth,
        catalog_filter=scope.domain,
        db_schema_filter=_exactly(scope.product),
        table_name_filter=_exactly(table),
    )
    found: list[dict[str, Any]] = reader.read_all().to_pylist()
    return found


def _exactly(name: str | None) -> str | None:
    """A search pattern that matches the name and nothing else."""
    return None if name is None else _SPECIAL.sub(r"\\\1", name)


def _metadata(field: pa.Field, key: bytes) -> str | None:
    value = (field.metadata or {}).get(key)
    return value.decode() if value else None
