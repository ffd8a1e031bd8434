"""Files: Parquet, CSV, JSON lines and Arrow IPC, in a local folder or an S3-compatible store."""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from connectors import parquet_statistics
from connectors.capabilities import Capabilities
from connectors.file_paths import (
    fixed_part,
    hive_columns,
    is_hidden,
    is_pattern,
    paths_below,
    pattern,
    split_uri,
)
from connectors.interface import (
    PHYSICAL_TYPE,
    ObjectInfo,
    ParquetFiles,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.plain_types import plain_field, plain_type
from connectors.sql import one_line
from connectors.statistics import UNKNOWN, TableStatistics
from connectors.stores import S3_OPTIONS, s3_credential, s3_filesystem, s3_location

FORMATS: Mapping[str, str] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".arrow": "ipc",
    ".ipc": "ipc",
    ".feather": "ipc",
}
"""The format of a file by its ending; the option ``format`` has the last word."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one object; its partition folders begin below `base`."""

    name: str
    paths: tuple[str, ...]
    base: str
    partitions: tuple[pa.Field, ...]
    format: str
    stamp: tuple[tuple[str, int, int], ...]


class FilesConnector:
    """A folder (or one file) of files. `uri` is a path, ``file://`` or ``s3://bucket/prefix``.

    An object is a file, a folder or a pattern below the uri (``**/*.parquet``); the empty name and
    ``*`` mean the uri itself. Options: ``format``; ``partitioning`` = hive or none (by default hive
    when folders are named key=value); for S3 ``endpoint``, ``region``, ``access_key``,
    ``secret_key``, ``session_token``, ``anonymous``; for CSV ``delimiter`` and ``header`` = false.
    """

    capabilities = Capabilities()
    option_names = frozenset({"format", "partitioning", "delimiter", "header"}) | S3_OPTIONS

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self._options = options
        self._scheme, self._root = split_uri(uri)
        self._query = {k: v[0] for k, v in parse_qs(urlsplit(uri).query).items()}
        if self._scheme not in {"file", "s3"}:
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                f"files are read from a path, file:// or s3://, not {self._scheme}://",
            )
        chosen = options.get("format", "parquet")
        if chosen not in set(FORMATS.values()):
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                f"there is no file format {chosen!r}",
                hint=f"the formats are {', '.join(sorted(set(FORMATS.values())))}",
            )
        self._filesystem: pafs.FileSystem | None = None
        self._schemas: dict[str, tuple[tuple[tuple[str, int, int], ...], pa.Schema]] = {}
        self._statistics: dict[str, tuple[tuple[tuple[str, int, int], ...], TableStatistics]] = {}
        self._lock = threading.Lock()

    @property
    def source_key(self) -> SourceKey:
        """The folder; for S3 also the endpoint and who asks."""
        if self._scheme == "file":
            return SourceKey("files", self._root)
        options = self._s3()
        return SourceKey("files", s3_location(self._root, options), s3_credential(options))

    def schema(self, object_name: str) -> pa.Schema:
        """The columns of all files together; files that disagree on a type are an error."""
        return self._unified(self._files(object_name))

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every file straight under the uri, and every folder there that holds files."""
        names: set[str] = set()
        self._require_root()
        for info in self._list(self._root):
            relative = info.path[len(self._root) :].lstrip("/")
            first, _, rest = relative.partition("/")
            names.add("" if "=" in first and rest else first)
        for name in sorted(names):
            if fnmatch.fnmatchcase(name, pattern or "*"):
                try:
                    yield ObjectInfo(name or "*", self.schema(name), kind="files")
                except SourceError as error:
                    if error.code is SourceErrorCode.UNAVAILABLE:
                        raise
                    yield ObjectInfo(name or "*", pa.schema([]), kind="files", problem=str(error))

    def dataset(self, object_name: str, schema: pa.Schema | None = None) -> pads.Dataset:
        """The files as one dataset, partition folders as columns."""
        files = self._files(object_name)
        planned = schema or self._unified(files)
        partitions = pa.schema(files.partitions)
        options = pads.FileSystemFactoryOptions(
            partitioning=pads.partitioning(partitions, flavor="hive") if partitions.names else None,
            partition_base_dir=files.base,
            exclude_invalid_files=False,
        )
        with self._errors(object_name):
            factory = pads.FileSystemDatasetFactory(
                self._fs(), list(files.paths), self._file_format(files.format), options
            )
            return factory.finish(pa.schema([plain_field(f) for f in planned]))

    def parquet(self, object_name: str, schema: pa.Schema) -> ParquetFiles | None:
        """The local Parquet files behind the object, when they are one file or a whole folder."""
        if self._scheme != "file":
            return None
        files = self._files(object_name)
        if files.format != "parquet":
            return None
        found = self._unified(files)
        if [(f.name, f.type) for f in schema] != [(f.name, f.type) for f in found]:
            return None
        names = [f.name for f in files.partitions]
        if names and found.names[-len(names) :] != names:
            return None
        if len(files.paths) == 1 and not names:
            return ParquetFiles(files.paths[0], os.path.splitext(files.paths[0])[1])
        extensions = {os.path.splitext(p)[1] for p in files.paths}
        extension = extensions.pop()
        if extensions or paths_below(files.base, extension) != set(files.paths):
            return None
        return ParquetFiles(f"{files.base}/", extension, files.partitions)

    def statistics(self, object_name: str) -> TableStatistics:
        """What the footers of Parquet files say; nothing of other formats."""
        files = self._files(object_name)
        if files.format != "parquet":
            return UNKNOWN
        with self._lock:
            stamp, known = self._statistics.get(files.name, ((), UNKNOWN))
        if stamp != files.stamp:
            with self._errors(object_name):
                known = parquet_statistics.statistics(list(files.paths), self._fs())
            with self._lock:
                self._statistics[files.name] = (files.stamp, known)
        return known

    def close(self) -> None:
        """Nothing is held open between two reads."""
        self._filesystem = None

    def _option(self, name: str) -> str:
        return self._options.get(name) or self._query.get(name, "")

    def _fs(self) -> pafs.FileSystem:
        if self._filesystem is None:
            local = self._scheme == "file"
            self._filesystem = pafs.LocalFileSystem() if local else s3_filesystem(self._s3())
        return self._filesystem

    def _s3(self) -> dict[str, str]:
        return {name: self._option(name) for name in S3_OPTIONS}

    def _list(self, folder: str) -> list[pafs.FileInfo]:
        with self._errors(folder):
            info = self._fs().get_file_info(folder)
            if info.type == pafs.FileType.File:
                return [info]
            selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
            found = self._fs().get_file_info(selector)
        visible = (f for f in found if f.is_file and not is_hidden(f.path, folder))
        return sorted(visible, key=lambda f: str(f.path))

    def _require_root(self) -> None:
        """Raise OBJECT_NOT_FOUND when the uri leads nowhere (a bucket has no empty folders)."""
        if self._scheme == "file" and not os.path.exists(self._root):
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND,
                f"there is no folder or file {self._root}",
                hint="check the uri of the binding",
            )

    def _files(self, object_name: str) -> _Files:
        name = "" if object_name in {"", "*", "."} else object_name.strip("/")
        if ".." in name.split("/"):
            raise SourceError(
                SourceErrorCode.BINDING_INVALID, f"{object_name!r} leads out of the source's folder"
            )
        root = self._root.rstrip("/")
        base = "/".join(p for p in (root, fixed_part(name)) if p) or "/"
        infos = self._list(base)
        if is_pattern(name):
            wanted = pattern(f"{root}/{name}")
            infos = [i for i in infos if wanted.match(i.path)]
        if not infos:
            self._require_root()
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND,
                f"{self.source_key} has no file {object_name!r}",
                hint="check the folder and the pattern of the binding",
            )
        paths = tuple(str(i.path) for i in infos)
        if paths == (base,):
            base = os.path.dirname(base)
        below = [p[len(base) :] for p in paths]
        hive = self._options.get("partitioning", "hive") != "none"
        partitions = hive_columns(below, str(self.source_key)) if hive else ()
        stamp = tuple((i.path, i.size, i.mtime_ns) for i in infos)
        return _Files(object_name, paths, base, partitions, self._format(paths), stamp)

    def _format(self, paths: tuple[str, ...]) -> str:
        if chosen := self._options.get("format"):
            return chosen
        found = {FORMATS.get(os.path.splitext(p)[1].lower(), "") for p in paths}
        if len(found) != 1 or "" in found:
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                f"the files of {self.source_key} are not all of one known format",
                hint="give the option format, or a pattern that names the ending",
            )
        return found.pop()

    def _unified(self, files: _Files) -> pa.Schema:
        """The files' common schema; read again only when one of them has changed."""
        with self._lock:
            stamp, schema = self._schemas.get(files.name, ((), pa.schema([])))
        if stamp == files.stamp:
            return schema
        file_format, filesystem = self._file_format(files.format), self._fs()
        with self._errors(files.name), ThreadPoolExecutor(16) as threads:
            inspected = threads.map(lambda p: file_format.inspect(p, filesystem), files.paths)
            schema = _unify(list(inspected), files)
        with self._lock:
            self._schemas[files.name] = (files.stamp, schema)
        return schema

    def _file_format(self, name: str) -> pads.FileFormat:
        if name == "csv":
            import pyarrow.csv as pacsv

            headless = self._options.get("header", "true").lower() == "false"
            return pads.CsvFileFormat(
                parse_options=pacsv.ParseOptions(
                    delimiter=self._options.get("delimiter", ","), newlines_in_values=True
                ),
                read_options=pacsv.ReadOptions(autogenerate_column_names=headless),
                convert_options=pacsv.ConvertOptions(
                    null_values=["", "NULL", "null"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        formats = {"parquet": pads.ParquetFileFormat, "json": pads.JsonFileFormat}
        return formats.get(name, pads.IpcFileFormat)()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Arrow's errors about files as ours."""
        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"the files {what!r} of {self.source_key}: {one_line(error)}",
            ) from error
        except OSError as error:
            text = one_line(error)
            if "ACCESS_DENIED" in text or "HTTP status 403" in text:
                raise SourceError(
                    SourceErrorCode.REJECTED,
                    f"{self.source_key} refuses these credentials",
                    hint="check access_key and secret_key of the binding",
                ) from error
            raise SourceError(
                SourceErrorCode.UNAVAILABLE, f"{self.source_key}: {text}", retryable=True
            ) from error


def _unify(schemas: list[pa.Schema], files: _Files) -> pa.Schema:
    """One schema for all: a column may be missing in a file, but not be of another type there."""
    fields: dict[str, pa.Field] = {}
    for schema in schemas:
        for field in schema:
            known = fields.get(field.name)
            if known is None or pa.types.is_null(known.type):
                fields[field.name] = field
            elif not pa.types.is_null(field.type) and plain_type(known.type) != plain_type(
                field.type
            ):
                raise SourceError(
                    SourceErrorCode.VALUE_UNEXPECTED,
                    f"the files {files.name!r} disagree: column {field.name!r} is "
                    f"{known.type} in one and {field.type} in another",
                    hint="narrow the pattern to files that agree",
                )
    folders = {f.name for f in files.partitions}
    columns = [
        _described(
            f.with_nullable(not all(n in s.names and not s.field(n).nullable for s in schemas))
        )
        for n, f in fields.items()
        if n not in folders
    ]
    return pa.schema([*columns, *map(_described, files.partitions)])


def _described(field: pa.Field) -> pa.Field:
    return plain_field(field).with_metadata({PHYSICAL_TYPE: str(field.type)})
