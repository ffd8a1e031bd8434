"""What the suite writes goes to the database behind the gateway, which then publishes it.

Test-only: the dialect itself sends everything to the gateway, and is refused.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from meshgate_sqlalchemy import dbapi, reflection
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.schema import DDL, DDLElement
from sqlalchemy.sql.expression import Delete, Insert, TextClause, Update

DATABASE = os.environ["MESHGATE_COMPLIANCE_DATABASE"]
CONTROL = os.environ["MESHGATE_COMPLIANCE_CONTROL"]

NOTHING = "SELECT 1 WHERE 1 = 0"

_WRITES = ("insert", "update", "delete", "create", "drop", "alter")


class Database:
    """The database behind the gateway."""

    def __init__(self) -> None:
        self.engine = sa.create_engine(DATABASE)
        self.engine.dialect.supports_native_enum = False
        self.changed = True

    def run(self, element: Any, values: Any) -> None:
        """Execute what the gateway would refuse."""
        with self.engine.begin() as connection:
            if values:
                connection.execute(element, values)
            else:
                connection.execute(element)
        if not isinstance(element, (Insert, Update, Delete)):
            self.changed = True

    def publish(self) -> None:
        """Let the gateway know, if there is something to know."""
        if self.changed:
            self.changed = False
            urllib.request.urlopen(urllib.request.Request(CONTROL, method="POST"), timeout=60)


def install() -> None:
    """From here on, for every engine of the dialect."""
    database = Database()

    @event.listens_for(Engine, "before_execute", retval=True)
    def before_execute(
        connection: Any, element: Any, multiparams: Any, params: Any, options: Any
    ) -> Any:
        if connection.dialect.name != "meshgate":
            return element, multiparams, params
        if not _writes(element):
            return element, multiparams, params
        database.run(element, list(multiparams) or params)
        return (DDL(NOTHING) if isinstance(element, DDLElement) else sa.text(NOTHING)), (), {}

    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def before_cursor_execute(
        connection: Any, cursor: Any, text: str, values: Any, context: Any, many: bool
    ) -> Any:
        if connection.dialect.name == "meshgate" and text.lstrip().lower().startswith(_WRITES):
            database.run(sa.text(text.replace(":", r"\:")), None)
            return NOTHING, ()
        return text, values

    _before(dbapi.Connection, "cursor", database.publish)
    _before(reflection, "_objects", database.publish)


def _before(owner: Any, name: str, act: Callable[[], None]) -> None:
    """Act whenever the function is called, and then call it."""
    function = getattr(owner, name)

    def call(*arguments: Any, **keywords: Any) -> Any:
        act()
        return function(*arguments, **keywords)

    setattr(owner, name, call)


def _writes(element: Any) -> bool:
    if isinstance(element, (DDLElement, Insert, Update, Delete)):
        return True
    return isinstance(element, TextClause) and element.text.lstrip().lower().startswith(_WRITES)
