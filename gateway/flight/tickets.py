"""Tickets: signed names of planned statements.

    id (18 bytes) · milliseconds at which it ends (8) · HMAC-SHA256 (32)

The signature covers those, and the principal, the purpose and the policy version the statement
was planned for. The key is this process's own. A ticket that was changed, is somebody else's or
has ended looks like one that never was. It is never a right: whoever reads it is authorised anew.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from gateway.flight.handles import HANDLE_BYTES, Handles
from gateway.serving.statements import Statement

EXPIRY_BYTES = 8
TICKET_BYTES = HANDLE_BYTES + EXPIRY_BYTES + 32


class Tickets:
    """The tickets of one server, safe from any thread. `ttl_seconds` counts from their making."""

    def __init__(
        self,
        *,
        ttl_seconds: float,
        per_owner: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._began = clock()
        self._mac = hmac.new(secrets.token_bytes(32), digestmod="sha256")
        self._statements: Handles[Statement] = Handles(
            "ticket", ttl_seconds=ttl_seconds, per_owner=per_owner, clock=clock
        )

    def add(self, owner: str, statement: Statement) -> bytes:
        """A new ticket of a principal for its statement."""
        return self._issue(owner, self._statements.add(owner, statement), statement)

    def get(self, owner: str, ticket: bytes) -> Statement:
        """The statement; NotFound unless this is the principal's own ticket, still good."""
        statement = self._statements.get(owner, name(ticket))
        self.verify(owner, ticket, statement)
        ends = int.from_bytes(ticket[HANDLE_BYTES : HANDLE_BYTES + EXPIRY_BYTES])
        if ends <= self._now():
            raise self._statements.missing()
        return statement

    def renew(self, owner: str, ticket: bytes) -> bytes:
        """Another ticket for the same, which ends later. NotFound as `get`."""
        return self._issue(owner, name(ticket), self.get(owner, ticket))

    def discard(self, owner: str, ticket: bytes) -> None:
        """Forget what the ticket stands for; one that is not there is fine."""
        self._statements.discard(owner, name(ticket))

    def verify(self, owner: str, ticket: bytes, statement: Statement) -> None:
        """NotFound unless this ticket was made for the statement; it may have ended."""
        signed = ticket[: HANDLE_BYTES + EXPIRY_BYTES]
        signature = ticket[HANDLE_BYTES + EXPIRY_BYTES :]
        if not hmac.compare_digest(self._sign(owner, signed, statement), signature):
            raise self._statements.missing()

    def __len__(self) -> int:
        return len(self._statements)

    def _issue(self, owner: str, handle: bytes, statement: Statement) -> bytes:
        ends = self._now() + int(self._statements.ttl_seconds * 1000)
        signed = handle + ends.to_bytes(EXPIRY_BYTES)
        return signed + self._sign(owner, signed, statement)

    def _sign(self, owner: str, signed: bytes, statement: Statement) -> bytes:
        bound = "\0".join((owner, statement.purpose, statement.policy_version))
        mac = self._mac.copy()  # keeps the interpreter lock, which costs more to get back
        mac.update(signed + bound.encode())
        return mac.digest()

    def _now(self) -> int:
        return int((self._clock() - self._began) * 1000)


def name(ticket: bytes) -> bytes:
    """What a ticket is known by: the same for one that was renewed."""
    return ticket[:HANDLE_BYTES]
