"""Delta tables, in a local folder or an S3-compatible store, read by version.

Where the active files are plain Parquet, pyarrow reads them and skips files by the statistics of
the log. Tables with deletion vectors, column mapping or widened types are read by the own scan of
delta-rs.
"""

from __future__ import annotations

import copy
import datetime as dt
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from connectors.capabilities import Capabilities
from connectors.casting import cast_batches
from connectors.delta_files import file_guarantee, table_statistics
from connectors.earlier_state import EarlierState
from connectors.file_paths import split_uri
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
from connectors.sql import one_line
from connectors.statistics import TableStatistics
from connectors.stores import S3_OPTIONS, s3_credential, s3_filesystem, s3_location
from connectors.table_scan import TableDataset

_PLAIN_FEATURES = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""Reader features that change nothing about what is in the Parquet files."""

_LOG = "_delta_log"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """One version of one table. `files` are the log's active files, None where not all are plain.

    With `files` None only delta-rs reads the table (`table`).
    """

    root: str
    table: Any
    schema: pa.Schema
    partitions: tuple[str, ...]
    files: pa.Table | None


class DeltaConnector:
    """Delta tables below a folder. `uri` is a path, ``file://`` or ``s3://bucket/prefix``.

    An object is the folder of a table below the uri; the empty name and ``*`` mean the uri itself.
    Options: ``version`` (a number) or ``timestamp`` (ISO 8601, UTC without an offset) pin the
    version that is read, else it is the latest; for S3 those of the files connector.
    """

    capabilities = Capabilities()
    option_names = frozenset({"version", "timestamp"}) | S3_OPTIONS

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        import deltalake

        self._driver = deltalake
        self._options = options
        self._scheme, self._root = split_uri(uri)
        if self._scheme not in {"file", "s3"}:
            raise _invalid(f"Delta tables are read from a path or s3://, not {self._scheme}://")
        if "version" in options and "timestamp" in options:
            raise _invalid("a Delta table is read as of a version or a timestamp, not both")
        version = options.get("version", "0")
        if not (version.isascii() and version.isdigit()):
            raise _invalid("option version must be the number of a version of the Delta table")
        self._as_of = _instant(options["timestamp"]) if "timestamp" in options else None
        self._filesystem: pafs.FileSystem | None = None
        self._versions: dict[str, str] = {}

    @property
    def source_key(self) -> SourceKey:
        """The folder; for S3 also the endpoint and who asks."""
        if self._scheme == "file":
            return SourceKey("delta", self._root)
        location = s3_location(self._root, self._options)
        return SourceKey("delta", location, s3_credential(self._options))

    def schema(self, object_name: str) -> pa.Schema:
        """The columns of the version that is read."""
        return self._snapshot(object_name).schema

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """The table at the uri, or every table straight below it."""
        for name in self._names():
            if not fnmatch.fnmatchcase(name, pattern or "*"):
                continue
            try:
                yield ObjectInfo(name, self.schema(name))
            except SourceError as error:
                if error.code is SourceErrorCode.UNAVAILABLE:
                    raise
                yield ObjectInfo(name, pa.schema([]), problem=error.message, hint=error.hint or "")

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """The table's rows at its version."""
        snapshot = self._snapshot(object_name)
        planned = pa.schema([f.remove_metadata() for f in schema or snapshot.schema])
        missing = set(planned.names) - set(snapshot.schema.names)
        if missing:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"the Delta table {object_name!r} has no column {', '.join(sorted(missing))}",
            )
        if snapshot.files is None:
            return TableDataset(planned, lambda _: [_scan_of(snapshot, planned)])
        return self._files(snapshot, planned)

    def version(self, object_name: str) -> str:
        """The number of the version that was read last."""
        return self._versions.get(object_name, "")

    def statistics(self, object_name: str) -> TableStatistics:
        """Rows, bounds and shares of NULL from the log; nothing is read but the log."""
        snapshot = self._snapshot(object_name)
        if snapshot.files is None:
            with self._errors(object_name):
                files = pa.table(snapshot.table.get_add_actions(flatten=True))
            # rows deleted by vectors are counted still, and columns may have other names there
            return table_statistics(files, pa.schema([]))
        return table_statistics(snapshot.files, snapshot.schema)

    def at(self, object_name: str, moment: Moment) -> Snapshot:
        """A version whose log is kept still."""
        if "version" in self._options or "timestamp" in self._options:
            raise _invalid("the binding says which version is read")
        root = self._folder(object_name)
        unknown = SourceError(
            SourceErrorCode.SNAPSHOT_NOT_FOUND,
            f"the Delta table {object_name!r} has no version of {moment}",
        )
        with self._errors(object_name):
            table = self._open(root)
            try:
                table.load_as_version(moment.instant or moment.version)
            except (self._driver.exceptions.DeltaError, OverflowError):
                raise unknown from None
            version = table.version()
            # the driver gives the first version for every time before it
            if moment.instant is not None and moment.instant < self._committed(root, table):
                raise unknown
        pinned = copy.copy(self)
        pinned._versions = {}
        pinned._options = {**self._options, "version": str(version)}
        return Snapshot(str(version), EarlierState(str(version), pinned))

    def _committed(self, root: str, table: Any) -> dt.datetime:
        """When the version of a table was committed, by its entry in the log."""
        entry = self._fs().get_file_info(f"{root}/{_LOG}/{table.version():020}.json")
        written = table.history(1)[0].get("timestamp")
        known = [] if entry.mtime is None else [entry.mtime]
        if written is not None:
            known.append(_EPOCH + dt.timedelta(milliseconds=written))
        earliest = min(known, default=dt.datetime.max.replace(tzinfo=dt.UTC))
        return earliest.replace(microsecond=earliest.microsecond // 1000 * 1000)

    def close(self) -> None:
        """Nothing is held open between two reads."""
        self._filesystem = None

    def _names(self) -> list[str]:
        if self._is_table(self._root):
            return ["*"]
        with self._errors(self._root):
            selector = pafs.FileSelector(self._root, allow_not_found=True)
            found = self._fs().get_file_info(selector)
        folders = [i for i in found if i.type == pafs.FileType.Directory]
        return sorted(i.base_name for i in folders if self._is_table(i.path))

    def _is_table(self, folder: str) -> bool:
        with self._errors(folder):
            info = self._fs().get_file_info(f"{folder.rstrip('/')}/{_LOG}")
        return bool(info.type == pafs.FileType.Directory)

    def _snapshot(self, object_name: str) -> _Snapshot:
        root = self._folder(object_name)
        with self._errors(object_name):
            table = self._open(root)
            self._versions[object_name] = str(table.version())
            fields = list(pa.schema(table.schema().to_arrow()))
            partitions = tuple(table.metadata().partition_columns)
            schema = pa.schema([_described(field) for field in fields])
            plain = _is_plain(table, schema, partitions)
            files = pa.table(table.get_add_actions(flatten=True)) if plain else None
        if files is not None and any("://" in p for p in files.column("path").to_pylist()):
            files = None  # a clone, whose files are those of another table
        return _Snapshot(root, table, schema, partitions, files)

    def _folder(self, object_name: str) -> str:
        name = "" if object_name in {"", "*", "."} else object_name.strip("/")
        if ".." in name.split("/"):
            raise _invalid(f"{object_name!r} leads out of the source's folder")
        root = self._root.rstrip("/")
        return f"{root}/{name}" if name else root or "/"

    def _open(self, root: str) -> Any:
        if not self._is_table(root):
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND,
                f"there is no Delta table {root[len(self._root) :].strip('/') or root!r}"
                f" in {self.source_key}",
                hint="check the uri and the object of the binding",
            )
        where = root if self._scheme == "file" else f"s3://{root}"
        version = int(self._options["version"]) if "version" in self._options else None
        table = self._driver.DeltaTable(
            where, version=version, storage_options=_storage(self._options)
        )
        if self._as_of is not None:
            table.load_as_version(self._as_of)
        return table

    def _files(self, snapshot: _Snapshot, planned: pa.Schema) -> pads.Dataset:
        assert snapshot.files is not None
        file_format = pads.ParquetFileFormat()
        filesystem = self._fs()
        fragments = [
            file_format.make_fragment(
                f"{snapshot.root}/{unquote(row['path'])}",
                filesystem=filesystem,
                partition_expression=file_guarantee(row, snapshot.schema, snapshot.partitions),
            )
            for row in snapshot.files.to_pylist()
        ]
        return pads.FileSystemDataset(fragments, planned, file_format, filesystem)

    def _fs(self) -> pafs.FileSystem:
        if self._filesystem is None:
            local = self._scheme == "file"
            self._filesystem = pafs.LocalFileSystem() if local else s3_filesystem(self._options)
        return self._filesystem

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """The driver's errors as ours."""
        known = self._driver.exceptions
        try:
            yield
        except SourceError:
            raise
        except known.TableNotFoundError as error:
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND, f"{self.source_key} has no Delta table {what!r}"
            ) from error
        except (known.DeltaError, pa.ArrowException, ValueError) as error:
            raise SourceError(
                SourceErrorCode.REJECTED,
                f"the Delta table {what!r} of {self.source_key} can not be read: {one_line(error)}",
            ) from error
        except OSError as error:
            raise SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"{self.source_key}: {one_line(error)}",
                retryable=True,
            ) from error


