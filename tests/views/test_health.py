"""Views and the sources below them, which are really altered: valid, degraded, broken, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway import sources
from gateway.errors import GatewayError
from gateway.model import Address, Dataset, Principal, Request, View
from gateway.notices import Notice, Severity
from gateway.pipeline import Gateway
from gateway.views.health import SourceState
from gateway.views.rows import ViewRow
from tests.gateways import ANA, EVERYTHING, ask, gateway, in_memory, use
from tests.views import stores

I32, I64 = pa.int32(), pa.int64()
BOB, OWNER = Principal("user:bob"), Principal("user:olga")
RULES = (
    *EVERYTHING,
    ("p", "user:ana", "*", "*", "discover", "*", "*", "*", "allow"),
    ("p", "user:bob", "views", "*", "read|discover", "*", "*", "*", "allow"),
    ("p", "user:olga", "views", "*", "read|discover|admin", "*", "*", "*", "allow"),
    ("p", "views/owner", "shop", "*", "read|publish", "*", "*", "*", "allow"),
)


def view(name: str, query: str, *columns: tuple[str, pa.DataType], **more: Any) -> Dataset:
    address = Address("views", "shop", name, more.pop("version", "1.0.0"))
    status = more.pop("status", "active")
    shape = View(query, **more)
    return Dataset(
        address, pa.schema(columns), Binding("view", "", name), view=shape, status=status
    )


def views_over(pay: pa.DataType) -> list[Dataset]:
    return [
    view("pays", "SELECT id, pay FROM shop.staff.staff", ("id", I64), ("pay", pay)),
    view("places", "SELECT id, region FROM shop.staff.staff WHERE region <> ''",
         ("id", I64), ("region", pa.string())),
    view("totals", "SELECT sum(pay) AS total FROM views.shop.pays", ("total", I64)),
    view("top", "SELECT total FROM views.shop.totals WHERE total > 0", ("total", I64)),
    view("lent", "SELECT id, pay FROM shop.staff.staff", ("id", I64), ("pay", pay),
         owner="views/owner", unmasks=True),
]  # fmt: skip


USE_PAY = ("pays", "totals", "top", "lent")


@pytest.fixture(params=["parquet", "sqlite", "postgres"], scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> stores.Store:
    return stores.store(request.param, tmp_path_factory.mktemp("store"))


@pytest.fixture
def mesh(store: stores.Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    schema = stores.declared(store)
    staff = Dataset(Address("shop", "staff", "staff", "1.0.0"), schema, store.binding)
    monkeypatch.setattr(sources, "SCHEMA_AGE_SECONDS", 0.0)
    opened = gateway([staff, *views_over(schema.field("pay").type)], RULES)
    opened.mesh.views.watch.turn()
    yield opened
    opened.close()


def levels(opened: Gateway) -> dict[str, str]:
    return {h.dataset.split("/")[-1].split("@")[0]: str(h.level)
            for h in opened.mesh.views.watch.healths.values()}  # fmt: skip


def refused(opened: Gateway, text: str, who: Principal = ANA) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        ask(opened, text, who)
    return caught.value


def shown(opened: Gateway, who: Principal) -> list[ViewRow]:
    return opened.mesh.views.rows(opened.mesh.access, who, "")


def test_views_over_a_source_that_keeps_its_contract_are_valid(mesh: Gateway) -> None:
    mesh.mesh.views.watch.turn()
    assert set(levels(mesh).values()) == {"valid"}
    assert ask(mesh, "SELECT * FROM top").to_pylist() == [{"total": 60}]


@pytest.mark.parametrize("step", stores.STEPS)
def test_what_changes_below_comes_up_through_every_layer(
    mesh: Gateway, store: stores.Store, step: str
) -> None:
    store.alter(step)
    mesh.mesh.views.watch.turn()
    found = levels(mesh)
    keeps = step == "add" or (
        isinstance(store, stores.Sqlite) and step in ("widen", "narrow")  # one type of integers
    )
    used = "valid" if keeps else "broken"
    assert {name: found[name] for name in USE_PAY} == dict.fromkeys(USE_PAY, used)
    unused = "broken" if step == "remove" else "degraded"
    assert found["places"] == ("valid" if keeps else unused)
    for name in USE_PAY:
        if used == "broken":
            error = refused(mesh, f"SELECT * FROM {name}")
            assert error.code == "DATASET_UNFIT" and f"views/shop/{name}" in str(error)
        else:
            assert ask(mesh, f"SELECT * FROM {name}").num_rows
    if step == "remove":
        assert refused(mesh, "SELECT * FROM places").code == "DATASET_UNFIT"
    else:  # a degraded view is answered, and the answer says so
        prepared = mesh.prepare(Request(ANA, "SELECT * FROM places ORDER BY id"))
        result = mesh.execute(prepared)
        rows = pa.Table.from_batches(list(result.batches), schema=result.schema)
        assert rows.to_pylist() == stores.STAFF.select(["id", "region"]).to_pylist()
        codes = {n.code for n in prepared.notices if n.dataset.startswith("mesh://views")}
        assert codes == (set() if keeps else {"VIEW_DEGRADED"})
    store.reset()
    mesh.mesh.views.watch.turn()
    assert set(levels(mesh).values()) == {"valid"}
    assert ask(mesh, "SELECT * FROM top").to_pylist() == [{"total": 60}]


def test_a_query_that_trips_over_a_change_has_its_source_looked_at(
    mesh: Gateway, store: stores.Store
) -> None:
    store.alter("drop")
    assert refused(mesh, "SELECT * FROM top").code == "SCHEMA_DRIFT"
    watch = mesh.mesh.views.watch
    assert [str(a) for a in watch._suspects] == ["mesh://shop/staff/staff@1.0.0"]
    watch.turn()
    assert levels(mesh)["top"] == "broken"
    assert refused(mesh, "SELECT * FROM top").code == "DATASET_UNFIT"
    store.reset()
    watch._looked.clear()  # a moment has gone by: whoever is refused has it looked at again
    assert refused(mesh, "SELECT * FROM top").code == "DATASET_UNFIT"
    watch.turn()
    assert ask(mesh, "SELECT * FROM top").num_rows == 1


def test_who_keeps_tripping_has_nothing_else_looked_at(mesh: Gateway, store: stores.Store) -> None:
    watch, looked = mesh.mesh.views.watch, list[str]()
    look = watch._look

    def counted(dataset: Dataset) -> Any:
        looked.append(dataset.address.dataset)
        return look(dataset)

    watch._look = counted
    watch.turn()
    assert looked == ["staff"]
    (other,) = in_memory({"other": stores.STAFF}, "views-suspect")
    assert watch.suspect([other])
    watch.turn()
    assert looked == ["staff", "other"]
    assert not watch.suspect([other])  # it was looked at just now
    watch.turn()
    assert looked == ["staff", "other", "staff"]


def test_the_reason_names_only_what_its_reader_may_know(mesh: Gateway, store: stores.Store) -> None:
    store.alter("drop")
    mesh.mesh.views.watch.turn()
    told = {who.name: str(refused(mesh, "SELECT * FROM lent", who)) for who in (ANA, BOB, OWNER)}
    assert "mesh://shop/staff/staff@1.0.0: column pay" in told["user:ana"]
    assert "staff" not in told["user:bob"] and "column pay" not in told["user:bob"]
    assert "a column it uses is gone or has changed" in told["user:bob"]
    assert "mesh://shop/staff/staff@1.0.0: column pay" in told["user:olga"]
    rows = {who.name: {r.dataset.split("/")[-1]: r for r in shown(mesh, who)}
            for who in (ANA, BOB, OWNER)}  # fmt: skip
    assert {r["lent@1.0.0"].health for r in rows.values()} == {"broken"}
    assert rows["user:bob"]["lent@1.0.0"].stands_on == ()
    assert "staff" not in repr(rows["user:bob"]["totals@1.0.0"])
    assert rows["user:bob"]["totals@1.0.0"].stands_on == ("mesh://views/shop/pays@1.0.0",)
    assert rows["user:olga"]["lent@1.0.0"].stands_on == ("mesh://shop/staff/staff@1.0.0",)
    assert "column pay" in rows["user:ana"]["top@1.0.0"].reason
    assert shown(mesh, Principal("user:eve")) == []
    store.reset()


def test_who_may_not_know_of_a_column_is_not_told_of_it(store: stores.Store) -> None:
    schema = stores.declared(store)
    staff = Dataset(
        Address("shop", "staff", "staff", "1.0.0"), schema, store.binding,
        column_tags={"pay": ("secret",)},
    )  # fmt: skip
    rules = (*RULES, ("p", "user:ana", "shop", "*", "read", "secret", "*", "*", "deny"))
    opened = gateway([staff, *views_over(schema.field("pay").type)], rules)
    opened.mesh.views.watch.turn()
    store.alter("drop")
    opened.mesh.views.watch.turn()
    told = str(refused(opened, "SELECT * FROM pays"))
    assert "a column it uses is gone" in told and "column pay" not in told
    store.reset()
    opened.close()


def test_a_source_that_is_down_is_unreachable_and_no_view_is_broken(tmp_path: Path) -> None:
    dead = Binding("postgres", "postgresql://nobody:x@127.0.0.1:9/none", "public.staff")
    schema = pa.schema([("id", I64), ("region", pa.string()), ("pay", I32)])
    staff = Dataset(Address("shop", "staff", "staff", "1.0.0"), schema, dead)
    opened = gateway([staff, *views_over(I32)], RULES)
    watch = opened.mesh.views.watch
    watch.turn()
    watch.turn()
    assert set(levels(opened).values()) == {"unreachable"}
    assert opened.mesh.standing.of("mesh://views/shop/top@1.0.0") == ()
    assert refused(opened, "SELECT * FROM top").code == "SOURCE_UNAVAILABLE"
    opened.close()


def test_where_a_source_is_is_told_to_who_looks_after_the_view() -> None:
    state = SourceState(unreachable="no answer from db.example:5432", unreadable="no /srv/x.db")
    staff = Dataset(
        Address("shop", "staff", "staff", "1.0.0"),
        pa.schema([("id", I64), ("region", pa.string()), ("pay", I32)]),
        Binding("postgres", "postgresql://nobody:x@127.0.0.1:9/none", "public.staff"),
    )
    opened = gateway([staff, *views_over(I32)], RULES)
    opened.mesh.views.watch._look = lambda dataset: state
    opened.mesh.views.watch.turn()
    opened.mesh.views.watch.turn()
    reasons = {who: {row.reason for row in shown(opened, who)} for who in (ANA, BOB, OWNER)}
    opened.close()
    assert "db.example" not in repr(reasons[ANA]) and "/srv" not in repr(reasons[ANA])
    assert "the source of mesh://shop/staff/staff@1.0.0 does not answer" in repr(reasons[ANA])
    assert "staff" not in repr(reasons[BOB]) and "db.example" not in repr(reasons[BOB])
    assert "db.example:5432" in repr(reasons[OWNER]) and "/srv/x.db" in repr(reasons[OWNER])


def test_what_was_broken_stays_so_while_its_source_is_down(mesh: Gateway, store: Any) -> None:
    watch = mesh.mesh.views.watch
    store.alter("drop")
    watch.turn()
    address = "mesh://shop/staff/staff@1.0.0"

    watch._look = lambda dataset: SourceState(unreachable="it is down")
    watch.turn()
    state = watch.state(address)
    assert state is not None and state.unreachable and "pay" in state.lost
    assert levels(mesh)["top"] == "broken"
    assert levels(mesh)["places"] == "unreachable"
    store.reset()


# --- by contract alone


def contracted(*datasets: Dataset, rules: Sequence[tuple[str, ...]] = RULES) -> Gateway:
    (staff,) = in_memory({"staff": stores.STAFF}, "views-contract", "staff")
    opened = gateway([staff, *datasets], rules)
    opened.mesh.views.watch.turn()
    return opened


def health(opened: Gateway, name: str, version: str = "1.0.0") -> tuple[str, str]:
    found = opened.mesh.views.watch.healths[f"mesh://views/shop/{name}@{version}"]
    return str(found.level), found.reason(lambda *_: True)


@pytest.mark.parametrize(
    ("query", "columns", "level", "reason"),
    [
        ("SELECT id FROM staff", [("id", I64)], "valid", ""),
        ("SELECT pay FROM staff", [("pay", I64)], "degraded", "column pay is int32"),
        ("SELECT id FROM staff", [("id", I32)], "broken", "column id is int64 and not int32"),
        ("SELECT id AS n FROM staff", [("id", I64)], "broken", "n in place of id"),
        ("SELECT wage FROM staff", [("wage", I64)], "broken", "wage"),
        ("SELECT id FROM nowhere", [("id", I64)], "broken", "there is no dataset nowhere"),
        ("SELECT id FROM staff FOR VERSION AS OF '9'", [("id", I64)], "broken", "no version 9"),
        ("WITH nowhere AS (SELECT 1 AS id) SELECT * FROM nowhere", [("id", I64)], "valid", ""),
        ("SELECT id + region AS id FROM staff", [("id", I64)], "broken", "its query"),
    ],
)
def test_contracts_alone_tell_what_does_not_fit(
    query: str, columns: list[tuple[str, pa.DataType]], level: str, reason: str
) -> None:
    opened = contracted(
        view("v", query, *columns), view("w", "SELECT * FROM views.shop.v", *columns)
    )
    assert health(opened, "v")[0] == level
    assert reason in health(opened, "v")[1]
    assert health(opened, "w")[0] == level
    if level == "broken":
        assert refused(opened, "SELECT * FROM views.shop.v").code == "DATASET_UNFIT"
        assert refused(opened, "SELECT * FROM views.shop.w").code == "DATASET_UNFIT"
    else:  # what the view gives is of the type its contract declares
        assert ask(opened, "SELECT * FROM views.shop.v").schema.types == [t for _, t in columns]
    opened.close()


def test_a_column_of_a_narrower_type_is_computed_with_as_declared() -> None:
    opened = contracted(view("v", "SELECT id, pay FROM staff", ("id", I64), ("pay", I64)))
    sums = "SELECT sum(pay * 1000000000) AS n, max(pay) AS most FROM views.shop.v WHERE pay > 10"
    assert ask(opened, sums).to_pylist() == [{"n": 50_000_000_000, "most": 30}]
    opened.close()


def test_versions_are_pinned_or_followed() -> None:
    fields = [("id", I64)]
    base = [
        view("base", "SELECT id FROM staff WHERE id < 2", *fields),
        view("base", "SELECT id FROM staff WHERE id < 3", *fields, version="1.1.0"),
        view("base", "SELECT id FROM staff", *fields, version="2.0.0", status="deprecated"),
    ]
    opened = contracted(
        *base,
        view("follows", "SELECT id FROM views.shop.base", *fields),
        view("pins", "SELECT id FROM views.shop.base FOR VERSION AS OF '1.0'", *fields),
        view("old", 'SELECT id FROM views.shop."base@2"', *fields),
    )
    counts = {name: ask(opened, f"SELECT id FROM {name}").num_rows
              for name in ("follows", "pins", "old")}  # fmt: skip
    assert counts == {"follows": 2, "pins": 1, "old": 3}
    watch = opened.mesh.views.watch
    below = {name: watch.healths[f"mesh://views/shop/{name}@1.0.0"].stands_on for name in counts}
    assert below == {
        "follows": ("mesh://views/shop/base@1.1.0",),
        "pins": ("mesh://views/shop/base@1.0.0",),
        "old": ("mesh://views/shop/base@2.0.0",),
    }
    assert health(opened, "old") == ("degraded", "mesh://views/shop/base@2.0.0 is deprecated")
    assert health(opened, "follows") == ("valid", "")
    opened.close()


def test_what_is_retired_is_read_by_nobody_nor_by_views() -> None:
    fields = [("id", I64)]
    opened = contracted(
        view("base", "SELECT id FROM staff", *fields, status="retired"),
        view("old", "SELECT id FROM views.shop.base FOR VERSION AS OF '1'", *fields),
    )
    assert health(opened, "old") == ("broken", "mesh://views/shop/base@1.0.0 is retired")
    assert refused(opened, "SELECT * FROM old").code == "DATASET_UNFIT"
    opened.close()


def test_a_catalogue_that_is_read_anew_is_judged_anew() -> None:
    fields = [("id", I64)]
    opened = contracted(view("v", "SELECT id FROM staff", *fields),
                        view("w", "SELECT id FROM views.shop.v", *fields))  # fmt: skip
    assert health(opened, "w")[0] == "valid"
    from gateway.catalogue.catalogue import Catalogue

    before = opened.catalogue
    kept = [d for d in before.datasets if d.address.dataset != "staff"]
    use(opened, Catalogue(kept, "another"))
    opened.mesh.views.watch.turn()
    level, reason = health(opened, "w")
    assert level == "broken" and "there is no dataset staff" in reason
    bob = str(refused(opened, "SELECT * FROM w", BOB))
    assert "a dataset it stands on is not there" in bob and "dataset staff" not in bob
    # the same address with another query is another view: no plan of the old one is used
    others = [d for d in before.datasets if d.address.dataset != "v"]
    changed = view("v", "SELECT id FROM staff WHERE id = 1", *fields)
    use(opened, Catalogue([*others, changed], "third"))
    opened.mesh.views.watch.turn()
    assert health(opened, "w") == ("valid", "")
    assert ask(opened, "SELECT * FROM w").to_pylist() == [{"id": 1}]
    opened.close()


def test_what_is_not_to_be_read_degrades_what_stands_on_it() -> None:
    opened = contracted(view("v", "SELECT id FROM staff", ("id", I64)))
    address = "mesh://shop/staff/staff@1.0.0"
    opened.mesh.standing.set(
        "quality", [Notice(address, "QUALITY", "rows are missing", Severity.DENY)]
    )
    opened.mesh.views.watch.turn()
    assert health(opened, "v") == ("degraded", f"{address} is not to be read at present")
    assert refused(opened, "SELECT * FROM views.shop.v").code == "DATASET_UNFIT"
    opened.mesh.standing.set("quality", [])
    opened.mesh.views.watch.turn()
    assert health(opened, "v") == ("valid", "")
    opened.close()


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("mysql", "SELECT `id`, IFNULL(`region`, '-') AS region FROM shop.staff.staff"),
        ("tsql", "SELECT TOP 10 [id], ISNULL(region, '-') AS region FROM shop.staff.staff"),
        ("spark", "SELECT id, nvl(region, '-') AS region FROM shop.staff.staff"),
    ],
)
def test_views_may_be_written_in_other_dialects(dialect: str, query: str) -> None:
    columns = [("id", I64), ("region", pa.string())]
    opened = contracted(view("v", query, *columns, dialect=dialect))
    assert health(opened, "v") == ("valid", "")
    assert ask(opened, "SELECT * FROM v ORDER BY id").to_pylist() == (
        stores.STAFF.select(["id", "region"]).to_pylist()
    )
    opened.close()


def test_a_removed_column_never_lets_a_view_find_another_of_its_name(tmp_path: Path) -> None:
    """An inner query would read the outer table's column: other rows, and no error."""
    file = tmp_path / "s.sqlite"
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("CREATE TABLE a (id bigint, x bigint)")
    connection.execute("CREATE TABLE b (id bigint, x bigint)")
    connection.execute("INSERT INTO a VALUES (1, 5), (2, 6)")
    connection.execute("INSERT INTO b VALUES (7, 5)")
    from tests.gateways import in_source

    bases = in_source("sqlite", str(file), ["a", "b"])
    query = "SELECT id FROM a WHERE x IN (SELECT x FROM b)"
    natural = "SELECT count(*) AS id FROM a NATURAL JOIN b"
    opened = gateway(
        [*bases, view("v", query, ("id", I64)), view("n", natural, ("id", I64))], RULES
    )
    assert ask(opened, "SELECT * FROM v").to_pylist() == [{"id": 1}]
    opened.mesh.views.watch.turn()
    connection.execute("ALTER TABLE b DROP COLUMN x")
    connection.close()
    opened.close()
    opened = gateway(
        [*bases, view("v", query, ("id", I64)), view("n", natural, ("id", I64))], RULES
    )
    opened.mesh.views.watch.turn()
    for name in ("v", "n"):
        assert refused(opened, f"SELECT * FROM {name}").code == "SCHEMA_DRIFT"
    opened.mesh.views.watch.turn()
    assert levels(opened) == {"v": "broken", "n": "broken"}
    opened.close()


