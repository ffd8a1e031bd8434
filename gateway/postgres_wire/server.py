"""The listener: connections let in, within limits; TLS, log-in, cancel requests, and the end."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gateway.errors import GatewayError, UserError
from gateway.identity.identity import Identity
from gateway.postgres_wire import messages
from gateway.postgres_wire.authentication import MAX_PASSWORD_BYTES, Login, log_in
from gateway.postgres_wire.connection import Connection, Left, Reader
from gateway.postgres_wire.databases import database
from gateway.postgres_wire.errors import (
    PROTOCOL_VIOLATION,
    SHUTTING_DOWN,
    TOO_MANY,
    Fatal,
    fatal,
    translate,
)
from gateway.postgres_wire.listening import Address
from gateway.postgres_wire.messages import Malformed
from gateway.postgres_wire.queries import Engine
from gateway.postgres_wire.session import Session
from gateway.postgres_wire.settings import Settings, of_command_line
from gateway.postgres_wire.states import State
from gateway.serving.streams import by_shutdown

logger = logging.getLogger(__name__)

SHORT_KEY, LONG_KEY = 4, 32
"""Bytes of the secret a cancel request shows: protocol 3.2 lets it be longer."""

_IGNORED_AT_STARTUP = {"user", "database", "options", "replication"}


@dataclass(frozen=True, slots=True)
class WireLimits:
    """How much one listener and one connection may hold."""

    connections: int = 500
    beginning: int = 100
    """Connections nobody has logged in on yet; with one more, the oldest of them is closed."""
    connections_per_user: int = 100
    message_bytes: int = 16 * 1024**2
    login_seconds: float = 30.0
    idle_seconds: float = 8 * 3600.0
    cursor_idle_seconds: float = 15 * 60.0
    write_seconds: float = 300.0
    workers: int = 320


class PostgresServer:
    """Listens from construction on. `address` has the real port when 0 was asked for.

    Without `tls` passwords travel in the clear; `cleartext` lets that happen from elsewhere than
    this machine.
    """

    def __init__(
        self,
        where: Address,
        engine: Engine,
        identity: Identity,
        tls: ssl.SSLContext | None = None,
        limits: WireLimits | None = None,
        *,
        cleartext: bool = False,
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._tls = tls
        self._limits = limits or WireLimits()
        self._cleartext = cleartext
        self._workers = ThreadPoolExecutor(self._limits.workers, "postgres-wire")
        self._sessions: dict[int, tuple[bytes, Session]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning: dict[Connection, None] = {}
        self._open = 0
        self._of_user: dict[str, int] = {}
        self._draining = False
        self._loop = asyncio.new_event_loop()
        self._server = self._listen(where.host, where.port)
        self.address = Address(where.host, self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="postgres-wire", daemon=True
        )
        self._thread.start()

    def drain(self) -> None:
        """Let nobody in any more, and end the sessions that do nothing."""
        self._draining = True
        self._loop.call_soon_threadsafe(self._stop_listening)

    def close(self, wait_seconds: float = 2.0) -> bool:
        """End every session and stop; whether all had ended in time."""
        self.drain()
        ending = asyncio.run_coroutine_threadsafe(self._end(wait_seconds), self._loop)
        try:
            ended = ending.result(wait_seconds + 1.0)
        except TimeoutError:
            ended = False
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)
        self._workers.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._loop.close()
        return ended

    def _listen(self, host: str, port: int) -> asyncio.Server:
        def protocol() -> asyncio.StreamReaderProtocol:
            reader = Reader(limit=64 * 1024, loop=self._loop)
            return asyncio.StreamReaderProtocol(reader, self._connected, loop=self._loop)

        listening = self._loop.create_server(protocol, host, port, backlog=128)
        try:
            return self._loop.run_until_complete(listening)
        except OSError as error:
            raise UserError(f"can not listen on {host}:{port}: {error.strerror}") from error

    def _stop_listening(self) -> None:
        self._server.close()
        for connection in list(self._beginning):
            connection.abort()
        for _, session in list(self._sessions.values()):
            session.leave()

    async def _end(self, seconds: float) -> bool:
        for _, session in list(self._sessions.values()):
            session.cancel(by_shutdown)
        tasks = set(self._tasks)
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=seconds)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=0.5)
            return not left
        return True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None and isinstance(reader, Reader)
        self._tasks.add(task)
        self._open += 1
        connection = Connection(reader, writer, self._limits.write_seconds)
        self._make_room()
        self._beginning[connection] = None
        try:
            await self._serve(connection)
        except Left:
            pass
        except asyncio.CancelledError:
            connection.abort()
        except Fatal as error:
            connection.write(translate(error))
        except Malformed as error:
            connection.write(translate(Fatal(PROTOCOL_VIOLATION, str(error))))
        except Exception as error:
            connection.write(translate(error))
        finally:
            self._open -= 1
            self._tasks.discard(task)
            self._beginning.pop(connection, None)
            await connection.close()

    def _make_room(self) -> None:
        """Whoever opens connections and says nothing must not keep others from logging in.

        Who does say who he is needs a moment only: he is never the oldest for long.
        """
        while len(self._beginning) >= self._limits.beginning:
            oldest = next(iter(self._beginning))
            del self._beginning[oldest]
            oldest.abort()

    async def _serve(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._limits.login_seconds):
                begun = await self._begin(connection)
        except TimeoutError:
            return  # whoever says nothing is told nothing
        if begun is None:
            return
        self._beginning.pop(connection, None)
        user, session, secret, process = begun
        self._sessions[process] = (secret, session)
        self._of_user[user] = self._of_user.get(user, 0) + 1
        try:
            if self._of_user[user] > self._limits.connections_per_user:
                raise Fatal(TOO_MANY, f"{user} has as many connections as one may")
            await session.run()
        finally:
            del self._sessions[process]
            self._of_user[user] -= 1
            if not self._of_user[user]:
                del self._of_user[user]
            await session.close()

    async def _begin(self, connection: Connection) -> tuple[str, Session, bytes, int] | None:
        """From the first byte to a session; None for what is not to become one."""
        code, body = await connection.startup()
        while code in (messages.SSL_REQUEST, messages.GSS_REQUEST):
            if code == messages.SSL_REQUEST and self._tls and not connection.secure:
                await connection.encrypt(self._tls)
            else:
                await connection.send(b"N")
            code, body = await connection.startup()
        if code == messages.CANCEL_REQUEST:
            self._cancel(body)
            return None
        if code >> 16 != messages.PROTOCOL_3_0 >> 16:
            raise Fatal(
                "0A000",
                f"protocol {code >> 16}.{code & 0xFFFF} is not spoken here: 3.0 and 3.2 are",
            )
        if self._open > self._limits.connections:
            raise Fatal(TOO_MANY, "there are too many connections", hint="try again in a moment")
        if self._draining:
            raise Fatal(SHUTTING_DOWN, "the gateway is shutting down")
        given = messages.read_startup(body)
        login, user = await self._log_in(connection, given)
        return await self._session(connection, given, login, user, code)

    async def _log_in(self, connection: Connection, given: dict[str, str]) -> tuple[Login, str]:
        user = given.get("user", "")
        if not user:
            raise Fatal("28000", "no user is named")
        if given.get("replication", "false").lower() not in ("false", "off", "no", "0"):
            raise Fatal("0A000", "replication is not offered")
        if not connection.secure and not (self._cleartext or connection.local):
            raise Fatal(
                "28000", "passwords are taken within TLS only", hint="connect with sslmode=require"
            )
        connection.write(messages.CLEARTEXT_PASSWORD)
        await connection.flush()
        letter, body = await connection.message(MAX_PASSWORD_BYTES)
        if letter != b"p":
            raise Fatal(PROTOCOL_VIOLATION, "a password was asked for")
        password = messages.read_text(body)
        loop = asyncio.get_running_loop()
        login = await loop.run_in_executor(self._workers, log_in, self._identity, user, password)
        return login, user

    async def _session(
        self, connection: Connection, given: dict[str, str], login: Login, user: str, code: int
    ) -> tuple[str, Session, bytes, int]:
        settings = Settings()
        unknown = [name for name in given if name.startswith("_pq_.")]
        minor = min(code & 0xFFFF, messages.PROTOCOL_3_2 & 0xFFFF)
        if unknown or code > messages.PROTOCOL_3_2:
            connection.write(messages.negotiate(messages.PROTOCOL_3_0 + minor, unknown))
        loop = asyncio.get_running_loop()

        def state() -> tuple[State, str]:
            for name, value in of_command_line(given.get("options", "")):
                settings.default(name, value)
            for name, value in given.items():
                if name not in _IGNORED_AT_STARTUP and not name.startswith("_pq_."):
                    settings.default(name, value)
            principal = login()
            products = self._engine.gateway.browsing.products(principal)
            found = database(given.get("database", user), user, products)
            made = State(self._engine, login, user, found, settings)
            made.check_options()
            return made, principal.name

        try:
            made, principal = await loop.run_in_executor(self._workers, state)
        except Fatal:
            raise
        except GatewayError as error:
            raise fatal(error) from None
        secret = secrets.token_bytes(LONG_KEY if minor >= 2 else SHORT_KEY)
        process = made.process = self._free_process()
        session = Session(connection, made, self._workers, self._limits)
        connection.write(messages.AUTHENTICATION_OK)
        connection.write(messages.backend_key(process, secret))
        return principal, session, secret, process

    def _free_process(self) -> int:
        while (process := secrets.randbelow(2**31 - 1) + 1) in self._sessions:
            pass
        return process

    def _cancel(self, body: bytes) -> None:
        """Stop what a session does, for who shows its key. Nothing is answered, right or wrong."""
        process, secret = int.from_bytes(body[:4], "big"), body[4:]
        found = self._sessions.get(process)
        if found is not None and hmac.compare_digest(found[0], secret):
            found[1].cancel()
