"""Iceberg tables of a SQL or REST catalogue, read through pyiceberg, one snapshot at a time."""

from __future__ import annotations

import copy
import datetime as dt
import fnmatch
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from connectors.capabilities import Capabilities
from connectors.casting import cast_batches
from connectors.earlier_state import EarlierState
from connectors.iceberg_filters import bound_value, iceberg_filter
from connectors.interface import (
    COMMENT,
    PHYSICAL_TYPE,
    Moment,
    ObjectInfo,
    Snapshot,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.plain_types import plain_type
from connectors.sql import credential, listed, one_line
from connectors.statistics import ColumnStatistics, TableStatistics
from connectors.stores import S3_OPTIONS
from connectors.table_scan import Reader, TableDataset

_CATALOGUES = {"sqlite": "sql", "postgresql": "sql", "http": "rest", "https": "rest"}
"""The kind of catalogue by the scheme of its uri."""

_PROPERTIES = {
    "warehouse": "warehouse",
    "prefix": "prefix",
    "token": "token",
    "credential": "credential",
    "scope": "scope",
    "oauth2_server": "oauth2-server-uri",
    "endpoint": "s3.endpoint",
    "region": "s3.region",
    "access_key": "s3.access-key-id",
    "secret_key": "s3.secret-access-key",
    "session_token": "s3.session-token",
    "anonymous": "s3.anonymous",
}
"""Option of a binding -> pyiceberg's property."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


class IcebergConnector:
    """The tables of an Iceberg catalogue. `uri` is ``https://`` (REST), ``sqlite:///file`` or
    ``postgresql+driver://`` (SQL).

    An object is ``namespace.table``. Options: ``warehouse``, ``catalog`` (the name a SQL catalogue
    keeps its tables under, ``default``); ``snapshot`` (an id) or ``ref`` (a branch or tag) pin what
    is read, else it is the current snapshot; for REST ``token`` or ``credential``, ``scope``,
    ``oauth2_server``, ``prefix``; for S3 those of the files connector.
    """

    capabilities = Capabilities()
    option_names = frozenset({"catalog", "snapshot", "ref", *_PROPERTIES}) | S3_OPTIONS

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        import pyiceberg.catalog

        self._load = pyiceberg.catalog.load_catalog
        self._uri = uri
        self._options = options
        self._kind = _CATALOGUES.get(urlsplit(uri).scheme.partition("+")[0], "")
        if not self._kind:
            raise _invalid(
                "the uri of an Iceberg catalogue is https://, sqlite:/// or postgresql+driver://"
            )
        if "snapshot" in options and "ref" in options:
            raise _invalid("an Iceberg table is read as of a snapshot or a ref, not both")
        if not options.get("snapshot", "0").isdigit():
            raise _invalid("option snapshot must be the number of a snapshot")
        self._lock = threading.Lock()
        self._catalog: Any = None
        self._versions: dict[str, str] = {}

    @property
    def source_key(self) -> SourceKey:
        """The catalogue, without what logs in to it."""
        parts = urlsplit(self._uri)
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        secrets = [self._options.get(n, "") for n in ("token", "credential", "secret_key")]
        user = parts.username or self._options.get("access_key", "")
        secret = "\0".join([parts.password or "", *secrets]).strip("\0")
        return SourceKey("iceberg", where, credential(user, secret))

    def schema(self, object_name: str) -> pa.Schema:
        """The columns of the snapshot that is read."""
        with self._errors(object_name):
            return self._columns(object_name, self._scan(object_name))

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table of every namespace."""
        with self._errors(self._uri):
            names = sorted(
                ".".join(identifier)
                for namespace in _namespaces(self._opened(), ())
                for identifier in self._opened().list_tables(namespace)
            )
        for name in names:
            if fnmatch.fnmatchcase(name, pattern or "*"):
                yield listed(name, lambda name=name: ObjectInfo(name, self.schema(name)))  # type: ignore[misc]

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """The snapshot's rows. Files are planned when a reading begins, and read one by one."""
        with self._errors(object_name):
            scan = self._scan(object_name)
            found = self._columns(object_name, scan)
        planned = pa.schema([f.remove_metadata() for f in schema or found])
        missing = set(planned.names) - set(found.names)
        if missing:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"the Iceberg table {object_name!r} has no column {', '.join(sorted(missing))}",
            )

        def parts(condition: pc.Expression | None) -> Sequence[Reader]:
            with self._errors(object_name):
                chosen = scan.filter(iceberg_filter(condition, planned))
                return [self._reader(object_name, chosen, t, planned) for t in chosen.plan_files()]

        return TableDataset(planned, parts)

    def version(self, object_name: str) -> str:
        """The id of the snapshot that was read last."""
        return self._versions.get(object_name, "")

    def statistics(self, object_name: str) -> TableStatistics:
        """Rows, bounds and shares of NULL as the manifests have them."""
        with self._errors(object_name):
            scan = self._scan(object_name)
            tasks = list(scan.plan_files())
            fields = scan.projection().fields
        files = [task.file for task in tasks]
        rows = float(sum(file.record_count for file in files))
        columns = {field.name: _statistics(field, files, rows) for field in fields}
        known = {name: c for name, c in columns.items() if c != ColumnStatistics()}
        return TableStatistics(rows, known)

    def at(self, object_name: str, moment: Moment) -> Snapshot:
        """A snapshot that is, or once was, the current one: no other has been published."""
        if "snapshot" in self._options or "ref" in self._options:
            raise _invalid("the binding says which snapshot is read")
        with self._errors(object_name):
            table = self._table(object_name)
            published = {entry.snapshot_id for entry in table.history()}
            found = None
            if moment.instant is None:
                if moment.version in published:
                    found = table.snapshot_by_id(moment.version)
            else:
                since_epoch = moment.instant - _EPOCH
                found = table.snapshot_as_of_timestamp(since_epoch // _MILLISECOND)
        if found is None:
            raise SourceError(
                SourceErrorCode.SNAPSHOT_NOT_FOUND,
                f"the Iceberg table {object_name!r} has no snapshot of {moment}",
            )
        pinned = copy.copy(self)  # over the same open catalogue
        pinned._versions = {}
        pinned._options = {**self._options, "snapshot": str(found.snapshot_id)}
        name = str(found.snapshot_id)
        return Snapshot(name, EarlierState(name, pinned))

    def close(self) -> None:
        """Let the catalogue go."""
        with self._lock:
            catalog, self._catalog = self._catalog, None
        engine = getattr(catalog, "engine", None)
        if engine is not None:
            engine.dispose()

    def _opened(self) -> Any:
        with self._lock:
            if self._catalog is None:
                name = self._options.get("catalog", "default")
                properties = {
                    _PROPERTIES[option]: value
                    for option, value in self._options.items()
                    if option in _PROPERTIES
                }
                if self._kind == "sql":  # a gateway only reads: it makes no tables of its own
                    properties["init_catalog_tables"] = "false"
                self._catalog = self._load(name, type=self._kind, uri=self._uri, **properties)
            return self._catalog

    def _table(self, object_name: str) -> Any:
        if "." not in object_name:
            raise _invalid(f"{object_name!r} is not the name of a table: write namespace.table")
        return self._opened().load_table(object_name)

    def _scan(self, object_name: str) -> Any:
        """A scan of the snapshot that is meant, with all columns."""
        scan = self._meant(object_name)
        snapshot = scan.snapshot()
        self._versions[object_name] = str(snapshot.snapshot_id) if snapshot else ""
        return scan

    def _meant(self, object_name: str) -> Any:
        table = self._table(object_name)
        if "snapshot" in self._options:
            snapshot = int(self._options["snapshot"])
            if table.snapshot_by_id(snapshot) is None:
                raise _absent(f"the Iceberg table {object_name!r} has no snapshot {snapshot}")
            return table.scan(snapshot_id=snapshot)
        if "ref" not in self._options:
            return table.scan()
        found = table.snapshot_by_name(self._options["ref"])
        if found is None:
            raise _absent(f"the Iceberg table {object_name!r} has no ref {self._options['ref']!r}")
        return table.scan(snapshot_id=found.snapshot_id)

    def _columns(self, object_name: str, scan: Any) -> pa.Schema:
        from pyiceberg.io.pyarrow import schema_to_pyarrow
        from pyiceberg.types import TimestampNanoType, TimestamptzNanoType, UnknownType

        fields = []
        for field, arrow in zip(
            scan.projection().fields, schema_to_pyarrow(scan.projection()), strict=True
        ):
            odd = isinstance(
                field.field_type, TimestampNanoType | TimestamptzNanoType | UnknownType
            )
            if odd or pa.types.is_map(arrow.type):
                raise SourceError(
                    SourceErrorCode.TYPE_UNSUPPORTED,
                    f"column {field.name!r} of {object_name!r} has type {field.field_type}, "
                    "which this connector does not read",
                    hint="publish a table without the column",
                )
            metadata = {PHYSICAL_TYPE: str(field.field_type)}
            if field.doc:
                metadata[COMMENT] = field.doc
            fields.append(pa.field(field.name, _plain(arrow.type), not field.required, metadata))
        return pa.schema(fields)

    def _reader(self, object_name: str, scan: Any, task: Any, planned: pa.Schema) -> Reader:
        def read(
            columns: Sequence[str], condition: pc.Expression | None
        ) -> Iterator[pa.RecordBatch]:
            # one column at least: a batch without columns has lost its number of rows
            names = list(columns) or planned.names[:1]
            schema = pa.schema([planned.field(name) for name in names])
            with self._errors(object_name):
                batches = _batches(scan, task, names, iceberg_filter(condition, planned))
                yield from cast_batches((b.select(names) for b in batches), schema)

        return read

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """The driver's errors as ours."""
        from pyiceberg import exceptions as known
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SourceError:
            raise
        except (known.NoSuchTableError, known.NoSuchNamespaceError) as error:
            raise _absent(f"{self.source_key} has no table {what!r}") from error
        except (
            known.UnauthorizedError,
            known.ForbiddenError,
            known.AuthorizationExpiredError,
            known.OAuthError,
        ) as error:
            raise SourceError(
                SourceErrorCode.REJECTED, f"{self.source_key} refuses these credentials"
            ) from error
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"the files of {what!r} of {self.source_key}: {one_line(error)}",
            ) from error
        except (OSError, SQLAlchemyError, known.RESTError) as error:
            raise SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"{self.source_key} does not answer: {one_line(_first_line(error))}",
                retryable=True,
            ) from error
        except (NotImplementedError, ValueError, TypeError, LookupError) as error:
            raise SourceError(
                SourceErrorCode.REJECTED,
                f"{what!r} of {self.source_key} can not be read: {one_line(error)}",
            ) from error