def test_a_view_on_a_former_state_does_not_mind_the_present(tmp_path: Path) -> None:
    from deltalake import write_deltalake

    write_deltalake(tmp_path / "staff", stores.STAFF)
    binding = Binding("delta", str(tmp_path), "staff")
    schema = stores.declared_of(binding)
    staff = Dataset(Address("shop", "staff", "staff", "1.0.0"), schema, binding)
    past = view("past", "SELECT pay FROM staff FOR VERSION AS OF 0", ("pay", I32))
    now = view("present", "SELECT pay FROM staff", ("pay", I32))
    opened = gateway([staff, past, now], RULES)
    opened.mesh.views.watch.turn()
    write_deltalake(
        tmp_path / "staff", stores.STAFF.drop_columns(["pay"]), mode="overwrite",
        schema_mode="overwrite",
    )  # fmt: skip
    opened.mesh.views.watch.turn()
    assert levels(opened) == {"past": "valid", "present": "broken"}
    assert ask(opened, "SELECT sum(pay) AS n FROM past").to_pylist() == [{"n": 60}]
    opened.close()


def test_views_that_go_in_a_circle_are_broken_and_the_others_are_not() -> None:
    opened = contracted(
        view("a", "SELECT id FROM views.shop.b", ("id", I64)),
        view("b", "SELECT id FROM views.shop.a", ("id", I64)),
        view("c", "SELECT id FROM staff", ("id", I64)),
    )
    assert opened.mesh.views.watch.graph.cycle
    assert levels(opened) == {"c": "valid"}
    assert refused(opened, "SELECT * FROM a").code == "LIMIT_EXCEEDED"
    opened.close()
