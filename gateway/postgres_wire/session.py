"""One session: what each message of the client does, in which state, and what it is answered.

    simple query      Query
    extended query    Parse, Bind, Describe, Execute, Close; Sync ends it, Flush only sends

After an error of the extended protocol everything is passed over until the next Sync.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.errors import Cancelled
from gateway.postgres_wire import commands, messages
from gateway.postgres_wire.command_runner import CommandRunner
from gateway.postgres_wire.command_texts import read_commands
from gateway.postgres_wire.commands import Command, Query
from gateway.postgres_wire.connection import Connection, Left
from gateway.postgres_wire.errors import (
    IDLE,
    PROTOCOL_VIOLATION,
    SHUTTING_DOWN,
    SYNTAX_ERROR,
    Fatal,
    SqlError,
    translate,
)
from gateway.postgres_wire.messages import TEXT, Malformed
from gateway.postgres_wire.parameters import scalars
from gateway.postgres_wire.portals import Portals
from gateway.postgres_wire.prepared_statements import PreparedStatements
from gateway.postgres_wire.states import State
from gateway.postgres_wire.types import column
from gateway.postgres_wire.work import Work
from gateway.serving.streams import by_request

logger = logging.getLogger(__name__)

SHORT_BYTES = 16 * 1024
"""What is longer is read in a thread of its own: all sessions wait for what the loop does."""


class Session:
    """Runs until the client leaves. Everything but `cancel` is called by its own task only."""

    def __init__(
        self, connection: Connection, state: State, workers: ThreadPoolExecutor, limits: Any
    ) -> None:
        self._connection = connection
        self._state = state
        self._limits = limits
        self._work = Work(workers, state.interrupt)
        self._statements = PreparedStatements()
        self._portals = Portals(self._work)
        self._commands = CommandRunner(
            connection, state, self._work, self._statements, self._portals
        )
        self._skipping = False
        self._leaving = False
        self._waiting: asyncio.Task[tuple[bytes, bytes]] | None = None
        self._reported: dict[str, str] = {}
        state.cursors = self._portals.cursors
        state.prepared = self._statements.texts

    @property
    def _open(self) -> bool:
        """Whether the client has begun what it has not ended."""
        return bool(self._portals) or self._state.transaction.open

    def cancel(self, reason: Callable[[], Cancelled] = by_request) -> None:
        """Stop what is being done now, from the loop's thread."""
        self._work.stop(reason)

    def leave(self) -> None:
        """End as soon as nothing is being done and no transaction is open."""
        self._leaving = True
        if not self._work.busy and self._waiting is not None and not self._open:
            self._waiting.cancel()

    async def run(self) -> None:
        """Answer messages until the client leaves. Raises Left, or Fatal to be sent."""
        self.report_settings()
        self._ready()
        await self._connection.flush()
        while True:
            if self._leaving and not self._open:
                raise Fatal(SHUTTING_DOWN, "the gateway is shutting down")
            letter, body = await self._next()
            self._work.begin()
            await self._portals.end_unread(self._limits.cursor_idle_seconds)
            if letter == b"X":
                raise Left
            try:
                await self._message(letter, body)
            except Malformed as error:
                raise Fatal(PROTOCOL_VIOLATION, str(error)) from None
            finally:
                self._work.end()

    async def close(self) -> None:
        """Let go of everything that is open."""
        await self._portals.close_those(lambda portal: True)

    def report_settings(self) -> None:
        """Tell the client of the settings it has to know of that have changed."""
        for name, value in self._state.reported().items():
            if self._reported.get(name) != value:
                self._reported[name] = value
                self._connection.write(messages.parameter_status(name, value))

    async def _next(self) -> tuple[bytes, bytes]:
        limits = self._limits
        seconds = limits.cursor_idle_seconds if self._portals.waiting else limits.idle_seconds
        self._waiting = asyncio.ensure_future(self._connection.message(limits.message_bytes))
        try:
            return await asyncio.wait_for(self._waiting, seconds)
        except TimeoutError:
            raise Fatal(IDLE, "the connection was idle for too long") from None
        except asyncio.CancelledError:
            if self._leaving and self._waiting.cancelled():
                raise Fatal(SHUTTING_DOWN, "the gateway is shutting down") from None
            raise
        finally:
            self._waiting = None

    async def _message(self, letter: bytes, body: bytes) -> None:
        if letter == b"S":
            self._skipping = False
            await self._commands.end_implicit()
            self._ready()
            await self._connection.flush()
        elif letter == b"Q":
            self._skipping = False
            await self._simple(messages.read_text(body))
        elif letter == b"H":
            await self._connection.flush()
        elif letter in _EXTENDED and not self._skipping:
            try:
                await _EXTENDED[letter](self, body)
                await self._connection.full()
            except (Left, Malformed, Fatal):
                raise
            except BaseException as error:
                self._fail(error)
                self._skipping = True
        elif letter in b"dcfp" and not self._skipping:
            if letter == b"p":
                raise Fatal(PROTOCOL_VIOLATION, "nobody has asked for a password")
        elif letter not in _EXTENDED and letter not in b"dcf":
            raise Fatal(PROTOCOL_VIOLATION, f"message {letter!r} is not answered here")

    def _ready(self) -> None:
        self.report_settings()
        self._connection.write(messages.ready(self._state.transaction.status))

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            raise error
        if isinstance(error, Cancelled):
            error = self._work.reason() or error
        self._state.transaction.failed()
        self._connection.write(translate(error))

    async def _read(self, text: str) -> list[Command]:
        """The commands of a text. Raises SqlError."""
        if len(text) > self._state.max_text:
            raise SqlError(
                "54000",
                f"the text is {len(text)} characters long; {self._state.max_text} are allowed",
                hint="send its statements one by one",
            )
        if len(text) <= SHORT_BYTES:
            return read_commands(text)
        return await self._work.run(read_commands, text)

    # Simple queries

    async def _simple(self, text: str) -> None:
        await self._portals.close("")
        self._statements.forget("")
        try:
            asked = await self._read(text)
            if not asked:
                self._connection.write(messages.EMPTY_QUERY)
            for command in asked:
                await self._simple_command(command)
        except (Left, Malformed, Fatal):
            raise
        except BaseException as error:
            self._fail(error)
        await self._commands.end_implicit()
        self._ready()
        await self._connection.flush()

    async def _simple_command(self, command: Command) -> None:
        statement = await self._commands.prepare(command)
        portal = await self._commands.portal(statement, (), ())
        if isinstance(portal.command, commands.Copy):
            await self._commands.copy(portal.command, portal)
            return
        if portal.answer is not None and not isinstance(portal.command, commands.Declare):
            columns = [column(f) for f in portal.answer.schema]
            self._connection.write(messages.row_description(columns, portal.formats))
        await self._commands.execute(portal, 0)

    # The extended protocol

    async def _parse(self, body: bytes) -> None:
        parse = messages.read_parse(body)
        if not parse.name:
            self._statements.forget("")
        self._statements.check_new(parse.name)
        asked = await self._read(parse.text)
        if len(asked) > 1:
            raise SqlError(SYNTAX_ERROR, "a prepared statement is one statement")
        command = asked[0] if asked else None
        prepared = await self._commands.prepare(command, parse.types)
        self._statements.keep(parse.name, prepared, len(parse.text))
        self._connection.write(messages.PARSE_COMPLETE)

    async def _bind(self, body: bytes) -> None:
        bind = messages.read_bind(body)
        statement = self._statements.find(bind.statement)
        if not bind.portal:
            await self._portals.close("")
        self._portals.check_new(bind.portal)
        if len(bind.values) != len(statement.types):
            raise SqlError(
                PROTOCOL_VIOLATION,
                f"{len(bind.values)} values are bound; the statement takes {len(statement.types)}",
            )
        if len(body) > SHORT_BYTES:
            values = await self._work.run(scalars, bind.values, bind.formats, statement.types)
        else:
            values = scalars(bind.values, bind.formats, statement.types)
        portal = await self._commands.portal(statement, values, bind.result_formats)
        if portal.answer is not None:
            count = len(portal.answer.schema)
            if len(bind.result_formats) not in (0, 1, count):
                raise Malformed(f"the answer has {count} columns, not {len(bind.result_formats)}")
        self._portals.keep(bind.portal, portal, len(body))
        self._connection.write(messages.BIND_COMPLETE)

    async def _describe(self, body: bytes) -> None:
        named = messages.read_named(body)
        if named.kind == "S":
            statement = self._statements.find(named.name)
            self._connection.write(messages.parameter_description(statement.types))
            schema = self._commands.schema(statement)
            formats: Sequence[int] = [TEXT] * len(schema or ())
        else:
            portal = self._portals.find(named.name)
            gives = isinstance(portal.command, Query | commands.Show | commands.Fetch)
            schema = portal.answer.schema if portal.answer and gives else None
            formats = portal.formats
        if schema is None:
            self._connection.write(messages.NO_DATA)
        else:
            columns = [column(f) for f in schema]
            self._connection.write(messages.row_description(columns, formats))

    async def _run_portal(self, body: bytes) -> None:
        execute = messages.read_execute(body)
        portal = self._portals.find(execute.portal)
        if isinstance(portal.command, commands.Copy):
            await self._commands.copy(portal.command, portal)
        elif portal.command is None:
            self._connection.write(messages.EMPTY_QUERY)
        else:
            await self._commands.execute(portal, execute.rows)

    async def _close(self, body: bytes) -> None:
        named = messages.read_named(body)
        if named.kind == "S":
            self._statements.forget(named.name)
        else:
            await self._portals.close(named.name)
        self._connection.write(messages.CLOSE_COMPLETE)


_EXTENDED: dict[bytes, Callable[[Session, bytes], Any]] = {
    b"P": Session._parse,
    b"B": Session._bind,
    b"D": Session._describe,
    b"E": Session._run_portal,
    b"C": Session._close,
}
