"""Every block of Python in the pages of these clients, run against a served gateway."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.sqlalchemy.environments import python_with_dialect
from tests.environments import ROOT
from tests.flight.conftest import mesh, served
from tests.flight.serving import Served

__all__ = ["mesh", "served"]

SECONDS = 120


def run(served: Served, environment: str, page: str, *expressions: str) -> list[Any]:
    process = subprocess.run(
        [
            *(
                str(python_with_dialect(environment)),
                str(Path(__file__).with_name("page_runner.py")),
            ),
            *(str(ROOT / "docs" / "clients" / page), served.uri.removeprefix("grpc://")),
            *expressions,
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return list(json.loads(process.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param("dataframes", marks=pytest.mark.feature("pandas 3.1.1", "user and password")),
        pytest.param(
            "sqlalchemy14", marks=pytest.mark.feature("pandas 2.1.4", "user and password")
        ),
    ],
)
def test_pandas(served: Served, environment: str) -> None:
    rows, dtype, few, batches, table, large, pieces = run(
        served,
        environment,
        "pandas.md",
        *("len(orders)", "str(few.dtypes['amount'])", "len(few)", "batches", "len(table)"),
        "len(large)",
        "pieces",
    )
    assert (rows, few, batches, table, large) == (100, 10, 100, 100, 19)
    assert dtype == "decimal128(12, 2)[pyarrow]"
    assert pieces == [30, 30, 30, 10]


@pytest.mark.feature("polars 2.1.0", "user and password")
def test_polars(served: Served) -> None:
    shape, dtype, few, rows, refused, large = run(
        served,
        "dataframes",
        "polars.md",
        *("orders.shape", "str(orders.schema['amount'])", "few.columns", "rows", "str(refused)"),
        "large.height",
    )
    assert (shape, rows, large) == ([100, 3], 100, 19)
    assert few == ["id", "customer", "amount", "order_id"]
    assert "credentials are missing" in refused
    assert dtype == "Decimal(precision=12, scale=2)"


WARNED = """```python
import adbc_driver_flightsql.dbapi as adbc
import pandas as pd
import polars as pl


def refusal(read, *words, **more):
    try:
        read(*words, **more)
    except Exception as error:
        return type(error).__name__


login = {"username": "alice", "password": "wonderland"}
with adbc.connect("grpc://localhost:8815", db_kwargs=login, autocommit=True) as mesh:
    text = "SELECT *, id FROM sales.shop.orders"
    refused = [
        refusal(pd.read_sql, text + " WHERE id = ?", mesh, params=[1]),
        refusal(pd.read_sql, text, mesh, chunksize=10),
        refusal(pl.read_database, text, mesh),
    ]
```
"""


def test_what_the_pages_warn_of(served: Served, tmp_path: Path) -> None:
    """pandas.md and polars.md say what these libraries refuse by themselves."""
    page = tmp_path / "warned.md"
    page.write_text(WARNED)
    (refused,) = run(served, "dataframes", str(page), "refused")
    assert refused == ["NotImplementedError", "NotImplementedError", "DuplicateError"]


@pytest.mark.feature("DuckDB 2.0.1", "user and password")
def test_duckdb(served: Served) -> None:
    best, count = run(served, "dataframes", "duckdb.md", "best[0][0]", "count")
    assert (best, count) == ("customer 1", 100)


@pytest.mark.parametrize("environment", ["sqlalchemy14", "sqlalchemy2"])
def test_sqlalchemy(served: Served, environment: str) -> None:
    names, rows, listed, same, refused, streamed = run(
        served,
        environment,
        "sqlalchemy.md",
        *("inspector.get_schema_names()", "len(rows)", "len(listed)", "len(same)", "str(refused)"),
        "streamed",
    )
    assert names == ["hr.staff", "ops.probe", "sales.shop"]
    assert (rows, listed, same, streamed) == (3, 100, 100, 4000)
    assert "[UNKNOWN_COLUMN]" in refused and "(line 1, column 8)" in refused and "Hint:" in refused
