"""DuckDB with PostgreSQL and MariaDB attached by its extensions, and Parquet files as views."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from bench.peers.worker import Ask, Places, address, held_by, serve

EXTENSIONS = {"postgres": "postgres_scanner", "mariadb": "mysql_scanner"}


def connect(places: Places) -> Ask:
    """Views named as the tables, over whatever holds them."""
    connection = duckdb.connect()
    for store, attach in {"postgres": _postgres, "mariadb": _mariadb}.items():
        if held_by(places, store):
            connection.execute(f"LOAD '{_extension(EXTENSIONS[store])}'")
            connection.execute(attach(places[store]))
    for name, store in places["tables"].items():
        source = {
            "postgres": f"pg.public.{name}",
            "mariadb": f"my.{name}",
            "parquet": f"'{places['parquet']}/{name}.parquet'",
        }[store]
        connection.execute(f"CREATE VIEW {name} AS FROM {source}")
    return lambda sql: connection.sql(sql).to_arrow_table()


def _postgres(uri: str) -> str:
    parts, password, database = address(uri)
    options = (
        f"host={parts.hostname} port={parts.port} user={parts.username}"
        f" password={password} dbname={database}"
    )
    return f"ATTACH '{options}' AS pg (TYPE postgres, READ_ONLY)"


def _mariadb(uri: str) -> str:
    parts, password, database = address(uri)
    options = (
        f"host={parts.hostname} port={parts.port} user={parts.username}"
        f" passwd={password} database={database}"
    )
    return f"ATTACH '{options}' AS my (TYPE mysql, READ_ONLY)"


def _extension(name: str) -> Path:
    """The file that the package of the extension carries for this version."""
    spec = find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the DuckDB extension {name} is not installed")
    folder = Path(spec.submodule_search_locations[0])
    return folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


if __name__ == "__main__":
    serve(connect)
