"""The prepared statements a session holds."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.postgres_wire.commands import Command, query_text
from gateway.postgres_wire.errors import DUPLICATE_STATEMENT, UNKNOWN_STATEMENT, SqlError
from gateway.postgres_wire.queries import PlannedQuery

MAX_STATEMENTS = 1000
"""How many prepared statements one session may hold."""


@dataclass(slots=True)
class Prepared:
    """A statement of the client: `planned` if it is a query."""

    command: Command | None
    planned: PlannedQuery | None = None
    types: tuple[int, ...] = ()


class PreparedStatements:
    """By name; "" is the unnamed one."""

    def __init__(self) -> None:
        self._held: dict[str, Prepared] = {}

    def find(self, name: str) -> Prepared:
        """Raise SqlError if there is none."""
        if name not in self._held:
            raise SqlError(UNKNOWN_STATEMENT, f"there is no prepared statement {name[:60]!r}")
        return self._held[name]

    def check_new(self, name: str) -> None:
        """Raise SqlError if there is one of this name."""
        if name in self._held:
            raise SqlError(DUPLICATE_STATEMENT, f"there is a statement {name[:60]!r} already")

    def keep(self, name: str, statement: Prepared) -> None:
        if len(self._held) >= MAX_STATEMENTS:
            raise SqlError("54000", f"a session may hold {MAX_STATEMENTS} prepared statements")
        self._held[name] = statement

    def forget(self, name: str) -> None:
        """Whether or not there is one."""
        self._held.pop(name, None)

    def forget_all(self) -> None:
        self._held.clear()

    def texts(self) -> list[tuple[str, str]]:
        """The names of the named ones, and their queries."""
        return [(name, query_text(kept.command)) for name, kept in self._held.items() if name]
