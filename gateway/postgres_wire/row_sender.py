"""Sending the rows of answers, as a client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.postgres_wire import copying, messages
from gateway.postgres_wire.answers import Answer, Encode
from gateway.postgres_wire.commands import Copy
from gateway.postgres_wire.connection import Connection
from gateway.postgres_wire.errors import warning
from gateway.postgres_wire.messages import BINARY, TEXT
from gateway.postgres_wire.queries import timed_out
from gateway.postgres_wire.rows import RowEncoder
from gateway.postgres_wire.settings import Settings
from gateway.postgres_wire.work import Work


class RowSender:
    """Of one session, in its time zone and within its timeout."""

    def __init__(self, connection: Connection, settings: Settings, work: Work) -> None:
        self._connection = connection
        self._settings = settings
        self._work = work

    async def rows(
        self, answer: Answer, formats: Sequence[int], limit: int | None
    ) -> tuple[int, bool]:
        """The next rows; how many they were, and whether the limit has ended them."""
        encoder = RowEncoder(formats, self._settings.zone)
        return await self._send(answer, encoder.messages, limit)

    async def copy(self, command: Copy, answer: Answer) -> None:
        """All rows of an answer, as a COPY asks for them."""
        names = answer.schema.names
        code = BINARY if command.kind == "binary" else TEXT
        zone = self._settings.zone
        encode: Encode
        if code == BINARY:
            encode = RowEncoder([BINARY] * len(names), zone, b"d").messages
        else:
            encode = lambda batch: copying.rows(command, batch, zone)  # noqa: E731
        first = await self._work.run(answer.step, encode, 1)  # an error comes before the copying
        self._tell(answer)
        self._connection.write(messages.copy_out(len(names), code))
        if code == BINARY:  # what begins it stands in the message of its first row
            row = bytes(b"".join(first.data))[5:] or copying.BINARY_TRAILER
            self._connection.write(messages.copy_data(copying.BINARY_HEADER + row))
        else:
            self._connection.write(copying.header(command, names))
            self._connection.write(b"".join(first.data))
        rest, _ = await self._send(answer, encode, None) if first.more else (0, False)
        if code == BINARY and first.rows:
            self._connection.write(messages.copy_data(copying.BINARY_TRAILER))
        self._connection.write(messages.COPY_DONE)
        self._connection.write(messages.command_complete(f"COPY {first.rows + rest}"))

    def _tell(self, answer: Answer) -> None:
        """Say before the rows what their reader should know, unless it wants errors only."""
        for notice in answer.take_notices():
            if self._settings.hears_warnings:
                self._connection.write(warning(notice))

    async def _send(self, answer: Answer, encode: Encode, limit: int | None) -> tuple[int, bool]:
        """How many were sent, and whether the limit has ended it."""
        taken, more = 0, True
        self._work.running = answer
        seconds = self._settings.timeout_seconds
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._work.stop, timed_out) if seconds else None
        try:
            while more and (limit is None or taken < limit):
                left = None if limit is None else limit - taken
                step = await self._work.run(answer.step, encode, left)
                taken, more = taken + step.rows, step.more
                self._tell(answer)
                for piece in step.data:
                    if len(piece) > 65_536:
                        await self._connection.send(piece)
                    else:
                        self._connection.write(piece)
                await self._connection.full()
            return taken, more
        except BaseException as error:
            await self._work.finish(answer.break_off, error)
            raise
        finally:
            self._work.running = None
            if timer is not None:
                timer.cancel()
