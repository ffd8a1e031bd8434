"""Reading one YAML file of the mesh into plain values, with the line of every value.

Built from the parser's events rather than by a loader: aliases, duplicate keys, tags and deep
nesting are refused as they appear (a nested file crashes the C loader), and nothing recurses.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.catalogue.problems import Path, Problem, path_text

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64

MAX_REMEMBERED = 100
"""How long a word may be for it to be remembered what kind of value it is."""

_PLAIN = "tag:yaml.org,2002:"
_RESOLVER = yaml.SafeLoader("")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as read: `file` is its path below the mesh folder, `lines` count from 1."""

    file: str
    content: Mapping[str, Any]
    lines: Mapping[Path, int] = field(repr=False)

    def problem(self, path: Path, rule: str) -> Problem:
        """A broken rule at `path`, with the line of the nearest value that exists."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.file, self.lines.get(known, 0), path_text(path), rule)


class _ReadingError(Exception):
    """The file breaks a rule of reading; `path` may be empty."""

    def __init__(self, line: int, path: Path, rule: str) -> None:
        super().__init__(rule)
        self.line = line
        self.path = path
        self.rule = rule


def read_document(file: pathlib.Path, name: str) -> Document | Problem:
    """Read a file; what stops the reading is returned as a Problem under `name`."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(name, 0, "", f"the file can not be read: {error.strerror}")
    return read_text(data, name)


def read_text(data: bytes, name: str) -> Document | Problem:
    """As `read_document`, of the content of a file."""
    if len(data) > MAX_BYTES:
        return Problem(name, 0, "", f"the file is larger than {MAX_BYTES} bytes")
    try:
        content, lines = _build(yaml.parse(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader))
    except UnicodeDecodeError as error:
        return Problem(name, 0, "", f"the file is not UTF-8 (byte {error.start})")
    except yaml.MarkedYAMLError as error:
        text = error.problem or error.context or "it can not be parsed"
        mark = error.problem_mark or error.context_mark
        if mark is None:
            return Problem(name, 0, "", f"not YAML: {text}")
        return Problem(name, mark.line + 1, "", f"not YAML: column {mark.column + 1}: {text}")
    except yaml.YAMLError as error:
        return Problem(name, 0, "", f"not YAML: {' '.join(str(error).split())}")
    except _ReadingError as refused:
        return Problem(name, refused.line, path_text(refused.path), refused.rule)
    if not isinstance(content, dict):
        return Problem(name, 1, "", "the file must hold one mapping of keys to values")
    return Document(name, content, lines)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open."""

    container: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


def _build(events: Iterator[yaml.Event]) -> tuple[Any, dict[Path, int]]:
    stack: list[_Frame] = []
    lines: dict[Path, int] = {}
    root: list[Any] = []
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, line, stack)
            frame = stack[-1] if stack else None
            if frame is not None and isinstance(frame.container, dict) and frame.key is None:
                _take_key(frame, value, line)
                continue
        elif isinstance(event, yaml.CollectionStartEvent):
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            if stack and isinstance(stack[-1].container, dict) and stack[-1].key is None:
                raise _ReadingError(line, stack[-1].path, "a key must be text")
            if len(stack) >= MAX_DEPTH:
                raise _ReadingError(line, (), f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            continue
        elif isinstance(event, yaml.AliasEvent):
            raise _ReadingError(
                line, stack[-1].path if stack else (), "aliases (*name) are not allowed"
            )
        elif isinstance(event, yaml.DocumentStartEvent) and root:
            raise _ReadingError(line, (), "a second document in one file is not allowed")
        else:
            continue
        path = _place(stack, root, value)
        lines[path] = line
        if isinstance(value, dict | list):
            stack.append(_Frame(value, path))
    return (root[0] if root else None), lines


def _take_key(frame: _Frame, key: Any, line: int) -> None:
    if not isinstance(key, str):
        raise _ReadingError(line, frame.path, f"the key {key!r} must be text; put it in quotes")
    if key == "<<":
        raise _ReadingError(line, frame.path, "merge keys (<<) are not allowed")
    if key in frame.container:
        raise _ReadingError(line, (*frame.path, key), "the key is given twice")
    frame.key = key


def _place(stack: list[_Frame], root: list[Any], value: Any) -> Path:
    """Put a finished or opened value where it belongs, and say where that is."""
    if not stack:
        root.append(value)
        return ()
    frame = stack[-1]
    if isinstance(frame.container, list):
        frame.container.append(value)
        return (*frame.path, len(frame.container) - 1)
    assert frame.key is not None, "a mapping takes a value only after its key"
    frame.container[frame.key] = value
    path = (*frame.path, frame.key)
    frame.key = None
    return path


@functools.lru_cache(maxsize=16_384)  # most of a mesh's words are said in every file
def _resolved(value: str, implicit: tuple[bool, bool]) -> str:
    """What YAML takes a value for that is not marked."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, value, implicit)  # type: ignore[no-untyped-call]
    return tag


def _scalar(event: yaml.ScalarEvent, line: int, stack: list[_Frame]) -> Any:
    short = len(event.value) <= MAX_REMEMBERED
    resolve = _resolved if short else _resolved.__wrapped__
    tag: str = event.tag or resolve(event.value, event.implicit)
    # A date stays the text it was written as: both standards declare dates as strings.
    if tag in {_PLAIN + "str", _PLAIN + "timestamp", _PLAIN + "merge", _PLAIN + "value", "!"}:
        return event.value
    node = yaml.ScalarNode(tag, event.value)
    try:
        if tag == _PLAIN + "null":
            return None
        if tag == _PLAIN + "bool":
            return _RESOLVER.construct_yaml_bool(node)
        if tag == _PLAIN + "int":
            return _RESOLVER.construct_yaml_int(node)
        if tag == _PLAIN + "float":
            return _RESOLVER.construct_yaml_float(node)
    except (ValueError, KeyError, IndexError):
        pass
    path = stack[-1].path if stack else ()
    raise _ReadingError(line, path, f"the value {event.value[:40]!r} can not be read as {tag}")
