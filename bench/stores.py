"""Sources filled with tables and ready to be published, each for as long as its context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from bench.mesh import Product
from bench.sources import (
    Table,
    load_duckdb,
    load_mariadb,
    load_parquet,
    load_postgres,
    load_sqlite,
)
from tests.services import mariadb_database, postgres_database

Store = Callable[[Path, Sequence[Table]], AbstractContextManager[Product]]
"""Puts tables into a source (files go below the folder) and says how to publish it."""


@contextmanager
def _postgres(folder: Path, tables: Sequence[Table]) -> Iterator[Product]:
    with postgres_database() as uri:
        load_postgres(uri, tables)
        yield Product("postgres", "postgres", without_password(uri, folder / "postgres"), uri)


@contextmanager
def _mariadb(folder: Path, tables: Sequence[Table]) -> Iterator[Product]:
    with mariadb_database() as (uri, odbc):
        load_mariadb(odbc, tables)
        yield Product("mariadb", "mariadb", without_password(uri, folder / "mariadb"), uri)


def without_password(uri: str, file: Path) -> str:
    """The uri with a reference to the file in the place of its password, as contracts need it."""
    password = urlsplit(uri).password
    if not password:
        return uri
    file.write_text(password)
    return uri.replace(f":{password}@", f":${{file:{file}}}@", 1)


@contextmanager
def _parquet(folder: Path, tables: Sequence[Table]) -> Iterator[Product]:
    load_parquet(folder / "parquet", tables)
    yield Product("parquet", "files", str(folder / "parquet"))


@contextmanager
def _duckdb(folder: Path, tables: Sequence[Table]) -> Iterator[Product]:
    load_duckdb(folder / "tables.duckdb", tables)
    yield Product("duckdb", "duckdb", str(folder / "tables.duckdb"))


@contextmanager
def _sqlite(folder: Path, tables: Sequence[Table]) -> Iterator[Product]:
    load_sqlite(folder / "tables.sqlite", tables)
    yield Product("sqlite", "sqlite", str(folder / "tables.sqlite"))


STORES: Mapping[str, Store] = {
    "postgres": _postgres,
    "mariadb": _mariadb,
    "parquet": _parquet,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
}


@contextmanager
def stored(tables: Mapping[str, Sequence[Table]]) -> Iterator[tuple[Path, Mapping[str, Product]]]:
    """A scratch folder, and for every store its product holding the tables given for it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        products = {
            name: stack.enter_context(STORES[name](folder, tables[name])) for name in tables
        }
        yield folder, products
