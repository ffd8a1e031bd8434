"""Wrong passwords are slowed down by name, and nobody else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import Busy, Unauthenticated
from gateway.identity.attempts import BURST, MAX_NAMES, REFILL_SECONDS, Attempts
from gateway.identity.passwords import Passwords
from gateway.identity.users import UserStore, add_user
from tests.identity.clocks import Still


@pytest.fixture
def clock() -> Still:
    return Still()


def test_a_name_can_be_tried_so_often_and_then_once_in_a_while(clock: Still) -> None:
    attempts = Attempts(clock)
    for _ in range(BURST):
        assert attempts.allowed("ana")
        attempts.failed("ana")
    assert not attempts.allowed("ana")
    assert attempts.allowed("bob")
    clock.now += REFILL_SECONDS
    assert attempts.allowed("ana")
    attempts.failed("ana")
    assert not attempts.allowed("ana")


def test_the_right_password_forgives(clock: Still) -> None:
    attempts = Attempts(clock)
    for _ in range(BURST):
        attempts.failed("ana")
    attempts.succeeded("ana")
    assert attempts.allowed("ana")


def test_memory_of_names_is_bounded(clock: Still) -> None:
    attempts = Attempts(clock)
    for number in range(MAX_NAMES + 10):
        attempts.failed(f"name {number}")
    assert len(attempts._free_at) == MAX_NAMES


def test_guessing_is_slowed_down_for_known_and_unknown_names_alike(
    tmp_path: Path, clock: Still
) -> None:
    add_user(tmp_path, "ana", [], "secret")
    add_user(tmp_path, "bob", [], "secret")
    store = UserStore.load(tmp_path)
    passwords = Passwords(Attempts(clock))
    remembered = passwords.verify(store, "ana", "secret")
    answers = []
    for name in ("ana", "nobody"):
        for number in range(BURST):
            with pytest.raises(Unauthenticated):
                passwords.verify(store, name, f"guess {number}")
        with pytest.raises(Busy) as caught:
            passwords.verify(store, name, "guess")
        answers.append(str(caught.value))
    assert answers[0] == answers[1]
    assert passwords.verify(store, "bob", "secret").name == "bob"
    assert passwords.verify(store, "ana", "secret") == remembered  # who is in stays in
