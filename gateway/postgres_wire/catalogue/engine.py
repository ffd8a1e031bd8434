"""Runs queries of the catalogues: for each world a database in memory, which reaches no further."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from gateway.errors import Cancelled, GatewayError, InternalError, LimitExceeded
from gateway.model import Dataset
from gateway.postgres_wire.catalogue import functions, information_schema, pg_catalog
from gateway.postgres_wire.catalogue.relations import INFORMATION_SCHEMA, PG_CATALOG, relations
from gateway.postgres_wire.catalogue.world import PG_CATALOG_OID, World, world
from gateway.postgres_wire.databases import Database
from gateway.postgres_wire.errors import SqlError
from gateway.postgres_wire.types import TYPES

SCHEMAS = {PG_CATALOG: "pgc", INFORMATION_SCHEMA: "info"}
"""The engine's names for them: it has a pg_catalog of its own, which must not be read."""

MAX_SECONDS = 30.0
MAX_ROWS = 1_000_000
MAX_WORLDS = 64
MEMORY = "256MB"

_SETTINGS = {
    "threads": 1,
    "memory_limit": MEMORY,
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "temp_directory": "",
}


class CatalogueEngine:
    """The catalogues of one world. Queries of several sessions may run at once."""

    def __init__(self, of: World) -> None:
        import duckdb

        self.world = of
        self._connection = duckdb.connect(":memory:", config=_SETTINGS)
        self._fill(of)
        self._connection.execute("SET lock_configuration = true")

    def run(
        self,
        query: str,
        of_session: Mapping[str, pa.Table],
        running: Callable[[Callable[[], None]], None],
    ) -> pa.Table:
        """The answer of a query in the engine's SQL. `running` is told how to stop it."""
        cursor = self._connection.cursor()
        timer = threading.Timer(MAX_SECONDS, cursor.interrupt)
        timer.start()
        running(cursor.interrupt)
        try:
            for name, table in of_session.items():
                cursor.register(name, table)
            return cursor.sql(query).to_arrow_table()
        except Exception as error:
            raise _translated(error) from error
        finally:
            timer.cancel()
            running(lambda: None)
            cursor.close()

    def close(self) -> None:
        self._connection.close()

    def _fill(self, of: World) -> None:
        execute = self._connection.execute
        rows = {
            PG_CATALOG: pg_catalog.rows_of(of),
            INFORMATION_SCHEMA: information_schema.rows_of(of),
        }
        for schema, own in SCHEMAS.items():
            execute(f"CREATE SCHEMA {own}")
            for name, relation in relations()[schema].items():
                self._create(f"{own}.{name}", relation.table(rows[schema].get(name, [])))
        for name, table in _helpers(of).items():
            self._create(f"pgc.{name}", table)
        execute(
            "CREATE TABLE pgc.keywords AS SELECT keyword_name AS word,"
            " CASE WHEN bool_or(keyword_category = 'reserved') THEN 'R' ELSE 'U' END AS catcode,"
            " true AS barelabel, min(keyword_category) AS catdesc, '' AS baredesc"
            " FROM duckdb_keywords() GROUP BY keyword_name"  # it has some in two categories
        )
        for statement in functions.macros():
            execute(statement)

    def _create(self, name: str, table: pa.Table) -> None:
        self._connection.register("given", table)
        self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        self._connection.unregister("given")


