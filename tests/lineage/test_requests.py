"""Lineage of requests that are more than a text: plans of clients, parameters, remote queries."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.config import Config
from gateway.languages import sql
from gateway.lineage.model import REMEMBERED_NAMES, Input, Lineage, Output, Subtype
from gateway.model import SUBSTRAIT, Request
from gateway.pipeline import Gateway
from gateway.plan.planner import Query, plan_query
from gateway.prepared import Prepared
from tests import services
from tests.gateways import gateway, in_memory, in_source
from tests.lineage import truth, world
from tests.lineage.test_queries import column
from tests.plans.tables import tables
from tests.substrait.plans import Schemas, produced

SCHEMAS: Schemas = {("shop", "memory", name): table.schema for name, table in world.TABLES.items()}


@pytest.fixture(scope="module")
def mesh() -> Iterator[Gateway]:
    opened = world.opened()
    yield opened
    opened.close()


def lineage(prepared: Prepared) -> Lineage:
    found = prepared.plan.lineage
    assert found is not None and found.exact
    assert [output.name for output in found.outputs] == prepared.schema.names
    return found


def ask(mesh: Gateway, text: str) -> Prepared:
    return mesh.prepare(Request(world.ANA, text))


@pytest.mark.parametrize("query", truth.read("substrait.truth"), ids=str)
def test_the_lineage_of_a_plan_of_a_client(query: truth.Truth, mesh: Gateway) -> None:
    made = mesh.of_plan(produced(query.sql, SCHEMAS))
    reader = world.READERS[query.options.get("reader", "ana")]
    prepared = mesh.prepare(Request(reader, made.text, language=SUBSTRAIT, columns=made.columns))
    expected = query.lineage(column, world.address)
    assert truth.written(lineage(prepared)) == truth.written(expected)


PARAMETERS = (
    "SELECT name AS n, ? AS given FROM customers WHERE id = ?",
    "SELECT name AS n, 'x' AS given FROM customers WHERE id = 1",
)


def test_a_statement_has_the_lineage_of_its_text_with_values(mesh: Gateway) -> None:
    described = ask(mesh, PARAMETERS[0])
    written = lineage(ask(mesh, PARAMETERS[1]))
    assert described.plan.unbound and lineage(described) == written
    for number in range(4):  # the second time a template is made, which the others are made from
        bound = mesh.bind(described, [pa.scalar(f"x{number}"), pa.scalar(number)])
        assert lineage(bound) == written


def test_templates_carry_lineage(mesh: Gateway) -> None:
    described = ask(mesh, "SELECT id, upper(name) AS n FROM customers WHERE id = $1")
    bound = [mesh.bind(described, [pa.scalar(number)]) for number in range(1, 5)]
    forms = mesh.plans._prepared._forms.values()
    assert any(form.template is not None for form in forms)
    assert {lineage(each) for each in bound} == {lineage(described)}


def test_names_follow_the_values_they_are_made_of(mesh: Gateway) -> None:
    described = ask(mesh, "SELECT amount + $1 FROM orders WHERE id = $2")
    for number in range(1, 4):
        bound = mesh.bind(described, [pa.scalar(number), pa.scalar(number)])
        (output,) = lineage(bound).outputs
        expected = Input(world.address("orders"), "amount", Subtype.TRANSFORMATION)
        assert output.inputs == (expected,)


def test_a_plan_that_is_kept_keeps_its_lineage(mesh: Gateway) -> None:
    text = "SELECT count(*) AS n FROM orders WHERE state = 'open'"
    assert ask(mesh, text).plan.lineage is ask(mesh, text).plan.lineage


def test_a_repeated_name_is_told_for_every_statement_that_repeats_it(mesh: Gateway) -> None:
    several = (
        ask(mesh, "SELECT id, amount AS id FROM orders"),
        ask(mesh, "SELECT id, id FROM orders"),
    )
    assert [[i.column for o in lineage(p).outputs for i in o.inputs] for p in several] == [
        ["id", "amount"],
        ["id", "id"],
    ]


def test_renamed_columns_cost_nothing_again(mesh: Gateway) -> None:
    texts = (
        "SELECT id, amount AS id FROM orders",
        "SELECT upper(name) FROM customers WHERE id = $1",
    )
    repeated = [ask(mesh, texts[0]).plan.lineage for _ in range(2)]
    assert repeated[0] is repeated[1]
    described = ask(mesh, texts[1])
    bound = [mesh.bind(described, [pa.scalar(1)]).plan.lineage for _ in range(4)]
    assert bound[2] is bound[3]


def test_a_lineage_is_kept_under_few_names() -> None:
    lineage = Lineage((Output("a"),))
    renamed = [lineage.named([f"n{i}"]) for i in range(2 * REMEMBERED_NAMES)]
    assert [each.outputs[0].name for each in renamed] == [f"n{i}" for i in range(len(renamed))]
    assert lineage.named(["n0"]) is renamed[0] and lineage.named(["a"]) is lineage
    assert len(lineage._named) == REMEMBERED_NAMES


def test_a_constant_has_a_lineage_of_nothing(mesh: Gateway) -> None:
    prepared = ask(mesh, "SELECT 1 AS one, 'a' AS letter")
    assert prepared.plan.constant is not None
    found = lineage(prepared)
    assert [(o.name, o.inputs) for o in found.outputs] == [("one", ()), ("letter", ())]
    assert not found.whole and not found.datasets


def test_what_can_not_be_told_is_never_less_than_the_truth(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two columns of one name behind one alias: only the engine knows which it takes."""
    shop = gateway(world.datasets(), world.POLICIES)
    text = "SELECT j.id, 1 AS one FROM (staff AS s JOIN customers AS c ON s.id = c.id) AS j"
    plan = shop.prepare(Request(world.BOB, text)).plan
    found = plan.lineage
    shop.close()
    assert found is not None and not found.exact
    assert "not told exactly" in caplog.text
    read = {(i.dataset, i.column) for i in found.outputs[0].inputs}
    staff, customers = world.address("staff"), world.address("customers")
    assert read == {(staff, "id"), (customers, "id")}
    assert all(output.inputs == found.outputs[0].inputs for output in found.outputs)
    assert found.whole == (Input(staff, "region", Subtype.FILTER, policy=True),)
    assert found.datasets == (customers, staff)


