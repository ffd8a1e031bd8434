"""A plan and the SQL made of it: what they mean, in every query of the corpus and of TPC-H."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from datafusion import SessionConfig, SessionContext
from google.protobuf.message import Message
from sqlglot import exp
from substrait.proto import Plan, ProjectRel, ReadRel, Rel, SetRel

from bench import tpch
from gateway.errors import GatewayError, InvalidQuery, LimitExceeded, Unsupported, UserError
from gateway.plan import relations
from gateway.substrait import translation
from gateway.substrait.limits import VOLATILE
from gateway.substrait.translation import translated
from tests.gateways import ask, gateway, in_memory
from tests.plans.tpch import schema_of
from tests.queries import corpus
from tests.queries.tables import tables
from tests.substrait.plans import Schemas, plan_of, produced, read_of

STORE = "substrait"
ROWS = {table.name: table.rows for table in tables()}
SCHEMAS = {("shop", "memory", name): rows.schema for name, rows in ROWS.items()}
TPCH = {("shop", "memory", name): schema_of(name) for name in tpch.TABLES}

NOT_TAKEN = {
    "an expression of kind",
    "more than one grouping",
    "two columns of one name",
    "a plan may not read virtual table",
    "no form in SQL that means the same",
    "can not be told apart in it",
    "values of type user_defined",
    "the engine can not read the plan",
    "join condition should not be empty",
    "called the same: shop.memory.orders.mark",
}
"""Why a query of the corpus may be refused as a plan; its text is answered."""


def corpus_sql(query: corpus.Query) -> str:
    return re.sub(
        r"\{(\w+)\}", lambda m: "/" if m[1] == "div" else f"shop.memory.{m[1]}", query.sql
    )


def qualified(sql: str) -> str:
    tree = sqlglot.parse_one(sql, dialect="postgres")
    for table in tree.find_all(exp.Table):
        if table.name in tpch.TABLES:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
            table.set("db", exp.to_identifier("memory"))
            table.set("catalog", exp.to_identifier("shop"))
    return tree.sql(dialect="postgres")


def plan_of_query(sql: str, schemas: Schemas, optimised: bool) -> bytes | None:
    """The plan, None where Substrait has no word for the query."""
    try:
        return produced(sql, schemas, optimised=optimised)
    except BaseException:  # some are panics
        return None


@pytest.mark.parametrize("optimised", [False, True], ids=["as written", "optimised"])
def test_every_query_of_tpch_is_taken(optimised: bool) -> None:
    made = 0
    for sql in tpch.queries().values():
        data = plan_of_query(qualified(sql), TPCH, optimised)
        if data is not None:
            assert set(translated(data).columns) <= set(TPCH)
            made += 1
    assert made == (22 if optimised else 16)


@pytest.mark.parametrize("optimised", [False, True], ids=["as written", "optimised"])
def test_a_plan_is_answered_as_its_query_is(optimised: bool) -> None:
    """Over the corpus; rows in the order of the query where it asks for one."""
    gate = gateway(in_memory(ROWS, STORE))
    counts = {"answered": 0, "refused": 0}
    try:
        for query in corpus.queries():
            sql = corpus_sql(query)
            data = plan_of_query(sql, SCHEMAS, optimised)
            if data is None or query.may_refuse:
                continue
            if re.search("(EXCEPT|INTERSECT) ALL", sql):
                continue  # the client's engine takes it for one without ALL
            try:
                made = translated(data)
            except GatewayError as error:
                assert any(reason in str(error) for reason in NOT_TAKEN), (query.name, str(error))
                counts["refused"] += 1
                continue
            assert _rows(ask(gate, made.text), query.ordered) == _rows(
                ask(gate, sql), query.ordered
            ), query.name
            counts["answered"] += 1
    finally:
        gate.close()
    assert counts["answered"] >= 300, counts


def _rows(table: pa.Table, ordered: bool) -> list[str]:
    rows = [repr(tuple(row.values())) for row in table.to_pylist()]
    return rows if ordered else sorted(rows)


PEOPLE = ("shop", "memory", "people")
COLUMNS = {"id": "i32", "name": "string"}


def test_what_a_plan_says_of_nulls_is_not_believed() -> None:
    """Else a masked column, whose values may be NULL, would count in count(column)."""
    schema = pa.schema([pa.field("id", pa.int64(), False), pa.field("name", pa.string(), False)])
    sql = "SELECT count(name) AS n FROM shop.memory.people WHERE name IS NOT NULL"
    made = translated(produced(sql, {PEOPLE: schema}, optimised=False))
    assert "IS NOT NULL" in made.text
    assert "count(t" in made.text


def test_a_text_that_means_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = produced("SELECT id FROM shop.memory.people WHERE id > 3", SCHEMAS)
    write = translation.write
    monkeypatch.setattr(translation, "write", lambda plan: write(plan).replace("'3'", "'4'"))
    translated.cache_clear()
    try:
        with pytest.raises(Unsupported, match="no form in SQL that means the same"):
            translated(data)
    finally:
        translated.cache_clear()


@pytest.mark.parametrize(
    "name",
    ['people" AS t1; DROP TABLE x --', "pe'ople", "peo\nple", 'a"b', "../people", "people@1"],
)
def test_a_name_can_not_leave_its_quotes(name: str) -> None:
    path = ("shop", "memory", name)
    plan = plan_of(read_of(path, {name: "i64"}), [name])
    text = translated(plan.SerializeToString()).text
    (table,) = sqlglot.parse_one(text, dialect="postgres").find_all(exp.Table)
    assert tuple(part.name for part in table.parts) == path


def everything_refused() -> dict[str, bytes]:
    """Plans that reach for something else than datasets, or are made to do harm."""
    plans = {}

    def put(name: str, rel: object, names: list[str] | None = None) -> None:
        plan = plan_of(rel, names or ["id"])  # type: ignore[arg-type]
        plans[name] = plan.SerializeToString()

    files = read_of((), {"id": "i64"})
    files.read.local_files.items.add().uri_file = "file:///etc/passwd"
    put("local files", files)
    table = read_of((), {"id": "i64"})
    table.read.extension_table.detail.type_url = "type.googleapis.com/x"
    put("extension table", table)
    virtual = read_of((), {"id": "i64"})
    virtual.read.virtual_table.expressions.add().fields.add().literal.i64 = 1
    put("virtual table", virtual)
    iceberg = read_of((), {"id": "i64"})
    iceberg.read.iceberg_table.direct.metadata_uri = "file:///etc/passwd"
    put("iceberg table", iceberg)
    leaf = type(files)()
    leaf.extension_leaf.detail.type_url = "x"
    put("extension leaf", leaf)
    single = type(files)()
    single.extension_single.input.CopyFrom(read_of(PEOPLE, COLUMNS))
    put("extension single", single)
    written = type(files)()
    written.write.named_table.names.extend(PEOPLE)
    put("write", written)
    ddl = type(files)()
    ddl.ddl.named_object.names.extend(PEOPLE)
    put("ddl", ddl)
    exchange = type(files)()
    exchange.exchange.input.CopyFrom(read_of(PEOPLE, COLUMNS))
    put("exchange", exchange)
    put("nothing", type(files)())
    inside = type(files)()
    inside.filter.input.CopyFrom(read_of(PEOPLE, COLUMNS))
    inside.filter.condition.subquery.scalar.input.CopyFrom(files)
    put("local files in a sub-query", inside, ["id", "name"])
    advanced = plan_of(read_of(PEOPLE, COLUMNS), ["id", "name"])
    advanced.advanced_extensions.enhancement.type_url = "x"
    plans["enhancement"] = advanced.SerializeToString()
    return plans


@pytest.mark.parametrize("name", sorted(everything_refused()))
def test_nothing_but_datasets_is_read(name: str) -> None:
    with pytest.raises(UserError) as caught:
        translated(everything_refused()[name])
    assert "passwd" not in str(caught.value)
    assert "incident" not in str(caught.value)


def test_a_function_the_engine_does_not_have_is_unknown() -> None:
    rel = type(read_of(PEOPLE, COLUMNS))()
    rel.project.input.CopyFrom(read_of(PEOPLE, COLUMNS))
    rel.project.expressions.add().scalar_function.function_reference = 1
    plan = plan_of(rel, ["id", "name", "x"])
    declared = plan.extensions.add().extension_function
    declared.function_anchor, declared.name = 1, "pg_read_file(); DROP"
    with pytest.raises(GatewayError) as caught:
        translated(plan.SerializeToString())
    assert caught.value.kind.value == "user"


@pytest.mark.parametrize("call", ["now()", "current_date", "random()", "uuid()", "today()"])
def test_what_changes_from_call_to_call_is_refused(call: str) -> None:
    """A plan is kept translated: its time would be that of the first translation."""
    data = produced(f"SELECT id, {call} AS x FROM shop.memory.people", SCHEMAS)
    with pytest.raises(Unsupported, match="in a Substrait plan is not taken"):
        translated(data)


def test_the_engine_has_no_other_function_that_changes() -> None:
    context = SessionContext(SessionConfig().with_information_schema(True))
    listed = context.sql(
        "SELECT DISTINCT routine_name FROM information_schema.routines WHERE NOT is_deterministic"
    )
    changing = {row["routine_name"] for row in listed.to_pylist()}
    assert "now" in changing
    assert changing - {"range", "generate_series"} <= VOLATILE  # these two are tables


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"SELECT 1", b"\x0a\x00"])
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(UserError):
        translated(data)


def test_a_plan_may_not_be_too_deep_or_too_large() -> None:
    rel = read_of(PEOPLE, COLUMNS)
    for _ in range(60):
        outer = type(rel)()
        outer.filter.input.CopyFrom(rel)
        outer.filter.condition.literal.boolean = True
        rel = outer
    with pytest.raises((LimitExceeded, UserError), match="deep"):
        translated(plan_of(rel, ["id", "name"]).SerializeToString())
    wide = type(rel)()
    wide.project.input.CopyFrom(read_of(PEOPLE, COLUMNS))
    for number in range(60_000):
        wide.project.expressions.add().literal.i64 = number
    with pytest.raises(LimitExceeded, match="more than"):
        translated(plan_of(wide, ["id", "name"]).SerializeToString())


def test_two_schemas_of_one_table_are_refused() -> None:
    rel = type(read_of(PEOPLE, COLUMNS))()
    rel.cross.left.CopyFrom(read_of(PEOPLE, COLUMNS))
    rel.cross.right.CopyFrom(read_of(PEOPLE, {"id": "i64", "name": "string"}))
    with pytest.raises(InvalidQuery, match="two different schemas"):
        translated(plan_of(rel, ["a", "b", "c", "d"]).SerializeToString())


def test_the_engine_still_writes_plans_as_this_reads_them() -> None:
    """The canary: a new engine that renders plans otherwise would refuse everything."""
    data = produced("SELECT name, count(*) AS n FROM shop.memory.people GROUP BY name", SCHEMAS)
    assert translated(data).text.startswith("SELECT ")


@pytest.mark.parametrize("levels", [12, 15])
@pytest.mark.parametrize("around", ["{0}", "SELECT id FROM shop.memory.t UNION ALL ({0})"])
def test_what_doubles_with_every_level_is_refused_at_once(levels: int, around: str) -> None:
    text = "SELECT id FROM shop.memory.t"
    for level in range(levels):
        nested = around.format(text) if level == levels // 2 else text
        text = f"SELECT CASE WHEN id > {level} THEN id * id ELSE id END AS id FROM ({nested}) s"
    schemas: Schemas = {("shop", "memory", "t"): pa.schema({"id": pa.int64()})}
    data = produced(text, schemas)
    started = time.monotonic()
    with pytest.raises(LimitExceeded, match="computed from each other too often"):
        translated(data)
    assert time.monotonic() - started < 2


def test_keys_of_older_producers_are_keys() -> None:
    data = produced(
        "SELECT a, count(*) AS n FROM t GROUP BY a", {("t",): pa.schema({"a": pa.int64()})}
    )
    plan = Plan.FromString(data)
    (aggregate,) = [
        rel.aggregate
        for rel in relations.walk(plan.relations[0].root.input)
        if relations.kind(rel) == "aggregate"
    ]
    aggregate.ClearField("grouping_expressions")
    for grouping in aggregate.groupings:
        grouping.ClearField("expression_references")
    assert translated(plan.SerializeToString()).text == translated(data).text


def everywhere(message: Message) -> Iterator[Message]:
    """Every message of a plan."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else [value]:
                yield from everywhere(part)


