"""A query nobody waits for stops computing. In a process of its own, whose CPU time is watched."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading, time
import pyarrow as pa
from gateway.errors import GatewayError
from gateway.model import Request
from tests.gateways import ANA, gateway, in_memory

big = pa.table({"v": pa.array(range(300_000), pa.float64())})
shop = gateway(in_memory({"big": big}, "cancel"))
gone = threading.Event()
result = shop.execute(shop.prepare(Request(ANA, sys.argv[1])), gone.is_set)
threading.Timer(0.7, gone.set).start()
try:
    list(result.batches)
except GatewayError as error:
    assert error.code == "CANCELLED", error
else:
    raise SystemExit("it ended by itself")

def used():
    times = os.times()
    return times.user + times.system

end = time.monotonic() + 25
while time.monotonic() < end:
    before = used()
    time.sleep(0.5)
    if used() - before < 0.1:
        os._exit(0)
print("still computing")
os._exit(1)
"""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(value) FROM generate_series(1, 1000000000000)",
        "SELECT count(*) FROM big a JOIN big b ON a.v + b.v < 0.0000001",
        "SELECT count(*) FROM big a CROSS JOIN big b",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 50000000)"
        " SELECT max(n) FROM t",
    ],
)
def test_a_cancelled_query_stops_computing(sql: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, sql], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
