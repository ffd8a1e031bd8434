"""Deciding on access, with many policies: one that is made, and one remembered."""

from __future__ import annotations

import itertools

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from policies.decide import Authoriser, Context, Decision, Resource, Subject
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row

DOMAINS, PRODUCTS, USERS = 50, 20, 2_000


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """A role for every product, and every user in one role."""
    products = list(itertools.product(range(DOMAINS), range(PRODUCTS)))
    rows = [
        Row("p", (f"d{d}/r{p}", f"d{d}", f"mesh://d{d}/p{p}/*@*", "read", "*", "*", "*", "allow"))
        for d, p in products
    ]
    members = zip(range(USERS), itertools.cycle(products))
    rows += [Row("g", (f"user:u{user}", f"d{d}/r{p}")) for user, (d, p) in members]
    return Snapshot(PolicyRows.checked(rows))


def ask(authoriser: Authoriser, user: int = 21) -> Decision:
    """May this user read a dataset of the product the user's role is for?"""
    domain, product = divmod(user, PRODUCTS)
    resource = Resource(f"mesh://d{domain}/p{product}/orders@1.0.0", f"d{domain}")
    return authoriser.decide(Subject(f"user:u{user}"), resource, "read", Context())


def test_decision_not_remembered(benchmark: BenchmarkFixture, snapshot: Snapshot) -> None:
    authoriser = Authoriser(snapshot)

    def forget_and_ask() -> Decision:
        authoriser.swap(snapshot)
        return ask(authoriser)

    assert benchmark(forget_and_ask).allowed


def test_remembered_decision(benchmark: BenchmarkFixture, snapshot: Snapshot) -> None:
    authoriser = Authoriser(snapshot)
    assert benchmark(ask, authoriser).allowed


def test_snapshot_of_three_thousand_rows(benchmark: BenchmarkFixture) -> None:
    rows = PolicyRows.checked([Row("g", (f"user:u{n}", f"d{n % 50}/r")) for n in range(3_000)])
    assert benchmark(Snapshot, rows).version
