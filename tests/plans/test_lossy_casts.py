"""Casts that cut digits off decimals are compared as what they give, wherever the cast stands."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gateway.model import Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, ask, gateway, in_memory, in_source

AMOUNTS = [Decimal(a) for a in ("7.40", "7.00", "1.26", "1.30", "-7.90", "0.04")] + [None]
TABLE = pa.table(
    {
        "id": range(1, 8),
        "amount": pa.array(AMOUNTS, pa.decimal128(10, 2)),
        "word": ["7", "07", "8", "7", "1", "0", "7"],
    }
)
WHOLE = pc.cast(pc.trunc(TABLE["amount"]), pa.int64()).to_pylist()


@pytest.fixture(scope="module", params=["memory", "duckdb"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    if request.param == "memory":
        datasets = in_memory({"sales": TABLE}, "lossy casts")
    else:
        file = str(tmp_path_factory.mktemp("lossy") / "sales.duckdb")
        with duckdb.connect(file) as connection:
            connection.register("given", TABLE)
            connection.execute("CREATE TABLE sales AS SELECT * FROM given")
        datasets = in_source("duckdb", file, ["sales"])
    opened = gateway(datasets)
    yield opened
    opened.close()


def ids(shop: Gateway, text: str) -> list[int]:
    return sorted(ask(shop, text).column("id").to_pylist())


def where(test: str) -> str:
    return f"SELECT id FROM sales WHERE {test}"


@pytest.mark.parametrize("compare", ["=", "<>", "<", ">", "<=", ">="])
@pytest.mark.parametrize("kind", ["INT", "BIGINT", "SMALLINT", "DECIMAL(10, 0)"])
def test_whole_numbers(shop: Gateway, compare: str, kind: str) -> None:
    tests = {
        "=": lambda n: n == 7,
        "<>": lambda n: n != 7,
        "<": lambda n: n < 7,
        ">": lambda n: n > 7,
        "<=": lambda n: n <= 7,
        ">=": lambda n: n >= 7,
    }
    if kind.startswith("DECIMAL"):
        rounded = [
            None if a is None else int(a.to_integral_value("ROUND_HALF_UP")) for a in AMOUNTS
        ]
    else:
        rounded = WHOLE
    expected = [i for i, n in enumerate(rounded, 1) if n is not None and tests[compare](n)]
    assert ids(shop, where(f"CAST(amount AS {kind}) {compare} 7")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (where("CAST(amount AS DECIMAL(10, 1)) = 1.3"), [3, 4]),
        (where("amount::int IN (7, 0)"), [1, 2, 6]),
        (where("amount::int BETWEEN 7 AND 7"), [1, 2]),
        (where("NOT amount::int = 7"), [3, 4, 5, 6]),
        (where("TRY_CAST(amount AS INT) = 7"), [1, 2]),
        (where("amount::int IS NOT DISTINCT FROM 7"), [1, 2]),
        (where("CAST(CAST(amount AS INT) AS BIGINT) = 7"), [1, 2]),
        (where("CAST(amount * 1 AS INT) = 7"), [1, 2]),
        (where("CAST(amount AS DECIMAL(12, 2)) = 7.4"), [1]),
        (where("CAST(word AS INT) = 7"), [1, 2, 4, 7]),
        ("SELECT id FROM (SELECT id, amount::int AS n FROM sales) s WHERE n = 7", [1, 2]),
        ("WITH s AS (SELECT id, amount AS a FROM sales) SELECT id FROM s WHERE a::int = 7", [1, 2]),
        (where("coalesce(amount, 0)::int = 7"), [1, 2]),
        (where("(amount)::int = 7 AND (SELECT max(s.amount)::int FROM sales s) = 7"), [1, 2]),
        (where("sales.amount::numeric(12, 2)::int = 7"), [1, 2]),
        (where("CASE WHEN id > 0 THEN amount END::int = 7"), [1, 2]),
        (where("round(amount)::int = 7 OR TRY_CAST(trunc(amount) AS INT) = 7"), [1, 2]),
        (where("TRY_CAST(word AS INT) = 7 AND amount::int = 7 AND '7::int' <> word"), [1, 2]),
        (where("-amount::int = 8 OR amount::double precision::int = 1"), [3, 4]),
        (where("(ARRAY[amount])[1]::int = 7"), [1, 2]),
        (where("CAST(amount AS NUMERIC(10, 1)) = 1.3 AND '1 day'::interval IS NOT NULL"), [3, 4]),
        (where("CAST(CAST('7 AS x' AS VARCHAR) AS VARCHAR) <> word AND amount::int8 = 7"), [1, 2]),
        ("SELECT a.id FROM sales a JOIN sales b ON a.amount::int = b.id", [1, 2, 3, 4]),
    ],
)
def test_wherever_it_stands(shop: Gateway, text: str, expected: list[int]) -> None:
    assert ids(shop, text) == expected


def test_bound_values(shop: Gateway) -> None:
    described = shop.prepare(Request(ANA, where("amount::int = ?")))
    for number, expected in ((7, [1, 2]), (1, [3, 4]), (7, [1, 2]), (0, [6])):
        prepared = shop.bind(described, [pa.scalar(number)])
        rows = [n for b in shop.execute(prepared).batches for n in b.column(0).to_pylist()]
        assert sorted(rows) == expected


def test_what_is_not_lossy_is_left_to_the_source(tmp_path: Path) -> None:
    file = str(tmp_path / "sales.duckdb")
    with duckdb.connect(file) as connection:
        connection.register("given", TABLE)
        connection.execute("CREATE TABLE sales AS SELECT * FROM given")
    shop = gateway(in_source("duckdb", file, ["sales"]))
    plan = shop.prepare(Request(ANA, where("CAST(id AS INT) = 2"))).plan
    assert "= 2" in plan.fragments[0].text
    shop.close()
