"""Spark or Trino asked from an environment of its own: tables and queries come in, answers go out.

Run by `tests.dialects.live.engines`, as a file: nothing but the engine's own package is imported.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

Rows = list[list[Any]]
Ask = Callable[[str], Rows]


def written(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"time": value.isoformat(" ")}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    return value


def read(value: Any) -> Any:
    """What `written` wrote."""
    if not isinstance(value, dict):
        return value
    ((kind, said),) = value.items()
    if kind == "decimal":
        return Decimal(said)
    if kind == "time":
        return datetime.datetime.fromisoformat(said)
    return datetime.date.fromisoformat(said)


def spark(tables: dict[str, Any], _: str) -> tuple[str, Ask]:
    """A Spark in this process, with its defaults: ANSI mode is on."""
    from pyspark.sql import SparkSession
    from pyspark.sql import types as t

    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    known = {
        "int64": t.LongType(),
        "int32": t.IntegerType(),
        "double": t.DoubleType(),
        "date32[day]": t.DateType(),
        "string": t.StringType(),
        "timestamp[us]": t.TimestampNTZType(),
    }
    for name, table in tables.items():
        kinds = [(column, known.get(k, t.DecimalType(10, 2))) for column, k in table["columns"]]
        fields = [t.StructField(column, kind) for column, kind in kinds]
        rows = [tuple(map(read, row)) for row in table["rows"]]
        made = session.createDataFrame(rows, t.StructType(fields)).coalesce(1)
        made.createOrReplaceTempView(name)
    return session.version, lambda query: [list(row) for row in session.sql(query).collect()]


def trino(tables: dict[str, Any], port: str) -> tuple[str, Ask]:
    """The Trino that listens on this machine, with the tables in its memory."""
    from trino.dbapi import connect

    def ask(query: str) -> Rows:
        place = {"host": "127.0.0.1", "port": int(port), "user": "tests"}
        connection = connect(**place, catalog="memory", schema="default", timezone="UTC")
        cursor = connection.cursor()
        cursor.execute(query)
        return [list(row) for row in cursor.fetchall()]

    known = {
        "int64": "BIGINT",
        "int32": "INTEGER",
        "double": "DOUBLE",
        "date32[day]": "DATE",
        "string": "VARCHAR",
        "timestamp[us]": "TIMESTAMP(6)",
    }
    for name, table in tables.items():
        columns = ", ".join(f'"{c}" {known.get(k, "DECIMAL(10, 2)")}' for c, k in table["columns"])
        rows = ", ".join(f"({', '.join(map(_literal, row))})" for row in table["rows"])
        ask(f"CREATE TABLE {name} ({columns})")
        ask(f"INSERT INTO {name} VALUES {rows}")
    return str(ask("SELECT node_version FROM system.runtime.nodes")[0][0]), ask


def _literal(said: Any) -> str:
    value = read(said)
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime.date):
        word = "TIMESTAMP" if isinstance(value, datetime.datetime) else "DATE"
        return f"{word} '{value}'"
    kinds = {float: "DOUBLE", Decimal: "DECIMAL"}
    return f"{kinds[type(value)]} '{value}'" if type(value) in kinds else str(value)


def _answers(ask: Ask, queries: list[str], threads: int) -> Iterator[tuple[str, Any]]:
    def answer(query: str) -> tuple[str, Any]:
        try:
            return query, [[written(v) for v in row] for row in ask(query)]
        except Exception as error:  # whatever the engine says of it
            said = str(getattr(error, "message", None) or error).splitlines() or [""]
            return query, {"fails": said[0][:120]}

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(answer, queries)


def main() -> None:
    """Answer what is asked in a file, into another."""
    engine, asked, answered, place = sys.argv[1:5]
    with open(asked, encoding="utf-8") as file:
        given = json.load(file)
    version, ask = {"spark": spark, "trino": trino}[engine](given["tables"], place)
    answers = dict(_answers(ask, given["queries"], 1 if engine == "spark" else 4))
    with open(answered, "w", encoding="utf-8") as file:
        json.dump({"version": version, "answers": answers}, file)


if __name__ == "__main__":
    main()
