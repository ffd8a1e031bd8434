"""The messages of PostgreSQL's protocol 3: what a client sends, read; what it is sent, written.

A message is a letter, its length (which counts itself) and a body; integers are big-endian, texts
end with a NUL. Only the first message of a connection has no letter.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = (3 << 16) | 2
SSL_REQUEST = (1234 << 16) | 5679
GSS_REQUEST = (1234 << 16) | 5680
CANCEL_REQUEST = (1234 << 16) | 5678

TEXT, BINARY = 0, 1


class Malformed(Exception):
    """The bytes are not the message they claim to be."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a RowDescription."""

    name: str
    oid: int
    size: int
    modifier: int


@dataclass(frozen=True, slots=True)
class Parse:
    name: str
    text: str
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Describe or Close: `kind` is ``S`` for a statement, ``P`` for a portal."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    portal: str
    rows: int


class Body:
    """Reads one body from the left. Raises Malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise Malformed("a message ends too early")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def count(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def oid(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise Malformed("a text does not end")
        try:
            piece = self._data[self._at : end].decode()
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
        self._at = end + 1
        return piece

    def end(self) -> None:
        if self._at != len(self._data):
            raise Malformed("a message is longer than what it holds")


def read_startup(data: bytes) -> dict[str, str]:
    """The settings of a StartupMessage, after its version."""
    body, settings = Body(data), dict[str, str]()
    while name := body.text():
        settings[name] = body.text()
    body.end()
    return settings


def read_text(data: bytes) -> str:
    """The body of a message that is one text: Query, PasswordMessage."""
    body = Body(data)
    text = body.text()
    body.end()
    return text


def read_parse(data: bytes) -> Parse:
    body = Body(data)
    name, text = body.text(), body.text()
    types = tuple(body.oid() for _ in range(body.count()))
    body.end()
    return Parse(name, text, types)


def read_bind(data: bytes) -> Bind:
    body = Body(data)
    portal, statement = body.text(), body.text()
    formats = tuple(_format(body.int16()) for _ in range(body.count()))
    values: list[bytes | None] = []
    for _ in range(body.count()):
        length = body.int32()
        values.append(None if length == -1 else body.take(length))
    results = tuple(_format(body.int16()) for _ in range(body.count()))
    body.end()
    if len(formats) not in (0, 1, len(values)):
        raise Malformed("there are more or fewer formats than parameters")
    return Bind(portal, statement, formats, tuple(values), results)


def read_named(data: bytes) -> Named:
    body = Body(data)
    kind, name = body.take(1), body.text()
    body.end()
    if kind not in (b"S", b"P"):
        raise Malformed("neither a statement nor a portal is named")
    return Named(kind.decode(), name)


def read_execute(data: bytes) -> Execute:
    body = Body(data)
    portal, rows = body.text(), body.int32()
    body.end()
    return Execute(portal, max(rows, 0))


def _format(code: int) -> int:
    if code not in (TEXT, BINARY):
        raise Malformed("a format is neither text nor binary")
    return code


def message(letter: bytes, body: bytes = b"") -> bytes:
    return letter + struct.pack("!i", len(body) + 4) + body


def _texts(*texts: str) -> bytes:
    return b"".join(text.replace("\0", "�").encode(errors="replace") + b"\0" for text in texts)


AUTHENTICATION_OK = message(b"R", struct.pack("!i", 0))
CLEARTEXT_PASSWORD = message(b"R", struct.pack("!i", 3))
PARSE_COMPLETE = message(b"1")
BIND_COMPLETE = message(b"2")
CLOSE_COMPLETE = message(b"3")
NO_DATA = message(b"n")
EMPTY_QUERY = message(b"I")
PORTAL_SUSPENDED = message(b"s")
COPY_DONE = message(b"c")


def parameter_status(name: str, value: str) -> bytes:
    return message(b"S", _texts(name, value))


def backend_key(process: int, secret: bytes) -> bytes:
    return message(b"K", struct.pack("!i", process) + secret)


def negotiate(minor: int, unknown: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: the newest minor version there is, and options nobody knows."""
    body = struct.pack("!ii", minor, len(unknown)) + _texts(*unknown)
    return message(b"v", body)


def ready(status: str) -> bytes:
    return message(b"Z", status.encode())


def command_complete(tag: str) -> bytes:
    return message(b"C", _texts(tag))


def fields(letter: bytes, values: dict[str, str]) -> bytes:
    """ErrorResponse (``E``) or NoticeResponse (``N``)."""
    body = b"".join(name.encode() + _texts(value) for name, value in values.items())
    return message(letter, body + b"\0")


def parameter_description(types: Sequence[int]) -> bytes:
    return message(b"t", struct.pack(f"!H{len(types)}I", len(types), *types))


def row_description(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    parts = [struct.pack("!H", len(columns))]
    for column, code in zip(columns, formats, strict=True):
        described = struct.pack("!IhIhih", 0, 0, column.oid, column.size, column.modifier, code)
        parts += [_texts(column.name), described]
    return message(b"T", b"".join(parts))


def copy_out(columns: int, code: int) -> bytes:
    return message(b"H", struct.pack(f"!bH{columns}h", code, columns, *[code] * columns))


def copy_data(data: bytes) -> bytes:
    return message(b"d", data)
