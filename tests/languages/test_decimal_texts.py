"""Numbers in quotes compared with decimals: as PostgreSQL does, by all their digits."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Position
from gateway.model import Request
from tests.gateways import ANA, ask, gateway, in_memory, in_source

PRICES = [Decimal("1.49"), Decimal("1.50"), Decimal("-2.00"), None]
TABLE = pa.table(
    {
        "id": range(4),
        "price": pa.array(PRICES, pa.decimal128(9, 2)),
        "text": ["1.499", "1.5", "x", None],
    }
)
WANTED = {
    "price = '1.499'": [],
    "t.price = '1.499'": [],
    "'1.499' = price": [],
    "price <> '1.499'": [0, 1, 2],
    "price < '1.501'": [0, 1, 2],
    "price <= '1.499'": [0, 2],
    "'1.495' < price": [1],
    "price IN ('1.499', '1.50', '-2.001')": [1],
    "price NOT IN ('1.499', '1.5')": [0, 2],
    "price BETWEEN '1.491' AND '1.509'": [1],
    "price NOT BETWEEN '1.491' AND '1.509'": [0, 2],
    "price IS DISTINCT FROM '1.499'": [0, 1, 2, 3],
    "price IS NOT DISTINCT FROM '1.499'": [],
    "price = '1.500'": [1],
    "price = ' 1.5e0 '": [1],
    "price = '15e-1'": [1],
    "price > '14999e-4'": [1],
    "price = ANY('{1.499,1.5}')": [1],
    "price <> ALL(ARRAY['1.499', '1.49'])": [1, 2],
    "price = '1.499'::decimal(9, 2)": [1],
    "text = '1.499'": [0],
    "text = '1.499' AND price = '1.49'": [0],
    "NOT (price = '1.499' OR price = '1.5')": [0, 2],
}


@pytest.mark.parametrize("condition", WANTED)
def test_a_number_has_all_its_digits(condition: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("given", TABLE)
        connection.execute("CREATE TABLE t AS SELECT * FROM given")
    gates = [
        gateway(in_memory({"t": TABLE}, "prices")),
        gateway(in_source("duckdb", str(path), ["t"])),
    ]
    for gate in gates:
        found = ask(gate, f"SELECT id FROM t WHERE {condition} ORDER BY id")["id"].to_pylist()
        assert found == WANTED[condition]
        gate.close()


def test_a_name_that_may_mean_another_column_is_left_alone() -> None:
    gate = gateway(in_memory({"t": TABLE}, "prices"))
    sql = "SELECT id FROM (SELECT id, text AS price FROM t) AS s WHERE price = '1.499'"
    assert ask(gate, sql)["id"].to_pylist() == [0]
    sql = "SELECT id FROM (SELECT id, text FROM t) AS s(id, price) WHERE price = '1.499'"
    assert ask(gate, sql)["id"].to_pylist() == [0]


def test_positions_are_those_of_the_text() -> None:
    gate = gateway(in_memory({"t": TABLE}, "prices"))
    with pytest.raises(Exception, match="wrong") as raised:
        gate.prepare(Request(ANA, "SELECT id FROM t WHERE price = '1.499' AND wrong = 1"))
    assert raised.value.position == Position(1, 44)  # type: ignore[attr-defined]


def test_a_number_is_written_as_in_sql() -> None:
    gate = gateway(in_memory({"t": TABLE}, "prices"))
    for text in ("1_000", "\u0661.5", "Infinity", "1e99999"):
        with pytest.raises(GatewayError):
            ask(gate, f"SELECT id FROM t WHERE price = '{text}'")