def _batches(scan: Any, task: Any, names: Sequence[str], kept: Any) -> Iterator[pa.RecordBatch]:
    """One data file, without the rows its delete files name.

    pyiceberg's public way reads every file of a scan ahead, each as a whole.
    """
    from pyiceberg.io.pyarrow import ArrowScan, _read_all_delete_files

    projection = scan.projection().select(*names)
    reading = ArrowScan(scan.table_metadata, scan.io, projection, kept)
    deleted = _read_all_delete_files(scan.io, [task])
    yield from reading._record_batches_from_scan_tasks_and_deletes([task], deleted)


def _plain(arrow: pa.DataType) -> pa.DataType:
    """The type as planned: text, lists and moments in the form every client reads."""
    if isinstance(arrow, pa.ExtensionType):  # a uuid
        return arrow.storage_type
    if pa.types.is_timestamp(arrow):
        return pa.timestamp("us", "UTC" if arrow.tz else None)
    return plain_type(arrow)


def _statistics(field: Any, files: Iterable[Any], rows: float) -> ColumnStatistics:
    nulls = [(file.null_value_counts or {}).get(field.field_id) for file in files]
    lows = [(file.lower_bounds or {}).get(field.field_id) for file in files]
    highs = [(file.upper_bounds or {}).get(field.field_id) for file in files]
    share = sum(nulls) / rows if rows and nulls and None not in nulls else None  # type: ignore[arg-type]
    low = [None if b is None else bound_value(b, field.field_type) for b in lows]
    high = [None if b is None else bound_value(b, field.field_type) for b in highs]
    if not low or None in low or None in high:
        return ColumnStatistics(null_share=share)
    return ColumnStatistics(null_share=share, least=min(low), greatest=max(high))  # type: ignore[type-var]


def _namespaces(catalog: Any, parent: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for namespace in catalog.list_namespaces(parent):
        yield namespace
        if len(namespace) > len(parent):
            yield from _namespaces(catalog, namespace)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _absent(message: str) -> SourceError:
    return SourceError(SourceErrorCode.OBJECT_NOT_FOUND, message)


def _invalid(message: str) -> SourceError:
    return SourceError(SourceErrorCode.BINDING_INVALID, message)
