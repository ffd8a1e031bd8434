"""A mesh for the ADBC suite: every type, keys, a source that waits, users, an issuer of tokens."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import trustme

from bench.mesh import Product, govern, publish
from connectors import memory
from gateway.flight.server import FlightServer, Tls
from tests.flight.serving import ALICE, Served
from tests.flight.sources import RECORDER, Recorder, recording
from tests.identity.issuing import SETTINGS, Signer, write_keys

KEY = Signer("key", "ES256")
NOW = dt.datetime(2026, 11, 30, 4, 5, 6, 789012)

TYPES = pa.table(
    {
        "flag": pa.array([True, False, None]),
        "tiny": pa.array([1, -1, None], pa.int8()),
        "small": pa.array([1, -1, None], pa.int16()),
        "number": pa.array([1, -1, None], pa.int32()),
        "big": pa.array([1, -(2**62), None], pa.int64()),
        "unsigned": pa.array([1, 2**32 - 1, None], pa.uint32()),
        "single": pa.array([1.5, -0.25, None], pa.float32()),
        "double": pa.array([1.5, -0.1, None], pa.float64()),
        "money": pa.array([decimal.Decimal("1.50"), None, None], pa.decimal128(12, 2)),
        "text": pa.array(["ä", "", None]),
        "bytes": pa.array([b"\x00\xff", b"", None]),
        "day": pa.array([NOW.date(), None, None]),
        "clock": pa.array([NOW.time(), None, None], pa.time64("us")),
        "moment": pa.array([NOW, None, None], pa.timestamp("us")),
        "instant": pa.array([NOW, None, None], pa.timestamp("us", "UTC")),
        "items": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
        "parts": pa.array([{"a": 1}, {"a": None}, None], pa.struct({"a": pa.int64()})),
    }
)
AIRLINES = pa.table({"carrier": ["AA", "B6", "UA"], "name": ["American", "JetBlue", "United"]})
_COUNT = pa.array(range(1_000_000))
MILLION = pa.table({"id": _COUNT, "x": _COUNT.cast(pa.float64())})

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,all/reader,*,mesh://aviation/carriers/*,discover|read,reporting,*,*,allow
"""


@pytest.fixture(scope="session")
def adbc_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("adbc")
    lab = memory.register("adbc-lab", {"types": TYPES, "million": MILLION})
    carriers = memory.register("adbc-carriers", {"airlines": AIRLINES})
    with recording(folder / "probe.db") as probe:
        publish(folder, "science", Product("lab", "memory", lab))
        publish(folder, "aviation", Product("carriers", "memory", carriers))
        publish(folder, "ops", probe)
        govern(folder, POLICIES, {ALICE: ["all/reader"]})
        (folder / "identity.toml").write_text(SETTINGS)
        write_keys(folder, KEY)
        yield folder
    memory.forget("adbc-lab")
    memory.forget("adbc-carriers")


@pytest.fixture(scope="module")
def served(adbc_mesh: Path) -> Iterator[Served]:
    served = Served(adbc_mesh)
    yield served
    served.close()


@pytest.fixture(scope="module")
def secure(served: Served) -> Iterator[tuple[str, str]]:
    """The same gateway behind TLS: its address, and the certificate to trust."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    tls = Tls(chain, issued.private_key_pem.bytes())
    server = FlightServer("grpc+tls://127.0.0.1:0", served.service, served.authenticator, tls)
    yield f"grpc+tls://localhost:{server.port}", authority.cert_pem.bytes().decode()
    server.shutdown()


@pytest.fixture
def recorder() -> Recorder:
    RECORDER.clear()
    return RECORDER
