"""The twin is right: what the attacks compare with was made without the gateway's enforcement."""

from __future__ import annotations

import pytest

from gateway.verification.comparison import difference
from tests.attacks.doors import STATEMENT, Visitor, leaks
from tests.attacks.world import ALL_SOURCES


@pytest.mark.parametrize("source", ALL_SOURCES)
@pytest.mark.parametrize("table", ["employees", "payroll", "regions"])
def test_a_governed_table_is_its_twin(source: str, table: str, rita: Visitor, una: Visitor) -> None:
    governed = rita.ask(f"SELECT * FROM hr.{source}.{table}", STATEMENT)
    twin = una.ask(f"SELECT * FROM twin.{source}.{table}", STATEMENT)
    assert governed.rows is not None, governed.message
    assert twin.rows is not None, twin.message
    assert governed.rows.column_names == twin.rows.column_names
    assert governed.rows.num_rows
    assert difference(governed.rows, twin.rows, ordered=False) is None
    assert not leaks(governed)
