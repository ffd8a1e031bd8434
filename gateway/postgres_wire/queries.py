"""Queries of a session, over datasets: through the gateway's one pipeline, like any other front's.

What is here may take long: a session calls it in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from gateway.errors import Cancelled, GatewayError
from gateway.model import Principal, Request
from gateway.notices import Notice
from gateway.postgres_wire.catalogue.engine import Catalogues
from gateway.postgres_wire.column_names import named
from gateway.postgres_wire.databases import Written
from gateway.postgres_wire.errors import UNSUPPORTED, SqlError, placed
from gateway.postgres_wire.parameters import oid_of
from gateway.serving.admission import Admission
from gateway.serving.executions import Executions, Running
from gateway.serving.statements import Statement

if TYPE_CHECKING:
    from gateway.pipeline import Gateway
    from gateway.prepared import Prepared

Gone = Callable[[], bool]


class Rows(Protocol):
    """An answer that is read batch by batch."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def __next__(self) -> pa.RecordBatch: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer on its way. `check` raises for a principal who may not have more of it by now.

    `notices` are what its reader should know of what is read.
    """

    rows: Rows
    check: Callable[[Principal], None]
    notices: Sequence[Notice] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """An answer as its session has begun it: the `check` is of whoever the session is of."""

    rows: Rows
    check: Callable[[], None]
    notices: Sequence[Notice] = ()


class PlannedQuery(Protocol):
    """A query that has been understood; it may be started any number of times.

    `text` is what the gateway reads, `parameters` are the oids of its placeholders.
    """

    text: str
    schema: pa.Schema
    parameters: tuple[int, ...]

    def start(self, request: Request, values: Sequence[pa.Scalar], gone: Gone) -> Begun: ...


class Table:
    """Rows that are there already."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = iter(table.to_batches())

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs queries over datasets, for all sessions."""

    gateway: Gateway
    executions: Executions
    admission: Admission
    catalogues: Catalogues = field(default_factory=Catalogues)


class DatasetQuery:
    """A query over datasets, planned once already: that says what it takes and gives."""

    def __init__(self, engine: Engine, request: Request, written: Written, start: int) -> None:
        self.text = written.text
        self._engine = engine
        self._place = Place(written, start)
        with self._place:
            self._statement = Statement(engine.gateway, request)
        self.schema = named(self._statement.schema, request.text)
        self.parameters = tuple(oid_of(kind) for kind in self._statement.parameters.types)

    def start(self, request: Request, values: Sequence[pa.Scalar], gone: Gone) -> Begun:
        """Run it for whoever `request` is of, with its options as they are now."""
        with self._place:
            statement = self._statement
            request = replace(request, declared=statement.request.declared)
            if values or not self._same(request):
                asked = request.again(parameters=tuple(values))
                statement = Statement(self._engine.gateway, asked)
            if statement.schema.types != self.schema.types:
                raise SqlError(
                    UNSUPPORTED,
                    "the columns of the answer have changed since the query was prepared",
                    hint="prepare it again",
                )
            prepared = statement.take(request.principal)
            of = Running(request.principal.name, statement)
            stream = self._engine.executions.start(prepared, of, gone)
            notices = stream.result.report.notices
            return Begun(stream, StillGranted(self._engine.gateway, prepared), notices)

    def _same(self, request: Request) -> bool:
        before = self._statement.request
        return replace(before, id="", principal=request.principal) == replace(request, id="")


@dataclass(slots=True)
class StillGranted:
    """Asks the policies again before more rows go out: a cursor may be open for hours."""

    gateway: Gateway
    prepared: Prepared

    def __call__(self, principal: Principal) -> None:
        self.prepared = self.gateway.check_rights(self.prepared, principal)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query stands in a client's text: what is raised inside gets its place there."""

    written: Written
    start: int

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GatewayError) and error.position is not None:
            place = error.position
            lines = self.written.text.split("\n")
            before = sum(len(line) + 1 for line in lines[: place.line - 1])
            at = self.written.origin(before + place.column - 1)
            placed(error, self.start + at + 1)


def timed_out() -> Cancelled:
    """The statement took longer than its session allows."""
    return Cancelled("the statement was cancelled: it took longer than statement_timeout")
