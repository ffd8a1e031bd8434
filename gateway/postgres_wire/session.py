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
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa

from gateway.errors import Cancelled
from gateway.flight.streams import QueryStream, by_request
from gateway.postgres_wire import commands, copying, messages
from gateway.postgres_wire.command_texts import read_commands
from gateway.postgres_wire.commands import Command, Query
from gateway.postgres_wire.connection import Connection, Left
from gateway.postgres_wire.errors import (
    DUPLICATE_CURSOR,
    DUPLICATE_STATEMENT,
    IDLE,
    PROTOCOL_VIOLATION,
    SHUTTING_DOWN,
    SYNTAX_ERROR,
    UNKNOWN_CURSOR,
    UNKNOWN_STATEMENT,
    Fatal,
    SqlError,
    translate,
)
from gateway.postgres_wire.messages import BINARY, TEXT, Malformed
from gateway.postgres_wire.parameters import UNSPECIFIED, scalars
from gateway.postgres_wire.portals import Answer, Encode
from gateway.postgres_wire.queries import PlannedQuery, Table, timed_out
from gateway.postgres_wire.rows import RowEncoder
from gateway.postgres_wire.states import State
from gateway.postgres_wire.types import column

logger = logging.getLogger(__name__)

MAX_STATEMENTS = 1000
MAX_PORTALS = 100
"""How many prepared statements and portals one session may hold."""

T = TypeVar("T")


@dataclass(slots=True)
class Prepared:
    """A statement of the client: `planned` if it is a query."""

    command: Command | None
    planned: PlannedQuery | None = None
    types: tuple[int, ...] = ()


@dataclass(slots=True)
class Portal:
    """A statement with its values, ready to run or running. A cursor is a portal of SQL."""

    command: Command | None
    formats: Sequence[int] = ()
    answer: Answer | None = None
    cursor: bool = False
    hold: bool = False
    of_cursor: str = ""


