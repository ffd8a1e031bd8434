"""How checks ask: a query through the gateway's own path, for numbers only.

Nothing of an error that rows had a part in is kept but its code: its words might quote a value.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

import pyarrow as pa

from gateway.errors import Cancelled, GatewayError, ResidencyViolation
from gateway.model import (
    QUALITY_PRINCIPAL,
    Address,
    Dataset,
    Principal,
    QueryOptions,
    Request,
)

_log = logging.getLogger(__name__)


class CheckFailed(Exception):
    """A check could not be made. The reason is ours: no name and no value out of the query.

    `general`: whatever else is asked of the dataset would fail alike.
    """

    def __init__(self, reason: str, *, general: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.general = general


class Planned(Protocol):
    """A query that may be run."""

    @property
    def schema(self) -> pa.Schema: ...


class Answer(Protocol):
    """A query that runs. Closing its `batches` stops it."""

    @property
    def batches(self) -> Any: ...


class Place(Protocol):
    """The mesh, as checks use it."""

    @property
    def region(self) -> str:
        """Where its gateway is; "" is unknown."""
        ...

    def probe(self, dataset: Dataset) -> None:
        """Ask the dataset's source whether it is there. Raises GatewayError."""
        ...


class Engine(Protocol):
    """The gateway, as checks use it."""

    @property
    def mesh(self) -> Place:
        """What it is the gateway of."""
        ...

    def prepare_check(self, request: Request, domain: str) -> Planned:
        """Plan a query with the rights of the checks of a domain."""
        ...

    def execute(self, prepared: Any, cancelled: Callable[[], bool]) -> Answer:
        """Run what `prepare_check` gave."""
        ...


_GENERAL = frozenset(
    {"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT", "SOURCE_OBJECT_NOT_FOUND", "SCHEMA_DRIFT", "TIMEOUT"}
)


class Asking:
    """One run of checks of one dataset: all it asks has to be done by `deadline` (monotonic)."""

    def __init__(
        self, engine: Engine, address: Address, deadline: float, cancelled: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._address = address
        self._deadline = deadline
        self._cancelled = cancelled

    def row(self, text: str) -> dict[str, pa.Scalar]:
        """The one row of a query. Raises CheckFailed, Cancelled, ResidencyViolation.

        Of queries that give none, or several, no more than the second row is read.
        """
        return self._row(self._planned(text))

    def number(self, text: str) -> float:
        """The one number, or truth value, of a query. Raises as `row`."""
        planned = self._planned(text)
        kinds = [field.type for field in planned.schema]
        if len(kinds) != 1:
            raise CheckFailed(f"the query gives {len(kinds)} columns and not one")
        (kind,) = kinds
        types = pa.types
        if not (
            types.is_boolean(kind)
            or types.is_integer(kind)
            or types.is_floating(kind)
            or types.is_decimal(kind)
        ):
            raise CheckFailed("the query gives no number")
        (found,) = self._row(planned).values()
        value = found.as_py()
        if value is None:
            raise CheckFailed("the query gives NULL")
        if isinstance(value, int):
            return int(value)
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise CheckFailed("the query gives no finite number")
        return number

    def probe(self, dataset: Dataset) -> bool:
        """Whether the dataset's source answers."""
        try:
            self._engine.mesh.probe(dataset)
        except GatewayError:
            return False
        return True

    def _row(self, planned: Planned) -> dict[str, pa.Scalar]:
        found: list[pa.RecordBatch] = []
        rows = 0
        try:
            with closing(self._engine.execute(planned, self._cancelled).batches) as batches:
                for batch in batches:
                    rows += batch.num_rows
                    found.append(batch)
                    if rows > 1:
                        raise CheckFailed("the query gives more than one row")
        except GatewayError as error:
            raise self._failed(error) from None
        if rows == 0:
            raise CheckFailed("the query gives no row")
        batch = next(batch for batch in found if batch.num_rows)
        return {name: batch.column(i)[0] for i, name in enumerate(planned.schema.names)}

    def _planned(self, text: str) -> Planned:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise CheckFailed("the time for its checks is over", general=True)
        address = self._address
        request = Request(
            Principal(QUALITY_PRINCIPAL, region=self._engine.mesh.region),
            text,
            namespace=(address.domain, address.product),
            options=QueryOptions(timeout=left),
        )
        try:
            return self._engine.prepare_check(request, address.domain)
        except GatewayError as error:
            # No row has been read yet: its words are about names, for those who run the gateway.
            _log.warning("a quality check of %s can not be planned: %s", address, error)
            raise self._failed(error) from None

    def _failed(self, error: GatewayError) -> Exception:
        if isinstance(error, Cancelled | ResidencyViolation):
            return error
        return CheckFailed(error.code, general=error.code in _GENERAL)