UNKNOWN_FIELD = b"\xfa\x3f\x03abc"
"""Of a number that no version of Substrait has."""


def test_a_field_that_nobody_knows_is_refused_wherever_it_is() -> None:
    """The engine might know it, and read what nobody has looked at."""
    data = produced(
        "SELECT count(*) AS n, CAST(p.id AS DOUBLE) AS x FROM shop.memory.people p"
        " JOIN shop.memory.orders o ON p.id = o.person WHERE p.name LIKE 'a%'"
        " GROUP BY p.id ORDER BY 1 LIMIT 2",
        SCHEMAS,
    )
    assert translated(data)
    kinds = [message.DESCRIPTOR.full_name for message in everywhere(Plan.FromString(data))]
    tried = set()
    for place, kind in enumerate(kinds):
        if kind in tried:
            continue
        tried.add(kind)
        plan = Plan.FromString(data)
        list(everywhere(plan))[place].MergeFromString(UNKNOWN_FIELD)
        with pytest.raises(Unsupported, match=rf"field \d+ of {kind} is not known"):
            translated(plan.SerializeToString())
    assert len(tried) > 15


def test_rows_of_an_earlier_version_are_none() -> None:
    """They stand in a field that is not looked at any more, and the engine still reads them."""
    rel = Rel()
    rel.read.virtual_table.MergeFromString(b"\x0a\x00" * 3)
    with pytest.raises(Unsupported, match=r"field 1 of substrait\.ReadRel\.VirtualTable"):
        translated(plan_of(rel, []).SerializeToString())