class Session:
    """Runs until the client leaves. Everything but `cancel` is called by its own task only."""

    def __init__(
        self, connection: Connection, state: State, workers: ThreadPoolExecutor, limits: Any
    ) -> None:
        self._connection = connection
        self._state = state
        self._workers = workers
        self._limits = limits
        self._statements: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._skipping = False
        self._stop: Callable[[], Cancelled] | None = None
        self._running: Answer | None = None
        self._busy = False
        self._leaving = False
        self._waiting: asyncio.Task[tuple[bytes, bytes]] | None = None
        self._reported: dict[str, str] = {}
        state.cursors = lambda: [
            (name, _text(portal.command), portal.hold)
            for name, portal in self._portals.items()
            if portal.cursor
        ]
        state.prepared = lambda: [
            (name, _text(kept.command)) for name, kept in self._statements.items() if name
        ]

    @property
    def _open(self) -> bool:
        """Whether the client has begun what it has not ended."""
        return bool(self._portals) or self._state.transaction.open

    def cancel(self, reason: Callable[[], Cancelled] = by_request) -> None:
        """Stop what is being done now, from the loop's thread."""
        if not self._busy:
            return
        self._stop = self._stop or reason
        rows = self._running.rows if self._running else None
        if isinstance(rows, QueryStream):
            rows.request_stop(reason)
        self._state.interrupt()

    def leave(self) -> None:
        """End as soon as nothing is being done and no transaction is open."""
        self._leaving = True
        if not self._busy and self._waiting is not None and not self._open:
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
            self._busy = True
            if letter == b"X":
                raise Left
            try:
                await self._message(letter, body)
            except Malformed as error:
                raise Fatal(PROTOCOL_VIOLATION, str(error)) from None
            finally:
                self._busy = False
                self._stop = None

    async def close(self) -> None:
        """Let go of everything that is open."""
        portals, self._portals = list(self._portals.values()), {}
        for portal in portals:
            if portal.answer is not None:
                await self._work(portal.answer.close)

    def report_settings(self) -> None:
        """Tell the client of the settings it has to know of that have changed."""
        for name, value in self._state.reported().items():
            if self._reported.get(name) != value:
                self._reported[name] = value
                self._connection.write(messages.parameter_status(name, value))

    async def _next(self) -> tuple[bytes, bytes]:
        waiting = any(portal.answer for portal in self._portals.values())
        seconds = self._limits.cursor_idle_seconds if waiting else self._limits.idle_seconds
        self._waiting = asyncio.ensure_future(self._connection.message(self._limits.message_bytes))
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
            await self._end_implicit()
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
        if self._stop is not None and isinstance(error, Cancelled):
            error = self._stop()
        self._state.transaction.failed()
        self._connection.write(translate(error))

    # Simple queries

    async def _simple(self, text: str) -> None:
        await self._close_portal("")
        self._statements.pop("", None)
        try:
            asked = read_commands(text)
            if not asked:
                self._connection.write(messages.EMPTY_QUERY)
            for command in asked:
                await self._simple_command(command)
        except (Left, Malformed, Fatal):
            raise
        except BaseException as error:
            self._fail(error)
        await self._end_implicit()
        self._ready()
        await self._connection.flush()

    async def _simple_command(self, command: Command) -> None:
        statement = await self._prepare(command)
        portal = await self._portal(statement, (), ())
        if isinstance(portal.command, commands.Copy):
            await self._copy(portal)
            return
        if portal.answer is not None and not isinstance(portal.command, commands.Declare):
            columns = [column(f) for f in portal.answer.schema]
            self._connection.write(messages.row_description(columns, self._formats(portal)))
        await self._execute(portal, 0)

    # The extended protocol

    async def _parse(self, body: bytes) -> None:
        parse = messages.read_parse(body)
        if parse.name and parse.name in self._statements:
            raise SqlError(DUPLICATE_STATEMENT, f"there is a statement {parse.name[:60]!r} already")
        self._statements.pop(parse.name, None)
        asked = read_commands(parse.text)
        if len(asked) > 1:
            raise SqlError(SYNTAX_ERROR, "a prepared statement is one statement")
        command = asked[0] if asked else None
        self._keep(parse.name, await self._prepare(command, parse.types))
        self._connection.write(messages.PARSE_COMPLETE)

    async def _bind(self, body: bytes) -> None:
        bind = messages.read_bind(body)
        statement = self._statement(bind.statement)
        if bind.portal and bind.portal in self._portals:
            raise SqlError(DUPLICATE_CURSOR, f"there is a portal {bind.portal[:60]!r} already")
        await self._close_portal(bind.portal)
        if len(bind.values) != len(statement.types):
            raise Malformed(
                f"{len(bind.values)} values are bound; the statement takes {len(statement.types)}"
            )
        values = scalars(bind.values, bind.formats, statement.types)
        portal = await self._portal(statement, values, bind.result_formats)
        if portal.answer is not None:
            count = len(portal.answer.schema)
            if len(bind.result_formats) not in (0, 1, count):
                raise Malformed(f"the answer has {count} columns, not {len(bind.result_formats)}")
        if len(self._portals) >= MAX_PORTALS:
            raise SqlError("54000", f"a session may hold {MAX_PORTALS} portals")
        self._portals[bind.portal] = portal
        self._connection.write(messages.BIND_COMPLETE)

    async def _describe(self, body: bytes) -> None:
        named = messages.read_named(body)
        if named.kind == "S":
            statement = self._statement(named.name)
            self._connection.write(messages.parameter_description(statement.types))
            schema = self._schema(statement)
            formats: Sequence[int] = [TEXT] * len(schema or ())
        else:
            portal = self._named_portal(named.name)
            gives = isinstance(portal.command, Query | commands.Show | commands.Fetch)
            schema = portal.answer.schema if portal.answer and gives else None
            formats = self._formats(portal)
        if schema is None:
            self._connection.write(messages.NO_DATA)
        else:
            columns = [column(f) for f in schema]
            self._connection.write(messages.row_description(columns, formats))

    async def _run_portal(self, body: bytes) -> None:
        execute = messages.read_execute(body)
        portal = self._named_portal(execute.portal)
        if isinstance(portal.command, commands.Copy):
            await self._copy(portal)
        elif portal.command is None:
            self._connection.write(messages.EMPTY_QUERY)
        else:
            await self._execute(portal, execute.rows)

    async def _close(self, body: bytes) -> None:
        named = messages.read_named(body)
        if named.kind == "S":
            self._statements.pop(named.name, None)
        else:
            await self._close_portal(named.name)
        self._connection.write(messages.CLOSE_COMPLETE)

    # What both have in common

    async def _prepare(self, command: Command | None, types: Sequence[int] = ()) -> Prepared:
        """Understand a command as far as it can be without values."""
        query = _query(command)
        if query is None:
            return Prepared(command)
        self._state.transaction.check()
        planned = await self._work(self._state.plan, query, tuple(types))
        declared = [*types, *[UNSPECIFIED] * len(planned.parameters)]
        described = tuple(d or p for d, p in zip(declared, planned.parameters, strict=False))
        return Prepared(command, planned, described)

    async def _portal(
        self, statement: Prepared, values: Sequence[pa.Scalar], formats: Sequence[int]
    ) -> Portal:
        command, planned = statement.command, statement.planned
        if isinstance(command, commands.Refused):
            self._state.transaction.check()
            raise command.error
        if isinstance(command, commands.ExecuteStatement):
            self._state.transaction.check()
            statement = self._statement(command.name)
            given = [None if v is None else v.encode() for v in command.values]
            if len(given) != len(statement.types):
                raise SqlError(SYNTAX_ERROR, f"{command.name} takes {len(statement.types)} values")
            return await self._portal(statement, scalars(given, [TEXT], statement.types), formats)
        if isinstance(command, commands.Fetch) and not command.move:
            cursor = self._named_portal(command.name)
            # the rows are the cursor's: they go on where the last FETCH has ended
            return Portal(command, formats, cursor.answer, of_cursor=command.name)
        if isinstance(command, commands.Show):
            shown = self._state.shown(command.name)
            return Portal(command, formats, Answer(shown.schema, lambda: Table(shown)))
        if planned is None:
            return Portal(command, formats)
        if isinstance(command, commands.PrepareStatement):
            return Portal(command, formats)
        state = self._state

        def begin() -> Any:
            return state.start(planned, values, lambda: self._connection.gone)

        answer = Answer(planned.schema, begin)
        if isinstance(command, commands.Declare):
            formats = [BINARY] if command.binary else []
        return Portal(command, formats, answer)

    async def _execute(self, portal: Portal, most: int) -> None:
        """Run a portal, for `most` rows; 0 is all."""
        command = portal.command
        if isinstance(command, commands.Declare):
            self._state.transaction.check()
            await self._declare(command, portal)
            return
        if isinstance(command, Query | commands.Show | commands.Fetch) and portal.answer:
            if not isinstance(command, commands.Show):
                self._state.transaction.check()
            await self._deliver(portal, most)
            return
        await self._act(command)

    async def _deliver(self, portal: Portal, most: int) -> None:
        command, answer = portal.command, portal.answer
        assert answer is not None
        limit = most or None
        if isinstance(command, commands.Fetch):
            limit = command.count
            if self._portals.get(command.name) is not None:
                portal = Portal(command, self._fetch_formats(portal, command.name), answer)
        encoder = RowEncoder(self._formats(portal), self._state.settings.zone)
        rows, more = await self._stream(answer, encoder.messages, limit)
        if isinstance(command, commands.Fetch):
            self._connection.write(messages.command_complete(f"FETCH {rows}"))
        elif more:
            self._connection.write(messages.PORTAL_SUSPENDED)
        else:
            tag = "SHOW" if isinstance(command, commands.Show) else f"SELECT {rows}"
            self._connection.write(messages.command_complete(tag))

    async def _stream(self, answer: Answer, encode: Encode, limit: int | None) -> tuple[int, bool]:
        """Send rows; how many, and whether the limit has ended it."""
        taken, more = 0, True
        self._running = answer
        seconds = self._state.settings.timeout_seconds
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self.cancel, timed_out) if seconds else None
        try:
            while more and (limit is None or taken < limit):
                if self._stop is not None:
                    raise self._stop()
                left = None if limit is None else limit - taken
                step = await self._work(answer.step, encode, left)
                taken, more = taken + step.rows, step.more
                for piece in step.data:
                    if len(piece) > 65_536:
                        await self._connection.send(piece)
                    else:
                        self._connection.write(piece)
                await self._connection.full()
            return taken, more
        except BaseException:
            await self._work(answer.close)
            raise
        finally:
            self._running = None
            if timer is not None:
                timer.cancel()

    async def _copy(self, portal: Portal) -> None:
        command, answer = portal.command, portal.answer
        assert isinstance(command, commands.Copy) and answer is not None
        self._state.transaction.check()
        names = answer.schema.names
        code = BINARY if command.kind == "binary" else TEXT
        zone = self._state.settings.zone
        encode: Encode
        if code == BINARY:
            encode = RowEncoder([BINARY] * len(names), zone, b"d").messages
        else:
            encode = lambda batch: copying.rows(command, batch, zone)  # noqa: E731
        first = await self._work(answer.step, encode, 1)  # an error comes before the copying
        self._connection.write(messages.copy_out(len(names), code))
        if code == BINARY:  # what begins it stands in the message of its first row
            row = bytes(b"".join(first.data))[5:] or copying.BINARY_TRAILER
            self._connection.write(messages.copy_data(copying.BINARY_HEADER + row))
        else:
            self._connection.write(copying.header(command, names))
            self._connection.write(b"".join(first.data))
        rest, _ = await self._stream(answer, encode, None) if first.more else (0, False)
        if code == BINARY and first.rows:
            self._connection.write(messages.copy_data(copying.BINARY_TRAILER))
        self._connection.write(messages.COPY_DONE)
        self._connection.write(messages.command_complete(f"COPY {first.rows + rest}"))

    async def _declare(self, command: commands.Declare, portal: Portal) -> None:
        if command.name in self._portals:
            raise SqlError(DUPLICATE_CURSOR, f"there is a cursor {command.name[:60]!r} already")
        if not command.hold and not self._state.transaction.open:
            raise SqlError(
                "25P01",
                "a cursor lives in a transaction",
                hint="BEGIN one, or declare the cursor WITH HOLD",
            )
        if len(self._portals) >= MAX_PORTALS:
            raise SqlError("54000", f"a session may hold {MAX_PORTALS} portals")
        portal.cursor, portal.hold = True, command.hold
        self._portals[command.name] = Portal(
            Query(command.query.text), portal.formats, portal.answer, True, command.hold
        )
        portal.answer = None
        self._connection.write(messages.command_complete("DECLARE CURSOR"))

    async def _act(self, command: Command | None) -> None:
        """What is neither a query nor gives rows."""
        tag = ""
        match command:
            case commands.Transaction():
                tag = self._state.transact(command)
                if not self._state.transaction.open:
                    await self._close_portals(lambda portal: not portal.hold)
            case commands.Deallocate():
                self._state.transaction.check()
                if command.name:
                    self._statement(command.name)
                    del self._statements[command.name]
                else:
                    self._statements.clear()
                tag = "DEALLOCATE" if command.name else "DEALLOCATE ALL"
            case commands.PrepareStatement():
                await self._prepare_named(command)
                tag = "PREPARE"
            case commands.CloseCursor():
                self._state.transaction.check()
                if command.name:
                    self._named_portal(command.name)
                    await self._close_portal(command.name)
                else:
                    await self._close_portals(lambda portal: portal.cursor)
                tag = "CLOSE CURSOR" if command.name else "CLOSE CURSOR ALL"
            case commands.Fetch():
                self._state.transaction.check()
                cursor = self._named_portal(command.name)
                assert cursor.answer is not None
                tag = f"MOVE {await self._work(cursor.answer.skip, command.count)}"
            case commands.Discard():
                if command.what in ("ALL", "PLANS"):
                    self._statements.clear()
                if command.what == "ALL":
                    self._state.transaction.forbid("DISCARD ALL")
                    self._state.settings.reset_all()
                    await self._close_portals(lambda portal: True)
                tag = f"DISCARD {command.what}"
            case None:
                self._connection.write(messages.EMPTY_QUERY)
                return
            case _:
                tag = await self._work(self._state.act, command)
        self._connection.write(messages.command_complete(tag))

    async def _prepare_named(self, command: commands.PrepareStatement) -> None:
        if command.name in self._statements:
            raise SqlError(
                DUPLICATE_STATEMENT, f"there is a statement {command.name[:60]!r} already"
            )
        types = self._state.types_named(command.types)
        self._keep(command.name, await self._prepare(command.query, types))

    async def _end_implicit(self) -> None:
        """Outside a transaction, what a message has opened ends with it."""
        if not self._state.transaction.open:
            await self._close_portals(lambda portal: not portal.hold)

    def _keep(self, name: str, statement: Prepared) -> None:
        if len(self._statements) >= MAX_STATEMENTS:
            raise SqlError("54000", f"a session may hold {MAX_STATEMENTS} prepared statements")
        self._statements[name] = statement

    def _statement(self, name: str) -> Prepared:
        if name not in self._statements:
            raise SqlError(UNKNOWN_STATEMENT, f"there is no prepared statement {name[:60]!r}")
        return self._statements[name]

    def _named_portal(self, name: str) -> Portal:
        if name not in self._portals:
            raise SqlError(UNKNOWN_CURSOR, f"there is no cursor or portal {name[:60]!r}")
        return self._portals[name]

    def _schema(self, statement: Prepared) -> pa.Schema | None:
        command = statement.command
        if isinstance(command, Query) and statement.planned:
            return statement.planned.schema
        if isinstance(command, commands.Show):
            return self._state.shown(command.name).schema
        if isinstance(command, commands.Fetch) and not command.move:
            cursor = self._named_portal(command.name)
            return cursor.answer.schema if cursor.answer else None
        if isinstance(command, commands.ExecuteStatement):
            return self._schema(self._statement(command.name))
        return None

    def _formats(self, portal: Portal) -> Sequence[int]:
        count = len(portal.answer.schema) if portal.answer else 0
        given = portal.formats
        return [given[0]] * count if len(given) == 1 else list(given) or [TEXT] * count

    def _fetch_formats(self, portal: Portal, cursor: str) -> Sequence[int]:
        """How a client of the extended protocol asks for them, or how the cursor was declared."""
        return portal.formats or self._portals[cursor].formats

    async def _close_portal(self, name: str) -> None:
        portal = self._portals.pop(name, None)
        if portal is not None and portal.answer is not None and not portal.of_cursor:
            await self._work(portal.answer.close)

    async def _close_portals(self, which: Callable[[Portal], bool]) -> None:
        for name in [name for name, portal in self._portals.items() if which(portal)]:
            await self._close_portal(name)

    async def _work(self, call: Callable[..., T], *arguments: Any) -> T:
        """Do what may take long in a thread of its own."""
        if self._stop is not None:
            raise self._stop()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, call, *arguments)


def _query(command: Command | None) -> Query | None:
    match command:
        case Query():
            return command
        case commands.Declare() | commands.Copy():
            return command.query
        case _:
            return None


def _text(command: Command | None) -> str:
    query = _query(command)
    return query.text if query else ""


_EXTENDED: dict[bytes, Callable[[Session, bytes], Any]] = {
    b"P": Session._parse,
    b"B": Session._bind,
    b"D": Session._describe,
    b"E": Session._run_portal,
    b"C": Session._close,
}
