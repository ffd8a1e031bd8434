"""Search: what is found, in which order, and nothing that tells of what the searcher may not know.

The index proposes and the scorer decides, so every search is compared with the scorer over all
datasets, one by one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue
from gateway.catalogue import search as searching
from gateway.catalogue.search import Search
from gateway.catalogue.search_index import SearchIndex
from gateway.catalogue.words import MAX_WORDS, MEMBERSHIP, asked, score, split, words_of
from gateway.errors import LimitExceeded, UserError
from gateway.model import Address, BusinessTerm, Dataset

BINDING = Binding("memory", "memory:x", "x")


def dataset(name: str, version: str = "1.0.0", columns: str = "id", **more: object) -> Dataset:
    schema = pa.schema([(column, pa.int64()) for column in columns.split()])
    return Dataset(Address(*name.split("."), version), schema, BINDING, **more)  # type: ignore[arg-type]


SHOP = [
    dataset("sales.orders.order_lines", columns="order_id product_id quantity"),
    dataset("sales.orders.customers", tags=("crm",), description="Who buys from us"),
    dataset("sales.orders.CustomerOrders", columns="id customer_id"),
    dataset("sales.stock.items", title="What is on the shelves", columns="item_id ordered_at"),
    dataset("hr.people.salaries", column_tags={"id": ("pii",)}, description="orders of customers"),
    dataset("old.orders.orders", status="retired"),
    dataset("old.sales.order_lines", status="deprecated"),
    dataset(
        "crm.core.parties",
        terms={"": BusinessTerm("Business partner"), "id": BusinessTerm("Partner number")},
        owner="team-relations",
    ),
    dataset("geo.places.straße", description="Zürich, Genève"),
]


def found(words: str, datasets: list[Dataset] = SHOP, most: int = 20) -> list[str]:
    catalogue = Catalogue(datasets, "v")
    hits = Search().find(catalogue, words, catalogue.datasets.__getitem__, most)
    return [str(hit.dataset.address)[7:].removesuffix("@1.0.0") for hit in hits]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("order lines", "sales/orders/order_lines"),
        ("order_lines", "sales/orders/order_lines"),
        ("OrderLines", "sales/orders/order_lines"),
        ("orderlines", "sales/orders/order_lines"),
        ("lines order", "sales/orders/order_lines"),
        ("ordr lins", "sales/orders/order_lines"),
        ("customers", "sales/orders/customers"),
        ("custmers", "sales/orders/customers"),
        ("cutsomers", "sales/orders/customers"),
        ("cust", "sales/orders/CustomerOrders"),
        ("custmer orders", "sales/orders/CustomerOrders"),
        ("customer_orders", "sales/orders/CustomerOrders"),
        ("crm", "crm/core/parties"),
        ("pii", "hr/people/salaries"),
        ("business partner", "crm/core/parties"),
        ("partner number", "crm/core/parties"),
        ("relations", "crm/core/parties"),
        ("shelves", "sales/stock/items"),
        ("the items of stock", "sales/stock/items"),
        ("sales.stock.items", "sales/stock/items"),
        ("zurich geneve", "geo/places/straße"),
        ("strasse", "geo/places/straße"),
    ],
)
def test_what_is_meant_comes_first(words: str, first: str) -> None:
    assert found(words)[0] == first


def test_a_name_goes_before_a_topic_before_a_column_before_a_text() -> None:
    datasets = [
        dataset("a.p.text", description="about invoices"),
        dataset("b.p.column", columns="id invoices"),
        dataset("c.p.topic", tags=("invoices",)),
        dataset("d.p.invoices"),
    ]
    assert found("invoices", datasets) == [
        "d/p/invoices",
        "c/p/topic",
        "b/p/column",
        "a/p/text",
    ]


def test_the_word_itself_goes_before_its_beginning_before_what_is_nearly_it() -> None:
    names = ("invoice", "invoices", "invioce", "inviocee", "voice")
    datasets = [dataset(f"{d}.p.{n}") for d, n in zip("edcba", names, strict=True)]
    assert found("invoice", datasets) == [
        "e/p/invoice",
        "d/p/invoices",
        "c/p/invioce",
        "a/p/voice",
        "b/p/inviocee",
    ]


def test_short_words_are_meant_as_they_are() -> None:
    assert found("pij") == []
    assert found("o") == []


def test_what_is_going_away_comes_later_and_what_is_gone_last() -> None:
    assert found("order lines") == [
        "sales/orders/order_lines",
        "old/sales/order_lines",
    ]
    assert found("orders")[-1] == "old/orders/orders"


def test_every_word_counts() -> None:
    assert found("customers shelves") == []
    assert found("zzzz") == []


def test_a_question_without_words_is_an_error() -> None:
    for nothing in ("", "  ", "!?", "--"):
        with pytest.raises(UserError, match="no word to look for"):
            asked(nothing)
    assert asked("of the") == ("of", "the")
    with pytest.raises(LimitExceeded):
        asked(" ".join(f"w{'x' * n}" for n in range(MAX_WORDS + 1)))
    with pytest.raises(LimitExceeded):
        asked("x" * 1_000_000)


def test_words_of_names() -> None:
    assert split("orderLines") == split("order_lines") == split("order-lines")
    assert split("HTTPServer2Go") == ("http", "server", "2", "go")
    assert split("Straße_ÉTÉ") == ("strasse", "ete")


WORDS = "order customer line item sale product event invoice payment ledger stock price".split()  # noqa: SIM905


def _random_dataset(random: random.Random, number: int) -> Dataset:
    domain, product, name = random.choices(WORDS, k=3)
    columns = [f"{word}_{random.choice(['id', 'name'])}" for word in random.sample(WORDS, 5)]
    return dataset(
        f"{domain}.{product}{number % 7}.{name}_{random.choice(WORDS)}s{number}",
        columns=" ".join(columns),
        title=random.choice(WORDS),
        description=" ".join(random.choices(WORDS, k=6)),
        tags=tuple(random.sample(WORDS, 1)),
        status=random.choice(["active"] * 5 + ["deprecated", "retired", "draft"]),
    )


Sight = Callable[[Dataset], Dataset | None]


def _all(seen: Dataset) -> Dataset | None:
    return seen


def _some(seen: Dataset) -> Dataset | None:
    return seen if seen.address.dataset[-1] in "147" else None


def _fewer_columns(seen: Dataset) -> Dataset | None:
    return replace(seen, schema=pa.schema(list(seen.schema)[:2]))


@pytest.mark.parametrize("sight", [_all, _some, _fewer_columns])
@pytest.mark.parametrize("most", [5, 40])
def test_the_index_gives_what_the_scorer_says(sight: Sight, most: int) -> None:
    chance = random.Random(7)
    catalogue = Catalogue([_random_dataset(chance, n) for n in range(400)], "v")
    index = SearchIndex.make(catalogue.datasets)
    shown = [sight(each) for each in catalogue.datasets]
    visible = np.array([each is not None for each in shown])
    questions = ["order", "custmer ordr", "sale stok", "in", "zzz", "order_ids", "paymnt led"]
    questions += [f"{chance.choice(WORDS)} {chance.choice(WORDS)[:3]}" for _ in range(40)]
    for question in questions:
        words = asked(question)
        scored = [
            (-score(words_of(each), words) * MEMBERSHIP.get(each.status, 1.0), place)
            for place, each in enumerate(shown)
            if each is not None and score(words_of(each), words)
        ]
        expected = [(-worth, shown[place]) for worth, place in sorted(scored)[:most]]
        for mask in (None, visible):
            hits = index.find(words, shown.__getitem__, most, mask)
            assert [(hit.score, hit.dataset) for hit in hits] == expected, question


@pytest.mark.parametrize("few", [2, 400])
def test_those_one_may_know_of_are_found_however_few_they_are(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.catalogue.search_index.FEW", few)
    chance = random.Random(8)
    catalogue = Catalogue([_random_dataset(chance, n) for n in range(2000)], "v")
    index = SearchIndex.make(catalogue.datasets)
    visible = np.zeros(2000, np.bool_)
    visible[[3, 700, 1999]] = True
    for _ in range(2):
        hits = index.find(asked("order"), catalogue.datasets.__getitem__, 2000, visible)
    all_hits = index.find(asked("order"), catalogue.datasets.__getitem__, 2000)
    mine = [catalogue.datasets[place] for place in (3, 700, 1999)]
    assert hits == [hit for hit in all_hits if hit.dataset in mine]


def _large(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Search:
    monkeypatch.setattr(searching, "AT_ONCE", 2)
    return Search(folder)


def _names(search: Search, catalogue: Catalogue, words: str) -> list[str]:
    hits = search.find(catalogue, words, catalogue.datasets.__getitem__, 10)
    return [hit.dataset.address.dataset for hit in hits]


def test_a_large_index_is_kept_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalogue(SHOP, "v1")
    first = _large(monkeypatch, tmp_path / "search")
    expected = _names(first, catalogue, "order lines")
    (kept,) = (tmp_path / "search").iterdir()

    def fail(*_: object) -> None:
        raise AssertionError("the index was made again")

    with monkeypatch.context() as patch:
        patch.setattr(SearchIndex, "make", fail)
        assert _names(Search(tmp_path / "search"), catalogue, "order lines") == expected
    other = Catalogue(SHOP[:4], "v2")
    assert _names(Search(tmp_path / "search"), other, "order lines") == ["order_lines"]
    (now,) = (tmp_path / "search").iterdir()
    assert now != kept


def test_a_broken_index_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(SHOP, "v1")
    expected = _names(_large(monkeypatch, tmp_path), catalogue, "order lines")
    (kept,) = tmp_path.iterdir()
    for file in kept.iterdir():
        if file.is_file() and not file.name.startswith("."):
            file.write_bytes(b"nonsense")
    assert _names(Search(tmp_path), catalogue, "order lines") == expected


def test_until_there_is_a_new_index_the_former_proposes_and_the_present_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = _large(monkeypatch, tmp_path)
    search.prepare(Catalogue(SHOP, "v1"))
    kept = [each for each in SHOP if each.address.domain != "old"]
    renamed = [replace(each, description="quiet") for each in kept]
    added = dataset("sales.orders.order_lines", "2.0.0")
    after = Catalogue([*renamed, added], "v2")
    assert _names(search, after, "order lines") == ["order_lines"]
    assert _names(search, after, "who buys") == []
    search.prepare(after)
    assert _names(search, after, "order lines") == ["order_lines", "order_lines"]
