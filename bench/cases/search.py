"""Searching a large catalogue: for who may know of all of it, of half, and of a few datasets."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from bench.model import GATEWAY, Series, Settings, Target
from connectors.interface import COMMENT, Binding
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.search import Search
from gateway.config import Config
from gateway.mesh import Mesh
from gateway.model import Address, Dataset, Principal, Request
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from policies.rows import PolicyRows, Row
from policies.snapshot import Snapshot

SIZE, QUICK_SIZE = 100_000, 3_000
DOMAINS = 200
MOST = 20
"""How many hits a search is asked for, as a page has them."""

NOUNS = (
    "order customer line item sale product event click invoice payment ledger stock ware price"
    " region store staff shift fleet route driver claim policy risk score model batch sensor"
    " reading meter tariff contract supplier buyer lead campaign visit session page refund parcel"
    " depot crew vessel cargo patient ward tender vendor asset lease tenant"
)
QUESTIONS = (
    *("order", "orders", "custmer orders", "invoise", "stock price", "cust", "sensor reading"),
    *("order_lines", "fleet route driver", "meter tarif", "patient", "zzzzzz", "id", "claim risk"),
    *("sal", "vessel cargo crew", "payments", "modle", "tenant lease", "the price of stock"),
)

ALL, HALF, FEW = (Principal(f"user:{name}") for name in ("all", "half", "few"))


class SearchCatalogue:
    """`Search.find` under the rights of a caller, as ``system.catalogue.search`` calls it; and SQL.

    Questions are of one to four words, some misspelt, some cut off. A few are two domains of 200.
    """

    name = "search"
    summary = "full-text search over 100 000 datasets: who sees all, half, few; by SQL; the index"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Make the catalogue and its index."""
        size = QUICK_SIZE if settings.quick else SIZE
        catalogue = Catalogue(_datasets(size), str(size))
        policies = PolicyRows.checked([Row("p", columns) for columns in _policies()])
        access = Access(Authoriser(Snapshot(policies)), lambda *_: b"")
        with TemporaryDirectory(prefix="meshgate-search-") as folder:
            making, loading = (_seconds(catalogue, Search(Path(folder))) for _ in range(2))
            mesh = Mesh(catalogue, access, Config(), search=Search(Path(folder)))
            gateway = Gateway(mesh)
            try:
                yield _series(gateway, making, loading)
            finally:
                gateway.close()


def _seconds(catalogue: Catalogue, search: Search) -> float:
    started = time.perf_counter()
    search.prepare(catalogue)
    return time.perf_counter() - started


def _series(gateway: Gateway, making: float, loading: float) -> Iterator[Series]:
    size = len(gateway.catalogue.datasets)
    for label, who in (("all", ALL), ("half", HALF), ("few", FEW)):
        asked = _Asked(gateway, who)
        yield Series(f"p50, sees {label} of {size:,}", "ms", {GATEWAY: asked.median}, Target(20))
        yield Series(f"p99, sees {label}", "ms", {GATEWAY: asked.worst})
    by_sql = _BySql(gateway, HALF)
    yield Series("p50 by SQL, sees half", "ms", {GATEWAY: by_sql.median})
    for label, seconds in (("made", making), ("found on disk", loading)):
        contenders = {GATEWAY: partial(float, seconds)}
        yield Series(f"index: {label}", "s", contenders, rounds=1, warmups=0)


@dataclass
class _Asked:
    """Every question of one caller, from its words to datasets it may know of."""

    gateway: Gateway
    who: Principal

    def _times(self) -> list[float]:
        times = []
        for question in QUESTIONS:
            started = time.perf_counter()
            self._ask(question)
            times.append((time.perf_counter() - started) * 1_000)
        return times

    def _ask(self, question: str) -> None:
        viewpoint = self.gateway.browsing.viewpoint(self.who)
        viewpoint.search.find(
            viewpoint.catalogue, question, viewpoint.at, MOST, viewpoint.outlook.discoverable
        )

    def median(self) -> float:
        """Milliseconds of the median question."""
        return statistics.median(self._times())

    def worst(self) -> float:
        """Milliseconds of the slowest question of a hundred."""
        return sorted(time for _ in range(5) for time in self._times())[-1]


class _BySql(_Asked):
    def _ask(self, question: str) -> None:
        text = (
            "SELECT name, score, title FROM system.catalogue.search"
            f" WHERE query = '{question}' ORDER BY rank LIMIT {MOST}"
        )
        result = self.gateway.execute(self.gateway.prepare(Request(self.who, text)))
        for _ in result.batches:
            pass


def _policies() -> Iterator[tuple[str, ...]]:
    yield ("user:all", "*", "*", "read", "*", "*", "*", "allow")
    for number in range(0, DOMAINS, 2):
        yield ("user:half", f"d{number}", f"mesh://d{number}/*/*", "read", "*", "*", "*", "allow")
    for number in (7, 8):
        pattern = f"mesh://d{number}/*/*"
        yield ("user:few", f"d{number}", pattern, "discover", "*", "*", "*", "allow")


def _datasets(size: int) -> Sequence[Dataset]:
    chance = random.Random(19)
    nouns = NOUNS.split()
    return [_dataset(chance, nouns, number) for number in range(size)]


def _dataset(chance: random.Random, nouns: Sequence[str], number: int) -> Dataset:
    one, two, three = chance.choices(nouns, k=3)
    columns = [
        f"{noun}_{chance.choice(('id', 'name', 'date'))}" for noun in chance.sample(nouns, 9)
    ]
    fields = [
        pa.field(name, pa.string(), metadata={COMMENT: f"the {name} of a {two}".encode()})
        for name in ("id", *columns)
    ]
    return Dataset(
        Address(f"d{number % DOMAINS}", f"{one}_{number % 7}", f"{two}_{three}s_{number}", "1.0.0"),
        pa.schema(fields),
        Binding("files", f"/data/{number}", "rows"),
        title=f"{two.title()} {three}",
        description=f"Every {two} " + " ".join(chance.choices(nouns, k=12)),
        tags=(one,),
        owner=f"team-{three}",
    )
