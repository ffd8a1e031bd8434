"""What commands do in a session, however a client has sent them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gateway.postgres_wire import commands, messages
from gateway.postgres_wire.answers import Answer
from gateway.postgres_wire.commands import Command, Query, query_of
from gateway.postgres_wire.connection import Connection
from gateway.postgres_wire.errors import SYNTAX_ERROR, SqlError
from gateway.postgres_wire.messages import BINARY, TEXT
from gateway.postgres_wire.parameters import UNSPECIFIED, scalars
from gateway.postgres_wire.portals import Portal, Portals
from gateway.postgres_wire.prepared_statements import Prepared, PreparedStatements
from gateway.postgres_wire.queries import Started, Table
from gateway.postgres_wire.row_sender import RowSender
from gateway.postgres_wire.states import State
from gateway.postgres_wire.work import Work


class CommandRunner:
    """From a command to a statement, from that to a portal, and from that to what it answers."""

    def __init__(
        self,
        connection: Connection,
        state: State,
        work: Work,
        statements: PreparedStatements,
        portals: Portals,
    ) -> None:
        self._connection = connection
        self._state = state
        self._work = work
        self._statements = statements
        self._portals = portals
        self._sender = RowSender(connection, state.settings, work)

    async def prepare(self, command: Command | None, types: Sequence[int] = ()) -> Prepared:
        """Understand a command as far as it can be without values."""
        if isinstance(command, commands.Refused):  # before its values are asked for, or counted
            self._state.transaction.check()
            raise command.error
        query = query_of(command)
        if query is None:
            return Prepared(command)
        self._state.transaction.check()
        planned = await self._work.run(self._state.plan, query, tuple(types))
        declared = [*types, *[UNSPECIFIED] * len(planned.parameters)]
        described = tuple(d or p for d, p in zip(declared, planned.parameters, strict=False))
        return Prepared(command, planned, described)

    async def portal(
        self, statement: Prepared, values: Sequence[pa.Scalar], formats: Sequence[int]
    ) -> Portal:
        """A statement with values, ready to run. Nothing has been run yet."""
        command, planned = statement.command, statement.planned
        if isinstance(command, commands.ExecuteStatement):
            self._state.transaction.check()
            statement = self._statements.find(command.name)
            given = [None if v is None else v.encode() for v in command.values]
            if len(given) != len(statement.types):
                raise SqlError(SYNTAX_ERROR, f"{command.name} takes {len(statement.types)} values")
            return await self.portal(statement, scalars(given, [TEXT], statement.types), formats)
        if isinstance(command, commands.Fetch) and not command.move:
            cursor = self._portals.find(command.name)
            # the rows are the cursor's: they go on where the last FETCH has ended
            asked = formats or cursor.asked_formats  # or as it was declared
            return Portal(command, asked, cursor.answer, of_cursor=command.name)
        if isinstance(command, commands.Show):
            shown = self._state.shown(command.name)
            return Portal(
                command, formats, Answer(shown.schema, lambda: Started(Table(shown), _nothing))
            )
        if planned is None:
            return Portal(command, formats)
        if isinstance(command, commands.PrepareStatement):
            return Portal(command, formats)
        state = self._state

        def begin() -> Started:
            return state.start(planned, values, lambda: self._connection.gone)

        answer = Answer(planned.schema, begin)
        if isinstance(command, commands.Declare):
            formats = [BINARY] if command.binary else []
        return Portal(command, formats, answer)

    async def execute(self, portal: Portal, most: int) -> None:
        """Run a portal, for `most` rows; 0 is all."""
        command = portal.command
        if isinstance(command, commands.Declare):
            self._state.transaction.check()
            await self._declare(command, portal)
            return
        if isinstance(command, Query | commands.Show | commands.Fetch) and portal.answer:
            if not isinstance(command, commands.Show):
                self._state.transaction.check()
            await self._deliver(portal, portal.answer, most)
            return
        await self._act(command)

    async def _deliver(self, portal: Portal, answer: Answer, most: int) -> None:
        command = portal.command
        await self._resume(answer)
        if isinstance(command, commands.Fetch):
            rows, _ = await self._sender.rows(answer, portal.formats, command.count)
            self._connection.write(messages.command_complete(f"FETCH {rows}"))
            return
        rows, more = await self._sender.rows(answer, portal.formats, most or None)
        if more:
            self._connection.write(messages.PORTAL_SUSPENDED)
        else:
            tag = "SHOW" if isinstance(command, commands.Show) else f"SELECT {rows}"
            self._connection.write(messages.command_complete(tag))

    async def _resume(self, answer: Answer) -> None:
        """A command that takes more rows is one like any other: who asks may have lost a right."""
        if answer.begun:
            await self._work.run(answer.resume)

    async def copy(self, command: commands.Copy, portal: Portal) -> None:
        """Send all rows, as COPY does."""
        assert portal.answer is not None
        self._state.transaction.check()
        await self._sender.copy(command, portal.answer)

    async def _declare(self, command: commands.Declare, portal: Portal) -> None:
        self._portals.check_new(command.name)
        if not command.hold and not self._state.transaction.open:
            raise SqlError(
                "25P01",
                "a cursor lives in a transaction",
                hint="BEGIN one, or declare the cursor WITH HOLD",
            )
        query = Query(command.query.text)
        cursor = Portal(query, portal.asked_formats, portal.answer, True, command.hold)
        self._portals.keep(command.name, cursor, len(command.query.text))
        portal.cursor, portal.hold, portal.answer = True, command.hold, None
        self._connection.write(messages.command_complete("DECLARE CURSOR"))

    async def _act(self, command: Command | None) -> None:
        """What is neither a query nor gives rows."""
        tag = ""
        match command:
            case commands.Transaction():
                tag = self._state.transact(command)
                if not self._state.transaction.open:
                    await self._portals.close_those(lambda portal: not portal.hold)
            case commands.Deallocate():
                self._state.transaction.check()
                if command.name:
                    self._statements.find(command.name)
                    self._statements.forget(command.name)
                else:
                    self._statements.forget_all()
                tag = "DEALLOCATE" if command.name else "DEALLOCATE ALL"
            case commands.PrepareStatement():
                await self._prepare_named(command)
                tag = "PREPARE"
            case commands.CloseCursor():
                self._state.transaction.check()
                if command.name:
                    self._portals.find(command.name)
                    await self._portals.close(command.name)
                else:
                    await self._portals.close_those(lambda portal: portal.cursor)
                tag = "CLOSE CURSOR" if command.name else "CLOSE CURSOR ALL"
            case commands.Fetch():
                self._state.transaction.check()
                cursor = self._portals.find(command.name)
                assert cursor.answer is not None
                await self._resume(cursor.answer)
                tag = f"MOVE {await self._work.run(cursor.answer.skip, command.count)}"
            case commands.Discard():
                if command.what in ("ALL", "PLANS"):
                    self._statements.forget_all()
                if command.what == "ALL":
                    self._state.transaction.forbid("DISCARD ALL")
                    self._state.settings.reset_all()
                    await self._portals.close_those(lambda portal: True)
                tag = f"DISCARD {command.what}"
            case None:
                self._connection.write(messages.EMPTY_QUERY)
                return
            case _:
                tag = await self._work.run(self._state.act, command)
        self._connection.write(messages.command_complete(tag))

    async def _prepare_named(self, command: commands.PrepareStatement) -> None:
        self._statements.check_new(command.name)
        types = self._state.types_named(command.types)
        prepared = await self.prepare(command.query, types)
        self._statements.keep(command.name, prepared, len(command.query.text))

    async def end_implicit(self) -> None:
        """Outside a transaction, what a message has opened ends with it."""
        if not self._state.transaction.open:
            await self._portals.close_those(lambda portal: not portal.hold)

    def schema(self, statement: Prepared) -> pa.Schema | None:
        """The columns of its rows; None without any."""
        command = statement.command
        if isinstance(command, Query) and statement.planned:
            return statement.planned.schema
        if isinstance(command, commands.Show):
            return self._state.shown(command.name).schema
        if isinstance(command, commands.Fetch) and not command.move:
            cursor = self._portals.find(command.name)
            return cursor.answer.schema if cursor.answer else None
        if isinstance(command, commands.ExecuteStatement):
            return self.schema(self._statements.find(command.name))
        return None


def _nothing() -> None:
    """What there is to check before more rows of what the session knows by itself."""
