"""What a query reads, from its optimised plan: columns of datasets, and the engine's own scans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from datafusion import LogicalPlan

from gateway.plan.embedded import read_by_engine
from gateway.plan.plan import EngineRead
from gateway.plan.source import TableName, Tables

_SCANNED = re.compile(
    r'\[shape=box label="TableScan: (?P<name>\S+)(?P<columns> projection=\[)?(?P<rest>[^"]*)"\]'
)
"""A scan in the plan as a graph. Only there its text has an end: quotes are ``_``, and the line
breaks and brackets of constants and names mean nothing."""


def read_columns(logical: LogicalPlan, tables: Tables) -> dict[TableName, tuple[str, ...]]:
    """The columns of each dataset that an optimised plan over its visible form reads."""
    found: dict[TableName, set[str]] = {}
    by_text = _by_text(tables)
    for scan in _SCANNED.finditer(logical.display_graphviz()):
        name = by_text.get(scan["name"])
        if name is None:
            continue
        names = {column: _bare(column) for column in tables[name].dataset.schema.names}
        rest = _bare(scan["rest"])
        table = _bare(scan["name"])
        read = _listed(rest, names) if scan["columns"] else set(names)
        if f"{table}." in rest:
            read |= {column for column, bare in names.items() if _named(f"{table}.{bare}", rest)}
        found.setdefault(name, set()).update(read)
    return {
        name: tuple(c for c in tables[name].dataset.schema.names if c in read)
        for name, read in found.items()
    }


def _by_text(tables: Tables) -> dict[str, TableName]:
    """Tables as plans write them; a version in a name has dots of its own."""
    return {".".join(name): name for name in tables}


@lru_cache(maxsize=4096)
def _bare(text: str) -> str:
    return text.replace('"', "").replace("_", "")


def _named(column: str, text: str) -> bool:
    """Whether a text names the column, and not just one that begins alike."""
    at = text.find(column)
    while at >= 0:
        if not text[at + len(column) :][:1].isalnum():
            return True
        at = text.find(column, at + 1)
    return False


def _listed(text: str, names: Mapping[str, str]) -> set[str]:
    """The columns in a list up to its bracket, whatever they are called; all if that is unclear."""
    if not any(sign in name for name in names.values() for sign in ",]"):
        inside, end, _ = text.partition("]")
        listed = set(inside.split(", ")) if inside else set()
        unknown = not end or not listed <= set(names.values())
        return {c for c, name in names.items() if unknown or name in listed}
    read: set[str] = set()
    at = 0
    while not text.startswith("]", at):
        fitting = {n for n in names.values() if text.startswith((f"{n}, ", f"{n}]"), at)}
        if len(fitting) != 1:
            return set(names)
        (name,) = fitting
        read |= {column for column, bare in names.items() if bare == name}
        at += len(name)
        if text.startswith(", ", at):
            at += 2
    return read


def engine_reads(logical: LogicalPlan, tables: Tables) -> tuple[EngineRead, ...]:
    """What the engine reads itself, from the scans of its optimised plan."""
    found = []
    by_text = _by_text(tables)
    for line in logical.display_indent().splitlines():
        name, _, rest = line.strip().removeprefix("TableScan: ").partition(" ")
        table = tables.get(by_text.get(name, ()))
        if line.strip().startswith("TableScan: ") and table and read_by_engine(table):
            hides = table.security.governs and not table.security.discloses
            text = f"{name}, secured by policies" if hides else f"{name} {rest}"
            found.append(EngineRead(str(table.connector.source_key), text))
    return tuple(found)
