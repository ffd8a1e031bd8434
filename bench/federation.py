"""The TPC-H tables in real stores, loaded once for every layout that is measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench import tpch
from bench.layouts import (
    ALL_IN_PARQUET,
    ALL_IN_POSTGRES,
    DOMAIN,
    PARTS_IN_PARQUET,
    THREE_SOURCES,
)
from bench.mesh import Product, build
from bench.proxy import CountingProxy
from bench.sources import load_mariadb, load_postgres
from bench.stores import without_password
from tests.services import mariadb_database, postgres_database

LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "split": THREE_SOURCES,
    "postgres-parquet": PARTS_IN_PARQUET,
    "postgres": ALL_IN_POSTGRES,
    "parquet": ALL_IN_PARQUET,
}
SERVERS = ("postgres", "mariadb")
"""The stores whose traffic can be counted; files are read where they lie."""


@dataclass(frozen=True, slots=True)
class Places:
    """Which store holds each table, and how to reach the stores past the gateway.

    `postgres` and `mariadb` are uris with passwords, empty where nothing was loaded; `parquet` is
    a folder with one file a table.
    """

    tables: Mapping[str, str]
    postgres: str
    mariadb: str
    parquet: str

    def held_by(self, store: str) -> tuple[str, ...]:
        """The tables of one store."""
        return tuple(name for name in self.tables if self.tables[name] == store)


@contextmanager
def filled(
    scale: float, layouts: Sequence[str], also_in_postgres: Collection[str] = ()
) -> Iterator[Places]:
    """Every table in each store that one of the layouts has it in; `tables` is still empty."""
    parquet = tpch.generate(scale)

    def needed(store: str) -> list[str]:
        also = also_in_postgres if store == "postgres" else ()
        places = [LAYOUTS[name] for name in layouts]
        return [n for n in tpch.TABLES if n in also or any(p[n] == store for p in places)]

    with ExitStack() as stack:
        postgres = mariadb = ""
        if needed("postgres"):
            postgres = stack.enter_context(postgres_database())
            for name in needed("postgres"):  # one at a time: lineitem alone takes a gigabyte
                load_postgres(postgres, [tpch.table(name, scale)])
        if needed("mariadb"):
            mariadb, odbc = stack.enter_context(mariadb_database())
            for name in needed("mariadb"):
                load_mariadb(odbc, [tpch.table(name, scale)])
        yield Places({}, postgres, mariadb, str(parquet.absolute()))


def publish(places: Places, folder: Path) -> Path:
    """A mesh with one product a store, in a new folder."""
    folder.mkdir(parents=True)
    products = []
    for store in SERVERS:
        if tables := places.held_by(store):
            uri: str = getattr(places, store)
            contract = without_password(uri, folder / f"{store}-password")
            products.append(Product(store, store, contract, uri, tables))
    if tables := places.held_by("parquet"):
        files = tuple(f"{name}.parquet" for name in tables)
        products.append(Product("parquet", "files", places.parquet, objects=files))
    return build(folder / "mesh", DOMAIN, products)


@contextmanager
def counted(places: Places) -> Iterator[tuple[Places, Sequence[CountingProxy]]]:
    """The same places behind proxies that count what the servers send."""
    with ExitStack() as stack:
        proxies = []
        for store in SERVERS:
            if places.held_by(store):
                address = urlsplit(getattr(places, store))
                proxy = stack.enter_context(CountingProxy.open(str(address.hostname), address.port))
                uri = address._replace(netloc=_with_port(address.netloc, proxy.port)).geturl()
                places = replace(places, **{store: uri})
                proxies.append(proxy)
        yield places, proxies


def _with_port(netloc: str, port: int) -> str:
    return f"{netloc.rpartition(':')[0]}:{port}"
