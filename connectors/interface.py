"""What a connector is: the contract between the gateway and the systems that hold the data.

A connector is opened for one source (one address under one credential). It always says who it is
(`source_key`) and what it can do (`capabilities`); the rest is optional: an ability a source does
not have is a method its connector does not have. The protocols below name the optional abilities,
and the gateway asks `isinstance(connector, RunsSql)` before it relies on one: all connectors of
one class have the same.

This module imports the standard library, pyarrow and sqlglot only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.dataset as pads
from sqlglot import exp

from connectors.capabilities import Capabilities
from connectors.dialect import SqlDialect

PHYSICAL_TYPE = b"mesh.physicalType"
"""Field metadata: the type as the source names it, e.g. ``character varying(25)``."""

COMMENT = b"mesh.comment"
"""Field metadata: the comment the source keeps for the column."""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """Identity of a source. Two datasets may be read by one fragment iff their keys are equal.

    The credential is part of it, so that two identities never share a connection.
    """

    connector: str
    location: str
    credential: str = ""

    def __str__(self) -> str:
        return f"{self.connector}:{self.location}"


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the rows of a dataset are, as its contract says, with secrets already filled in."""

    connector: str
    uri: str = field(repr=False)
    object: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ForeignKeyInfo:
    """A foreign key that a source declares: `target` is the name of the object it refers to.

    Without `target_columns` it refers to the primary key there.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One table, view or file set found in a source: what `meshgate publish` writes down.

    `problem` says why the object can not be read (a column of an unsupported type, by name); its
    `schema` is empty then, and `hint` may say what to do.
    """

    name: str
    schema: pa.Schema
    primary_key: tuple[str, ...] = ()
    comment: str = ""
    kind: str = "table"
    problem: str = ""
    hint: str = ""
    foreign_keys: tuple[ForeignKeyInfo, ...] = ()


class SourceErrorCode(Enum):
    """Why a source did not answer. The value is what a client sees."""

    UNAVAILABLE = "SOURCE_UNAVAILABLE"
    TIMEOUT = "SOURCE_TIMEOUT"
    REJECTED = "SOURCE_REJECTED"
    INTERRUPTED = "SOURCE_INTERRUPTED"
    OBJECT_NOT_FOUND = "SOURCE_OBJECT_NOT_FOUND"
    SNAPSHOT_NOT_FOUND = "SOURCE_SNAPSHOT_NOT_FOUND"
    TYPE_UNSUPPORTED = "SOURCE_TYPE_UNSUPPORTED"
    VALUE_UNEXPECTED = "SOURCE_VALUE_UNEXPECTED"
    DRIVER_MISSING = "SOURCE_DRIVER_MISSING"
    BINDING_INVALID = "SOURCE_BINDING_INVALID"
    ARITHMETIC = "ARITHMETIC_ERROR"
    CANCELLED = "CANCELLED"


