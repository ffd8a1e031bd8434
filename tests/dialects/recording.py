"""Answers of Spark, recorded: it takes a JVM and half a minute, and its answers do not change.

To record them anew, with an environment that has pyspark 4 (its defaults: ANSI mode is on):

    PYTHONPATH=. path/to/python -m tests.dialects.recording
"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

from tests.dialects.rows import TABLES

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded" / "spark.json"
_TIME = "%Y-%m-%d %H:%M:%S.%f"

Rows = list[tuple[object, ...]]


def recorded() -> dict[str, Rows]:
    """Spark's answers by the queries."""
    found = json.loads(RECORDED.read_text())
    return {q: [tuple(map(_read, row)) for row in rows] for q, rows in found.items()}


def _written(value: object) -> object:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"time": value.strftime(_TIME)}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    return value


def _read(value: object) -> object:
    if not isinstance(value, dict):
        return value
    ((kind, said),) = value.items()
    if kind == "decimal":
        return Decimal(said)
    if kind == "time":
        return datetime.datetime.strptime(said, _TIME)
    return datetime.date.fromisoformat(said)


def record() -> None:
    """Ask Spark all queries of its corpus."""
    from pyspark.sql import SparkSession
    from pyspark.sql import types as t

    settings = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false"}
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    known = {
        "int64": t.LongType(),
        "double": t.DoubleType(),
        "date32[day]": t.DateType(),
        "string": t.StringType(),
        "timestamp[us]": t.TimestampNTZType(),
    }
    for name, table in TABLES.items():
        kinds = [known.get(str(f.type), t.DecimalType(10, 2)) for f in table.schema]
        fields = [t.StructField(f.name, k) for f, k in zip(table.schema, kinds, strict=True)]
        rows = [tuple(row.values()) for row in table.to_pylist()]
        session.createDataFrame(rows, t.StructType(fields)).createOrReplaceTempView(name)
    answers = {
        query: [[_written(v) for v in row] for row in session.sql(query).collect()]
        for query in (FOLDER / "corpus" / "spark.sql").read_text().splitlines()
    }
    lines = [f"{json.dumps(q)}: {json.dumps(rows)}" for q, rows in answers.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
