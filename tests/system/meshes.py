"""Meshes for system tables: datasets of two domains, and callers who may know of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from connectors import memory
from connectors.interface import Binding
from gateway.audit.log import AuditLog
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.memory.memory import Memory
from gateway.mesh import Mesh
from gateway.model import (
    Address,
    Artefact,
    BusinessTerm,
    Dataset,
    Deprecation,
    Principal,
    Promise,
    Request,
    View,
    Way,
)
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row

ALL, SALES, STEWARD, NOBODY = (
    Principal(f"user:{name}") for name in ("all", "sally", "steve", "nobody")
)

POLICIES = (
    ("p", "user:all", "*", "*", "read", "*", "*", "*", "allow"),
    ("p", "user:sally", "sales", "mesh://sales/*/*", "read", "*", "*", "*", "allow"),
    ("p", "user:sally", "sales", "mesh://sales/*/*#margin", "read|discover", "*", "*", "*", "deny"),
    ("p", "user:steve", "sales", "mesh://sales/*/*", "admin", "*", "*", "*", "allow"),
)

ROWS = pa.table({"id": [1, 2, 3], "customer": ["a", "b", "c"], "margin": [0.1, 0.2, 0.3]})
COMMENTED = pa.schema(
    [
        pa.field("id", pa.int64(), metadata={b"mesh.comment": b"counts upwards"}),
        pa.field("customer", pa.string()),
        pa.field("margin", pa.float64(), metadata={b"mesh.comment": b"what we gain, the treasure"}),
    ]
)


def dataset(name: str, version: str = "1.0.0", **more: object) -> Dataset:
    uri = memory.register("system-tables", {"rows": ROWS})
    address = Address(*name.split("."), version)
    binding = Binding("memory", uri, "rows")
    return Dataset(address, COMMENTED, binding, **more)  # type: ignore[arg-type]


SHOWN = (
    dataset(
        "sales.orders.order_lines",
        title="Lines of orders",
        tags=("finance",),
        owner="team-sales",
        primary_key=("id",),
        column_tags={"margin": ("jewel",), "customer": ("pii",)},
        terms={"": BusinessTerm("Sale"), "margin": BusinessTerm("Lucre", "https://x.example")},
        promises=(Promise("latency", "4", "d"), Promise("retention", "3", "y", "margin")),
    ),
    dataset(
        "sales.orders.lines",
        status="deprecated",
        deprecation=Deprecation("old", "mesh://hr/people/salaries", "2027-01-31"),
    ),
    dataset(
        "sales.orders.order_lines",
        "0.9.0",
        status="deprecated",
        deprecation=Deprecation("older", "mesh://sales/orders/order_lines@1.0.0"),
    ),
    dataset("sales.stock.busy", view=View("SELECT id, customer, margin FROM hr.people.salaries")),
)
HIDDEN = (
    dataset("hr.people.salaries", description="order lines of people", tags=("secret",)),
    dataset("hr.people.orders"),
    dataset("zoo.animals.order_lines", owner="team-zoo"),
)


def mesh(
    datasets: Sequence[Dataset],
    policies: Sequence[tuple[str, ...]] = POLICIES,
    folder: Path | None = None,
) -> Gateway:
    """A gateway over the datasets; with a folder, one that has an audit log and a memory there."""
    rows = PolicyRows.checked([Row(kind, tuple(columns)) for kind, *columns in policies])
    access = Access(Authoriser(Snapshot(rows)), lambda *_: b"k" * 32)
    catalogue, config = Catalogue(datasets, "test", artefacts=ARTEFACTS), Config()
    if folder is None:
        return Gateway(Mesh(catalogue, access, config))
    audit = AuditLog.open_in(folder, config.audit_folder)
    return Gateway(Mesh(catalogue, access, config, audit, memory=Memory.open(folder, config)))


ARTEFACTS = (
    Artefact(
        Address("sales", "orders", "board", "1.0.0"),
        "dashboard",
        Way("url", "https://bi.example/board"),
        (
            Address("sales", "orders", "order_lines", None, "margin"),
            Address("sales", "orders", "lines"),
            Address("hr", "people", "salaries"),
            Address("hr", "people", "model"),
        ),
        title="The board",
        tags=("kpi",),
    ),
    Artefact(Address("hr", "people", "model", "2.0.0"), "model", Way("command", "run it")),
)


def ask(
    gateway: Gateway,
    sql: str,
    principal: Principal = ALL,
    values: Sequence[pa.Scalar] = (),
    **more: object,
) -> list[tuple[object, ...]]:
    request = Request(principal, sql, parameters=tuple(values), **more)  # type: ignore[arg-type]
    result = gateway.execute(gateway.prepare(request))
    table = pa.Table.from_batches(list(result.batches), schema=result.schema)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
