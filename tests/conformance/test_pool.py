"""The pool of connections: bounded, in turn, healthy, and never short of one it has given out."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from connectors.interface import SourceError, SourceErrorCode
from connectors.pool import LONG_IDLE, LONGEST_IDLE, Session, SessionPool


class FakeSession:
    """A connection that is only counted."""

    def __init__(self) -> None:
        self.closed = False

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        return iter(())

    def cancel(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def wait_for_waiters(pool: SessionPool, number: int) -> None:
    while len(pool._waiting) < number:
        threading.Event().wait(0.005)


def test_sessions_are_given_in_the_order_they_were_asked_for() -> None:
    pool = SessionPool(FakeSession, 1, 60)
    held, _ = pool.acquire()
    order: list[int] = []

    def ask(number: int) -> None:
        session, _ = pool.acquire()
        order.append(number)
        pool.release(session, healthy=True)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
        wait_for_waiters(pool, number + 1)
    assert pool.try_acquire() is None
    pool.release(held, healthy=True)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_second_session_is_never_waited_for() -> None:
    pool = SessionPool(FakeSession, 2, 60)
    first, _ = pool.acquire()
    second = pool.try_acquire()
    assert second is not None
    assert pool.try_acquire() is None
    pool.release(second[0], healthy=True)
    assert pool.try_acquire() == (second[0], True)
    pool.release(first, healthy=True)


def test_cancelled_waiter_leaves_and_takes_nothing_with_it() -> None:
    pool = SessionPool(FakeSession, 1, 60)
    held, _ = pool.acquire()
    cancelled = threading.Event()
    codes: list[SourceErrorCode] = []

    def ask() -> None:
        try:
            pool.acquire(cancelled=cancelled)
        except SourceError as error:
            codes.append(error.code)

    waiter = threading.Thread(target=ask)
    waiter.start()
    wait_for_waiters(pool, 1)
    cancelled.set()
    waiter.join()
    assert codes == [SourceErrorCode.CANCELLED]
    pool.release(held, healthy=True)
    assert pool.acquire() == (held, True)


def test_waiting_ends_with_an_error_that_may_be_tried_again() -> None:
    pool = SessionPool(FakeSession, 1, 0.01)
    held, _ = pool.acquire()
    with pytest.raises(SourceError, match="were busy") as caught:
        pool.acquire()
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    assert caught.value.retryable
    pool.release(held, healthy=True)
    assert pool.acquire() == (held, True)


def test_connection_that_can_not_be_opened_gives_its_place_back() -> None:
    def refuse() -> Session:
        raise SourceError(SourceErrorCode.UNAVAILABLE, "down")

    pool = SessionPool(refuse, 1, 60)
    for _ in range(3):
        with pytest.raises(SourceError, match="down"):
            pool.acquire()
        with pytest.raises(SourceError, match="down"):
            pool.try_acquire()


def test_session_idle_for_long_is_asked_and_replaced_when_it_does_not_answer() -> None:
    clock, asked = Clock(), []

    def answers(session: Session) -> bool:
        asked.append(session)
        return False

    pool = SessionPool(FakeSession, 1, 60, answers=answers, clock=clock)
    first, _ = pool.acquire()
    pool.release(first, healthy=True)
    clock.now += LONG_IDLE
    assert pool.acquire() == (first, True)
    assert not asked
    pool.release(first, healthy=True)
    clock.now += LONG_IDLE + 1
    second, used = pool.acquire()
    assert asked == [first]
    assert isinstance(first, FakeSession)
    assert first.closed
    assert (second is not first, used) == (True, False)


def test_sessions_idle_for_too_long_are_dropped_when_another_comes_back() -> None:
    clock = Clock()
    pool = SessionPool(FakeSession, 2, 60, clock=clock)
    first, _ = pool.acquire()
    second, _ = pool.acquire()
    pool.release(first, healthy=True)
    clock.now += LONGEST_IDLE + 1
    pool.release(second, healthy=True)
    assert isinstance(first, FakeSession)
    assert isinstance(second, FakeSession)
    assert (first.closed, second.closed) == (True, False)
