"""The prepared statements a session holds."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.postgres_wire.commands import Command, query_text
from gateway.postgres_wire.errors import DUPLICATE_STATEMENT, UNKNOWN_STATEMENT, SqlError
from gateway.postgres_wire.names import check_name
from gateway.postgres_wire.queries import PlannedQuery

MAX_STATEMENTS = 1000
"""How many prepared statements one session may hold."""

MAX_CHARACTERS = 8 * 1024**2
"""How long their texts may be, all together."""


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
        self._lengths: dict[str, int] = {}

    def find(self, name: str) -> Prepared:
        """Raise SqlError if there is none."""
        if name not in self._held:
            raise SqlError(UNKNOWN_STATEMENT, f"there is no prepared statement {name[:60]!r}")
        return self._held[name]

    def check_new(self, name: str) -> None:
        """Raise SqlError if there is one of this name, or can be none."""
        check_name(name)
        if name in self._held:
            raise SqlError(DUPLICATE_STATEMENT, f"there is a statement {name[:60]!r} already")

    def keep(self, name: str, statement: Prepared, length: int) -> None:
        """Hold a statement made of a text of this length."""
        if len(self._held) >= MAX_STATEMENTS:
            raise SqlError("54000", f"a session may hold {MAX_STATEMENTS} prepared statements")
        if sum(self._lengths.values()) + length > MAX_CHARACTERS:
            raise SqlError(
                "54000",
                f"prepared statements of a session may have {MAX_CHARACTERS} characters in all",
                hint="DEALLOCATE those that are not needed",
            )
        self._held[name] = statement
        self._lengths[name] = length

    def forget(self, name: str) -> None:
        """Whether or not there is one."""
        self._held.pop(name, None)
        self._lengths.pop(name, None)

    def forget_all(self) -> None:
        self._held.clear()
        self._lengths.clear()

    def texts(self) -> list[tuple[str, str]]:
        """The names of the named ones, and their queries."""
        return [(name, query_text(kept.command)) for name, kept in self._held.items() if name]
