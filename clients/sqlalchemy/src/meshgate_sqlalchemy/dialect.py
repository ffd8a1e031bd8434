"""The dialect: how SQLAlchemy connects to a gateway, talks to it and looks around in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from sqlalchemy import pool
from sqlalchemy.engine import default
from sqlalchemy.exc import ArgumentError

from meshgate_sqlalchemy import errors, exceptions
from meshgate_sqlalchemy.compiler import (
    MeshgateCompiler,
    MeshgateIdentifierPreparer,
    MeshgateTypeCompiler,
)
from meshgate_sqlalchemy.names import Scope
from meshgate_sqlalchemy.reflection import Reflection, driver_of
from meshgate_sqlalchemy.types import COLUMN_TYPES
from meshgate_sqlalchemy.url import OPTIONS, near, option_settings, read_url

EXECUTION_OPTION = "meshgate_{}"


class MeshgateDialect(Reflection, default.DefaultDialect):  # type: ignore[misc]
    """``meshgate://``, for SQLAlchemy 1.4 and 2."""

    name = "meshgate"
    driver = "flightsql"
    default_paramstyle = "qmark"
    statement_compiler = MeshgateCompiler
    type_compiler = MeshgateTypeCompiler
    type_compiler_cls = MeshgateTypeCompiler
    preparer = MeshgateIdentifierPreparer
    colspecs = COLUMN_TYPES

    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_native_enum = False
    supports_native_uuid = False
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False
    supports_alter = False
    supports_comments = True
    supports_sequences = False
    supports_default_values = False
    supports_empty_insert = False
    supports_multivalues_insert = True
    supports_is_distinct_from = True
    supports_simple_order_by_label = True
    postfetch_lastrowid = False
    preexecute_autoincrement_sequences = False
    insert_returning = update_returning = delete_returning = False
    implicit_returning = False
    returns_native_bytes = True
    supports_unicode_statements = supports_unicode_binds = True
    max_identifier_length = 1000

    _backslash_escapes = False
    _supports_jsonb_subscripting = False

    def __init__(
        self, json_serializer: Any = None, json_deserializer: Any = None, **kw: Any
    ) -> None:
        if kw.pop("isolation_level", "AUTOCOMMIT") != "AUTOCOMMIT":
            raise ArgumentError("the only isolation level is AUTOCOMMIT: there are no transactions")
        super().__init__(**kw)
        self._json_serializer = json_serializer
        self._json_deserializer = json_deserializer
        self.scope = Scope()

    @classmethod
    def dbapi(cls) -> ModuleType:  # SQLAlchemy 1.4
        from meshgate_sqlalchemy import dbapi

        return dbapi

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        from meshgate_sqlalchemy import dbapi

        return dbapi

    @classmethod
    def get_pool_class(cls, url: Any) -> type[pool.Pool]:
        return pool.QueuePool

    def create_connect_args(self, url: Any) -> tuple[list[Any], dict[str, Any]]:
        target = read_url(url)
        self.scope = target.scope
        connecting = {"db_kwargs": target.db_kwargs, "parameters": target.parameters}
        return [], {"uri": target.uri, **connecting}

    # what is sent

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        if context is not None and (settings := _settings(context.execution_options)):
            cursor.set_options(settings)
        cursor.execute(statement, parameters)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        self.do_execute(cursor, statement, None, context)

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Iterable[Any], context: Any = None
    ) -> None:
        for values in parameters:
            self.do_execute(cursor, statement, values, context)

    # the life of a connection

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing: there are no transactions."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Nothing: there are no transactions."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing: there are no transactions."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        try:
            dbapi_connection.ping()
        except exceptions.Error as error:
            if self.is_disconnect(error, dbapi_connection, None):
                return False
            raise
        return True

    def is_disconnect(self, e: BaseException, connection: Any, cursor: Any) -> bool:
        return errors.is_disconnect(e)

    def get_isolation_level(self, dbapi_connection: Any) -> str:
        return "AUTOCOMMIT"

    def get_default_isolation_level(self, dbapi_conn: Any) -> str:
        return "AUTOCOMMIT"

    def get_isolation_level_values(self, dbapi_conn: Any) -> list[str]:
        return ["AUTOCOMMIT"]

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        if level != "AUTOCOMMIT":
            raise ArgumentError("the only isolation level is AUTOCOMMIT: there are no transactions")

    def reset_isolation_level(self, dbapi_connection: Any) -> None:
        """Nothing: there is one level."""

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        info = driver_of(connection).info()
        words = str(info.get("vendor_version") or "").split(".")
        return tuple(int(word) for word in words if word.isdigit())

    def _get_default_schema_name(self, connection: Any) -> str | None:
        return self.scope.product


def _settings(options: Mapping[str, Any]) -> dict[str, str]:
    """The driver's settings for ``execution_options(meshgate_purpose=...)`` and its like.

    ArgumentError for a name that is none of them.
    """
    prefix = EXECUTION_OPTION.format("")
    for name in options:
        if name.startswith(prefix) and (option := name.removeprefix(prefix)) not in OPTIONS:
            hint = near(option, OPTIONS)
            raise ArgumentError(f"there is no option {option!r}, as in {name}: {hint}")
    named = {name: options.get(EXECUTION_OPTION.format(name)) for name in OPTIONS}
    return option_settings({name: value for name, value in named.items() if value is not None})
