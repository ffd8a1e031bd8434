"""Outlooks: what one may do with all datasets at once is what is decided of each."""

from __future__ import annotations

import itertools
import logging
import random
import time

import numpy as np
import pytest

from policies import Authoriser, Context, PolicyRows, Resource, Row, Snapshot, Subject
from policies.estate import Estate, Traits
from policies.outlook import Outlook
from policies.snapshot import Moment
from tests.policies.asking import READ_ALL, allow, deny, rows
from tests.policies.test_differential import FILTERS, NOW, PURPOSES, TAGS, random_rows

FULL = Subject("user:alice")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def estate_of(resources: list[Resource]) -> Estate:
    places = [r.address.removeprefix("mesh://").replace("@", "/").split("/") for r in resources]
    return Estate([(a, b, c, d) for a, b, c, d in places], map(Traits.of, resources))


def random_resources(rng: random.Random) -> list[Resource]:
    """One dataset at each address; some with columns nobody can name, some with none at all."""
    found = []
    for domain, product, name, version in itertools.product("abc", "ab", "ab", "ab"):
        names = [f"c{n}" for n in range(rng.choice([0, 1, 1, 2, 4]))]
        names += ["\x01"] if rng.random() < 0.1 else []
        columns = tuple(
            (name, frozenset(tag for tag in TAGS if rng.random() < 0.35)) for name in names
        )
        found.append(
            Resource(
                f"mesh://{domain}/{product}/{name}@{version}",
                domain,
                frozenset(tag for tag in TAGS if rng.random() < 0.2),
                columns,
                frozenset(f for f in FILTERS[:3] if rng.random() < 0.85),
                rng.random() < 0.2,
                rng.random() < 0.2,
                rng.random() < 0.08,
                frozenset(p for p in PURPOSES if rng.random() < 0.04),
            )
        )
    return found


def more_rows(rng: random.Random, policies: PolicyRows) -> PolicyRows:
    """Most random subjects may read nothing: give some of them something to lose."""
    given = [Row("p", (*("*", "*", "*", "read", "*", "*", "*", "allow"),))] * rng.randrange(2)
    tag = rng.choice(TAGS)
    given += [Row("p", ("*", "*", "*", "read", "*", "*", tag, "deny"))] * (rng.random() < 0.3)
    column = rng.choice(["c0", "c1"])
    pattern = f"mesh://*/*/{rng.choice('ab*')}@*#{column}"
    given += [Row("p", ("*", "*", pattern, "read", "*", "*", "*", "deny"))] * (rng.random() < 0.4)
    return PolicyRows.checked([*policies.rows, *given])


@pytest.mark.parametrize("seed", range(60))
def test_an_outlook_is_just_what_is_decided_of_each_dataset(seed: int) -> None:
    rng = random.Random(seed)
    resources = random_resources(rng)
    estate = estate_of(resources)
    policies = more_rows(rng, random_rows(rng, rng.choice([3, 10, 40])))
    pinned = Authoriser(Snapshot(policies), lambda: NOW).pinned()
    for _ in range(6):
        roles = tuple(rng.sample([f"r{n}" for n in range(7)], rng.choice([0, 1, 2])))
        bound = rng.choice([None, None, ("x",), ("y", "z")])
        subject = Subject(f"user:u{rng.randrange(6)}", roles, bound)
        context = Context(rng.choice(["", "", *PURPOSES]), rng.choice(["", "EU", "US"]))
        outlook = pinned.outlook(subject, context, estate, resources.__getitem__)
        for position, resource in enumerate(resources):
            discover = pinned.decide(subject, resource, "discover", context)
            read = pinned.decide(subject, resource, "read", context)
            assert outlook.discoverable[position] == discover.allowed, discover
            assert outlook.readable[position] == read.allowed, read
            known = discover.allowed or read.allowed or bool(read.purposes)
            assert outlook.known[position] == known, read
            if outlook.unchanged[position]:
                shown = read if read.allowed else discover
                assert shown.allowed and not shown.denied_columns and not shown.masks
            if outlook.free[position]:
                assert read.allowed and not read.denied_columns and not read.masks
                assert not read.permissive and not read.restrictive
        shown = {resources[n].address.split("/")[2] for n in np.flatnonzero(outlook.discoverable)}
        assert {domain for domain, _ in outlook.products} == shown


def test_random_outlooks_show_something_and_hide_something() -> None:
    """Else the comparison would compare nothing with nothing."""
    shown = hidden = unchanged = free = decided = 0
    for seed in range(40):
        rng = random.Random(seed)
        resources = random_resources(rng)
        policies = more_rows(rng, random_rows(rng, rng.choice([3, 10, 40])))
        pinned = Authoriser(Snapshot(policies), lambda: NOW).pinned()
        outlook = pinned.outlook(
            Subject("user:u1"), Context(), estate_of(resources), resources.__getitem__
        )
        shown += int(outlook.discoverable.sum())
        hidden += int((~outlook.readable).sum())
        unchanged += int(outlook.unchanged.sum())
        free += int(outlook.free.sum())
        decided += len(pinned.decisions)
    assert min(shown, hidden, unchanged, free) > 20
    assert 0 < decided < 100


