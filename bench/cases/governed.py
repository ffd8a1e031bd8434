"""What policies cost: the same queries by a governed caller and by one who may read everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench.client import Client
from bench.governed import CALLERS, FREE, PASSWORD, SOURCES, governed_mesh, name_in
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import gateway, serving

ROWS = 1_000_000
QUICK_ROWS = 50_000
SELECTED = "id, email, phone, born, salary, score"

KEY = Target(1.2)
SCAN = Target(1.15)


class Governed:
    """One table in PostgreSQL and in Parquet, one server, thirteen callers."""

    name = "governed"
    summary = "key look-up and full scan under a row filter and masks, against the same without"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Load and serve the table, and log everybody in."""
        rows = QUICK_ROWS if settings.quick else ROWS
        with governed_mesh(rows) as mesh, serving(gateway(mesh)) as server:
            callers = {name: Client(server.uri, (name, PASSWORD)) for name in CALLERS}
            yield self._series(callers, rows, settings.quick)

    def _series(self, callers: Mapping[str, Client], rows: int, quick: bool) -> Iterator[Series]:
        for source in SOURCES:
            scan = f"SELECT {SELECTED} FROM {name_in(source)}"
            key = f"{scan} WHERE id = {visible_key(callers['governed'], source, rows)}"
            yield _against_free(callers, "governed", f"key, {source}", key, KEY, calls=20)
            # at the quick size the fixed cost of a request is most of the time of a scan
            target = None if quick else SCAN
            yield _against_free(callers, "governed", f"scan, {source}", scan, target)
        for source in SOURCES:
            for caller in CALLERS:
                if caller in {FREE, "governed"} or (quick and caller != "hashed"):
                    continue
                columns = SELECTED.replace("email", "city") if "city" in caller else SELECTED
                scan = f"SELECT {columns} FROM {name_in(source)}"
                name = f"scan, {source}: {caller}"
                yield _against_free(callers, caller, name, scan, rounds=3)


def _against_free(
    callers: Mapping[str, Client],
    caller: str,
    name: str,
    sql: str,
    target: Target | None = None,
    calls: int = 2,
    rounds: int = 5,
) -> Series:
    works = {GATEWAY: best(callers[caller], sql, calls), PEER: best(callers[FREE], sql, calls)}
    return Series(name, "ms", works, target, rounds=rounds)


def visible_key(client: Client, source: str, rows: int) -> int:
    """The first key from the middle on whose row the caller may see."""
    sql = f"SELECT id FROM {name_in(source)} WHERE id >= {rows // 2} ORDER BY id LIMIT 1"
    key: int = client.table(sql)["id"][0].as_py()
    return key


def best(client: Client, sql: str, calls: int) -> Callable[[], float]:
    """The shortest of several calls: what else the machine does only ever adds to a time."""

    def work() -> float:
        return min(client.drain(sql).seconds for _ in range(calls)) * 1000

    return work
