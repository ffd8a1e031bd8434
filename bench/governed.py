"""One governed table in two sources, and callers under different policies for the same rows.

The caller `free` reads everything as it is. `hidden`, `cut` and `hashed` have a row filter that
keeps nine rows of ten and two masks; the others have one obligation each, so that one sees what
each of them costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from bench.mesh import build, govern
from bench.sources import Column, Table
from bench.stores import stored

DOMAIN = "people"
SOURCES = ("postgres", "parquet")
PASSWORD = "bench-password"
FREE = "free"
ROW_FILTER = "country <> 'XX'"
ROWS_A_GROUP = 100_000

COLUMNS = (
    Column("id", "BIGINT", nullable=False),
    Column("email", "TEXT"),
    Column("phone", "TEXT"),
    Column("city", "TEXT"),
    Column("country", "TEXT"),
    Column("born", "DATE"),
    Column("salary", "BIGINT"),
    Column("score", "DOUBLE PRECISION"),
)
TAGGED = ("id", "email", "phone", "city", "born", "salary")
"""Columns that carry a tag of their own name, for masks to be given to."""

FILTERED = frozenset({"hidden", "cut", "hashed", "filter"})
"""Callers to whom the row filter applies."""

PAIRS = ("hidden", "cut", "hashed")
"""Callers with the row filter and two masks: cheap ones, some in the middle, the dearest."""

CALLERS: Mapping[str, Mapping[str, str]] = {
    FREE: {},
    "hidden": {"phone": "null", "born": "constant"},
    "cut": {"phone": "last4", "born": "month"},
    "hashed": {"email": "hash", "phone": "last4"},
    "filter": {},
    "null": {"email": "null"},
    "constant": {"email": "constant"},
    "partial": {"email": "partial:2"},
    "last4": {"phone": "last4"},
    "month": {"born": "month"},
    "band": {"salary": "band:1000"},
    "hash": {"email": "hash"},
    "hash-city": {"city": "hash"},
    "hash-integer": {"id": "hash"},
}
"""The masks of each caller by column. 300 cities; every email and id is different."""


def table(rows: int) -> Table:
    """The people, by id; the same ones every time."""
    random = np.random.default_rng(7)
    numbers = pa.array(np.arange(rows, dtype=np.int64))
    text = pc.cast(numbers, pa.string())
    cities = pa.array([f"City of {n:03}" for n in range(300)])
    countries = pa.array(["DE", "FR", "IT", "ES", "PL", "SE", "DK", "NL", "BE", "XX"])
    born = np.datetime64("1940-01-01") + random.integers(0, 25_000, rows)
    phones = pc.cast(pa.array(random.integers(10**9, 10**10, rows)), pa.string())
    columns = (
        numbers,
        pc.binary_join_element_wise(
            "person.", text, pa.scalar("@mail.example", pa.string()), pa.scalar("", pa.string())
        ),
        pc.binary_join_element_wise("+49", phones, pa.scalar("", pa.string())),
        cities.take(pa.array(random.integers(0, len(cities), rows))),
        countries.take(pa.array(random.integers(0, len(countries), rows))),
        pa.array(born.astype("datetime64[D]")),
        pa.array(random.integers(20_000, 200_000, rows)),
        pa.array(random.random(rows)),
    )
    content = pa.table(dict(zip((c.name for c in COLUMNS), columns, strict=True)))
    return Table("people", COLUMNS, ("id",), content, rows_a_group=ROWS_A_GROUP)


@contextmanager
def governed_mesh(rows: int, callers: Collection[str]) -> Iterator[Path]:
    """A mesh folder with the table in PostgreSQL and in Parquet, and these of the callers."""
    people = table(rows)
    with stored({source: [people] for source in SOURCES}) as (folder, products):
        mesh = build(folder / "mesh", DOMAIN, products.values())
        for contract in (mesh / "products").rglob("*.odcs.yaml"):
            _govern(contract)
        lines = [line for caller in callers for line in _policies(caller)]
        users = {(caller, PASSWORD): (_role(caller),) for caller in callers}
        govern(mesh, "\n".join(lines) + "\n", users)
        yield mesh


def name_in(source: str) -> str:
    """What the table of a source is called in SQL."""
    return f"{DOMAIN}.{source}.people"


def _govern(contract: Path) -> None:
    """Declare the row filter and the tags, as the owner of the product would."""
    document = yaml.safe_load(contract.read_text())
    for column in document["schema"][0]["properties"]:
        if column["name"] in TAGGED:
            column["tags"] = [column["name"]]
    row_filters = [{"id": "here", "expr": ROW_FILTER}]
    document["customProperties"].append({"property": "mesh.rowFilters", "value": row_filters})
    contract.write_text(yaml.safe_dump(document, sort_keys=False))


def _policies(caller: str) -> Iterator[str]:
    role = _role(caller)
    yield f"p,{role},*,*,discover|read,*,*,*,allow"
    if caller in FILTERED:
        yield f"p2,{role},*,*,*,restrictive,here,allow"
    for column in TAGGED:
        yield f"p3,{role},*,*,{column},*,{CALLERS[caller].get(column, 'none')},allow"


def _role(caller: str) -> str:
    return f"bench/{caller}"
