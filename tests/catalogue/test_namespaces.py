"""Default catalogs and schemas: what a request pays to know that they are there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.errors import UserError
from gateway.model import Address, Dataset, Principal, Request
from gateway.pipeline import Gateway
from gateway.postgres_wire.databases import Database
from gateway.postgres_wire.errors import SqlError
from policies.decide import Pinned
from policies.outlook import Outlook
from tests.gateways import dataset, gateway, in_memory

BOB = Principal("user:bob")


def test_a_request_asks_of_its_own_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    (mine,) = in_memory({"zz": pa.table({"a": [1]})}, "namespaces", "files")
    hidden = [dataset("files", f"h{n}", Binding("memory", "", "x"), mine.schema) for n in range(50)]
    rule = ("p", "user:bob", "*", "mesh://shop/files/zz", "read", "*", "*", "*", "allow")
    mesh = gateway([*hidden, mine], [rule])
    asked: list[object] = []
    decide = Pinned.decide

    def counted(self: Pinned, *given: object) -> object:
        asked.append(given)
        return decide(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Pinned, "decide", counted)
    for namespace in (("shop",), ("SHOP", "files"), ("", "Files")):
        asked.clear()
        mesh.prepare(Request(BOB, "SELECT a FROM zz", namespace=namespace))
        assert 0 < len(asked) < 10
    for namespace in (("shop", "other"), ("shap",), ("", "other")):
        with pytest.raises(UserError, match="or you may not know of it"):
            mesh.prepare(Request(BOB, "SELECT a FROM zz", namespace=namespace))
    mesh.close()


class Work:
    """What a request costs: decisions of single datasets, and looks over all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.decided = self.outlooks = 0
        decide, weigh = Pinned.decide, Outlook._weigh

        def deciding(pinned: Pinned, *given: object) -> object:
            self.decided += 1
            return decide(pinned, *given)  # type: ignore[arg-type]

        def weighing(outlook: Outlook, *given: object) -> object:
            self.outlooks += 1
            return weigh(outlook, *given)  # type: ignore[arg-type]

        monkeypatch.setattr(Pinned, "decide", deciding)
        monkeypatch.setattr(Outlook, "_weigh", weighing)

    def of(self, do: Callable[[], object]) -> tuple[int, int]:
        self.decided = self.outlooks = 0
        with pytest.raises(UserError):
            do()
        return self.decided, self.outlooks


def hiding(count: int) -> Gateway:
    (mine,) = in_memory({"mine": pa.table({"a": [1]})}, "hiding", "files")
    hidden = [
        Dataset(Address("vault", f"p{n % 20}", f"h{n}", "1.0.0"), mine.schema, mine.binding)
        for n in range(count)
    ]
    same = [
        Dataset(Address("vault", f"q{n}", "same", "1.0.0"), mine.schema, mine.binding)
        for n in range(50)
    ]
    rule = ("p", "user:bob", "shop", "*", "read", "*", "*", "*", "allow")
    return gateway([*hidden, *same, mine], [rule])


@pytest.mark.parametrize("known", [True, False], ids=["warm", "cold"])
def test_what_is_hidden_costs_just_what_is_absent(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    mesh = hiding(3000)
    work = Work(monkeypatch)

    def asking(text: str, *namespace: str) -> Callable[[], object]:
        return lambda: mesh.prepare(Request(BOB, text, namespace=namespace))

    pairs = {
        "catalog": (asking("SELECT a FROM mine", "vault"), asking("SELECT a FROM mine", "valut")),
        "schema": (
            asking("SELECT a FROM mine", "vault", "p3"),
            asking("SELECT a FROM mine", "vault", "nothing"),
        ),
        "any schema": (
            asking("SELECT a FROM mine", "", "p3"),
            asking("SELECT a FROM mine", "", "nothing"),
        ),
        "name": (asking("SELECT a FROM same"), asking("SELECT a FROM sane")),
        "checked catalog": (
            lambda: mesh.browsing.check_namespace(BOB, "", ("vault",)),
            lambda: mesh.browsing.check_namespace(BOB, "", ("valut",)),
        ),
    }
    for what, (hidden, absent) in pairs.items():
        costs = []
        for do in (hidden, absent):
            if not known:
                mesh.mesh.access.forget_meshes()
            else:
                with pytest.raises(UserError):
                    do()
            costs.append(work.of(do))
        assert costs[0] == costs[1], what
        assert costs[0][0] <= 1, what
    mesh.close()


def test_hidden_catalogs_are_told_like_absent_ones() -> None:
    mesh = hiding(10)
    told = []
    for name in ("vault", "valut"):
        with pytest.raises(UserError) as caught:
            mesh.browsing.check_namespace(BOB, "", (name,))
        told.append(str(caught.value).replace(name, "NAME") + str(caught.value.hint))
    assert told[0] == told[1]
    mesh.browsing.check_namespace(BOB, "", ("shop", "files"))
    with pytest.raises(UserError) as caught:
        mesh.browsing.check_namespace(BOB, "", ("shop", "flies"))
    assert caught.value.hint == "did you mean files?"
    mesh.close()


def test_a_search_path_costs_no_more_where_more_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    work, costs = Work(monkeypatch), []
    path = '"shop.files", "vault.p3"'
    for count in (5, 500):
        mesh = hiding(count)
        assert "vault" not in {domain for domain, _ in mesh.browsing.products(BOB)}
        mesh.mesh.access.forget_meshes()
        work.decided = work.outlooks = 0
        found = Database("mesh").namespace(path, partial(mesh.browsing.products, BOB))
        assert found == ("shop", "files")
        Database("mesh").check_path(path, partial(mesh.browsing.products, BOB))
        with pytest.raises(SqlError, match="or you may not know of it"):
            Database("mesh").check_path('"vault.p3"', partial(mesh.browsing.products, BOB))
        costs.append((work.decided, work.outlooks))
        mesh.close()
    assert costs[0] == costs[1]
