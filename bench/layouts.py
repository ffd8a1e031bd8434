"""Ways to spread the TPC-H tables over sources, loaded and published as one mesh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import tpch
from bench.mesh import build
from bench.stores import stored

DOMAIN = "tpch"

ALL_IN_POSTGRES = dict.fromkeys(tpch.TABLES, "postgres")
THREE_SOURCES = {
    **dict.fromkeys(("customer", "orders", "nation", "region"), "postgres"),
    **dict.fromkeys(("part", "partsupp", "supplier"), "mariadb"),
    "lineitem": "parquet",
}
ALL_IN_PARQUET = dict.fromkeys(tpch.TABLES, "parquet")
PARTS_IN_PARQUET = {
    **ALL_IN_POSTGRES,
    **dict.fromkeys(("part", "partsupp", "lineitem"), "parquet"),
}
ALTERNATING = {
    "lineitem": "postgres",
    "orders": "mariadb",
    "customer": "parquet",
    "part": "duckdb",
    "supplier": "sqlite",
    "partsupp": "postgres",
    "nation": "mariadb",
    "region": "parquet",
}
"""Whatever a query joins comes from different sources."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A published mesh. `postgres_uri` is empty when nothing lives there."""

    mesh: Path
    postgres_uri: str = ""


@contextmanager
def laid_out(placed: Mapping[str, str], scale: float) -> Iterator[Layout]:
    """Load every table into its source and publish one product a source."""
    tables = {
        source: [tpch.table(name, scale) for name in tpch.TABLES if placed[name] == source]
        for source in sorted(set(placed.values()))
    }
    with stored(tables) as (folder, products):
        mesh = build(folder / "mesh", DOMAIN, products.values())
        postgres = products.get("postgres")
        yield Layout(mesh, postgres.direct if postgres else "")


def all_in_postgres(scale: float) -> AbstractContextManager[Layout]:
    """The layout in which one source could answer everything alone."""
    return laid_out(ALL_IN_POSTGRES, scale)
