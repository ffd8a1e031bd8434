"""chdb (ClickHouse in process) with PostgreSQL and MariaDB as tables, Parquet files as views.

ClickHouse compares a CHAR with its padding. So that it can answer at all, it reads PostgreSQL
through views there that take the padding off (`unpadded.py`).
"""

from __future__ import annotations

import pyarrow as pa
from chdb import session

from bench.peers.worker import Ask, Places, address, serve

SCHEMA = "unpadded"
SETTINGS = (
    "SET join_use_nulls = 1",  # this and the next: NULLs where SQL has them
    "SET aggregate_functions_null_for_empty = 1",
    "SET allow_experimental_correlated_subqueries = 1",
    "SET output_format_arrow_string_as_string = 1",
)


def connect(places: Places) -> Ask:
    """One session; the tables keep their names."""
    clickhouse = session.Session()
    clickhouse.query("CREATE DATABASE tables ENGINE = Atomic")
    clickhouse.query("USE tables")
    for statement in SETTINGS:
        clickhouse.query(statement)
    for name, store in places["tables"].items():
        if store == "parquet":
            source = f"file('{places['parquet']}/{name}.parquet', Parquet)"
            clickhouse.query(f"CREATE VIEW {name} AS SELECT * FROM {source}")
        else:
            clickhouse.query(f"CREATE TABLE {name} AS {_remote(store, places[store], name)}")

    def ask(sql: str) -> pa.Table:
        answer: pa.Table = clickhouse.query(sql, "ArrowTable")
        return answer

    return ask


def _remote(store: str, uri: str, table: str) -> str:
    parts, password, database = address(uri)
    words = [f"{parts.hostname}:{parts.port}", database, table, parts.username, password]
    function = "mysql"
    if store == "postgres":
        function = "postgresql"
        words.append(SCHEMA)
    return f"{function}({', '.join(repr(word) for word in words)})"


if __name__ == "__main__":
    serve(connect)