class SourceError(Exception):
    """The one exception a connector raises. Its message never holds a secret or a driver's dump.

    Drivers' exceptions are wrapped once, in the connector, with ``raise ... from``.
    """

    def __init__(
        self,
        code: SourceErrorCode,
        message: str,
        *,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable


_ABILITIES: dict[tuple[type, type], bool] = {}


class Ability(type(Protocol)):  # type: ignore[misc]
    """The class of the protocols of abilities: whether a class has one is found out once."""

    def __instancecheck__(cls, instance: Any) -> bool:
        asked = (cls, type(instance))
        found = _ABILITIES.get(asked)
        if found is None:
            found = _ABILITIES[asked] = bool(super().__instancecheck__(instance))
        return found


@runtime_checkable
class BatchStream(Protocol):
    """Rows on their way. Iterated on one thread; `cancel` may come from any other.

    After `cancel` the iterator ends soon, either quietly or with SourceErrorCode.CANCELLED, and
    the work in the source stops as well. `close` releases everything, and may be called twice.
    Every batch has exactly the stream's `schema`.
    """

    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class Connector(Protocol):
    """What every connector has. One instance serves many requests on many threads.

    A class that also has ``option_names: frozenset[str]`` is never given an option not in it.
    """

    @property
    def source_key(self) -> SourceKey: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def schema(self, object_name: str) -> pa.Schema:
        """The object's columns as they are now, with PHYSICAL_TYPE (and COMMENT) metadata.

        A column that can not be NULL is ``nullable=False``. Raises SourceError:
        OBJECT_NOT_FOUND, TYPE_UNSUPPORTED (naming column and type), UNAVAILABLE.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class ListsObjects(Protocol):
    """A source that can say what it holds."""

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every object whose name matches the shell pattern (``*`` when None), sorted by name.

        One that can not be read comes with its `problem`, and does not stop the others.
        """
        ...


@runtime_checkable
class RunsSql(Protocol, metaclass=Ability):
    """A source that answers SQL. The gateway writes queries as sqlglot trees in `dialect`."""

    @property
    def dialect(self) -> SqlDialect: ...

    def table(self, object_name: str) -> exp.Table:
        """The object as it is named in a FROM clause, quoted."""
        ...

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """The exact text the source will get for `query`.

        `schema` is what the plan expects, by position; a connector may wrap outputs here so that
        its driver transports them well (PostgreSQL's numeric as bigint, for one).
        """
        ...

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """Run a rendered text. Output columns are cast to `schema` by position, exactly.

        The names are those of `schema`. A value that does not fit raises VALUE_UNEXPECTED, as
        does a NULL in a field that is not nullable. Nothing is sent before the first batch is
        asked for.
        """
        ...


@runtime_checkable
class EstimatesCost(Protocol, metaclass=Ability):
    """A SQL source that says what a statement would cost it, without running it."""

    def cost(self, text: str) -> float:
        """The estimated cost, in the source's own unit. Raises SourceError."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a source in its past: by the number the source gave it (`version`), or as the
    one that was current at an `instant`, which has a zone. One of the two is set.
    """

    version: int | None = None
    instant: dt.datetime | None = None

    def __str__(self) -> str:
        if self.instant is None:
            return f"version {self.version}"
        return self.instant.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ") + " UTC"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of one object: `id` tells it from every other, `connector` reads it and no other.

    Read as a schema, columns that came later are NULL, and types that grew since are cast.
    """

    id: str
    connector: Connector


@runtime_checkable
class TravelsInTime(Protocol, metaclass=Ability):
    """A source that keeps the former states of what it holds."""

    def at(self, object_name: str, moment: Moment) -> Snapshot:
        """The object as it was. Raises SourceError: SNAPSHOT_NOT_FOUND for a number that is none
        and a time before the first state that is kept; BINDING_INVALID where the binding says
        which state is read.
        """
        ...


@runtime_checkable
class TellsVersion(Protocol, metaclass=Ability):
    """A source that knows, without asking anybody, which state of an object it reads."""

    def version(self, object_name: str) -> str:
        """Another text for every other state; "" where that is not known. Takes microseconds.

        Where the newest state is read it is the newest one seen: what is read may be newer.
        """
        ...


@runtime_checkable
class ProvidesDataset(Protocol, metaclass=Ability):
    """A source the engine reads itself, through pyarrow: files, tables in memory."""

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """A pyarrow dataset; with `schema`, read as that schema."""
        ...


@runtime_checkable
class ComputesRows(Protocol, metaclass=Ability):
    """A source in this process that makes the rows of a table when they are asked for."""

    def rows(self, object_name: str, equal: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The rows, with all columns of the object's schema.

        `equal` are columns that are compared with a constant: whoever asks drops rows that have
        another value there, so they may be left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Local Parquet files the engine opens by path: one file, or all files of a folder.

    `location` is a path (a folder ends in ``/``: every file below it with `extension` belongs to
    the object, and no other does). Partition columns are those of hive folders, in folder order;
    in the dataset's schema they come last.
    """

    location: str
    extension: str = ".parquet"
    partition_columns: tuple[pa.Field, ...] = ()


@runtime_checkable
class ProvidesParquet(Protocol, metaclass=Ability):
    """A source of local Parquet files: the engine's own reader prunes row groups and pages."""

    def parquet(self, object_name: str, schema: pa.Schema) -> ParquetFiles | None:
        """The files behind the object, read as `schema`; None when only `dataset` can read them.

        That is: files that are not local or not Parquet, a glob that is not a whole folder, a
        schema whose columns are not the files' own followed by the partition columns.
        """
        ...
