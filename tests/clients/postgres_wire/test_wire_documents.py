"""The pages of the clients of the PostgreSQL front: every line of theirs is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.postgres_wire.conftest import program
from tests.clients.postgres_wire.serving import Served

CLIENTS = Path(__file__).parents[3] / "docs" / "clients"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (CLIENTS / page).read_text(), re.DOTALL)


def test_psql_page(served: Served) -> None:
    program("psql")
    (block,) = blocks("psql.md", "console")
    said = []
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ ").replace("5432", str(served.port)))
        environment = {**os.environ, "PGPASSWORD": "wonderland"}
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        said.append(done.stdout)
    assert ["100" in said[0], "100" in said[1], "numeric(12,2)" in said[2]] == [True] * 3
    assert "pull" in said[3]
    assert said[4].startswith("id,customer,amount\n1,customer 0,0.00\n")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("psycopg.md", {"count": 200_000, "total": 100, "listed": [(3,), (5,)]}),
        ("odbc.md", {}),
    ],
)
def test_python_pages(served: Served, page: str, expected: dict[str, object]) -> None:
    if page == "odbc.md":
        program("isql")
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        text = block.replace("5432", str(served.port)).replace("Pwd=", "SSLmode=disable;Pwd=")
        exec(compile(text, page, "exec"), names)
    assert {name: names[name] for name in expected} == expected
    assert names["rows"][0][0] in (1, 6)
