"""What policies cost: the same queries by a governed caller and by one who may read everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench.client import Client
from bench.governed import CALLERS, FREE, PAIRS, PASSWORD, SOURCES, governed_mesh, name_in
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import gateway, python_module, serving

ROWS = 1_000_000
QUICK_ROWS = 50_000
SELECTED = "id, email, phone, born, salary, score"
SMALLEST = "SELECT 1"

KEY = Target(1.2)
SCAN = Target(1.15)
AUDITED = Target(1.3)


class Governed:
    """One table in PostgreSQL and in Parquet; the peer is the caller without obligations."""

    name = "governed"
    summary = "key look-ups and full scans under a row filter and masks, against the same without"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Load and serve the table, with and without an audit log, and log everybody in."""
        rows, names = ROWS, tuple(CALLERS)
        if settings.quick:
            rows, names = QUICK_ROWS, (FREE, *PAIRS)
        with governed_mesh(rows, names) as mesh, serving(gateway(mesh)) as server:
            callers = {name: Client(server.uri, (name, PASSWORD)) for name in names}
            with serving(python_module("bench.peers.unaudited_gateway", str(mesh))) as bare:
                unaudited = Client(bare.uri, (FREE, PASSWORD))
                yield self._series(callers, unaudited, rows, settings.quick)

    def _series(
        self, callers: Mapping[str, Client], unaudited: Client, rows: int, quick: bool
    ) -> Iterator[Series]:
        rounds, calls = (2, 5) if quick else (5, 20)
        works = {
            GATEWAY: best(callers[PAIRS[0]], SMALLEST, calls),
            PEER: best(unaudited, SMALLEST, calls),
        }
        yield Series(f"{SMALLEST}, policies and audit", "ms", works, AUDITED, 4 * rounds)
        for source in SOURCES:
            key = _scan(source) + f" WHERE id = {_visible_key(callers[PAIRS[0]], source, rows)}"
            for caller in PAIRS:
                what = f"key, {source}"
                yield _against_free(callers, caller, what, key, KEY, 2 * rounds, calls)
        for source in SOURCES:
            for caller in PAIRS:
                # at the quick size the fixed cost of a request is most of the time of a scan
                target = None if quick else SCAN
                what = f"scan, {source}"
                yield _against_free(callers, caller, what, _scan(source), target, rounds)
        for source in SOURCES:
            for caller in callers:
                if caller != FREE and caller not in PAIRS:
                    what, sql = f"scan, {source}", _scan(source, caller)
                    yield _against_free(callers, caller, what, sql, rounds=3, calls=1)


def _against_free(
    callers: Mapping[str, Client],
    caller: str,
    what: str,
    sql: str,
    target: Target | None = None,
    rounds: int = 5,
    calls: int = 2,
) -> Series:
    works = {GATEWAY: best(callers[caller], sql, calls), PEER: best(callers[FREE], sql, calls)}
    return Series(f"{what}: {caller}", "ms", works, target, rounds)


def _scan(source: str, caller: str = "") -> str:
    """All rows of six columns, among them those that are masked for the caller."""
    columns = SELECTED.replace("email", "city") if "city" in CALLERS.get(caller, {}) else SELECTED
    return f"SELECT {columns} FROM {name_in(source)}"


def _visible_key(client: Client, source: str, rows: int) -> int:
    """The first key from the middle on whose row the caller may see."""
    sql = f"SELECT id FROM {name_in(source)} WHERE id >= {rows // 2} ORDER BY id LIMIT 1"
    key: int = client.table(sql)["id"][0].as_py()
    return key


def best(client: Client, sql: str, calls: int) -> Callable[[], float]:
    """The shortest of several calls: what else the machine does only ever adds to a time."""

    def work() -> float:
        return min(client.drain(sql).seconds for _ in range(calls)) * 1000

    return work
