"""Every aggregate of the engine is known as one."""

from __future__ import annotations

import pytest
from datafusion import SessionConfig, SessionContext
from sqlglot import exp

from gateway.errors import ParseError
from gateway.languages import sql
from gateway.lineage.expressions import is_aggregate

LISTED = "SELECT DISTINCT routine_name AS name FROM information_schema.routines WHERE function_type"


def names(kind: str) -> list[str]:
    context = SessionContext(SessionConfig().with_information_schema(True))
    rows = context.sql(f"{LISTED} = '{kind}'").to_pylist()
    return sorted(row["name"] for row in rows)


@pytest.mark.parametrize("name", names("AGGREGATE"))
def test_an_aggregate_of_the_engine_is_known(name: str) -> None:
    known = []
    for arguments in ("x", "x, y"):
        try:
            tree = sql.parse(f"SELECT {name}({arguments}) AS v FROM t").tree
        except ParseError:  # it takes another number of them
            continue
        known += [is_aggregate(alias.this) for alias in tree.find_all(exp.Alias)]
    assert known and all(known)


def test_other_functions_are_none() -> None:
    context = SessionContext(SessionConfig().with_information_schema(True))
    names = {row["name"] for row in context.sql(f"{LISTED} = 'SCALAR'").to_pylist()}
    found = []
    for name in sorted(names):
        try:
            tree = sql.parse(f"SELECT {name}(x) AS v FROM t").tree
        except ParseError:
            continue
        if any(is_aggregate(alias.this) for alias in tree.find_all(exp.Alias)):
            found.append(name)
    assert not found