def _is_plain(table: Any, schema: pa.Schema, partitions: Sequence[str]) -> bool:
    """Whether the active files are Parquet files with the table's own columns, whole."""
    protocol = table.protocol()
    features = set(protocol.reader_features or ())
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none" or features - _PLAIN_FEATURES - {"deletionVectors"}:
        return False
    if any(pa.types.is_floating(schema.field(name).type) for name in partitions):
        return False  # NaN is no folder's value to pyarrow
    if "deletionVectors" not in features:
        return True
    return not any(batch.num_rows for batch in pa.table(table.deletion_vectors()).to_batches())


def _scan_of(snapshot: _Snapshot, planned: pa.Schema) -> Any:
    """Reads the table through delta-rs."""

    def read(columns: Sequence[str], condition: pc.Expression | None) -> Iterator[pa.RecordBatch]:
        # one column at least: a batch without columns has lost its number of rows
        names = list(columns) or planned.names[:1]
        schema = pa.schema([planned.field(name) for name in names])
        reader = pa.RecordBatchReader.from_stream(snapshot.table.scan(columns=names))
        yield from cast_batches(iter(reader), schema)

    return read


def _described(field: pa.Field) -> pa.Field:
    metadata = {PHYSICAL_TYPE: str(field.type)}
    comment = (field.metadata or {}).get(b"comment")
    if comment:
        metadata[COMMENT] = comment
    return pa.field(field.name, plain_type(field.type), field.nullable, metadata)


def _storage(options: Mapping[str, str]) -> dict[str, str] | None:
    names = {
        "endpoint": "AWS_ENDPOINT_URL",
        "region": "AWS_REGION",
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "anonymous": "AWS_SKIP_SIGNATURE",
    }
    found = {names[name]: value for name, value in options.items() if name in names}
    if found.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        found["AWS_ALLOW_HTTP"] = "true"
    return found or None


def _instant(text: str) -> dt.datetime:
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise _invalid("option timestamp must be an instant such as 2027-01-31T18:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _invalid(message: str) -> SourceError:
    return SourceError(SourceErrorCode.BINDING_INVALID, message)
