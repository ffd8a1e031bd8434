"""TOML files of a mesh, checked key by key: what is unknown or of another type is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from gateway.errors import CatalogueError, did_you_mean

Document = dict[str, Any]


def read_tables(path: Path) -> Document:
    """The file's tables; none when there is no file. CatalogueError when it is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: can not be read as TOML: {error}") from error


class Table:
    """One table of a file; `place` names it in errors.

    Every getter raises CatalogueError for a value of another type, naming file, place and key.
    """

    def __init__(self, path: Path, place: str, entry: object, keys: Collection[str]) -> None:
        self._path = path
        self._place = place
        if not isinstance(entry, Mapping):
            raise self.wrong("has to be a table")
        for key in entry:
            if key not in keys:
                raise self.wrong(f"unknown key {key!r}", hint=did_you_mean(key, keys))
        self._entry = entry

    def __contains__(self, key: str) -> bool:
        return key in self._entry

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; required without a default."""
        value = self._value(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self.wrong(f"{key} has to be a text")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, or one text, without repetitions."""
        value = self._value(key, default)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple) or not all(
            isinstance(item, str) and item for item in value
        ):
            raise self.wrong(f"{key} has to be a list of texts")
        return tuple(dict.fromkeys(value))

    def number(self, key: str, default: float, most: float) -> float:
        """A number from 0 to `most`."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise self.wrong(f"{key} has to be a number from 0 to {most:g}")
        return float(value)

    def named(self, key: str, check: Callable[[str], object], what: str) -> tuple[str, ...]:
        """A list of texts that each pass `check`; empty when the key is not there."""
        values = self.texts(key, ())
        for value in values:
            if not check(value):
                raise self.wrong(f"{key}: {value!r} is not a {what}")
        return values

    def raw(self, key: str, default: object = None) -> Any:
        """The value, unchecked."""
        return self._entry.get(key, default)

    def wrong(self, reason: str, hint: str | None = None) -> CatalogueError:
        """The error to raise for something in this table."""
        place = f"{self._place}: " if self._place else ""
        return CatalogueError(f"{self._path}: {place}{reason}", hint=hint)

    def _value(self, key: str, default: object) -> object:
        if key not in self._entry and default is None:
            raise self.wrong(f"{key} is missing")
        return self._entry.get(key, default)
