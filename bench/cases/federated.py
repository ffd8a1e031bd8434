"""TPC-H over tables that are spread over sources, against peers that federate the same stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.flight as fl

from bench import ratios, tpch
from bench.answers import Answers
from bench.client import Client
from bench.federation import LAYOUTS, Places, counted, filled, publish
from bench.mesh import USER
from bench.model import GATEWAY, RATIO, Derived, Series, SeriesResult, Settings, Target, Withdrawn
from bench.peers.environment import PeerMissing
from bench.peers.federated import PEERS, Peer, PeerFailed, Worker, running
from bench.proxy import CountingProxy
from bench.server import gateway, serving

SCALE = 1.0
QUICK_SCALE = 0.01
TIME, MOVED, ROWS = "ms", "MB moved", "rows moved"
TWO = ("duckdb", "chdb")


@dataclass(frozen=True, slots=True)
class Goals:
    """The peers of a layout, and what the gateway's ratios to them have to be."""

    peers: tuple[str, ...]
    means: Mapping[str | tuple[str, ...], float]
    total: Mapping[str, float] = field(default_factory=dict)
    worst: Mapping[str, float] = field(default_factory=dict)
    moved: float | None = None


GOALS: Mapping[str, Goals] = {
    "split": Goals(
        ("duckdb", "chdb", "mysql-fdw", "trino"),
        {"duckdb": 0.6, "chdb": 0.6, TWO: 0.8},
        moved=0.5,
    ),
    "postgres-parquet": Goals(("duckdb", "chdb", "trino"), {"duckdb": 0.95}, moved=0.5),
    "postgres": Goals(
        ("postgres",), {"postgres": 0.95}, total={"postgres": 0.8}, worst={"postgres": 1.15}
    ),
    "parquet": Goals(("datafusion", "duckdb"), {"datafusion": 0.85}),
}


class WrongAnswer(RuntimeError):
    """The gateway gave other rows than the reference, or none."""


class Federated:
    """Every answer is compared with DuckDB's on the Parquet files; a wrong one fails the case."""

    name = "federated"
    summary = "22 TPC-H queries, SF 1 (quick: 0.01), in four layouts, against federating peers"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series | Derived]]:
        """Load the stores. Meshes, servers and peers are started layout by layout."""
        layouts = settings.layouts or (("split",) if settings.quick else tuple(LAYOUTS))
        if unknown := set(layouts) - set(LAYOUTS):
            raise LookupError(f"no layout {sorted(unknown)}; there are {list(LAYOUTS)}")
        scale = settings.scale or (QUICK_SCALE if settings.quick else SCALE)
        peers = {name: _peers(name, settings) for name in layouts}
        also = {table for chosen in peers.values() for p in chosen for table in p.also_in_postgres}
        with (
            Answers(tpch.generate(scale)) as answers,
            filled(scale, layouts, also) as places,
            TemporaryDirectory() as folder,
        ):
            yield _measured(settings, places, peers, answers, Path(folder))


def _peers(layout: str, settings: Settings) -> Sequence[Peer]:
    default = () if settings.quick else GOALS[layout].peers
    names = default if settings.peers is None else settings.peers
    if unknown := set(names) - set(PEERS):
        raise LookupError(f"no peer {sorted(unknown)}; there are {list(PEERS)}")
    return [PEERS[name] for name in names]


def _measured(
    settings: Settings,
    places: Places,
    peers: Mapping[str, Sequence[Peer]],
    answers: Answers,
    folder: Path,
) -> Iterator[Series | Derived]:
    wrong: list[str] = []
    for name, chosen in peers.items():
        layout = _Layout(name, replace(places, tables=LAYOUTS[name]), chosen, answers, settings)
        if settings.moved and layout.observable:
            yield from layout.moved(folder / f"{name}-counted")
        yield from layout.timed(folder / name)
        yield from layout.summary()
        wrong += layout.wrong
    if wrong:
        raise WrongAnswer("; ".join(wrong))


