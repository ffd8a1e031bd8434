"""docs/clients/adbc.md, block by block, against a gateway of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.adbc.conftest import KEY
from tests.flight.serving import ALICE, Served

PAGE = Path(__file__).parents[3] / "docs" / "clients" / "adbc.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_every_block_of_the_page_runs(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(BLOCKS) >= 8
    assert f'"{ALICE[0]}", "password": "{ALICE[1]}"' in BLOCKS[0]
    monkeypatch.setenv("MESH_TOKEN", KEY.sign(groups=["all"], purposes=["reporting"]))
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block.replace("grpc://localhost:8815", served.uri), names)
    names["cursor"].close()  # type: ignore[attr-defined]
    names["connection"].close()  # type: ignore[attr-defined]
    assert "United" in capsys.readouterr().out
