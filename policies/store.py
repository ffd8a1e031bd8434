"""Policy rows on disk: ``policies/*.csv`` of a mesh, every row checked before it counts.

A row Casbin would skip or misread (an unknown type, ``Deny`` for ``deny``, a missing column) can
make a denial vanish. Here it is an error that names file, line and reason.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from policies.matching import ACTIONS, parse_pattern


class PolicyError(Exception):
    """A policy that can not be used. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """One policy: its type (``p`` or ``g``), its columns, and where it is written."""

    ptype: str
    columns: tuple[str, ...]
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return ",".join((self.ptype, *self.columns))


@dataclass(frozen=True, slots=True)
class PolicyRows:
    """Checked rows in the order of their files. Made by `load_folder` or `checked`."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def checked(cls, rows: list[Row]) -> PolicyRows:
        """Rows from anywhere, each validated. Raises PolicyError."""
        for row in rows:
            check_row(row)
        return cls(tuple(rows))


def load_folder(folder: Path) -> PolicyRows:
    """Every row of ``*.csv`` in the folder, files by name. No folder, no rows, no access.

    Fields may be quoted as usual in CSV; empty lines and lines that start with ``#`` are
    comments. Raises PolicyError for the first row that is wrong.
    """
    rows: list[Row] = []
    read = set(folder.glob("*.csv"))
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() == ".csv" and file not in read:
            reason = "would not be read: policies are files named *.csv, directly in the folder"
            raise PolicyError(str(file.relative_to(folder)), 0, reason)
    for file in sorted(read):
        rows += _read_file(file)
    return PolicyRows.checked(rows)


def _read_file(file: Path) -> list[Row]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PolicyError(file.name, 0, f"the file can not be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(file.name, 0, f"the file is not UTF-8 (byte {error.start})") from error
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.removesuffix("\r")
        if not content.strip() or content.startswith("#"):
            continue
        try:
            # One line at a time: a quote left open must not swallow the rows below it.
            (columns,) = csv.reader([content], strict=True)
        except (csv.Error, ValueError) as error:
            raise PolicyError(file.name, number, f"not CSV: {error}") from error
        rows.append(Row(columns[0], tuple(columns[1:]), file.name, number))
    return rows


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PRINCIPAL = re.compile(r"[a-z]+:[^\s,|*]+\Z")
"""Who can ask: kind and name, such as ``user:alice``."""

ROLE = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
"""A role; its domain, if it has one, is part of it: ``sales/analyst``."""


def check_row(row: Row) -> None:
    """Raise PolicyError unless the row means exactly what it says."""
    checks = _CHECKS.get(row.ptype)
    if checks is None:
        known = " or ".join(_CHECKS)
        raise PolicyError(row.file, row.line, f"unknown row type {row.ptype!r}: use {known}")
    if len(row.columns) != len(checks):
        names = ", ".join((row.ptype, *checks))
        reason = f"{len(row.columns) + 1} columns instead of {len(checks) + 1}: {names}"
        raise PolicyError(row.file, row.line, reason)
    for value, (name, check) in zip(row.columns, checks.items(), strict=True):
        if not value.strip() or value != value.strip() or _CONTROL.search(value):
            reason = f"column {name}: {value!r} is blank, padded or not printable"
            raise PolicyError(row.file, row.line, reason)
        wrong = check(value)
        if wrong:
            raise PolicyError(row.file, row.line, f"column {name}: {wrong}")


def _check_subject(value: str) -> str:
    if value == "*" or PRINCIPAL.match(value) or ROLE.match(value):
        return ""
    return f"{value!r} is not a principal (user:alice), a role (sales/analyst) or *"


def _check_member(value: str) -> str:
    if PRINCIPAL.match(value) or ROLE.match(value):
        return ""
    return f"{value!r} is not a principal (user:alice) or a role (sales/analyst)"


def _check_role(value: str) -> str:
    return "" if ROLE.match(value) else f"{value!r} is not a role (sales/analyst)"


def _check_alternatives(value: str) -> str:
    if value == "*":
        return ""
    parts = value.split("|")
    if any(not part or part != part.strip() or "*" in part for part in parts):
        return f"{value!r} is not * or values joined by |"
    return ""


def _check_object(value: str) -> str:
    try:
        parse_pattern(value)
    except ValueError as error:
        return str(error)
    return ""


def _check_actions(value: str) -> str:
    unknown = sorted(set(value.split("|")) - ACTIONS)
    return f"{unknown[0]!r} is none of {'|'.join(sorted(ACTIONS))}" if unknown else ""


def _check_effect(value: str) -> str:
    return "" if value in ("allow", "deny") else f"{value!r} is neither allow nor deny"


Check = Callable[[str], str]
"""What is wrong with a value; empty when nothing is."""

_CHECKS: Mapping[str, Mapping[str, Check]] = {
    "p": {
        "sub": _check_subject,
        "dom": _check_alternatives,
        "obj": _check_object,
        "act": _check_actions,
        "purpose": _check_alternatives,
        "region": _check_alternatives,
        "tags": _check_alternatives,
        "eft": _check_effect,
    },
    "g": {"member": _check_member, "role": _check_role},
}
