"""The rows of `pg_catalog` for one world."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.postgres_wire.catalogue.relations import PG_CATALOG, relations
from gateway.postgres_wire.catalogue.world import (
    FIRST_OID,
    INFORMATION_SCHEMA_OID,
    OWNER,
    OWNER_OID,
    PG_CATALOG_OID,
    Oids,
    Table,
    World,
)
from gateway.postgres_wire.types import TYPES

Row = dict[str, object]
Rows = dict[str, list[Row]]

CLASS_OF_CLASSES, CLASS_OF_NAMESPACES, CLASS_OF_DATABASES = 1259, 2615, 1262
FIRST_SYSTEM_OID = 13_100
HEAP, BTREE = 2, 403
_ARRAY_IN, _ARRAY_RECV, _TEXT_IN, _TEXT_RECV = 750, 2400, 46, 2414
_PROCEDURES = {
    _ARRAY_IN: "array_in",
    _ARRAY_RECV: "array_recv",
    _TEXT_IN: "textin",
    _TEXT_RECV: "textrecv",
}
_DEFAULT_COLLATION = 100


def rows_of(world: World) -> Rows:
    """The rows of each relation that is not empty."""
    role = Oids().of("role", world.user)
    found: Rows = {
        "pg_namespace": list(_namespaces(world)),
        "pg_class": [*system_classes(), *_classes(world)],
        "pg_attribute": [*_attributes(world), *_index_attributes(world)],
        "pg_type": list(_types()),
        "pg_proc": list(_procedures()),
        "pg_database": list(_databases(world)),
        "pg_index": list(_indexes(world)),
        "pg_constraint": list(_constraints(world)),
        "pg_description": list(_descriptions(world)),
        "pg_am": [
            {"oid": HEAP, "amname": "heap", "amhandler": 3, "amtype": "t"},
            {"oid": BTREE, "amname": "btree", "amhandler": 330, "amtype": "i"},
        ],
        "pg_language": [{"oid": 14, "lanname": "sql", "lanowner": OWNER_OID, "lanpltrusted": True}],
        "pg_tablespace": [{"oid": 1663, "spcname": "pg_default", "spcowner": OWNER_OID}],
        "pg_collation": [
            {
                "oid": _DEFAULT_COLLATION,
                "collname": "default",
                "collnamespace": PG_CATALOG_OID,
                "collowner": OWNER_OID,
                "collprovider": "d",
                "collisdeterministic": True,
                "collencoding": -1,
            }
        ],
        "pg_tables": [
            _view_row(t, "tablename", "tableowner", hasindexes=bool(t.key))
            for t in world.tables
            if t.kind == "r"
        ],
        "pg_views": [
            _view_row(t, "viewname", "viewowner", definition="")
            for t in world.tables
            if t.kind == "v"
        ],
        "pg_indexes": [
            {
                "schemaname": t.schema,
                "tablename": t.name,
                "indexname": f"{t.name}_pkey",
                "indexdef": index_definition(t),
            }
            for t in world.tables
            if t.key
        ],
        "pg_stat_user_tables": [
            {"relid": t.oid, "schemaname": t.schema, "relname": t.name} for t in world.tables
        ],
    }
    roles = [(OWNER_OID, OWNER, False), (role, world.user, True)]
    for name in ("pg_roles", "pg_authid"):
        found[name] = [
            {
                "oid": oid,
                "rolname": rolname,
                "rolinherit": True,
                "rolcanlogin": can,
                "rolconnlimit": -1,
                "rolpassword": "********",
            }
            for oid, rolname, can in roles
        ]
    found["pg_user"] = [
        {"usename": rolname, "usesysid": oid, "passwd": "********"} for oid, rolname, _ in roles
    ]
    return found


def index_definition(table: Table) -> str:
    columns = ", ".join(_quoted(table.columns[n - 1].name) for n in table.key)
    name, schema = _quoted(f"{table.name}_pkey"), _quoted(table.schema)
    return f"CREATE UNIQUE INDEX {name} ON {schema}.{_quoted(table.name)} USING btree ({columns})"


def index_definitions(world: World) -> Iterator[tuple[int, str]]:
    """What `pg_get_indexdef` says, by the oid of the index."""
    for table in world.tables:
        if table.key:
            yield key_oid(table), index_definition(table)


def constraint_definitions(world: World) -> Iterator[tuple[int, str]]:
    """What `pg_get_constraintdef` says, by the oid of the constraint."""
    for table in world.tables:
        if table.key:
            yield key_oid(table), f"PRIMARY KEY ({_names(table, table.key)})"
    for key in world.foreign_keys:
        target = f"{_quoted(key.target.schema)}.{_quoted(key.target.name)}"
        columns = _names(key.table, key.columns)
        theirs = _names(key.target, key.target_columns)
        yield key.oid, f"FOREIGN KEY ({columns}) REFERENCES {target}({theirs})"


def _names(table: Table, numbers: tuple[int, ...]) -> str:
    return ", ".join(_quoted(table.columns[n - 1].name) for n in numbers)


def _quoted(name: str) -> str:
    plain = name.isidentifier() and name.isascii() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _view_row(table: Table, name: str, owner: str, **more: object) -> Row:
    return {"schemaname": table.schema, name: table.name, owner: OWNER, **more}


def _namespaces(world: World) -> Iterator[Row]:
    fixed = {"pg_catalog": PG_CATALOG_OID, "information_schema": INFORMATION_SCHEMA_OID}
    for name, oid in {**fixed, **world.schemas}.items():
        yield {"oid": oid, "nspname": name, "nspowner": OWNER_OID}


def _class(oid: int, name: str, namespace: int, kind: str, columns: int) -> Row:
    return {
        "oid": oid,
        "relname": name,
        "relnamespace": namespace,
        "relowner": OWNER_OID,
        "relam": {"r": HEAP, "i": BTREE}.get(kind, 0),
        "relfilenode": oid if kind in "ri" else 0,
        "reltuples": -1.0,
        "relpersistence": "p",
        "relkind": kind,
        "relnatts": columns,
        "relispopulated": True,
        "relreplident": "d" if kind == "r" else "n",
    }


def _classes(world: World) -> Iterator[Row]:
    ends = ((key.table.oid, key.target.oid) for key in world.foreign_keys)
    referring = {oid for both in ends for oid in both}  # PostgreSQL keeps them by triggers
    for table in world.tables:
        namespace = world.schemas[table.schema]
        row = _class(table.oid, table.name, namespace, table.kind, len(table.columns))
        acl = [f"{_quoted(world.user)}=r/{OWNER}"]  # else clients show all that owners may
        more: Row = {
            "relacl": acl,
            "relhasindex": bool(table.key),
            "relhastriggers": table.oid in referring,
        }
        yield {**row, **more}
        if table.key:
            name = f"{table.name}_pkey"
            yield _class(key_oid(table), name, namespace, "i", len(table.key))


def system_classes() -> Iterator[Row]:
    free = iter(range(FIRST_SYSTEM_OID, FIRST_OID))
    for schema, namespace in (
        ("pg_catalog", PG_CATALOG_OID),
        ("information_schema", INFORMATION_SCHEMA_OID),
    ):
        for name, relation in relations()[schema].items():
            table = schema == PG_CATALOG and "oid" in relation.columns.names
            kind = "r" if table or name in _TABLES_WITHOUT_OID else "v"
            oid = FIXED_OIDS.get(name) or next(free)
            yield _class(oid, name, namespace, kind, len(relation.columns))


_TABLES_WITHOUT_OID = {"pg_attribute", "pg_index", "pg_description", "pg_depend", "pg_inherits"}
FIXED_OIDS = {
    "pg_class": CLASS_OF_CLASSES,
    "pg_namespace": CLASS_OF_NAMESPACES,
    "pg_database": CLASS_OF_DATABASES,
    "pg_attribute": 1249,
    "pg_proc": 1255,
    "pg_type": 1247,
    "pg_constraint": 2606,
    "pg_index": 2610,
    "pg_attrdef": 2604,
    "pg_description": 2609,
    "pg_authid": 1260,
    "pg_tablespace": 1213,
    "pg_trigger": 2620,
    "pg_extension": 3079,
    "pg_foreign_server": 1417,
    "pg_rewrite": 2618,
    "pg_operator": 2617,
    "pg_language": 2612,
    "pg_am": 2601,
}


def _attributes(world: World) -> Iterator[Row]:
    for table in world.tables:
        for column in table.columns:
            yield {
                "attrelid": table.oid,
                "attname": column.name,
                "atttypid": column.oid,
                "attstattarget": -1,
                "attlen": -1 if column.array else column.kind.size,
                "attnum": column.number,
                "attndims": int(column.array),
                "atttypmod": column.modifier,
                "attalign": "i",
                "attstorage": "p" if column.kind.size > 0 else "x",
                "attcompression": "",
                "attnotnull": not column.nullable,
                "attidentity": "",
                "attgenerated": "",
                "attislocal": True,
                "attcollation": _DEFAULT_COLLATION if column.kind.category == "S" else 0,
            }


def _index_attributes(world: World) -> Iterator[Row]:
    for table in world.tables:
        for position, number in enumerate(table.key, 1):
            column = table.columns[number - 1]
            yield {
                "attrelid": key_oid(table),
                "attname": column.name,
                "atttypid": column.oid,
                "attlen": column.kind.size,
                "attnum": position,
                "atttypmod": column.modifier,
                "attidentity": "",
                "attgenerated": "",
                "attislocal": True,
            }


def _types() -> Iterator[Row]:
    for kind in TYPES:
        common: Row = {"typnamespace": PG_CATALOG_OID, "typowner": OWNER_OID, "typisdefined": True}
        common |= {"typdelim": ",", "typalign": "i", "typstorage": "p", "typtypmod": -1}
        pseudo = kind.size == -2
        yield {
            **common,
            "oid": kind.oid,
            "typname": kind.name,
            "typlen": kind.size,
            "typbyval": 0 < kind.size <= 8,
            "typtype": "p" if pseudo else "b",
            "typcategory": kind.category,
            "typispreferred": kind.name in ("text", "float8", "bool", "timestamptz", "oid"),
            "typarray": kind.array,
            "typinput": _TEXT_IN,
            "typreceive": _TEXT_RECV,
            "typcollation": _DEFAULT_COLLATION if kind.category == "S" else 0,
        }
        if kind.array:
            yield {
                **common,
                "oid": kind.array,
                "typname": f"_{kind.name}",
                "typlen": -1,
                "typtype": "b",
                "typcategory": "A",
                "typelem": kind.oid,
                "typinput": _ARRAY_IN,
                "typreceive": _ARRAY_RECV,
            }


def _procedures() -> Iterator[Row]:
    for oid, name in _PROCEDURES.items():
        yield {
            "oid": oid,
            "proname": name,
            "pronamespace": PG_CATALOG_OID,
            "proowner": OWNER_OID,
            "prolang": 14,
            "prokind": "f",
            "provolatile": "i",
            "proargtypes": [],
        }


def _databases(world: World) -> Iterator[Row]:
    for name in world.databases:
        yield {
            "oid": Oids().of("database", name),
            "datname": name,
            "datdba": OWNER_OID,
            "encoding": 6,
            "datlocprovider": "c",
            "datallowconn": True,
            "datconnlimit": -1,
            "dattablespace": 1663,
            "datcollate": "C",
            "datctype": "C",
        }


def key_oid(table: Table) -> int:
    return Oids().of("primary key", str(table.dataset.address))


def _indexes(world: World) -> Iterator[Row]:
    for table in world.tables:
        if table.key:
            count = len(table.key)
            yield {
                "indexrelid": key_oid(table),
                "indrelid": table.oid,
                "indnatts": count,
                "indnkeyatts": count,
                "indisunique": True,
                "indisprimary": True,
                "indimmediate": True,
                "indisvalid": True,
                "indisready": True,
                "indislive": True,
                "indkey": list(table.key),
                "indcollation": [0] * count,
                "indclass": [0] * count,
                "indoption": [0] * count,
            }


def _constraints(world: World) -> Iterator[Row]:
    for table in world.tables:
        if table.key:
            yield {
                **_constraint(key_oid(table), f"{table.name}_pkey", world, table),
                "contype": "p",
                "conindid": key_oid(table),
                "conkey": list(table.key),
            }
    for key in world.foreign_keys:
        yield {
            **_constraint(key.oid, key.name, world, key.table),
            "contype": "f",
            "confrelid": key.target.oid,
            "conindid": key_oid(key.target) if key.target.key else 0,
            "conkey": list(key.columns),
            "confkey": list(key.target_columns),
            "confupdtype": "a",
            "confdeltype": "a",
            "confmatchtype": "s",
        }


def _constraint(oid: int, name: str, world: World, table: Table) -> Row:
    return {
        "oid": oid,
        "conname": name,
        "connamespace": world.schemas[table.schema],
        "convalidated": True,
        "conrelid": table.oid,
        "conislocal": True,
        "confupdtype": " ",
        "confdeltype": " ",
        "confmatchtype": " ",
    }


def _descriptions(world: World) -> Iterator[Row]:
    for table in world.tables:
        about = table.dataset.description or table.dataset.title
        comments = [(0, about), *((c.number, c.comment) for c in table.columns)]
        for number, comment in comments:
            if comment:
                yield {
                    "objoid": table.oid,
                    "classoid": CLASS_OF_CLASSES,
                    "objsubid": number,
                    "description": comment,
                }
