"""Handles: what a client holds of ours, for how long, and that nobody else does."""

from __future__ import annotations

import pytest

from gateway.errors import NotFound
from gateway.flight.handles import Handles


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_using_a_handle_keeps_it_alive() -> None:
    clock = Clock()
    handles: Handles[str] = Handles("thing", ttl_seconds=10, per_owner=5, clock=clock)
    handle = handles.add("alice", "value")
    for _ in range(5):
        clock.now += 9
        assert handles.get("alice", handle) == "value"
    clock.now += 10
    with pytest.raises(NotFound):
        handles.get("alice", handle)


def test_handles_are_bounded_for_each_owner_and_the_unused_go_first() -> None:
    clock = Clock()
    handles: Handles[int] = Handles("thing", ttl_seconds=10, per_owner=3, clock=clock)
    first, second, third = (handles.add("alice", i) for i in range(3))
    handles.get("alice", first)
    fourth = handles.add("alice", 3)
    assert [handles.get("alice", h) for h in (first, third, fourth)] == [0, 2, 3]
    with pytest.raises(NotFound):
        handles.get("alice", second)
    for i in range(100):
        handles.add("bob", i)
    assert len(handles) == 6


def test_expired_handles_leave_the_table() -> None:
    clock = Clock()
    handles: Handles[int] = Handles("thing", ttl_seconds=10, per_owner=100, clock=clock)
    for i in range(50):
        handles.add("alice", i)
    clock.now = 20
    handles.add("alice", 50)
    assert len(handles) == 1


def test_a_handle_is_its_owners_only() -> None:
    handles: Handles[int] = Handles("thing", ttl_seconds=10, per_owner=5)
    handle = handles.add("alice", 1)
    with pytest.raises(NotFound):
        handles.get("bob", handle)
    handles.discard("bob", handle)
    assert handles.get("alice", handle) == 1
