"""How many streams may run at once: in all, and for one principal."""

from __future__ import annotations

from threading import Condition

from gateway.errors import Busy


class Admission:
    """Counts running streams. Nobody waits: what does not fit is refused with Busy."""

    def __init__(self, *, total: int, per_principal: int) -> None:
        self._total = total
        self._per_principal = per_principal
        self._running: dict[str, int] = {}
        self._count = 0
        self._draining = False
        self._hurried = False
        self._changed = Condition()

    def check(self) -> None:
        """Busy once the gateway is shutting down."""
        if self._draining:
            raise Busy("the gateway is shutting down", hint="connect again in a while")

    def enter(self, principal: str) -> None:
        """Take a place, to be given back by `leave`."""
        self.check()
        with self._changed:
            if self._count >= self._total:
                raise Busy(f"the gateway is running {self._total} queries, as many as it may")
            mine = self._running.get(principal, 0)
            if mine >= self._per_principal:
                raise Busy(
                    f"{principal} is running {self._per_principal} queries, as many as one may",
                    hint="read or close a running result first",
                )
            self._running[principal] = mine + 1
            self._count += 1

    def leave(self, principal: str) -> None:
        with self._changed:
            self._count -= 1
            self._running[principal] -= 1
            if not self._running[principal]:
                del self._running[principal]
            if not self._count:
                self._changed.notify_all()

    def drain(self) -> None:
        """From now on, refuse everybody."""
        self._draining = True

    def hurry(self) -> None:
        """Let `wait_drained` return now."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def wait_drained(self, timeout_seconds: float) -> bool:
        """Wait as `wait_idle` does, but not once somebody is in a hurry."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count or self._hurried, timeout_seconds)
            return not self._count

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait for the last stream to end; whether it did."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._count, timeout_seconds)

    @property
    def running(self) -> int:
        return self._count
