"""Every entry of every allow-list gives DataFusion's answer, and nothing else may be asked."""

from __future__ import annotations

import math
from dataclasses import replace

import pyarrow as pa
import pytest
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, Relation, kind_of
from connectors.dialect import SqlDialect
from connectors.forms import FUNCTIONS
from connectors.functions import call as written_call
from connectors.functions import named_text, strict_extreme
from connectors.interface import SourceError, SourceErrorCode
from connectors.operands import Builder
from tests.conformance.cases import AGGREGATES, COLUMNS, DIVISION, Case, scalar_cases
from tests.conformance.reference import (
    TABLE,
    Reference,
    by_id,
    column,
    constant,
    from_table,
    rows_of,
    run,
)
from tests.conformance.specs import Source

RANKS = frozenset({Kind.UNSIGNED})
"""What windows count, in a source that has no such columns: see test_windows.py."""
KINDS = sorted(COLUMNS, key=lambda kind: str(kind.value))


def compared(
    source: Source, reference: Reference, dialect: SqlDialect, name: str
) -> tuple[set[Kind], set[Kind], list[str]]:
    """The kinds a function was tried with, those it was pushed for, and what came out wrong."""
    allowed = dialect.capabilities.functions.get(name, frozenset())
    pushed: set[Kind] = set()
    wrong: list[str] = []
    cases = [case for case in scalar_cases(source, name) if case.kind in allowed]
    for case in cases:
        expected = reference.answer(
            f"SELECT id, {case.sql} AS r FROM {TABLE} WHERE {case.where} ORDER BY id"
        )
        returns = expected.schema.field("r").type
        try:
            call = dialect.call(case.name, case.args, returns)
        except NotPushable:
            continue
        pushed.add(case.kind)
        query = by_id(source, from_table(source, column(source, "id").sql, call))
        rows = rows_of(expected)
        known = {row[0] for row in rows}
        actual = run(source, query, [pa.int64(), returns])
        wrong += _differences(case, rows, [row for row in actual if row[0] in known])
    return {case.kind for case in cases}, pushed, wrong


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_gives_what_the_engine_gives(
    source: Source, reference: Reference, name: str
) -> None:
    tested, pushed, wrong = compared(source, reference, source.connector.dialect, name)
    assert not wrong, "\n".join(wrong[:10])
    assert pushed == tested, "declared, but refused in every form the suite has"


