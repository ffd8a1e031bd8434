"""Secured files: what is kept between two requests hides nothing new and shows nothing old."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.model import Principal
from gateway.pipeline import Gateway
from tests.gateways import ask, dataset, gateway

ANA, BOB = Principal("user:ana", ("eu",)), Principal("user:bob", ("us",))
RULES = (
    ("p", "*", "*", "*", "read", "*", "*", "*", "allow"),
    ("p2", "eu", "*", "*", "*", "restrictive", "eu_only", "allow"),
    ("p2", "us", "*", "*", "*", "restrictive", "us_only", "allow"),
    ("p3", "eu", "*", "*", "pii", "*", "constant", "allow"),
    ("p3", "us", "*", "*", "pii", "*", "null", "allow"),
)
SQL = "SELECT id, mail FROM shop.files.people ORDER BY id"
FAILING = "SELECT id FROM shop.files.people WHERE 1 / (id - 2) > 0 ORDER BY id"


def people(*ids: int) -> pa.Table:
    """Odd ones are in the EU, even ones in the US."""
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "region": ["EU" if n % 2 else "US" for n in ids],
            "mail": [f"{n}@x" for n in ids],
        }
    )


@pytest.fixture
def mesh(tmp_path: Path) -> Gateway:
    pq.write_table(people(1, 2, 3), tmp_path / "one.parquet")
    files = dataset(
        "files",
        "people",
        Binding("files", str(tmp_path), "*"),
        people(1).schema,
        column_tags={"mail": ("pii",)},
        row_filters={"eu_only": "region = 'EU'", "us_only": "region = 'US'"},
    )
    return gateway([files], RULES)


def test_files_that_come_change_and_go_are_seen(mesh: Gateway, tmp_path: Path) -> None:
    assert ask(mesh, SQL, ANA)["id"].to_pylist() == [1, 3]
    pq.write_table(people(5, 6), tmp_path / "two.parquet")
    assert ask(mesh, SQL, ANA)["id"].to_pylist() == [1, 3, 5]
    pq.write_table(people(7, 8, 9, 11), tmp_path / "one.parquet")
    assert ask(mesh, SQL, ANA)["id"].to_pylist() == [5, 7, 9, 11]
    (tmp_path / "two.parquet").unlink()
    assert ask(mesh, SQL, ANA)["id"].to_pylist() == [7, 9, 11]


def test_callers_do_not_share_what_differs_between_them(mesh: Gateway) -> None:
    for _ in range(2):
        assert ask(mesh, SQL, ANA).to_pydict() == {"id": [1, 3], "mail": ["***", "***"]}
        assert ask(mesh, SQL, BOB).to_pydict() == {"id": [2], "mail": [None]}


def test_a_query_that_could_fail_has_its_barrier_after_one_that_could_not(mesh: Gateway) -> None:
    """Row 2 is hidden from Ana: a division by zero there would tell that it exists."""
    for _ in range(2):
        assert ask(mesh, SQL, ANA)["id"].to_pylist() == [1, 3]
        assert ask(mesh, FAILING, ANA)["id"].to_pylist() == [3]
        loose = FAILING.replace("id - 2", "coalesce(id, 2) - 2")
        assert ask(mesh, loose, ANA)["id"].to_pylist() == [3]
