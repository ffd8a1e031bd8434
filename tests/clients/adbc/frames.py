"""What pandas, polars and DuckDB do with an ADBC connection; runs in their environments.

    python frames.py CLIENT URI

It prints what it has seen as JSON. Each of the three has the same functions, a frame being whatever
it makes of an answer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa

LOGIN = {"username": "alice", "password": "wonderland"}
PURPOSE = "adbc.flight.sql.rpc.call_header.x-meshgate-purpose"

TYPES = "SELECT * FROM science.lab.types"
ONE = "SELECT name FROM airlines WHERE carrier = ?"
MANY = pa.RecordBatch.from_pydict({"1": ["UA", "AA"]})


class Pandas:
    """As of 3: the pandas that knows ADBC."""

    def read(self, connection: Any, text: str, parameters: Any = None) -> Any:
        import pandas as pd

        more = {} if parameters is None else {"params": parameters}
        return pd.read_sql(text, connection, dtype_backend="pyarrow", **more)

    def arrow(self, frame: Any) -> pa.Table:
        return pa.Table.from_pandas(frame, preserve_index=False)

    def write(self, connection: Any) -> None:
        import pandas as pd

        frame = pd.DataFrame({"carrier": ["XX"]})
        frame.to_sql("airlines", connection, if_exists="append", index=False)


class OldPandas(Pandas):
    """Before 2.2: ADBC's cursor makes the frame, where its types count."""

    def read(self, connection: Any, text: str, parameters: Any = None) -> Any:
        import pandas as pd

        if parameters is not None:
            return pd.read_sql(text, connection, params=parameters)
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetch_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)


class Polars:
    def read(self, connection: Any, text: str, parameters: Any = None) -> Any:
        import polars as pl

        more = {} if parameters is None else {"execute_options": {"parameters": parameters}}
        return pl.read_database(text, connection, **more)

    def arrow(self, frame: Any) -> pa.Table:
        return frame.to_arrow()

    def write(self, connection: Any) -> None:
        import polars as pl

        frame = pl.DataFrame({"carrier": ["XX"]})
        frame.write_database("airlines", connection, if_table_exists="append")


class Duckdb:
    """A frame is a table of DuckDB's own."""

    def read(self, connection: Any, text: str, parameters: Any = None) -> Any:
        import duckdb

        local = duckdb.connect()
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            rows = cursor.fetch_record_batch()
            local.register("answer", rows)
            local.execute("CREATE TABLE kept AS SELECT * FROM answer")
        return local

    def arrow(self, frame: Any) -> pa.Table:
        return frame.table("kept").to_arrow_table()


CLIENTS = {"pandas": Pandas, "old pandas": OldPandas, "polars": Polars, "duckdb": Duckdb}


def same_types(client: Any, connection: Any) -> list[str]:
    """The columns that are not as ADBC has them."""
    with connection.cursor() as cursor:
        cursor.execute(TYPES)
        expected = cursor.fetch_arrow_table()
    found = client.arrow(client.read(connection, TYPES))
    return [
        name
        for name in expected.column_names
        if not found[name].cast(expected.schema.field(name).type).equals(expected[name])
    ]


def names(client: Any, frame: Any) -> list[str]:
    return list(client.arrow(frame)["name"].to_pylist())


def refusal(act: Any, *words: Any) -> list[str] | None:
    """The class and the words of an error, with those of what it came from."""
    try:
        act(*words)
    except Exception as error:
        return [type(error).__name__, f"{error} {error.__cause__ or ''}"]
    return None


def main(name: str, uri: str) -> None:
    client = CLIENTS[name]()
    seen: dict[str, object] = {}
    with adbc.connect(uri, db_kwargs=LOGIN, autocommit=True) as connection:
        seen["not the same"] = same_types(client, connection)
        million = client.arrow(client.read(connection, "SELECT id, x FROM million"))
        seen["million"] = [million.num_rows, sum(million["id"].to_pylist())]
        wrong = "SELECT\n  nam FROM airlines"
        seen["error"] = refusal(client.read, connection, wrong)
        for key, parameters in (("parameters", ["AA"]), ("many", MANY)):
            try:
                seen[key] = names(client, client.read(connection, ONE, parameters))
            except NotImplementedError as error:
                seen[key] = str(error)
        if hasattr(client, "write"):
            seen["write"] = refusal(client.write, connection)
    for purpose in ("reporting", "fun"):
        options = {**LOGIN, PURPOSE: purpose}
        with adbc.connect(uri, db_kwargs=options, autocommit=True) as connection:
            text = "SELECT name FROM airlines"
            try:
                seen[purpose] = len(names(client, client.read(connection, text)))
            except Exception as error:
                seen[purpose] = str(error)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
