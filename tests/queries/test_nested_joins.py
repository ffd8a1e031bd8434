"""A table joined with a join: the statement says what ties them, and holds no product."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connectors.interface import Binding
from connectors.sqlite import SqliteConnector
from gateway.pipeline import Gateway
from tests.gateways import ask, dataset, gateway

EITHER = "((b.kind = 'x' AND s.kind = 'y') OR (b.kind = 'y' AND s.kind = 'x'))"
NESTED = (
    "SELECT b.id, s.kind FROM shop.old.big b JOIN (shop.old.link l"
    f" JOIN shop.old.small s ON l.small = s.id) ON b.id = l.big AND {EITHER}"
)
FLAT = (
    "SELECT b.id, s.kind FROM shop.old.link l JOIN shop.old.small s ON l.small = s.id"
    f" JOIN shop.old.big b ON b.id = l.big AND {EITHER}"
)


@pytest.fixture
def mesh(tmp_path: Path) -> Gateway:
    kinds = ["x", "y", "z", None]
    rows = {
        "big": {"id": list(range(40)), "kind": [kinds[n % 4] for n in range(40)]},
        "link": {"big": [n % 50 for n in range(200)], "small": [n % 7 for n in range(200)]},
        "small": {"id": list(range(5)), "kind": [kinds[n % 4] for n in range(5)]},
    }
    path = tmp_path / "joined.sqlite"
    with sqlite3.connect(path) as database:
        for name, columns in rows.items():
            first, second = columns
            types = "INTEGER, {} TEXT" if second == "kind" else "INTEGER, {} INTEGER"
            database.execute(f"CREATE TABLE {name} ({first} {types.format(second)})")
            values = zip(*columns.values(), strict=True)
            database.executemany(f"INSERT INTO {name} VALUES (?, ?)", values)
    database.close()
    source = SqliteConnector(str(path), {})
    return gateway(
        [
            dataset("old", name, Binding("sqlite", str(path), name), source.schema(name))
            for name in rows
        ]
    )


def test_the_statement_has_no_product(mesh: Gateway) -> None:
    rows = ask(mesh, f"EXPLAIN {NESTED}").to_pylist()
    (text,) = [r["text"] for r in rows if r["item"] == "fragment 1"]
    assert text.count(" INNER JOIN ") == 2
    assert "CROSS JOIN" not in text


def test_the_rows_are_those_of_the_other_order(mesh: Gateway) -> None:
    order = "ORDER BY id, kind"
    nested, flat = ask(mesh, f"{NESTED} {order}"), ask(mesh, f"{FLAT} {order}")
    assert nested.to_pylist() == flat.to_pylist()
    assert nested.num_rows > 10
