"""A mesh with two domains over tables in memory, and its PostgreSQL front in this process."""

from __future__ import annotations

import datetime
import decimal
import ssl
from pathlib import Path

import pyarrow as pa

from gateway.identity.identity import Identity
from gateway.pipeline import Gateway
from gateway.postgres_wire.listening import Address
from gateway.postgres_wire.queries import Engine
from gateway.postgres_wire.server import PostgresServer, WireLimits
from gateway.serving.service import Service

ALICE, BOB = ("alice", "wonderland"), ("bob", "builder")

ORDERS = pa.table(
    {
        "id": pa.array(range(1, 101), pa.int64()),
        "customer": pa.array([f"customer {i % 7}" for i in range(100)]),
        "amount": pa.array([decimal.Decimal(i) / 4 for i in range(100)], pa.decimal128(12, 2)),
    }
)
MANY = pa.table(
    {
        "id": pa.array(range(200_000), pa.int64()),
        "value": pa.array([i / 3 for i in range(200_000)], pa.float64()),
        "name": pa.array([f"name {i}" for i in range(200_000)]),
    }
)
MILLION = pa.table({"id": pa.array(range(1_000_000), pa.int64())})
PEOPLE = pa.table({"id": [1, 2], "name": ["Ada", "Grace"], "salary": [10, 20]})

D = decimal.Decimal
UTC = datetime.UTC
KINDS = pa.table(
    {
        "k_bool": pa.array([True, False, None]),
        "k_int8": pa.array([-128, 127, None], pa.int8()),
        "k_int16": pa.array([-(2**15), 2**15 - 1, None], pa.int16()),
        "k_int32": pa.array([-(2**31), 2**31 - 1, None], pa.int32()),
        "k_int64": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
        "k_uint8": pa.array([0, 255, None], pa.uint8()),
        "k_uint16": pa.array([0, 2**16 - 1, None], pa.uint16()),
        "k_uint32": pa.array([0, 2**32 - 1, None], pa.uint32()),
        "k_uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "k_float32": pa.array([1.5, float("inf"), None], pa.float32()),
        "k_float64": pa.array([0.1, float("-inf"), None], pa.float64()),
        "k_decimal": pa.array([D("-12345.67"), D("0.01"), None], pa.decimal128(12, 2)),
        "k_wide": pa.array([D("1e20"), D("-0.00000001"), None], pa.decimal128(38, 8)),
        "k_text": pa.array(["plain", 'ü "quoted", \\ 雪', None]),
        "k_bytes": pa.array([b"\x00\xff", b"", None]),
        "k_date": pa.array([datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None]),
        "k_time": pa.array([datetime.time(0, 0), datetime.time(23, 59, 59, 999999), None]),
        "k_timestamp": pa.array(
            [datetime.datetime(1970, 1, 1), datetime.datetime(2024, 2, 29, 12, 30, 0, 500), None],
            pa.timestamp("us"),
        ),
        "k_instant": pa.array(
            [
                datetime.datetime(1970, 1, 1, tzinfo=UTC),
                datetime.datetime(2024, 7, 1, 12, 30, 0, 500000, tzinfo=UTC),
                None,
            ],
            pa.timestamp("us", "UTC"),
        ),
        "k_list": pa.array([[1, None, 3], [], None], pa.list_(pa.int32())),
        "k_words": pa.array([["a b", "", "NULL", None, '"\\'], ["x"], None], pa.list_(pa.string())),
        "k_struct": pa.array(
            [{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
            pa.struct([("a", pa.int32()), ("b", pa.string())]),
        ),
        "k_map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    }
)


class Served:
    """A server in this process, with what a test needs to talk to it."""

    def __init__(
        self,
        mesh: Path,
        limits: WireLimits | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.gateway = Gateway.open(mesh)
        self.service = Service(self.gateway)
        engine = Engine(self.gateway, self.service.executions, self.service.admission)
        self.server = PostgresServer(Address(host, 0), engine, Identity(mesh), tls, limits)
        self.port = self.server.address.port

    def dsn(self, user: tuple[str, str] = ALICE, database: str = "mesh", **more: str) -> str:
        """What libpq connects with."""
        values = {"sslmode": "disable", **more}
        extra = "".join(f" {name}='{value}'" for name, value in values.items())
        name, password = user
        return (
            f"host=127.0.0.1 port={self.port} user={name} password={password}"
            f" dbname={database}{extra}"
        )

    def close(self) -> None:
        assert self.server.close()
        self.gateway.close()
