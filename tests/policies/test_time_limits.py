"""Rows with limits begin and end on time, whatever is remembered."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from policies import Authoriser, PolicyError, Subject
from policies.rows import parse_instant
from tests.policies.asking import READ_ALL, allow, ask, authoriser, may, rows

START = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
END = datetime(2027, 2, 1, tzinfo=UTC).timestamp()
JANUARY = "from=2027-01-01,until=2027-02-01"
MICROSECOND = 1e-6


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = START - 10) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def over_time(*texts: str) -> list[bool]:
    """Whether alice may read: long before, just before, at and after the start; the same at end."""
    clock = Clock()
    policies = authoriser(*texts, clock=clock)
    verdicts = []
    for now in (0, START - 0.001, START, START + 1, END - 0.001, END, END + 1e9):
        clock.now = now
        first = may(policies)
        assert may(policies) is first
        verdicts.append(first)
    return verdicts


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-01-01", START),
        ("2027-01-01T00:00", START),
        ("2027-01-01T00:00:00Z", START),
        ("2027-01-01T02:30:00+02:30", START),
        ("2026-12-31T19:00:00-05:00", START),
        ("2027-01-01T00:00:00.000001", START + MICROSECOND),
    ],
)
def test_an_instant_without_offset_is_utc(text: str, instant: float) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "limit",
    [
        *("until=", "until=tomorrow", "until=2027-02-30", "until=2027-01-01T25:00:00Z"),
        *("until=20270101", "until=2027-W01-1", "until=2027-01-01 10:00", "until=2027-1-1"),
        *("until=2027-01-01T10", "until=2027-01-01+01:00", "until=2027-01-01T10:00+99:00"),
        *("Until=2027-01-01", "until =2027-01-01", "2027-01-01", "after=2027-01-01", "x"),
        *("until=2027-01-01,until=2027-01-01", "from=2027-01-01,from=2027-01-01"),
        *("from=2027-01-02,until=2027-01-01", "from=2027-01-01,until=2027-01-01"),
        "from=2027-01-01,until=2027-01-02,until=2027-01-03",
        "until=٢٠٢٧-01-01",
    ],
)
@pytest.mark.parametrize(
    "row",
    [
        READ_ALL,
        "p2,*,*,*,*,permissive,x,allow",
        "p3,*,*,*,pii,*,hash,allow",
        "g,user:a,b",
        "g2,a,b",
    ],
)
def test_a_bad_limit_is_refused_with_its_place(row: str, limit: str) -> None:
    with pytest.raises(PolicyError, match=r"t\.csv:2: "):
        rows(READ_ALL, f"{row},{limit}")


def test_a_limit_does_not_stand_in_for_a_column() -> None:
    for row in ("p,*,*,*,read,*,*,*", "g,user:a", "g2,a", "p3,*,*,*,pii,*,hash"):
        with pytest.raises(PolicyError):
            rows(f"{row},until=2027-01-01")


def test_a_grant_begins_and_ends_on_time() -> None:
    grant = allow("user:alice")
    assert over_time(f"{grant},{JANUARY}") == [False, False, True, True, True, False, False]
    reverse = "until=2027-02-01,from=2027-01-01"
    assert over_time(f"{grant},{reverse}") == [False, False, True, True, True, False, False]
    assert over_time(f"{grant},until=2027-02-01") == [True] * 5 + [False] * 2
    assert over_time(f"{grant},from=2027-01-01") == [False] * 2 + [True] * 5


def test_a_denial_begins_and_ends_on_time() -> None:
    deny = "p,user:alice,*,*,read,*,*,*,deny"
    expected = [True, True, False, False, False, True, True]
    assert over_time(READ_ALL, f"{deny},{JANUARY}") == expected


def test_a_membership_begins_and_ends_on_time() -> None:
    expected = [False, False, True, True, True, False, False]
    assert over_time(allow("analyst"), f"g,user:alice,analyst,{JANUARY}") == expected
    chain = ("g,user:alice,lead", f"g,lead,analyst,{JANUARY}")
    assert over_time(allow("analyst"), *chain) == expected


def test_filters_masks_and_purposes_begin_and_end_on_time() -> None:
    clock = Clock()
    policies = authoriser(
        READ_ALL,
        f"p2,*,*,*,*,restrictive,no_vip,allow,{JANUARY}",
        f"p3,*,*,*,pii,*,none,allow,{JANUARY}",
        f"p,user:alice,*,*,write,audit,*,*,allow,{JANUARY}",
        f"g2,fraud,audit,{JANUARY}",
        clock=clock,
    )
    alice = Subject("user:alice")
    for now, holds in ((START - 1, False), (START, True), (END, False)):
        clock.now = now
        decision = ask(policies)
        assert decision.restrictive == (("no_vip",) if holds else ())
        # A tag stays sensitive when the last row about it has ended: else its end would unmask.
        assert dict(decision.masks) == ({} if holds else {"email": "null", "ssn": "null"})
        expected = {"audit", "fraud"} if holds else set()
        assert policies.granted_purposes(alice) == expected


def test_a_clock_that_goes_back_is_followed() -> None:
    clock = Clock(END)
    policies = authoriser(f"{allow('user:alice')},until=2027-02-01", clock=clock)
    assert not may(policies)
    clock.now = START
    assert may(policies)


def test_the_version_changes_when_a_row_begins_or_ends() -> None:
    clock = Clock()
    policies = authoriser(READ_ALL, f"{allow('user:bob')},{JANUARY}", clock=clock)
    seen = []
    for now in (0, START - 1, START, START + 1, END, END + 1):
        clock.now = now
        seen.append(policies.version)
        assert policies.version.partition("+")[0] == policies.snapshot.version
    assert [a == b for a, b in itertools.pairwise(seen)] == [
        *(True, False, True, False, True),
    ]
    plain = authoriser(READ_ALL)
    assert plain.version == plain.snapshot.version


def test_a_moment_that_ends_does_not_bring_back_a_snapshot_that_was_replaced() -> None:
    clock = Clock()
    policies = authoriser(f"{allow('user:alice')},{JANUARY}", clock=clock)
    fresh = authoriser("g,user:x,y").snapshot
    looks = iter([START])

    def swapped_while_looking() -> float:
        now = next(looks, None)
        if now is None:
            return START
        policies._clock = clock
        policies.swap(fresh)
        return now

    policies._clock = swapped_while_looking
    assert not may(policies)
    assert policies.snapshot is fresh


def test_many_threads_see_the_end_at_once() -> None:
    clock = Clock(END - 1)
    policies = authoriser(f"{allow('user:alice')},{JANUARY}", clock=clock)
    barrier, wrong = threading.Barrier(9), []

    def ask_around() -> None:
        assert may(policies)
        barrier.wait()
        barrier.wait()
        wrong.extend(1 for _ in range(200) if may(policies))

    threads = [threading.Thread(target=ask_around) for _ in range(8)]
    for thread in threads:
        thread.start()
    barrier.wait()
    clock.now = END
    barrier.wait()
    for thread in threads:
        thread.join(10)
    assert wrong == []


def test_ten_thousand_ends_are_cheap() -> None:
    clock = Clock(0)
    day = datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    texts = [
        f"{allow(f'user:u{n}')},until={(day + timedelta(seconds=n)).isoformat()}"
        for n in range(10_000)
    ]
    policies = Authoriser(authoriser(*texts).snapshot, clock)
    first = day.timestamp()
    for n in (0, 1, 5_000, 9_999):
        clock.now = first + n - 0.5
        assert may(policies, f"user:u{n}")
        clock.now = first + n
        assert not may(policies, f"user:u{n}")
