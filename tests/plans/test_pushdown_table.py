"""docs/pushdown.md says of every operator and function which source gets it: the lists themselves.

After a wanted change run with MESHGATE_UPDATE_GOLDENS=1 and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

from connectors.capabilities import Kind, Relation
from connectors.dialect import SqlDialect
from connectors.duckdb_dialect import DUCKDB
from connectors.forms import AGGREGATES, FUNCTIONS
from connectors.mariadb_dialect import MARIADB
from connectors.postgres_dialect import POSTGRES
from connectors.sqlite_dialect import SQLITE
from gateway.plan import windows

DOCUMENT = Path(__file__).parents[2] / "docs" / "pushdown.md"
BEGIN, END = "<!-- the lists -->", "<!-- end of the lists -->"
SOURCES = {"PostgreSQL": POSTGRES, "MariaDB": MARIADB, "SQLite": SQLITE, "DuckDB": DUCKDB}
SHORT = {
    Kind.BOOLEAN: "bool",
    Kind.INTEGER: "int",
    Kind.UNSIGNED: "uint",
    Kind.FLOAT: "float",
    Kind.DECIMAL: "dec",
    Kind.TEXT: "text",
    Kind.BINARY: "bytes",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "ts",
    Kind.TIMESTAMP_TZ: "tstz",
    Kind.INTERVAL: "interval",
    Kind.NULL: "null",
    Kind.NESTED: "nested",
}


def kinds(dialect: SqlDialect, listed: frozenset[Kind] | None) -> str:
    if listed is None:
        return "-"
    every = frozenset(SHORT)
    return "all" if listed >= every else " ".join(SHORT[k] for k in SHORT if k in listed) or "yes"


def lists() -> str:
    header = f"| | {' | '.join(SOURCES)} |\n|---|{'---|' * len(SOURCES)}\n"
    dialects = SOURCES.values()
    operators = "".join(
        f"| {relation.value} |"
        + "".join(f" {'yes' if relation in d.capabilities.relations else '-'} |" for d in dialects)
        + "\n"
        for relation in Relation
    )
    uses = "".join(
        f"| {use} |"
        + "".join(f" {kinds(d, getattr(d.capabilities, part))} |" for d in dialects)
        + "\n"
        for use, part in (("ORDER BY", "sorts"), ("GROUP BY, DISTINCT", "groups"))
    )
    functions = "".join(
        f"| `{name}` |"
        + "".join(f" {kinds(d, d.capabilities.functions.get(name))} |" for d in dialects)
        + "\n"
        for name in (*sorted(FUNCTIONS), *sorted(AGGREGATES))
    )
    over = "".join(
        f"| `{name}` |"
        + "".join(f" {kinds(d, d.capabilities.windows.get(name))} |" for d in dialects)
        + "\n"
        for name in (*sorted(windows.names()), "lag_default", "lead_default")
    )
    return (
        f"### Operators\n\n{header}{operators}{uses}\n### Functions and aggregates\n\n"
        f"{header}{functions}\n### Over windows\n\n{header}{over}"
    )


def test_the_document_has_the_lists() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("MESHGATE_UPDATE_GOLDENS"):
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{lists()}\n{END}{after}")
        return
    assert written.strip() == lists().strip()


def test_every_listed_name_is_known() -> None:
    """A name that no builder writes would be listed for nothing."""
    for name, dialect in SOURCES.items():
        known = {*FUNCTIONS, *AGGREGATES, *dialect.builders}
        assert not set(dialect.capabilities.functions) - known, name
        defaults = {"lag_default", "lead_default"}
        assert not set(dialect.capabilities.windows) - windows.names() - defaults, name
