"""Gateways over datasets made in a test, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from connectors import memory as memory_connector
from connectors import open_connector
from connectors.interface import Binding
from gateway.audit import AuditLog
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.memory.memory import Memory
from gateway.mesh import Mesh
from gateway.model import Address, Dataset, Principal, Request
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row

ANA = Principal("user:ana")
KEY = b"k" * 32
"""The key of every product's hashes."""

EVERYTHING = (("p", "user:ana", "*", "*", "read", "*", "*", "*", "allow"),)


def dataset(
    product: str, name: str, binding: Binding, schema: pa.Schema, **more: object
) -> Dataset:
    return Dataset(Address("shop", product, name, "1.0.0"), schema, binding, **more)  # type: ignore[arg-type]


def gateway(
    datasets: Sequence[Dataset],
    policies: Sequence[tuple[str, ...]] = EVERYTHING,
    config: Config | None = None,
    audit: AuditLog | None = None,
    memory: Memory | None = None,
) -> Gateway:
    rows = PolicyRows.checked([Row(ptype, tuple(columns)) for ptype, *columns in policies])
    config = config or Config()
    access = Access(Authoriser(Snapshot(rows)), lambda *_: KEY, config.region)
    return Gateway(Mesh(Catalogue(datasets, "test"), access, config, audit, memory))


def in_memory(tables: Mapping[str, pa.Table], store: str, product: str = "memory") -> list[Dataset]:
    uri = memory_connector.register(store, tables)
    return [
        dataset(product, name, Binding("memory", uri, name), table.schema)
        for name, table in tables.items()
    ]


def in_source(connector: str, uri: str, names: Sequence[str]) -> list[Dataset]:
    """Datasets over tables a source has, with the schema the source gives them."""
    found = []
    for name in names:
        binding = Binding(connector, uri, name)
        opened = open_connector(binding)
        found.append(dataset(connector, name, binding, opened.schema(name)))
        opened.close()
    return found


def ask(gateway: Gateway, sql: str, principal: Principal = ANA) -> pa.Table:
    """The whole answer."""
    result = gateway.execute(gateway.prepare(Request(principal, sql)))
    return pa.Table.from_batches(list(result.batches), schema=result.schema)


def use(gateway: Gateway, catalogue: Catalogue) -> None:
    """Give a gateway another catalogue.

    Its datasets were not read from files, so plans can not tell that one of them has changed.
    """
    gateway.mesh.watch.replace(catalogue)
    gateway.plans.forget()