WRONG: dict[str, Builder] = {
    "reverse": named_text("UPPER"),
    "btrim": lambda args, _: written_call("LTRIM", args[0].sql),
    "strpos": lambda args, _: exp.Length(this=args[0].sql),
    "greatest": strict_extreme("NULLIF"),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_entry_would_be_found(source: Source, reference: Reference, name: str) -> None:
    """The suite is no better than its rows: each of these has to be told from the right one."""
    own = source.connector.dialect
    functions = {**own.capabilities.functions, name: frozenset({Kind.TEXT})}
    dialect = replace(
        own,
        capabilities=replace(own.capabilities, functions=functions),
        builders={**own.builders, name: WRONG[name]},
    )
    tested, pushed, wrong = compared(source, reference, dialect, name)
    assert tested == pushed == {Kind.TEXT} and wrong


LOCALE: dict[str, tuple[str, Builder]] = {
    "upper": ("upper(s)", named_text("UPPER")),
    "lower": ("lower(s)", named_text("LOWER")),
}


@pytest.mark.parametrize("name", sorted(LOCALE))
def test_letters_of_other_sizes_are_not_the_engines(
    source: Source, reference: Reference, name: str
) -> None:
    """Why `lower` and `upper` are in no list: whoever puts them there finds this."""
    sql, build = LOCALE[name]
    expected = rows_of(reference.answer(f"SELECT id, {sql} FROM {TABLE} ORDER BY id"))
    call = build([column(source, "s")], pa.string())
    query = by_id(source, from_table(source, column(source, "id").sql, call))
    same = run(source, query, [pa.int64(), pa.string()]) == expected
    assert name not in source.connector.dialect.capabilities.functions
    the_engine_itself = source.name == "flightsql"
    assert not same or name == "lower" or the_engine_itself


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_not_in_the_list_is_refused(source: Source, name: str) -> None:
    dialect = source.connector.dialect
    allowed = dialect.capabilities.functions.get(name, frozenset())
    for case in scalar_cases(source, name):
        if case.kind not in allowed:
            with pytest.raises(NotPushable):
                dialect.call(case.name, case.args, pa.bool_())


@pytest.mark.parametrize("name", sorted(n for n in FUNCTIONS if n not in DIVISION))
def test_filter_keeps_the_rows_the_engine_keeps(
    source: Source, reference: Reference, name: str
) -> None:
    dialect = source.connector.dialect
    allowed = dialect.capabilities.functions.get(name, frozenset())
    for case in scalar_cases(source, name):
        if case.kind not in allowed:
            continue
        answer = reference.answer(f"SELECT {case.sql} AS r FROM {TABLE} LIMIT 1")
        if not pa.types.is_boolean(answer.schema.field("r").type):
            return
        try:
            call = dialect.call(case.name, case.args, pa.bool_())
        except NotPushable:
            continue
        query = by_id(source, from_table(source, column(source, "id").sql)).where(call)
        expected = reference.answer(f"SELECT id FROM {TABLE} WHERE {case.sql} ORDER BY id")
        assert run(source, query, [pa.int64()]) == rows_of(expected), case.sql


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregate_gives_what_the_engine_gives(
    source: Source, reference: Reference, name: str, distinct: bool
) -> None:
    dialect = source.connector.dialect
    allowed = dialect.capabilities.functions.get(name, frozenset())
    for kind, key in [(k, pair[0]) for k, pairs in COLUMNS.items() for pair in pairs]:
        if key not in source.rows.schema.names or (kind is Kind.FLOAT and name == "avg"):
            continue
        operand = column(source, key)
        if kind not in allowed:
            with pytest.raises(NotPushable):
                dialect.aggregate(name, [operand], operand.type)
            continue
        if distinct and (kind not in dialect.capabilities.groups or kind is Kind.FLOAT):
            continue
        inner = f"{'DISTINCT ' if distinct else ''}{key}"
        for where in ("true", "false"):
            expected = reference.answer(
                f"SELECT n, {name}({inner}) AS r FROM {TABLE} WHERE {where} GROUP BY n"
            )
            returns = expected.schema.field("r").type
            argument = column(source, key)
            if distinct:
                tree = exp.Distinct(expressions=[argument.sql])
                argument = type(argument)(tree, argument.type)
            if name == "avg" and kind is Kind.INTEGER:
                continue  # the engine casts to float first: see the test of averages
            call = dialect.aggregate(name, [argument], returns)
            group = column(source, "n")
            query = from_table(source, group.sql, call).group_by(group.sql.copy())
            if where == "false":
                query = query.where(exp.false() if source.name != "sqlite" else exp.condition("0"))
            actual = run(source, query, [group.type, returns])
            assert _close(actual, rows_of(expected)), (name, inner)


def test_average_of_integers_is_the_engines(source: Source, reference: Reference) -> None:
    dialect = source.connector.dialect
    operand = column(source, "i")
    floats = type(operand)(exp.cast(operand.sql, "DOUBLE"), pa.float64())
    if Kind.FLOAT not in dialect.capabilities.functions.get("avg", frozenset()):
        with pytest.raises(NotPushable):
            dialect.aggregate("avg", [floats], pa.float64())
        return
    floats = type(operand)(dialect.cast(operand, pa.float64()), pa.float64())
    query = from_table(source, dialect.aggregate("avg", [floats], pa.float64()))
    expected = reference.answer(f"SELECT avg(i) AS r FROM {TABLE}")
    assert run(source, query, [pa.float64()]) == rows_of(expected)


def test_average_over_no_rows_is_null(source: Source) -> None:
    dialect = source.connector.dialect
    returns = pa.decimal128(19, 6)
    if Kind.DECIMAL not in dialect.capabilities.functions.get("avg", frozenset()):
        with pytest.raises(NotPushable):
            dialect.aggregate("avg", [column(source, "d")], returns)
        return
    call = dialect.aggregate("avg", [column(source, "d")], returns)
    query = from_table(source, call).where(exp.false())
    assert run(source, query, [returns]) == [(None,)]


@pytest.mark.parametrize("nulls_first", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_sort_is_the_engines(
    source: Source, reference: Reference, kind: Kind, descending: bool, nulls_first: bool
) -> None:
    dialect = source.connector.dialect
    key = COLUMNS[kind][0][0]
    if key not in source.rows.schema.names:  # a kind it does not have is no kind it may declare
        assert kind not in dialect.capabilities.sorts - RANKS
        return
    operand = column(source, key)
    if kind not in dialect.capabilities.sorts:
        with pytest.raises(NotPushable):
            dialect.require_kind("ORDER BY", dialect.capabilities.sorts, operand.type)
        return
    order = exp.Ordered(this=dialect.sort_key(operand), desc=descending, nulls_first=nulls_first)
    tie = exp.Ordered(this=column(source, "id").sql, nulls_first=False)
    query = from_table(source, column(source, "id").sql).order_by(order, tie)
    direction, nulls = "DESC" if descending else "ASC", "FIRST" if nulls_first else "LAST"
    expected = reference.answer(
        f"SELECT id FROM {TABLE} ORDER BY {key} {direction} NULLS {nulls}, id"
    )
    assert run(source, query, [pa.int64()]) == rows_of(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_the_engines(source: Source, reference: Reference, kind: Kind) -> None:
    dialect = source.connector.dialect
    key = COLUMNS[kind][0][0]
    if key not in source.rows.schema.names:
        assert kind not in dialect.capabilities.groups - RANKS
        return
    operand = column(source, key)
    if kind not in dialect.capabilities.groups:
        with pytest.raises(NotPushable):
            dialect.require_kind("GROUP BY", dialect.capabilities.groups, operand.type)
        return
    query = from_table(source, operand.sql, exp.Count(this=exp.Star()))
    query = query.group_by(column(source, key).sql)
    expected = reference.answer(f"SELECT {key}, count(*) FROM {TABLE} GROUP BY {key}")
    actual = run(source, query, [operand.type, pa.int64()])
    assert sorted(actual, key=repr) == sorted(rows_of(expected), key=repr)


@pytest.mark.parametrize("pair", [("s", "t"), ("i", "j"), ("d", "e"), ("u", "v")])
def test_join_pairs_what_the_engine_pairs(
    source: Source, reference: Reference, pair: tuple[str, str]
) -> None:
    dialect = source.connector.dialect
    if Relation.INNER_JOIN not in dialect.capabilities.relations:
        with pytest.raises(NotPushable):
            dialect.require(Relation.INNER_JOIN)
        return
    left, right = (column(source, name) for name in pair)
    if left.kind not in dialect.capabilities.functions["equal"]:
        with pytest.raises(NotPushable):
            dialect.call("equal", [left, right], pa.bool_())
        return
    one = from_table(source, left.sql, column(source, "id").sql).subquery("a")
    two = from_table(source, right.sql, column(source, "id").sql).subquery("b")
    test = dialect.call(
        "equal",
        [
            type(left)(exp.column("c0", "a"), left.type),
            type(right)(exp.column("c0", "b"), right.type),
        ],
        pa.bool_(),
    )
    ids = [exp.column("c1", side) for side in ("a", "b")]
    query = exp.select(*(exp.alias_(i, f"o{n}") for n, i in enumerate(ids)))
    query = query.from_(one).join(two, on=test, join_type="inner")
    expected = reference.answer(
        f"SELECT a.id, b.id FROM {TABLE} a JOIN {TABLE} b ON a.{pair[0]} = b.{pair[1]}"
    )
    actual = run(source, query, [pa.int64(), pa.int64()])
    assert sorted(actual) == sorted(rows_of(expected))


CASTS = {
    ("i", pa.int64()): "bigint",
    ("i", pa.float64()): "double",
    ("k", pa.decimal128(25, 4)): "decimal(25, 4)",
    ("i", pa.string()): "varchar",
    ("d", pa.decimal128(20, 4)): "decimal(20, 4)",
    ("d", pa.float64()): "double",
    ("u", pa.timestamp("us")): "timestamp",
    ("f", pa.string()): "varchar",
    ("s", pa.int64()): "bigint",
    ("f", pa.int64()): "bigint",
    ("d", pa.decimal128(9, 1)): "decimal(9, 1)",
    ("x", pa.date32()): "date",
    ("k", pa.int32()): "int",
}


@pytest.mark.parametrize("cast", CASTS, ids=lambda c: f"{c[0]}-{c[1]}")
def test_cast_is_the_engines_or_refused(
    source: Source, reference: Reference, cast: tuple[str, pa.DataType]
) -> None:
    name, to = cast
    dialect = source.connector.dialect
    operand = column(source, name)
    try:
        tree = dialect.cast(operand, to)
    except NotPushable:
        if (operand.kind, kind_of(to)) in dialect.capabilities.casts:
            assert CASTS[cast] in {"bigint", "int", "decimal(9, 1)", "decimal(20, 4)"}
        return
    text = f"CAST({name} AS {CASTS[cast]})"
    if pa.types.is_timestamp(to):
        text = f"arrow_cast({name}, 'Timestamp(Microsecond, None)')"
    expected = reference.answer(f"SELECT id, {text} AS r FROM {TABLE} ORDER BY id")
    query = by_id(source, from_table(source, column(source, "id").sql, tree))
    assert run(source, query, [pa.int64(), to]) == rows_of(expected)


@pytest.mark.parametrize("name", sorted(DIVISION))
def test_division_by_zero_is_an_error_or_not_asked(source: Source, name: str) -> None:
    dialect = source.connector.dialect
    for key, zero in (("i", "j"), ("d", "e")):
        args = [column(source, key), column(source, zero)]
        try:
            call = dialect.call(name, args, args[0].type)
        except NotPushable:
            continue
        query = from_table(source, call)
        with pytest.raises(SourceError) as caught:
            run(source, query, [args[0].type])
        assert caught.value.code is SourceErrorCode.ARITHMETIC
    with pytest.raises(NotPushable):
        zero_constant = constant(source, 0, pa.int64())
        if source.name in {"postgres", "duckdb", "flightsql"}:
            raise NotPushable("there it is an error when it runs")
        dialect.call(name, [column(source, "k"), zero_constant], pa.int64())


def _differences(
    case: Case, expected: list[tuple[object, ...]], actual: list[tuple[object, ...]]
) -> list[str]:
    assert len(expected) == len(actual)
    return [
        f"{case.sql}: row {e[0]}: the engine has {e[1]!r}, the source {a[1]!r}"
        for e, a in zip(expected, actual, strict=True)
        if e != a
    ]


def _close(actual: list[tuple[object, ...]], expected: list[tuple[object, ...]]) -> bool:
    """Equal as sets of rows; sums of floats may differ in their last digits."""
    pairs = zip(sorted(actual, key=repr), sorted(expected, key=repr), strict=True)
    return all(
        a == b
        or (
            isinstance(a[1], float)
            and isinstance(b[1], float)
            and math.isclose(a[1], b[1], rel_tol=1e-12)
            and a[0] == b[0]
        )
        for a, b in pairs
    )