def test_a_lineage_that_lacks_what_the_engine_reads_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = ("memory_orders",)
    read = {name: ("id", "note")}
    monkeypatch.setattr("gateway.plan.planner.read_columns", lambda logical, opened: read)
    statement = sql.parse("SELECT id FROM memory_orders")
    query = Query(statement.text, statement.tree, {})
    plan = plan_query(query, {name: tables()[name]}, Config())
    assert plan.lineage is not None and not plan.lineage.exact
    assert [i.column for i in plan.lineage.outputs[0].inputs] == ["id", "note"]


def test_a_remote_query_is_a_dataset_of_its_product(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        database = uri.rpartition("/")[2].partition("?")[0]
        postgres.execute("CREATE TABLE public.sold (id bigint, amount bigint)", database=database)
        names = in_memory({"names": pa.table({"id": [1], "name": ["Ada"]})}, "lineage remote")
        rights = (
            ("p", "user:ana", "*", "*", "read", "*", "*", "*", "allow"),
            (
                "p",
                "user:ana",
                "*",
                "mesh://shop/postgres/*",
                "remote_query",
                "*",
                "*",
                "*",
                "allow",
            ),
        )
        shop = gateway([*in_source("postgres", uri, ["sold"]), *names], rights)
        text = (
            "SELECT n.name, sum(r.a) AS total FROM names AS n JOIN"
            " remote_query('shop.postgres', 'SELECT id, amount + 1 AS a FROM public.sold') AS r"
            " ON r.id = n.id GROUP BY n.name"
        )
        found = lineage(ask(shop, text))
        shop.close()
    name, total = found.outputs
    own = "mesh://shop/memory/names@1.0.0"
    assert name.inputs == (Input(own, "name", Subtype.IDENTITY),)
    (used,) = total.inputs
    assert used.dataset.startswith("mesh://shop/postgres/remote_query_")
    assert (used.column, used.subtype) == ("a", Subtype.AGGREGATION)
    assert found.datasets == (own, used.dataset)
    assert set(found.whole) == {
        Input(own, "name", Subtype.GROUP_BY),
        Input(own, "id", Subtype.JOIN),
        Input(used.dataset, "id", Subtype.JOIN),
    }
