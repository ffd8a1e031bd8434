"""The portals a session holds: statements with their values, cursors among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.postgres_wire.answers import Answer
from gateway.postgres_wire.commands import Command, query_text
from gateway.postgres_wire.errors import DUPLICATE_CURSOR, IDLE, UNKNOWN_CURSOR, SqlError
from gateway.postgres_wire.messages import TEXT
from gateway.postgres_wire.names import check_name
from gateway.postgres_wire.work import Work

MAX_PORTALS = 100
"""How many portals one session may hold."""

MAX_VALUE_BYTES = 32 * 1024**2
"""How large the values bound to them may be, all together."""


@dataclass(slots=True)
class Portal:
    """A statement with its values, ready to run or running. A cursor is a portal of SQL."""

    command: Command | None
    asked_formats: Sequence[int] = ()
    """None, one for all columns, or one for each."""
    answer: Answer | None = None
    cursor: bool = False
    hold: bool = False
    of_cursor: str = ""

    @property
    def formats(self) -> Sequence[int]:
        """The format of each column."""
        count = len(self.answer.schema) if self.answer else 0
        asked = self.asked_formats
        return [asked[0]] * count if len(asked) == 1 else list(asked) or [TEXT] * count


class Portals:
    """By name; "" is the unnamed one."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._held: dict[str, Portal] = {}
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def find(self, name: str) -> Portal:
        """Raise SqlError if there is none."""
        if name not in self._held:
            raise SqlError(UNKNOWN_CURSOR, f"there is no cursor or portal {name[:60]!r}")
        return self._held[name]

    @property
    def waiting(self) -> bool:
        """Whether one of them has rows for the client."""
        return any(portal.answer for portal in self._held.values())

    async def end_unread(self, seconds: float) -> None:
        """Break off what nobody has read for so long: it keeps a place and a source's connection.

        Whoever asks for more of it is told.
        """
        longest = time.monotonic() - seconds
        for portal in list(self._held.values()):
            answer = portal.answer
            if answer is not None and answer.begun and answer.read_at < longest:
                unread = SqlError(IDLE, "the rows were not read for too long", hint="ask again")
                await self._work.finish(answer.break_off, unread)

    def check_new(self, name: str) -> None:
        """Raise SqlError if there is one of this name, or can be none."""
        check_name(name)
        if name in self._held:
            raise SqlError(DUPLICATE_CURSOR, f"there is a cursor or portal {name[:60]!r} already")

    def keep(self, name: str, portal: Portal, size: int = 0) -> None:
        """Hold a portal with values of so many bytes."""
        if len(self._held) >= MAX_PORTALS:
            raise SqlError("54000", f"a session may hold {MAX_PORTALS} portals")
        if sum(self._sizes.values()) + size > MAX_VALUE_BYTES:
            raise SqlError(
                "54000",
                f"values bound to portals of a session may have {MAX_VALUE_BYTES} bytes in all",
                hint="close portals that are not needed",
            )
        self._held[name] = portal
        self._sizes[name] = size

    async def close(self, name: str) -> None:
        """Whether or not there is one."""
        portal = self._held.pop(name, None)
        self._sizes.pop(name, None)
        if portal is not None and portal.answer is not None and not portal.of_cursor:
            await self._work.finish(portal.answer.close)

    async def close_those(self, which: Callable[[Portal], bool]) -> None:
        for name in [name for name, portal in self._held.items() if which(portal)]:
            await self.close(name)

    def cursors(self) -> list[tuple[str, str, bool]]:
        """Their names, their queries, and whether they outlive the transaction."""
        return [
            (name, query_text(portal.command), portal.hold)
            for name, portal in self._held.items()
            if portal.cursor
        ]
