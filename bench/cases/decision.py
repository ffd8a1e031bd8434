"""Deciding with ever more policies: the first decision about something, and a remembered one."""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.model import GATEWAY, PEER, Series, Settings, Target
from policies import Authoriser, Context, PolicyRows, Resource, Row, Snapshot, Subject

DOMAINS, PRODUCTS, DATASETS = 50, 100, 4
ROLES, USERS, ROLES_A_USER = 1_000, 10_000, 3
COLUMNS = 20
SIZES = (1_000, 10_000, 100_000)
COLD, CACHED = 1_000, 20_000


class Decisions:
    """10 000 users in 1 000 roles read datasets of 20 columns with a row filter and masks.

    Users ask about the domain of their roles, whose rows are spread over its products: with 100 000
    policies a user has 300 rows, of which about two match beside those for everybody. The peer of
    the flatness is the same with the fewest policies.
    """

    name = "decision"
    summary = "deciding with 1 000 to 100 000 policies: first time, remembered, and how flat"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Make the policies of every size."""
        sizes = SIZES[:2] if settings.quick else SIZES
        meshes = {size: _Mesh.of(size) for size in sizes}
        yield self._series(meshes)

    def _series(self, meshes: dict[int, _Mesh]) -> Iterator[Series]:
        for size, mesh in meshes.items():
            yield Series(f"build {size:,}", "s", {GATEWAY: mesh.build}, rounds=3)
        for size, mesh in meshes.items():
            yield Series(f"cold {size:,}", "ms", {GATEWAY: mesh.cold}, Target(1.0), rounds=7)
        for size, mesh in meshes.items():
            yield Series(f"cached {size:,}", "µs", {GATEWAY: mesh.cached}, Target(5.0), rounds=7)
        few, *_, many = meshes.values()
        contenders: dict[str, Callable[[], float]] = {GATEWAY: many.cold, PEER: few.cold}
        yield Series("flat: cold, most / fewest", "ms", contenders, Target(1.2), rounds=15)


@dataclass
class _Mesh:
    rows: PolicyRows
    authoriser: Authoriser
    questions: Iterator[tuple[Subject, Resource]]

    @classmethod
    def of(cls, size: int) -> _Mesh:
        rows = PolicyRows.checked([*_policies(size), *_members()])
        return cls(rows, Authoriser(Snapshot(rows)), _questions())

    def build(self) -> float:
        """Seconds to check all rows and to make a snapshot of them."""
        plain = list(self.rows.rows)
        gc.collect()
        start = time.perf_counter()
        Snapshot(PolicyRows.checked(plain))
        return time.perf_counter() - start

    def cold(self) -> float:
        """Milliseconds of a decision nobody asked for before, of a subject not seen before."""
        self.authoriser.swap(self.authoriser.snapshot)
        decide, context = self.authoriser.decide, Context()
        times = []
        for subject, resource in itertools.islice(self.questions, COLD):
            start = time.perf_counter()
            decision = decide(subject, resource, "read", context)
            times.append(time.perf_counter() - start)
            if not (decision.permissive and decision.masks and decision.denied_columns):
                raise RuntimeError(f"a decision without obligations: {decision.reason}")
        return statistics.median(times) * 1_000

    def cached(self) -> float:
        """Microseconds of a decision made before; the question is equal, not the same object."""
        subject, resource = next(self.questions)
        decide = self.authoriser.decide
        decide(subject, resource, "read", Context())
        asked = (Subject(subject.name, subject.roles), Context())
        start = time.perf_counter()
        for _ in range(CACHED):
            decide(asked[0], resource, "read", asked[1])
        return (time.perf_counter() - start) / CACHED * 1_000_000


def _role(number: int) -> str:
    return f"d{number % DOMAINS}/r{number}"


def _policies(size: int) -> Iterator[Row]:
    """Rows for everybody, which make the obligations, and `size` rows of roles."""
    yield Row("p", ("*", "*", "*", "read", "*", "*", "*", "allow"))
    yield Row("p", ("*", "*", "*", "admin", "*", "*", "secret", "deny"))
    yield Row("p2", ("*", "*", "*", "*", "permissive", "own_region", "allow"))
    yield Row("p3", ("*", "*", "*", "pii", "*", "hash", "allow"))
    rng = random.Random(size)
    for number in range(size):
        role, domain = _role(number % ROLES), f"d{number % DOMAINS}"
        dataset = rng.choice(["*", f"t{rng.randrange(DATASETS)}"])
        pattern = f"mesh://{domain}/p{rng.randrange(PRODUCTS)}/{dataset}@*"
        turn = number // ROLES % 10
        if turn < 6:
            purpose = rng.choice(["*", "reporting", "fraud|audit"])
            yield Row("p", (role, domain, pattern, "read", purpose, "*", "*", "allow"))
        elif turn == 6:
            yield Row("p", (role, domain, pattern, "read", "*", "*", "secret", "deny"))
        elif turn == 7:
            yield Row("p2", (role, domain, pattern, "*", "permissive", "own_region", "allow"))
        else:
            yield Row("p3", (role, domain, pattern, "pii", "*", "last4", "allow"))


def _members() -> Iterator[Row]:
    for user in range(USERS):
        for step in range(ROLES_A_USER):
            yield Row("g", (f"user:u{user}", _role((user + step * DOMAINS) % ROLES)))


def _questions() -> Iterator[tuple[Subject, Resource]]:
    rng = random.Random(1)
    for user in itertools.cycle(rng.sample(range(USERS), USERS)):
        product, dataset = rng.randrange(PRODUCTS), rng.randrange(DATASETS)
        yield Subject(f"user:u{user}"), _resource(user % DOMAINS, product, dataset)


_TAGS = (frozenset({"pii"}), frozenset({"secret", "pii"}), frozenset({"geo"}), frozenset[str]())
_COLUMNS = tuple((f"c{n}", _TAGS[n % len(_TAGS)]) for n in range(COLUMNS))


def _resource(domain: int, product: int, dataset: int) -> Resource:
    address = f"mesh://d{domain}/p{product}/t{dataset}@1.0.0"
    return Resource(address, f"d{domain}", frozenset(), _COLUMNS, frozenset({"own_region"}))
