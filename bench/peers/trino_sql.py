"""What Trino needs from this side: its archive, a Java that runs it, and queries in its words."""

from __future__ import annotations

import re
from glob import glob
from pathlib import Path

import sqlglot
from sqlglot import exp

from bench.federation import Places
from bench.peers.environment import PeerMissing

ARTIFACT = "io.trino:trino-server"
VERSION = "476"
"""The last version whose server is on Maven Central."""

JAVA = 24
CATALOGS = {"postgres": "postgresql.public", "mariadb": "mariadb", "parquet": "hive.tables"}


def java() -> Path:
    """A Java that is new enough. Raises PeerMissing."""
    for release in sorted(glob("/usr/lib/jvm/*/release"), reverse=True):
        found = re.search(r'JAVA_VERSION="(\d+)', Path(release).read_text())
        if found and int(found[1]) >= JAVA:
            return Path(release).parent / "bin" / "java"
    raise PeerMissing(f"Trino {VERSION} needs Java {JAVA} or newer below /usr/lib/jvm")


def text(sql: str, places: Places) -> str:
    """The query with its tables named by catalogue and schema, in Trino's dialect."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    database = places.mariadb.rpartition("/")[2]
    for table in tree.find_all(exp.Table):
        store = places.tables.get(table.name)
        if store is not None and not table.db:
            catalog, _, schema = CATALOGS[store].partition(".")
            alias = table.alias or table.name
            qualified = exp.table_(table.name, db=schema or database, catalog=catalog, alias=alias)
            table.replace(qualified)
    return tree.sql(dialect="trino")