@dataclass(slots=True)
class _Layout:
    """One layout with its peers. `wrong` collects what the gateway got wrong."""

    name: str
    places: Places
    peers: Sequence[Peer]
    answers: Answers
    settings: Settings
    wrong: list[str] = field(default_factory=list)

    @property
    def observable(self) -> bool:
        """Whether anything lives in a server."""
        return set(self.places.tables.values()) != {"parquet"}

    def queries(self) -> Mapping[str, str]:
        """The queries that were asked for."""
        found = tpch.queries()
        names = self.settings.queries or tuple(found)
        return {name: found[name] for name in names}

    def timed(self, folder: Path) -> Iterator[Series]:
        """One series a query; the contenders take turns, each in a process of its own."""
        with self._contenders(folder, self.places) as contenders:
            for query, sql in self.queries().items():
                works = {name: c.work(query, sql) for name, c in contenders.items()}
                rounds = 2 if self.settings.quick else 3
                yield Series(f"{self.name} {query}", TIME, works, rounds=rounds)

    def moved(self, folder: Path) -> Iterator[Series]:
        """What the servers sent, query by query, the second time it is asked; untimed."""
        sent: dict[str, dict[str, float | Withdrawn]] = {}
        rows: dict[str, float] = {}
        with counted(self.places) as (places, proxies):
            for peer in (None, *(p for p in self.peers if p.moves)):  # one by one: to know whose
                with self._contenders(folder, places, peer) as contenders:
                    for name, contender in contenders.items():
                        for query, sql in self.queries().items():
                            once = _megabytes(contender, proxies, query, sql)
                            sent.setdefault(query, {})[name] = once
                            if isinstance(contender, _Gateway) and isinstance(once, float):
                                rows[query] = contender.rows_moved()
        for query, values in sent.items():
            works = {name: _constant(value) for name, value in values.items()}
            yield Series(f"{self.name} {query}", MOVED, works, rounds=1, warmups=0)
        for query, number in rows.items():
            works = {GATEWAY: _constant(number)}
            yield Series(f"{self.name} {query}", ROWS, works, rounds=1, warmups=0)

    def summary(self) -> Iterator[Derived]:
        """Means, totals and sums of the layout, with the targets it has."""
        goals, full = GOALS[self.name], not self.settings.quick

        def target(bound: float | None) -> Target | None:
            return Target(bound) if bound is not None and full else None

        timed, moved = self._series(TIME), self._series(MOVED)
        means = {peer.name: None for peer in self.peers} | dict(goals.means)
        for peer, bound in means.items():
            names = (peer,) if isinstance(peer, str) else peer
            label = f"{self.name}: mean ratio to {' or '.join(names)}"
            yield Derived(label, RATIO, ratios.geometric_mean(timed, names), target(bound))
        for peer in (p.name for p in self.peers):
            goal = target(goals.total.get(peer))
            yield Derived(f"{self.name}: total, {peer}", TIME, ratios.total(timed, peer), goal)
            goal = target(goals.worst.get(peer))
            label = f"{self.name}: worst ratio to {peer}"
            yield Derived(label, RATIO, ratios.worst(timed, peer), goal)
        label = f"{self.name}: all queries"
        yield Derived(label, TIME, ratios.sums(timed))
        yield Derived(label, MOVED, ratios.sums(moved), target(goals.moved))
        yield Derived(label, ROWS, ratios.sums(self._series(ROWS)))

    def _series(self, unit: str) -> Callable[[SeriesResult], bool]:
        names = {f"{self.name} {query}" for query in self.queries()}
        return lambda result: result.unit == unit and result.name in names

    @contextmanager
    def _contenders(
        self, folder: Path, places: Places, only: Peer | str | None = "all"
    ) -> Iterator[Mapping[str, _Contender]]:
        """The gateway and the peers, running; or one of them (None: the gateway)."""
        contenders: dict[str, _Contender] = {}
        with ExitStack() as stack:
            if only is None or only == "all":
                server = stack.enter_context(serving(gateway(publish(places, folder))))
                contenders[GATEWAY] = _Gateway(Client(server.uri, USER), self.answers, self.wrong)
            for peer in self.peers if only == "all" else [only]:
                if isinstance(peer, Peer):
                    try:
                        worker = stack.enter_context(running(peer, places))
                        contenders[peer.name] = _Peer(worker, self.answers)
                    except (PeerMissing, PeerFailed) as error:
                        contenders[peer.name] = _Absent(str(error))
            yield contenders


class _Contender:
    """Somebody who can be asked: `work` asks once, compares the rows, and says how long it took."""

    def work(self, query: str, sql: str) -> Callable[[], float]:
        """The milliseconds that one asking takes; raises Withdrawn."""
        raise NotImplementedError


@dataclass(slots=True)
class _Gateway(_Contender):
    client: Client
    answers: Answers
    wrong: list[str]

    def work(self, query: str, sql: str) -> Callable[[], float]:
        """Every answer is compared; the comparison is not timed."""

        def once() -> float:
            started = time.perf_counter()
            try:
                answer = self.client.table(sql)
            except (fl.FlightError, pa.ArrowException) as error:
                self._fail(f"{query}: {error}")
            milliseconds = (time.perf_counter() - started) * 1000
            if (found := self.answers.difference(query, sql, answer)) is not None:
                self._fail(f"{query}: {found}")
            return milliseconds

        return once

    def rows_moved(self) -> float:
        """The rows that the sources of the latest query sent, as the gateway reports them."""
        return float(sum(fragment["rows"] for fragment in self.client.report()["fragments"]))

    def _fail(self, text: str) -> None:
        self.wrong.append(text)
        raise Withdrawn(text)


@dataclass(slots=True)
class _Peer(_Contender):
    worker: Worker
    answers: Answers

    def work(self, query: str, sql: str) -> Callable[[], float]:
        """The first answer is compared: a peer with other rows has not done the work."""
        compared = False

        def once() -> float:
            nonlocal compared
            try:
                if compared:
                    return self.worker.milliseconds(sql)
                answer = self.worker.answer(sql)
            except PeerFailed as error:
                raise Withdrawn(str(error)) from error
            compared = True
            if (found := self.answers.difference(query, sql, answer, lenient=True)) is not None:
                raise Withdrawn(f"wrong: {found}")
            return 0.0

        return once


@dataclass(slots=True)
class _Absent(_Contender):
    reason: str

    def work(self, query: str, sql: str) -> Callable[[], float]:
        """Withdraw."""
        return _constant(Withdrawn(self.reason))


def _megabytes(
    contender: _Contender, proxies: Sequence[CountingProxy], query: str, sql: str
) -> float | Withdrawn:
    work = contender.work(query, sql)
    try:
        work()
        before = sum(proxy.received for proxy in proxies)
        work()
    except Withdrawn as reason:
        return reason
    return (sum(proxy.received for proxy in proxies) - before) / 1e6


def _constant(value: float | Withdrawn) -> Callable[[], float]:
    def work() -> float:
        if isinstance(value, Withdrawn):
            raise value
        return value

    return work
