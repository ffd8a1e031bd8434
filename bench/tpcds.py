"""TPC-DS: data and the 99 queries, both from DuckDB's extension, which is a package of its own.

The extension is for another version of DuckDB than the one in use here, so that it runs in an
environment made for it. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench import tpch
from bench.exclusive import exclusive
from bench.peers.environment import python_with
from bench.sources import Column, Table

REQUIREMENTS = ("duckdb==1.5.5", "duckdb-extension-tpcds==1.5.5")
GENERATE_SECONDS = 600
QUERIES = "queries.json"
TEXT = "VARCHAR(200)"
"""As long as the specification has any."""

FACTS = ("sales", "returns", "inventory")
"""How the names of the tables end whose first column is no key."""

PROGRAM = """
import json, pathlib, sys
import duckdb, duckdb_extension_tpcds as package

folder, scale = pathlib.Path(sys.argv[1]), float(sys.argv[2])
extensions = pathlib.Path(package.__path__[0]) / "extensions" / f"v{duckdb.__version__}"
connection = duckdb.connect()
connection.execute(f"LOAD '{extensions}/tpcds.duckdb_extension'")
connection.execute(f"CALL dsdgen(sf = {scale})")
for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
    connection.execute(f"COPY {name} TO '{folder}/{name}.parquet'")
queries = connection.execute("SELECT query_nr, query FROM tpcds_queries()").fetchall()
(folder / "queries.json").write_text(json.dumps({f"q{n:02}": text for n, text in queries}))
"""


def generate(scale: float) -> Path:
    """The folder with one Parquet file a table and the queries, made when it is not there.

    Raises PeerMissing when the generator can not be had.
    """
    folder = tpch.DATA / f"tpcds-{scale:g}"
    with exclusive(folder):
        if not folder.exists():
            scratch = folder.with_name(f"{folder.name}.incomplete")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            subprocess.run(
                [python_with(REQUIREMENTS), "-c", PROGRAM, str(scratch), f"{scale:g}"],
                check=True,
                timeout=GENERATE_SECONDS,
                capture_output=True,
            )
            scratch.replace(folder)
    return folder


def tables(scale: float) -> Mapping[str, Table]:
    """Every table with its rows, by name; text is VARCHAR; dimensions have their key."""
    return {path.stem: _table(path) for path in sorted(generate(scale).glob("*.parquet"))}


def queries(scale: float) -> Mapping[str, str]:
    """The 99 queries by name (``q01`` ...), with the parameters DuckDB gives them."""
    found: Mapping[str, str] = json.loads((generate(scale) / QUERIES).read_text())
    return found


def _table(path: Path) -> Table:
    rows = pq.read_table(path)
    key = () if path.stem.endswith(FACTS) else (rows.schema.names[0],)
    columns = tuple(Column(f.name, _sql_type(f.type), f.name not in key) for f in rows.schema)
    return Table(path.stem, columns, key, rows)


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    names = {pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.date32(): "DATE", pa.string(): TEXT}
    return names[arrow]
