"""Where a query finds its tables: all in one source, or spread over several."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.queries.corpus import Query
from tests.queries.reference import place

DOMAIN = "test"
SOURCES = ("postgres", "mariadb", "sqlite", "duckdb", "parquet", "memory")


@dataclass(frozen=True, slots=True)
class Placement:
    """Sources in turn: the nth table of a query is read from the nth of them, and round again."""

    name: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def apply(self, sql: str) -> str:
        """The text with every ``{table}`` as the dataset of its source."""
        return place(
            sql, lambda table, n: f'{DOMAIN}.{self.sources[n % len(self.sources)]}."{table}"'
        )


SINGLE = tuple(Placement(source, (source,)) for source in SOURCES)
MIXED = (
    Placement("mixed", ("postgres", "sqlite", "mariadb", "duckdb", "parquet", "memory")),
    Placement("mixed-backwards", ("memory", "duckdb", "sqlite", "postgres", "parquet", "mariadb")),
    Placement("two-and-one", ("postgres", "postgres", "mariadb")),
)


def random_placement(chance: random.Random) -> Placement:
    """Any sources, likely with some twice in a row."""
    chosen: Sequence[str] = chance.choices(SOURCES, k=4)
    return Placement("+".join(chosen), tuple(chosen))


def sampled(
    queries: Sequence[Query], placements: Sequence[Placement]
) -> list[tuple[Query, Placement]]:
    """Each query with one of the placements in turn; with every one if MESHGATE_CORPUS is "all"."""
    if os.environ.get("MESHGATE_CORPUS") == "all":
        return [(query, placement) for query in queries for placement in placements]
    return [(query, placements[n % len(placements)]) for n, query in enumerate(queries)]
