"""What a query reads, from its optimised plan: columns of datasets, and the engine's own scans."""

from __future__ import annotations

import re

from datafusion import LogicalPlan

from gateway.plan.plan import EngineRead
from gateway.plan.source import TableName, Tables

_SCANNED = re.compile(
    r"TableScan: (?P<name>\S+)(?: projection=\[(?P<columns>[^\]]*)\])?(?P<rest>.*)"
)


def read_columns(logical: LogicalPlan, tables: Tables) -> dict[TableName, tuple[str, ...]]:
    """The columns of each dataset that an optimised plan over its visible form reads."""
    found: dict[TableName, set[str]] = {}
    for line in logical.display_indent().splitlines():
        scan = _SCANNED.fullmatch(line.strip())
        name = tuple(scan["name"].split(".")) if scan else ()
        if scan is None or name not in tables:
            continue
        names = tables[name].dataset.schema.names
        if scan["columns"] is None:
            found.setdefault(name, set()).update(names)
            continue
        read = found.setdefault(name, set())
        read.update(scan["columns"].split(", "))
        filters = scan["rest"].replace('"', "")
        read.update(c for c in names if f"{scan['name']}.{c}" in filters)
    return {
        name: tuple(c for c in tables[name].dataset.schema.names if c in read)
        for name, read in found.items()
    }


def engine_reads(logical: LogicalPlan, tables: Tables) -> tuple[EngineRead, ...]:
    """What the engine reads itself, from the scans of its optimised plan."""
    found = []
    for line in logical.display_indent().splitlines():
        name, _, rest = line.strip().removeprefix("TableScan: ").partition(" ")
        table = tables.get(tuple(name.split(".")))
        if line.strip().startswith("TableScan: ") and table and table.source is None:
            hides = table.security.governs and not table.security.discloses
            text = f"{name}, secured by policies" if hides else f"{name} {rest}"
            found.append(EngineRead(str(table.connector.source_key), text))
    return tuple(found)