def _helpers(of: World) -> dict[str, pa.Table]:
    types = [(k.oid, k.name, k.sql) for k in TYPES]
    types += [(k.array, f"_{k.name}", f"{k.sql}[]") for k in TYPES if k.array]
    more = {"int": 23, "float": 701, "decimal": 1700, "timestamptz": 1184, "varchar": 1043}
    known = {name for _, name, _ in types}
    aliases = [(oid, name, name) for name, oid in more.items() if name not in known]
    classes, reachable = list[tuple[int, str, str]](), list[tuple[int, str, bool]]()
    for table in of.tables:
        full = f"{table.schema}.{table.name}"
        quoted = f'"{table.schema}"."{table.name}"'
        shown = table.name if table.visible else full
        classes += [(table.oid, name, shown) for name in {full, quoted, shown}]
        reachable.append((table.oid, table.schema, table.visible))
        if table.key:
            reachable.append((pg_catalog.key_oid(table), table.schema, table.visible))
    for row in pg_catalog.system_classes():
        oid, name = int(str(row["oid"])), str(row["relname"])
        inside = row["relnamespace"] == PG_CATALOG_OID
        schema = PG_CATALOG if inside else INFORMATION_SCHEMA
        classes.append((oid, f"{schema}.{name}", name if inside else f"{schema}.{name}"))
        if inside:
            classes.append((oid, name, name))
        reachable.append((oid, schema, inside))
    definitions = list(pg_catalog.constraint_definitions(of))
    indexes = list(pg_catalog.index_definitions(of))
    return {
        "type_names": _table(types, oid=pa.uint32(), name=pa.string(), written=pa.string()),
        "type_aliases": _table(aliases, oid=pa.uint32(), name=pa.string(), written=pa.string()),
        "class_names": _table(classes, oid=pa.uint32(), name=pa.string(), shown=pa.string()),
        "reachable": _table(reachable, oid=pa.uint32(), nspname=pa.string(), alone=pa.bool_()),
        "constraint_definitions": _table(definitions, oid=pa.uint32(), definition=pa.string()),
        "index_definitions": _table(indexes, oid=pa.uint32(), definition=pa.string()),
        "nothing": _table([], name=pa.string()),
        "ancestors": _table([], relid=pa.uint32(), ordinality=pa.int64()),
        "options": _table([], option_name=pa.string(), option_value=pa.string()),
        "acl": _table(
            [],
            grantor=pa.uint32(),
            grantee=pa.uint32(),
            privilege_type=pa.string(),
            is_grantable=pa.bool_(),
        ),
    }


def _table(rows: Sequence[tuple[object, ...]], **columns: pa.DataType) -> pa.Table:
    arrays = [
        pa.array([row[index] for row in rows], kind) for index, kind in enumerate(columns.values())
    ]
    return pa.table(arrays, names=list(columns))


def _translated(error: Exception) -> GatewayError:
    """What the engine says, for who has written the query: it knows only what they may see."""
    import duckdb

    if isinstance(error, duckdb.InterruptException):
        return Cancelled("the query of the catalogue was cancelled, or took too long")
    if isinstance(error, duckdb.OutOfMemoryException):
        return LimitExceeded("the query of the catalogue needs too much memory")
    text = str(error).splitlines()[0].partition(": ")[2] or str(error)
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        state = "42703" if "column" in text else "42883" if "function" in text else "42P01"
        return SqlError(state, f"the catalogue can not answer this: {_clean(text)}")
    if isinstance(error, duckdb.ParserException | duckdb.NotImplementedException):
        return SqlError("0A000", f"the catalogue can not answer this: {_clean(text)}")
    if isinstance(error, duckdb.DataError | duckdb.OperationalError | duckdb.ProgrammingError):
        return SqlError("22000", f"the catalogue can not answer this: {_clean(text)}")
    return InternalError(str(error))


def _clean(text: str) -> str:
    return text.replace("pgc.", "").replace("info.", "").replace(functions.PREFIX, "")[:300]


class Catalogues:
    """The engines of the worlds asked for lately; one is made anew when its world has changed."""

    def __init__(self) -> None:
        self._engines: OrderedDict[tuple[str, ...], tuple[list[Dataset], CatalogueEngine]] = (
            OrderedDict()
        )
        self._lock = threading.Lock()

    def of(
        self, user: str, principal: str, purpose: str, database: Database, datasets: list[Dataset]
    ) -> CatalogueEngine:
        key = (principal, user, purpose, database.name, database.domain)
        with self._lock:
            known = self._engines.get(key)
            if known is not None and known[0] == datasets:
                self._engines.move_to_end(key)
                return known[1]
        engine = CatalogueEngine(world(user, database, datasets))
        with self._lock:
            self._engines[key] = (datasets, engine)
            self._engines.move_to_end(key)
            if len(self._engines) > MAX_WORLDS:
                self._engines.popitem(last=False)
        return engine
