"""The state of what was read: in the record of the decision, and in what is made of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import AuditLog
from gateway.config import Config
from gateway.memory import usage
from gateway.memory.memory import Memory
from gateway.model import Request
from tests.audit.logs import KEY
from tests.connectors.test_time_travel import delta, iceberg
from tests.gateways import ANA, gateway


@pytest.mark.parametrize("kind", [delta, iceberg])
def test_the_version_that_was_read(kind: Any, tmp_path: Path) -> None:
    table = kind(tmp_path)
    log = AuditLog.open(tmp_path / "state" / "audit", KEY)
    memory = Memory.open(tmp_path, Config())
    shop = gateway([table.dataset], audit=log, memory=memory)
    name = table.dataset.address.sql_name
    texts = [
        f"SELECT count(*) FROM {name}",
        f"SELECT count(*) FROM {name} FOR VERSION AS OF {table.versions[1]}",
        "SELECT 1",
    ]
    for text in texts:
        assert list(shop.execute(shop.prepare(Request(ANA, text))).batches)
    log.close()
    memory.journals(log.first, log.folder).run(threading.Event())
    read = usage.readings(memory.store).to_pylist()
    assert sorted(r["version"] for r in read) == sorted(
        [str(table.versions[-1]), str(table.versions[1])]
    )
    shop.close()
