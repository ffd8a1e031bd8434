"""Plans as text, reviewed as a specification: who gets what, what stays, and why.

Each ``goldens/*.test`` holds a query, a line ``----`` and what EXPLAIN says. After a wanted change
run with MESHGATE_UPDATE_GOLDENS=1 and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.languages.sql import parse
from gateway.plan.explain import explain
from gateway.plan.planner import Query, plan_query
from tests.plans.tables import tables

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.test"))


def explained(sql: str) -> str:
    statement = parse(sql)
    known = tables()
    used = {r.name: known[r.name] for r in statement.references}
    plan = plan_query(Query(statement.text, statement.tree), used, Config())
    rows = explain(plan, Config()).to_pylist()
    lines = []
    for row in rows:
        lines.append(f"{row['item']}: {row['source'] or ''}".rstrip(": "))
        lines += [f"  {line}" for line in row["text"].rstrip().splitlines()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", GOLDENS, ids=lambda f: f.stem)
def test_plan_is_as_written_down(file: Path) -> None:
    sql, _, expected = file.read_text().partition("----\n")
    actual = explained(sql)
    if os.environ.get("MESHGATE_UPDATE_GOLDENS"):
        file.write_text(f"{sql}----\n{actual}")
        return
    assert actual == expected


def test_there_are_goldens() -> None:
    assert len(GOLDENS) >= 20
