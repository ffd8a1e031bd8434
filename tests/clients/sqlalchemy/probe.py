"""What a program with SQLAlchemy does; runs in its environment, prints what it has seen as JSON.

python probe.py NAME URL
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
import threading
import time
import uuid
from typing import Any

import sqlalchemy as sa

FLIGHTS = "aviation.operations"


def same(engine: Any) -> object:
    """Every value as it went in, through parameters and through literals."""
    zone = dt.timezone(dt.timedelta(hours=2))
    values = [
        *(1, -5, 2**62, 1.5, -1e300, True, "it's ? \\ é", "", b"\x00\xff'", None),
        *(decimal.Decimal("-1.250"), dt.date(1, 2, 3), dt.time(1, 2, 3, 4), [1, 2]),
        *(dt.datetime(9999, 1, 2, 3, 4, 5, 6), dt.timedelta(days=1, microseconds=5)),
    ]
    wrong = []
    with engine.connect() as connection:
        for value in values:
            row = connection.exec_driver_sql("SELECT ? AS one, ? AS two", (1, value)).fetchone()
            if row[1] != value or type(row[1]) is not type(value) or row[0] != 1:
                wrong.append([repr(value), repr(row[1])])
        moment = dt.datetime(2024, 1, 2, 3, 4, tzinfo=zone)
        row = connection.exec_driver_sql("SELECT 1 WHERE ? = ?", (moment, moment)).fetchone()
        if row is None:
            wrong.append(["a moment", "is not itself"])
        key = uuid.uuid4()
        row = connection.exec_driver_sql("SELECT ? AS one", (key,)).fetchone()
        if row[0] != str(key):
            wrong.append([repr(key), repr(row[0])])
    return wrong


def kinds(engine: Any) -> object:
    """A table of every type: reflected, read whole, and each value found again by itself."""
    table = sa.Table("kinds", sa.MetaData(), schema="sales.kinds", autoload_with=engine)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.i64)).fetchall()
        first = rows[0]._mapping
        found = {}
        for column in table.columns:
            value = first[column]
            if isinstance(value, (list, dict, bytes, dt.timedelta)):
                continue
            query = sa.select(sa.func.count()).select_from(table).where(column == value)
            found[column.name] = connection.execute(query).scalar()
    types = {column.name: str(column.type.compile(engine.dialect)) for column in table.columns}
    values = {column.name: repr(first[column]) for column in table.columns}
    spans = sa.Table("spans", sa.MetaData(), schema="sales.kinds", autoload_with=engine)
    with engine.connect() as connection:
        values["span"] = repr(connection.execute(sa.select(spans)).fetchall()[0][0])
    nulls = [value for value in rows[1] if value is not None]
    return [types, values, found, [repr(value) for value in nulls]]


def catalogue(engine: Any) -> object:
    """The demo's mesh, as this user may see it."""
    look = sa.inspect(engine)
    schemas = look.get_schema_names()
    keys = {
        key["name"]: [key["referred_schema"], key["referred_table"], key["referred_columns"]]
        for key in look.get_foreign_keys("flights", schema=FLIGHTS)
    }
    return [
        schemas,
        look.get_table_names("aviation.registry") if "aviation.registry" in schemas else None,
        look.get_pk_constraint("airlines", schema="aviation.carriers")["constrained_columns"],
        keys,
        look.get_indexes("flights", schema=FLIGHTS),
    ]


def governed(engine: Any) -> object:
    """How many flights there are for this user, from where, and what a registration looks like."""
    flights = sa.Table("flights", sa.MetaData(), schema=FLIGHTS, autoload_with=engine)
    with engine.connect() as connection:
        count, origins = connection.execute(
            sa.select(sa.func.count(), sa.func.count(sa.distinct(flights.c.origin)))
        ).fetchone()
        query = sa.select(flights.c.tailnum).where(flights.c.tailnum.isnot(None)).limit(1)
        return [count, origins, connection.execute(query).scalar()]


