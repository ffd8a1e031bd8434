"""What the checks of Python's clients of PostgreSQL share: the place, the rows, how they refuse."""

from __future__ import annotations

import datetime
import decimal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

D, UTC = decimal.Decimal, datetime.UTC
USER = {"user": "alice", "password": "wonderland", "host": "127.0.0.1"}
LONG = "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
DIALECTS = ("psycopg", "psycopg2", "pg8000", "asyncpg")
"""SQLAlchemy's own, of PostgreSQL."""
ONLY_READS = "the gateway only reads"

FIRST = {
    "k_bool": True,
    "k_int8": -128,
    "k_int64": -(2**63),
    "k_uint64": 0,
    "k_float32": 1.5,
    "k_float64": 0.1,
    "k_decimal": D("-12345.67"),
    "k_wide": D("1e20"),
    "k_text": "plain",
    "k_bytes": b"\x00\xff",
    "k_date": datetime.date(1, 1, 1),
    "k_time": datetime.time(0, 0),
    "k_timestamp": datetime.datetime(1970, 1, 1),
    "k_instant": datetime.datetime(1970, 1, 1, tzinfo=UTC),
    "k_list": [1, None, 3],
    "k_words": ["a b", "", "NULL", None, '"\\'],
}
SECOND = {
    "k_bool": False,
    "k_int64": 2**63 - 1,
    "k_uint64": D(2**64 - 1),
    "k_float64": float("-inf"),
    "k_decimal": D("0.01"),
    "k_text": 'ü "quoted", \\ 雪',
    "k_bytes": b"",
    "k_date": datetime.date(9999, 12, 31),
    "k_time": datetime.time(23, 59, 59, 999999),
    "k_timestamp": datetime.datetime(2024, 2, 29, 12, 30, 0, 500),
    "k_instant": datetime.datetime(2024, 7, 1, 12, 30, 0, 500000, tzinfo=UTC),
    "k_list": [],
    "k_words": ["x"],
}
"""Columns of sales.types.kinds in its first two rows; the third is NULL throughout."""

KINDS = f"SELECT {', '.join(FIRST)} FROM sales.types.kinds"


@dataclass(frozen=True)
class Place:
    """Where the gateway is, which authority is to be trusted, and a token of its issuer."""

    port: int
    tls_port: int
    authority: str
    stranger: str
    token: str


Check = Callable[[str, Place], None]
"""Of a client at a place: raises what has failed."""


def is_kinds(rows: list[Any], names: list[str]) -> None:
    """Each value as it is, whatever a client has around the bytes."""
    found = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    assert {name: found[0][name] for name in FIRST} == FIRST, found[0]
    assert {name: found[1][name] for name in SECOND} == SECOND, found[1]
    assert set(found[2].values()) == {None}


def plain(value: Any) -> Any:
    """Bytes, of whatever a client has for them."""
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def refused(call: Callable[[], Any], error: type[BaseException], said: str) -> None:
    """Demand that a call raises an error, and that it says something."""
    try:
        call()
    except error as raised:
        assert said in str(raised), raised
        return
    raise AssertionError(f"it was not refused: {said}")


def option(client: str, name: str, value: object) -> dict[str, Any]:
    """What connects with a setting of the session."""
    if client == "pg8000":
        return {"startup_params": {name: str(value)}}
    if client == "asyncpg":
        return {"server_settings": {name: str(value)}}
    return {"options": f"-c {name}={value}"}


def trusting(client: str, authority: str) -> dict[str, Any]:
    """What connects within TLS, if an authority vouches for the gateway."""
    if client in ("psycopg", "psycopg2"):
        return {"sslmode": "verify-full", "sslrootcert": authority}
    context = ssl.create_default_context(cafile=authority)
    return {"ssl" if client == "asyncpg" else "ssl_context": context}
