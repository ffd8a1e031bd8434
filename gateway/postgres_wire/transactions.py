"""Transactions of a session. They only group: what is read is never changed by anybody here."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.postgres_wire.commands import Transaction
from gateway.postgres_wire.errors import (
    FAILED_TRANSACTION,
    NO_TRANSACTION,
    UNKNOWN_SAVEPOINT,
    SqlError,
)
from gateway.postgres_wire.names import check_name
from gateway.postgres_wire.settings import Settings

MAX_SAVEPOINTS = 1000


@dataclass(slots=True)
class TransactionState:
    """`status` is what ReadyForQuery says: ``I`` idle, ``T`` in a transaction, ``E`` failed."""

    settings: Settings
    status: str = "I"
    _savepoints: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _before: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.status != "I"

    def failed(self) -> None:
        if self.open:
            self.status = "E"

    def check(self) -> None:
        """Nothing is done in a transaction that has failed."""
        if self.status == "E":
            raise SqlError(
                FAILED_TRANSACTION,
                "the transaction has failed: commands are ignored until it ends",
                hint="ROLLBACK",
            )

    def forbid(self, what: str) -> None:
        if self.open:
            raise SqlError("25001", f"{what} can not run in a transaction")

    def act(self, command: Transaction) -> str:
        """Do what a command says; the tag that tells the client."""
        match command.verb:
            case "BEGIN":
                self.check()
                if not self.open:
                    self._begin()
                return "BEGIN"
            case "COMMIT" | "ROLLBACK":
                rolled_back = command.verb == "ROLLBACK" or self.status == "E"
                self._end(rolled_back)
                if command.chain:
                    self._begin()
                return "ROLLBACK" if rolled_back else "COMMIT"
            case "SAVEPOINT":
                self.check()
                self._needed("SAVEPOINT")
                check_name(command.savepoint)
                if len(self._savepoints) >= MAX_SAVEPOINTS:
                    raise SqlError("54000", f"there may be {MAX_SAVEPOINTS} savepoints")
                self._savepoints.append((command.savepoint, dict(self.settings.values)))
                return "SAVEPOINT"
            case "RELEASE":
                self.check()
                self._needed("RELEASE SAVEPOINT")
                del self._savepoints[self._index(command.savepoint) :]
                return "RELEASE"
            case _:
                self._needed("ROLLBACK TO SAVEPOINT")
                index = self._index(command.savepoint)
                self.settings.values = dict(self._savepoints[index][1])
                del self._savepoints[index + 1 :]
                self.status = "T"
                return "ROLLBACK"

    def _begin(self) -> None:
        self.status = "T"
        self._before = dict(self.settings.values)

    def _end(self, rolled_back: bool) -> None:
        if self.open and rolled_back:
            self.settings.values = self._before
        self.settings.end_local()
        self._savepoints.clear()
        self.status = "I"

    def _needed(self, what: str) -> None:
        if not self.open:
            raise SqlError(NO_TRANSACTION, f"{what} is for a transaction", hint="BEGIN one")

    def _index(self, name: str) -> int:
        for index in reversed(range(len(self._savepoints))):
            if self._savepoints[index][0] == name:
                return index
        raise SqlError(UNKNOWN_SAVEPOINT, f"there is no savepoint {name[:60]!r}")
