"""A TCP relay on loopback that counts bytes: what a store really sent, whoever asked it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 1 << 20
STOP_SECONDS = 10.0


class CountingProxy:
    """Relays connections to one server. It costs time: nothing that is timed goes through it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.received = 0
        """Bytes the server has sent to its clients so far."""
        self.sent = 0
        """Bytes the clients have sent to the server so far."""

    @classmethod
    @contextmanager
    def open(cls, host: str, port: int | None) -> Iterator[CountingProxy]:
        """Listen on a free loopback port until the context ends."""
        if not port:
            raise RuntimeError("a server without a TCP port can not be observed")
        proxy = cls(host, port)
        listening = threading.Event()
        thread = threading.Thread(target=proxy._run, args=(listening,), daemon=True)
        thread.start()
        listening.wait(STOP_SECONDS)
        if not proxy.port:
            raise RuntimeError("the proxy does not listen")
        try:
            yield proxy
        finally:
            proxy._loop.call_soon_threadsafe(proxy._stopping.set)
            thread.join(STOP_SECONDS)

    def _run(self, listening: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self._serve(listening))
        finally:
            listening.set()
            self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            from_server, to_server = await asyncio.open_connection(*self._target, limit=CHUNK)
            writers.append(to_server)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._relay(reader, to_server, "sent"))
                both.create_task(self._relay(from_server, writer, "received"))
        except* (OSError, asyncio.CancelledError):
            pass  # the other end sees what a broken connection looks like
        finally:
            for one in writers:
                one.close()
            self._tasks.discard(task)

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counter: str
    ) -> None:
        """One direction, until its end; the other may go on."""
        while chunk := await reader.read(CHUNK):
            setattr(self, counter, getattr(self, counter) + len(chunk))
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