def bent(change: Callable[[Plan], None]) -> bytes:
    data = produced("SELECT id FROM shop.memory.orders UNION ALL SELECT 1", SCHEMAS)
    plan = Plan.FromString(data)
    change(plan)
    return plan.SerializeToString()


def first(plan: Plan, kind: type[Message]) -> Any:
    return next(message for message in everywhere(plan) if isinstance(message, kind))


BENT: dict[str, Callable[[Plan], None]] = {
    "no input": lambda plan: first(plan, ProjectRel).ClearField("input"),
    "a set operation nobody knows": lambda plan: setattr(first(plan, SetRel), "op", 77),
    "a decimal without digits": lambda plan: (
        first(plan, ReadRel).base_schema.struct.types[0].decimal.SetInParent()
    ),
    "a time of no unit": lambda plan: setattr(
        first(plan, ReadRel).base_schema.struct.types[0].precision_timestamp, "precision", 77
    ),
}


@pytest.mark.parametrize("name", BENT)
def test_what_no_producer_writes_is_refused_and_not_tripped_over(name: str) -> None:
    with pytest.raises(UserError):
        translated(bent(BENT[name]))


def test_a_date_beyond_all_years_is_no_failure_of_the_gateway() -> None:
    gate = gateway(in_memory(ROWS, "substrait_dates"))
    text = "SELECT id FROM shop.memory.days WHERE day < arrow_cast({}, 'Date32') ORDER BY id"
    try:
        every = ask(gate, text.format(2_000_000))
        assert every.num_rows
        assert ask(gate, text.format(2_147_483_647)) == every
    finally:
        gate.close()
    with pytest.raises(Unsupported):
        translated(produced(text.format(2_147_483_647), SCHEMAS, optimised=True))


def test_a_name_with_dots_is_one_name() -> None:
    """In a plan and in a text alike."""
    gate = gateway(in_memory({"a.b": ROWS["people"]}, "substrait_dots"))
    made = translated(plan_of(read_of(("a.b",), {"id": "i32"}), ["id"]).SerializeToString())
    try:
        for text in (made.text, 'SELECT id FROM "a.b"', 'SELECT id FROM shop.memory."a.b"'):
            assert ask(gate, text).num_rows == ROWS["people"].num_rows, text
    finally:
        gate.close()