def purpose(engine: Any) -> object:
    """A registration of a plane, for safety: by the statement, the connection, the engine."""
    query = sa.text(f"SELECT tailnum FROM {FLIGHTS}.flights WHERE tailnum IS NOT NULL LIMIT 1")
    option = {"meshgate_purpose": "safety"}
    with engine.connect() as connection:
        plain = connection.execute(query).scalar()
        by_statement = connection.execute(query.execution_options(**option)).scalar()
        after = connection.execute(query).scalar()
    with engine.connect().execution_options(**option) as connection:
        by_connection = connection.execute(query).scalar()
    with engine.execution_options(**option).connect() as connection:
        by_engine = connection.execute(query).scalar()
    return [
        len(seen.rstrip("*")) for seen in (plain, by_statement, after, by_connection, by_engine)
    ]


def failures(engine: Any) -> object:
    """The classes and texts of errors; and a connection that goes on after each."""
    said = []
    with engine.connect() as connection:
        for query in (
            "SELECT nothing FROM aviation.operations.flights",
            "SELECT 1 / 0 AS one",
            "DELETE FROM aviation.operations.flights",
            "SELECT * FROM aviation.nowhere.flights",
        ):
            try:
                connection.exec_driver_sql(query).fetchall()
                said.append("")
            except sa.exc.DBAPIError as error:
                said.append(f"{type(error).__name__}: {error.orig}")
        said.append(connection.exec_driver_sql("SELECT 1 AS one").scalar())
    return said


SLOW = """SELECT count(*) AS pairs FROM aviation.operations.flights a
    JOIN aviation.operations.flights b ON a.distance + b.distance > a.dep_delay * b.dep_delay"""


def misspelt(engine: Any) -> object:
    """What is said to a query whose names are found whatever the URL says."""
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT count(*) FROM kinds")).fetchall()
    except sa.exc.DBAPIError as error:
        return str(error.orig)
    return None


def timeout(engine: Any) -> object:
    begun = time.monotonic()
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(SLOW).execution_options(meshgate_timeout=0.5)).fetchall()
    except sa.exc.DBAPIError as error:
        return [type(error).__name__, str(error.orig), time.monotonic() - begun < 10]
    return None


def cancel(engine: Any) -> object:
    raw = engine.raw_connection()
    cursor = raw.cursor()
    threading.Timer(0.7, cursor.cancel).start()
    begun = time.monotonic()
    try:
        cursor.execute(SLOW)
        cursor.fetchall()
    except Exception as error:
        return [type(error).__name__, time.monotonic() - begun < 10]
    return None


def million(engine: Any) -> object:
    """How many rows of a million have come, in parts, and the sum of their ids."""
    with engine.connect().execution_options(stream_results=True) as connection:
        result = connection.execute(sa.text("SELECT id FROM sales.kinds.million"))
        count = total = 0
        for part in result.partitions(10_000):
            count += len(part)
            total += sum(value for (value,) in part)
    return [count, total]


def many(engine: Any) -> object:
    """What one statement for several sets of parameters answers: one that reads, one that writes.

    PEP 249 leaves open what rows the first has.
    """
    query = sa.text("SELECT count(*) AS n FROM sales.kinds.kinds WHERE i8 = :value")
    change = sa.text("DELETE FROM sales.kinds.kinds WHERE i8 = :value")
    orders = ([{"value": 1}, {"value": 2}], [{"value": 2}, {"value": 1}])
    with engine.connect() as connection:
        said = [[list(row) for row in connection.execute(query, sets)] for sets in orders]
        try:
            connection.execute(change, [{"value": 1}, {"value": 2}])
        except sa.exc.DBAPIError as error:
            said += [type(error).__name__, str(error.orig)]
    return said


def transactions(engine: Any) -> object:
    """What stands after a rollback and a commit; what another isolation level is answered."""
    said: list[object] = []
    query = sa.text("SELECT count(*) FROM sales.kinds.kinds")
    with engine.connect() as connection:
        for end in ("rollback", "commit"):
            transaction = connection.begin()
            said.append(connection.execute(query).scalar())
            getattr(transaction, end)()
        said.append(connection.execute(query).scalar())
        said.append(connection.get_isolation_level())
    try:
        engine.connect().execution_options(isolation_level="SERIALIZABLE")
    except sa.exc.ArgumentError as error:
        said.append(str(error))
    return said


if __name__ == "__main__":
    name, url = sys.argv[1:]
    print(json.dumps(globals()[name](sa.create_engine(url))))
