"""Looking up: short names, versions, and nothing said about what a caller may not know."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue, drift
from gateway.catalogue.versions import version_order
from gateway.errors import AmbiguousDataset, UnknownDataset
from gateway.model import Address, Dataset

BINDING = Binding("memory", "memory:x", "x")


def dataset(name: str, version: str = "1.0.0", **changes: object) -> Dataset:
    domain, product, table = name.split(".")
    address = Address(domain, product, table, version)
    return Dataset(address, pa.schema([("id", pa.int64())]), BINDING, **changes)  # type: ignore[arg-type]


CATALOGUE = Catalogue(
    [
        dataset("sales.orders.lines", "1.2.0"),
        dataset("sales.orders.lines", "1.10.0"),
        dataset("sales.orders.lines", "2.0.0-rc.1", status="draft"),
        dataset("sales.orders.lines", "0.9.0", status="retired"),
        dataset("sales.orders.customers", tags=("crm",), description="Who buys"),
        dataset("hr.people.customers"),
        dataset("hr.people.salaries", column_tags={"id": ("pii",)}, title="What people earn"),
        dataset("old.stuff.drafts", "3.0.0", status="draft"),
        dataset("old.stuff.leaving", "1.0.0", status="deprecated"),
        dataset("old.stuff.leaving", "1.1.0", status="deprecated"),
        dataset("old.stuff.leaving", "2.0.0", status="draft"),
        dataset("old.stuff.salaries", status="retired"),
    ],
    "v1",
)


def everyone(_: Dataset) -> bool:
    return True


def only(domain: str) -> Callable[[Dataset], bool]:
    return lambda found: found.address.domain == domain


def resolve(
    name: str, version: str | None = None, visible: Callable[[Dataset], bool] = everyone
) -> str:
    return str(CATALOGUE.resolve(tuple(name.split(".")), version, visible).address)


def suggestion(name: str, visible: Callable[[Dataset], bool] = everyone) -> str | None:
    shown = np.array([visible(dataset) for dataset in CATALOGUE.datasets], np.bool_)
    return CATALOGUE.suggestion(tuple(name.split(".")), shown)


@pytest.mark.parametrize("name", ["sales.orders.lines", "orders.lines", "lines", "LINES"])
def test_long_and_short_names_find_the_dataset(name: str) -> None:
    assert resolve(name) == "mesh://sales/orders/lines@1.10.0"


@pytest.mark.parametrize(
    ("version", "found"),
    [
        (None, "1.10.0"),
        ("1.2.0", "1.2.0"),
        ("1", "1.10.0"),
        ("1.2", "1.2.0"),
        ("2", None),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        ("0", "0.9.0"),
        ("1.1", None),
        ("9", None),
    ],
)
def test_a_version_is_exact_or_a_prefix(version: str | None, found: str | None) -> None:
    if found:
        assert resolve("lines", version) == f"mesh://sales/orders/lines@{found}"
    else:
        with pytest.raises(UnknownDataset, match=f"has no version {re.escape(str(version))}"):
            resolve("lines", version)


def test_without_an_active_version_one_must_be_asked_for() -> None:
    with pytest.raises(UnknownDataset, match="no active version") as caught:
        resolve("drafts")
    assert caught.value.hint == "there is 3.0.0 (draft)"
    assert resolve("drafts", "3.0.0") == "mesh://old/stuff/drafts@3.0.0"


def test_what_is_deprecated_is_read_where_nothing_is_active() -> None:
    assert resolve("leaving") == "mesh://old/stuff/leaving@1.1.0"
    assert resolve("leaving", "1") == "mesh://old/stuff/leaving@1.1.0"
    assert resolve("leaving", "1.0") == "mesh://old/stuff/leaving@1.0.0"


def test_what_is_retired_makes_no_name_ambiguous() -> None:
    assert resolve("salaries") == "mesh://hr/people/salaries@1.0.0"
    assert resolve("stuff.salaries") == "mesh://old/stuff/salaries@1.0.0"


def test_versions_are_ordered_by_number() -> None:
    versions = ["1.10.0", "1.2.0", "1.10.0-rc.2", "1.10.0-rc.10", "2", "1.10.0-alpha"]
    assert sorted(versions, key=version_order) == [
        *("1.2.0", "1.10.0-alpha", "1.10.0-rc.2", "1.10.0-rc.10", "1.10.0", "2")
    ]
    assert version_order("v1.0") == version_order("1.0.0")


def test_a_short_name_of_two_datasets_is_ambiguous() -> None:
    with pytest.raises(AmbiguousDataset, match=r"hr\.people\.customers or sales\.orders"):
        resolve("customers")


def test_a_hidden_dataset_makes_no_name_ambiguous() -> None:
    assert resolve("customers", visible=only("hr")) == "mesh://hr/people/customers@1.0.0"


def test_a_hidden_dataset_is_like_a_missing_one() -> None:
    def message(name: str) -> str:
        with pytest.raises(UnknownDataset) as caught:
            resolve(name, visible=only("sales"))
        hint = suggestion(name, visible=only("sales"))
        return f"{caught.value} {hint}".replace(name, "NAME")

    assert message("hr.people.salaries") == message("hr.people.zzzzzzzz")
    assert "salaries" not in message("salarie")


def test_a_hidden_version_is_not_mentioned() -> None:
    with pytest.raises(UnknownDataset) as caught:
        resolve("lines", "2", lambda found: found.address.version == "1.2.0")
    assert caught.value.hint == "there is 1.2.0 (active)"


def test_a_visible_name_is_suggested() -> None:
    assert suggestion("sales.orders.line") == "did you mean sales.orders.lines?"
    assert suggestion("Salarys", visible=only("hr")) == "did you mean salaries?"
    assert suggestion("salarys", visible=only("sales")) is None
    assert suggestion("zzzzzz") is None


def test_hidden_names_do_not_crowd_out_what_may_be_suggested() -> None:
    hidden = [dataset(f"x.y.customer{n}") for n in range(2000)]
    crowded = Catalogue([*hidden, dataset("a.b.customers_of_ours")], "v1")
    shown = np.array([d.address.domain == "a" for d in crowded.datasets], np.bool_)
    hint = crowded.suggestion(("customer_of_ours",), shown)
    assert hint == "did you mean customers_of_ours?"
    assert crowded.suggestion(("customer_of_ours",), ~shown) != hint
    assert CATALOGUE.suggestion(("sales", "orders", "line")) == "did you mean sales.orders.lines?"
    assert CATALOGUE.suggestion(("mesh", "sales", "orders", "lines")) is None


def test_an_address_is_found_with_and_without_version() -> None:
    assert CATALOGUE.get(Address("sales", "orders", "lines", "1.2.0")).address.version == "1.2.0"
    assert CATALOGUE.get(Address("sales", "orders", "lines")).address.version == "1.10.0"
    with pytest.raises(UnknownDataset):
        CATALOGUE.get(Address("sales", "orders", "nothing"))


def test_drift_is_told_column_by_column() -> None:
    declared = pa.schema(
        [
            pa.field("same", pa.int64()),
            pa.field("gone", pa.int64()),
            pa.field("wider", pa.int32(), metadata={b"mesh.physicalType": b"integer"}),
            pa.field("required", pa.int64(), nullable=False),
            pa.field("safe", pa.int64()),
        ]
    )
    actual = pa.schema(
        [
            pa.field("extra", pa.int64()),
            pa.field("same", pa.int64()),
            pa.field("wider", pa.int64(), metadata={b"mesh.physicalType": b"bigint"}),
            pa.field("required", pa.int64()),
            pa.field("safe", pa.int64(), nullable=False),
        ]
    )
    assert drift(declared, actual) == [
        "column gone is not in the source",
        "column wider is int32 (integer) in the contract but int64 (bigint) in the source",
        "column required is required but may be NULL in the source",
    ]
    assert drift(actual, actual) == []
    twice = pa.schema([("same", pa.int64()), ("same", pa.int64())])
    assert drift(declared.empty_table().select(["same"]).schema, twice) == [
        "column same is in the source more than once"
    ]


@pytest.mark.parametrize(
    ("namespace", "name", "found"),
    [
        (("sales",), "customers", "mesh://sales/orders/customers@1.0.0"),
        (("hr",), "customers", "mesh://hr/people/customers@1.0.0"),
        (("HR", "people"), "customers", "mesh://hr/people/customers@1.0.0"),
        (("", "people"), "customers", "mesh://hr/people/customers@1.0.0"),
        (("hr",), "orders.customers", "mesh://sales/orders/customers@1.0.0"),  # not in it: anywhere
        (("sales", "people"), "orders.customers", "mesh://sales/orders/customers@1.0.0"),
        (("hr", "people"), "sales.orders.customers", "mesh://sales/orders/customers@1.0.0"),
        (("hr", "people"), "lines", "mesh://sales/orders/lines@1.10.0"),
        (("nowhere",), "salaries", "mesh://hr/people/salaries@1.0.0"),
    ],
)
def test_a_namespace_goes_before_the_whole_mesh(
    namespace: tuple[str, ...], name: str, found: str
) -> None:
    dataset = CATALOGUE.resolve(tuple(name.split(".")), None, everyone, namespace)
    assert str(dataset.address) == found


def test_a_namespace_decides_nothing_it_does_not_hold() -> None:
    for namespace in ((), ("nowhere",), ("hr", "nothing")):
        with pytest.raises(AmbiguousDataset):
            CATALOGUE.resolve(("customers",), None, everyone, namespace)


def test_what_is_hidden_in_a_namespace_is_not_there() -> None:
    dataset = CATALOGUE.resolve(("customers",), None, only("hr"), ("sales", "orders"))
    assert str(dataset.address) == "mesh://hr/people/customers@1.0.0"