def many(count: int) -> list[Resource]:
    columns = (("id", frozenset[str]()), ("email", frozenset({"pii"})))
    return [
        Resource(f"mesh://d{n // 500:03}/p{n // 50 % 10}/t{n % 50:02}@1", f"d{n // 500:03}",
                 columns=columns)
        for n in range(count)
    ]  # fmt: skip


def test_a_large_mesh_is_looked_over_without_a_decision_about_each_dataset() -> None:
    resources = many(20_000)
    estate = estate_of(resources)
    texts = [READ_ALL, deny("*", tags="pii"), deny("user:alice", "mesh://*/*/*@*#id")]
    texts += [deny("user:alice", f"mesh://d{n:03}/p1/*@*") for n in range(40)]
    texts += [allow("user:alice", f"mesh://d001/p2/t{n:02}@*") for n in range(50)]
    pinned = Authoriser(Snapshot(rows(*texts))).pinned()
    bob = pinned.outlook(Subject("user:bob"), Context(), estate, resources.__getitem__)
    start = time.perf_counter()
    assert bob.discoverable.all() and bob.readable.all()
    assert time.perf_counter() - start < 5
    assert not pinned.decisions, "nothing had to be decided alone"
    assert not bob.unchanged.any(), "the tagged column is denied"
    alice = pinned.outlook(FULL, Context(), estate, resources.__getitem__)
    assert not alice.discoverable.any(), "no column is left"


def test_what_only_named_columns_decide_is_decided_alone() -> None:
    resources = many(100)
    pinned = Authoriser(
        Snapshot(rows(allow("*"), deny("*", "mesh://d000/p0/t03@1#email")))
    ).pinned()
    estate = estate_of(resources)
    outlook = pinned.outlook(FULL, Context(), estate, resources.__getitem__)
    assert outlook.readable.all()
    assert not pinned.decisions, "one column of two is left: nothing to decide"
    assert list(np.flatnonzero(~outlook.unchanged)) == [3]
    strict = Authoriser(Snapshot(rows(allow("*"), deny("*", "mesh://*/*/t03@1#email"), deny(
        "*", "mesh://d000/p0/t03@1#id")))).pinned()  # fmt: skip
    outlook = strict.outlook(FULL, Context(), estate, resources.__getitem__)
    assert list(np.flatnonzero(~outlook.discoverable)) == [3]
    assert len(strict.decisions) == 1


def test_subjects_and_purposes_that_are_none_see_nothing() -> None:
    resources = many(10)
    pinned = Authoriser(Snapshot(rows(READ_ALL))).pinned()
    estate = estate_of(resources)
    for subject, context in (
        (Subject("alice"), Context()),
        (Subject("user:alice", ("user:bob",)), Context()),
        (FULL, Context("fraud")),
    ):
        outlook = pinned.outlook(subject, context, estate, resources.__getitem__)
        assert not outlook.discoverable.any() and not outlook.readable.any()
        assert not outlook.free.any() and outlook.products == ()
    assert not pinned.outlook(
        Subject("alice"), Context(), estate, resources.__getitem__
    ).known.any()


def test_addresses_that_are_none_are_hidden() -> None:
    names = [("a", "b", "c", ""), ("a", "b", "c d", "1"), ("a", "b", "e", "1")]
    estate = Estate(names, [Traits()] * 3)
    outlook = Outlook(
        estate, Snapshot(rows(READ_ALL)).at(0), FULL, Context(), lambda *_: pytest.fail("decided")
    )
    assert list(outlook.discoverable) == [False, False, True]


def test_a_failure_hides_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("broken")

    resources = many(10)
    moment = Snapshot(rows(READ_ALL)).at(0)
    monkeypatch.setattr(Moment, "begun", broken)
    outlook = Outlook(estate_of(resources), moment, FULL, Context(), broken)
    for answer in (outlook.discoverable, outlook.readable, outlook.known, outlook.unchanged):
        assert not answer.any()
    assert outlook.products == ()


def test_outlooks_are_remembered_with_their_policies_and_estate() -> None:
    resources = many(10)
    policies = Authoriser(Snapshot(rows(READ_ALL)))
    pinned, estate = policies.pinned(), estate_of(resources)
    first = pinned.outlook(FULL, Context(), estate, resources.__getitem__)
    assert pinned.outlook(Subject("user:alice"), Context(), estate, resources.__getitem__) is first
    assert pinned.outlook(FULL, Context("x"), estate, resources.__getitem__) is not first
    other = estate_of(resources[:5])
    assert len(pinned.outlook(FULL, Context(), other, resources.__getitem__).discoverable) == 5
    policies.swap(Snapshot(rows(deny("*"))))
    changed = policies.pinned().outlook(FULL, Context(), estate, resources.__getitem__)
    assert not changed.discoverable.any()
    with pytest.raises(ValueError):
        first.discoverable[0] = False


def test_datasets_that_do_not_stand_together_are_no_estate() -> None:
    for names in (
        [("a", "b", "c", "1"), ("a", "c", "c", "1"), ("a", "b", "d", "1")],
        [("a", "b", "c", "1"), ("b", "b", "c", "1"), ("a", "c", "d", "1")],
    ):
        with pytest.raises(ValueError, match="stand together"):
            Estate(names, [Traits()] * 3)
