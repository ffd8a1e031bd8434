"""TPC-H: data from tpchgen-cli, types as the specification has them, and the 22 queries."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.exclusive import exclusive
from bench.peers.schema import without_views
from bench.sources import Column, Table

DATA = Path(__file__).parent / "data"
QUERIES = Path(__file__).parent / "workloads" / "tpch"
GENERATE_SECONDS = 600

KEYS = {
    "region": ("r_regionkey",),
    "nation": ("n_nationkey",),
    "supplier": ("s_suppkey",),
    "customer": ("c_custkey",),
    "part": ("p_partkey",),
    "partsupp": ("ps_partkey", "ps_suppkey"),
    "orders": ("o_orderkey",),
    "lineitem": ("l_orderkey", "l_linenumber"),
}
TABLES = tuple(KEYS)

INDEXES = {
    "supplier": (("s_nationkey",),),
    "customer": (("c_nationkey",),),
    "partsupp": (("ps_suppkey",),),
    "orders": (("o_custkey",),),
    "lineitem": (("l_partkey", "l_suppkey"), ("l_suppkey",)),
}
"""Foreign keys that no primary key begins with: without them PostgreSQL needs minutes for q17."""

TEXT_TYPES = {
    "r_name": "CHAR(25)",
    "r_comment": "VARCHAR(152)",
    "n_name": "CHAR(25)",
    "n_comment": "VARCHAR(152)",
    "s_name": "CHAR(25)",
    "s_address": "VARCHAR(40)",
    "s_phone": "CHAR(15)",
    "s_comment": "VARCHAR(101)",
    "c_name": "VARCHAR(25)",
    "c_address": "VARCHAR(40)",
    "c_phone": "CHAR(15)",
    "c_mktsegment": "CHAR(10)",
    "c_comment": "VARCHAR(117)",
    "p_name": "VARCHAR(55)",
    "p_mfgr": "CHAR(25)",
    "p_brand": "CHAR(10)",
    "p_type": "VARCHAR(25)",
    "p_container": "CHAR(10)",
    "p_comment": "VARCHAR(23)",
    "ps_comment": "VARCHAR(199)",
    "o_orderstatus": "CHAR(1)",
    "o_orderpriority": "CHAR(15)",
    "o_clerk": "CHAR(15)",
    "o_comment": "VARCHAR(79)",
    "l_returnflag": "CHAR(1)",
    "l_linestatus": "CHAR(1)",
    "l_shipinstruct": "CHAR(25)",
    "l_shipmode": "CHAR(10)",
    "l_comment": "VARCHAR(44)",
}
"""The specification's text types; the other columns' types follow from their Arrow type."""


def generate(scale: float, tables: Iterable[str] = TABLES) -> Path:
    """The folder with one Parquet file a table at this scale factor, made when it is not there."""
    folder = DATA / f"tpch-{scale:g}"
    with exclusive(folder):
        missing = [name for name in tables if not (folder / f"{name}.parquet").exists()]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                _tpchgen(scale, missing, Path(scratch))
                for name in missing:  # moved when complete: an interrupted run leaves nothing half
                    (Path(scratch) / f"{name}.parquet").replace(folder / f"{name}.parquet")
    return folder


def _tpchgen(scale: float, tables: Iterable[str], folder: Path) -> None:
    command = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent))
    if command is None:
        raise FileNotFoundError("tpchgen-cli is not installed; it is in the dev dependency group")
    chosen = f"--tables={','.join(tables)}"
    subprocess.run(
        [command, "parquet", "-s", f"{scale:g}", chosen, "--output-dir", str(folder)],
        check=True,
        timeout=GENERATE_SECONDS,
        capture_output=True,
    )


def table(name: str, scale: float) -> Table:
    """One table with its rows."""
    rows = pq.read_table(generate(scale) / f"{name}.parquet")
    rows = rows.cast(without_views(rows.schema))
    columns = tuple(Column(f.name, _sql_type(f), nullable=False) for f in rows.schema)
    return Table(name, columns, KEYS[name], rows, INDEXES.get(name, ()))


def queries() -> dict[str, str]:
    """The 22 queries by name (``q01`` ...), with the specification's validation parameters."""
    return {path.stem: path.read_text() for path in sorted(QUERIES.glob("q*.sql"))}


def _sql_type(field: pa.Field) -> str:
    if field.name in TEXT_TYPES:
        return TEXT_TYPES[field.name]
    if pa.types.is_decimal(field.type):
        return f"DECIMAL({field.type.precision},{field.type.scale})"
    return {pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.date32(): "DATE"}[field.type]
