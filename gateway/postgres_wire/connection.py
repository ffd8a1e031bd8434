"""One connection's bytes: messages in, bounded in size; bytes out, at the pace of the client."""

from __future__ import annotations

import asyncio
import ssl
import struct
from ipaddress import ip_address

from gateway.postgres_wire.errors import PROTOCOL_VIOLATION, Fatal

MAX_STARTUP_BYTES = 10_000
"""As PostgreSQL has it."""

OUT_BYTES = 256 * 1024
"""How much may wait for a client before it is waited for."""

_LETTERS = b"QPBDECHSFXpdcf"


class Left(Exception):
    """The client has gone, or does not take what it is sent."""


class Reader(asyncio.StreamReader):
    """A stream that knows at once when the client has gone, whatever is still to be read."""

    gone = False

    def feed_eof(self) -> None:
        self.gone = True
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        self.gone = True
        super().set_exception(exc)


class Connection:
    """Reads and writes of one session. Raises Left when nobody is there any more."""

    def __init__(self, reader: Reader, writer: asyncio.StreamWriter, write_seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._write_seconds = write_seconds
        self._out = bytearray()
        writer.transport.set_write_buffer_limits(high=OUT_BYTES)
        self.secure = False
        self._lost = False

    @property
    def gone(self) -> bool:
        """Whether the client has left; may be asked from any thread."""
        return self._reader.gone or self._writer.transport.is_closing()

    @property
    def local(self) -> bool:
        """Whether the client is on this machine."""
        name = self._writer.get_extra_info("peername")
        try:
            return not name or ip_address(str(name[0]).partition("%")[0]).is_loopback
        except ValueError:
            return False

    def abort(self) -> None:
        self._writer.transport.abort()

    async def startup(self) -> tuple[int, bytes]:
        """The first message of a connection: its code and body."""
        length = struct.unpack("!i", await self._exactly(4))[0]
        if not 8 <= length <= MAX_STARTUP_BYTES:
            raise Fatal(PROTOCOL_VIOLATION, "the first message has an impossible length")
        data = await self._exactly(length - 4)
        return struct.unpack("!i", data[:4])[0], data[4:]

    async def encrypt(self, context: ssl.SSLContext) -> None:
        """Agree to TLS and begin it.

        What came before it in the clear must not count as said within it; and nothing is read
        until TLS reads it, as the client may begin as soon as it is told.
        """
        plain = self._writer.transport
        plain.pause_reading()  # type: ignore[attr-defined]
        if self._reader._buffer:  # type: ignore[attr-defined]
            raise Left
        await self.send(b"S")
        try:
            await self._writer.start_tls(context)
        except (ssl.SSLError, OSError, AttributeError) as error:
            if self._writer.transport is None:  # the client has gone as TLS began: asyncio stumbles
                self._writer._transport = plain
                self._lost = True
            raise Left from error
        self._writer.transport.set_write_buffer_limits(high=OUT_BYTES)
        self.secure = True

    async def message(self, most_bytes: int) -> tuple[bytes, bytes]:
        """The next message: its letter and body."""
        letter, length = struct.unpack("!ci", await self._exactly(5))
        if letter not in _LETTERS or length < 4:
            raise Fatal(PROTOCOL_VIOLATION, "this is no message of the protocol")
        if length - 4 > most_bytes:
            raise Fatal(
                PROTOCOL_VIOLATION, f"a message has {length} bytes; {most_bytes} are allowed"
            )
        return letter, await self._exactly(length - 4)

    def write(self, data: bytes | memoryview) -> None:
        """Keep it until the next `flush`."""
        self._out += data

    async def flush(self) -> None:
        """Send what was written, and wait while the client has much to read."""
        if self._out:
            out, self._out = self._out, bytearray()
            await self.send(out)

    async def full(self) -> None:
        """Send what was written if it is much."""
        if len(self._out) >= OUT_BYTES:
            await self.flush()

    async def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send at once, behind what was written."""
        if self._out:
            await self.flush()
        if self.gone:
            raise Left
        self._writer.write(data)
        try:
            await asyncio.wait_for(self._writer.drain(), self._write_seconds)
        except (OSError, TimeoutError) as error:
            self._writer.transport.abort()
            raise Left from error

    async def close(self) -> None:
        if self._lost:  # nobody would tell of its end
            self._writer.transport.abort()
            return
        try:
            if not self.gone:
                await self.flush()
            self._writer.close()
            await asyncio.wait_for(self._writer.wait_closed(), 2)
        except (Left, OSError, TimeoutError, ssl.SSLError):
            self._writer.transport.abort()

    async def _exactly(self, count: int) -> bytes:
        try:
            return await self._reader.readexactly(count)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Left from error
