"""Datasets as bytes and back: the compiled form of what a mesh's files declare.

Fields are written by their types, so a new field of a dataset is written with the others. Reading
checks every type: bytes that are no dataset of this gateway raise ValueError.
"""

from __future__ import annotations

import functools
import hashlib
import json
import struct
import types
import typing
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

import pyarrow as pa

from gateway.model import Artefact, Dataset

Reader = Callable[[Any], Any]

_LENGTHS = struct.Struct("<II")
_PLAIN: frozenset[type] = frozenset({str, int, float, bool})

_APART = frozenset({"schema", "revision"})
"""Fields of a dataset that are not in its JSON text."""


def pack(datasets: Iterable[Dataset]) -> str:
    """Datasets as a text."""
    parts = []
    for dataset in datasets:
        text = json.dumps(_plain(dataset), separators=(",", ":")).encode()
        schema = dataset.schema.serialize().to_pybytes()
        parts += [_LENGTHS.pack(len(text), len(schema)), text, schema]
    return b64encode(zlib.compress(b"".join(parts), 1)).decode()


def unpack(packed: str, place: int) -> Dataset:
    """The dataset at a place of such a text. Raises ValueError."""
    try:
        text, schema = _parts(packed)[place]
        values = _reader(Dataset)(json.loads(text))
        declared = pa.ipc.read_schema(pa.py_buffer(schema))
        revision = hashlib.sha256(text + schema).hexdigest()[:16]
        return typing.cast("Dataset", replace(values, schema=declared, revision=revision))
    except (KeyError, IndexError, TypeError, struct.error, zlib.error, pa.ArrowInvalid) as error:
        raise ValueError(f"this is not a compiled dataset: {error!r}") from error


def write_artefacts(artefacts: Iterable[Artefact]) -> str:
    """Artefacts as a text."""
    return json.dumps(_plain(tuple(artefacts)), separators=(",", ":"))


def read_artefacts(text: str) -> tuple[Artefact, ...]:
    """Artefacts of their text. Raises ValueError."""
    try:
        return typing.cast("tuple[Artefact, ...]", _reader(tuple[Artefact, ...])(json.loads(text)))
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no compiled artefacts: {error!r}") from error


@functools.lru_cache(maxsize=64)
def _parts(packed: str) -> list[tuple[bytes, bytes]]:
    data = zlib.decompress(b64decode(packed, validate=True))
    found, at = [], 0
    while at < len(data):
        first, second = _LENGTHS.unpack_from(data, at)
        at += _LENGTHS.size
        found.append((data[at : at + first], data[at + first : at + first + second]))
        at += first + second
    if at != len(data):
        raise ValueError("a compiled dataset is cut off")
    return found


def _plain(value: Any) -> Any:
    """A value as JSON knows it; fields that are as if they were not given are left out."""
    if is_dataclass(value):
        return {
            field.name: _plain(own)
            for field in fields(value)
            if field.name not in _APART
            and not _is_default(field, own := getattr(value, field.name))
        }
    if isinstance(value, Mapping):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(own) for own in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no compiled form")


def _is_default(field: Any, value: Any) -> bool:
    if field.default is not MISSING:
        return type(value) is type(field.default) and bool(value == field.default)
    return field.default_factory is not MISSING and bool(value == field.default_factory())


@functools.cache
def _reader(kind: Any) -> Reader:
    """What turns JSON into a value of a type."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: value
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if origin is tuple and len(of) == 2 and of[1] is Ellipsis:
        each = _reader(of[0])
        return lambda value: tuple(map(each, _checked(value, list)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        own = _reader(of[1])
        return lambda value: {k: own(v) for k, v in _checked(value, dict).items()}
    if origin in (typing.Union, types.UnionType):
        inner = [each for each in of if each is not types.NoneType]
        if set(inner) <= _PLAIN:
            return lambda value: None if value is None else _checked(value, *inner)
        (some,) = map(_reader, inner)
        return lambda value: None if value is None else some(value)
    if kind in _PLAIN:
        return lambda value: _checked(value, kind)
    raise TypeError(f"{kind} has no compiled form")


def _dataclass_reader(kind: Any) -> Reader:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.init]
    apart = {"schema": pa.schema([])} if kind is Dataset else {}
    readers = {name: _reader(hints[name]) for name in names if name not in apart}

    def read(value: Any) -> Any:
        given = {name: readers[name](own) for name, own in _checked(value, dict).items()}
        return kind(**apart, **given)

    return read


def _checked(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds and not (float in kinds and type(value) is int):
        raise TypeError(f"{value!r:.40} is not {' or '.join(kind.__name__ for kind in kinds)}")
    return value
