"""The rows of `information_schema` for one world."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.postgres_wire.catalogue.world import OWNER, Column, Table, World

Row = dict[str, object]

_PRECISION = {"int2": (16, 2, 0), "int4": (32, 2, 0), "int8": (64, 2, 0)}
_PRECISION_OF_FLOATS = {"float4": (24, 2, None), "float8": (53, 2, None)}
_TIMES = {"time", "timestamp", "timestamptz", "interval"}


def rows_of(world: World) -> dict[str, list[Row]]:
    """The rows of each relation that is not empty."""
    name = world.database.name
    schemas = ["pg_catalog", "information_schema", *world.schemas]
    return {
        "information_schema_catalog_name": [{"catalog_name": name}],
        "schemata": [
            {"catalog_name": name, "schema_name": schema, "schema_owner": OWNER}
            for schema in schemas
        ],
        "tables": [_table(world, table) for table in world.tables],
        "views": [
            {**_of(world, table), "is_updatable": "NO", "check_option": "NONE"}
            for table in world.tables
            if table.kind == "v"
        ],
        "columns": [_column(world, t, c) for t in world.tables for c in t.columns],
        "table_privileges": [_privilege(world, table) for table in world.tables],
        "role_table_grants": [_privilege(world, table) for table in world.tables],
        "column_privileges": [
            {**_privilege(world, t), "column_name": c.name} for t in world.tables for c in t.columns
        ],
        "table_constraints": list(_constraints(world)),
        "key_column_usage": list(_key_columns(world)),
        "constraint_column_usage": list(_used_columns(world)),
        "referential_constraints": list(_references(world)),
        "enabled_roles": [{"role_name": world.user}],
        "applicable_roles": [{"grantee": world.user, "role_name": world.user}],
        "character_sets": [{"character_set_name": "UTF8", "character_repertoire": "UCS"}],
    }


def _of(world: World, table: Table) -> Row:
    return {
        "table_catalog": world.database.name,
        "table_schema": table.schema,
        "table_name": table.name,
    }


def _table(world: World, table: Table) -> Row:
    kind = "VIEW" if table.kind == "v" else "BASE TABLE"
    return {
        **_of(world, table),
        "table_type": kind,
        "is_insertable_into": "NO",
        "is_typed": "NO",
    }


def _column(world: World, table: Table, column: Column) -> Row:
    kind = column.kind
    precision: tuple[int | None, int | None, int | None] = (None, None, None)
    if not column.array:
        precision = (_PRECISION | _PRECISION_OF_FLOATS).get(kind.name, precision)
        if kind.name == "numeric" and column.modifier > 0:
            precision = ((column.modifier - 4) >> 16, 10, (column.modifier - 4) & 0xFFFF)
    return {
        **_of(world, table),
        "column_name": column.name,
        "ordinal_position": column.number,
        "is_nullable": "YES" if column.nullable else "NO",
        "data_type": "ARRAY" if column.array else kind.sql,
        "character_octet_length": 1 << 30 if kind.category == "S" and not column.array else None,
        "numeric_precision": precision[0],
        "numeric_precision_radix": precision[1],
        "numeric_scale": precision[2],
        "datetime_precision": 6 if kind.name in _TIMES else 0 if kind.name == "date" else None,
        "character_maximum_length": None,
        "interval_precision": None,
        "character_set_name": None,
        "udt_catalog": world.database.name,
        "udt_schema": "pg_catalog",
        "udt_name": f"_{kind.name}" if column.array else kind.name,
        "maximum_cardinality": None,
        "dtd_identifier": str(column.number),
        "is_self_referencing": "NO",
        "is_identity": "NO",
        "identity_cycle": "NO",
        "is_generated": "NEVER",
        "is_updatable": "NO",
    }


def _privilege(world: World, table: Table) -> Row:
    return {
        **_of(world, table),
        "grantor": OWNER,
        "grantee": world.user,
        "privilege_type": "SELECT",
        "is_grantable": "NO",
        "with_hierarchy": "NO",
    }


def _constraint(world: World, table: Table, name: str) -> Row:
    return {
        **_of(world, table),
        "constraint_catalog": world.database.name,
        "constraint_schema": table.schema,
        "constraint_name": name,
    }


def _constraints(world: World) -> Iterator[Row]:
    more = {"is_deferrable": "NO", "initially_deferred": "NO", "enforced": "YES"}
    for table in world.tables:
        if table.key:
            row = _constraint(world, table, f"{table.name}_pkey")
            yield {**row, **more, "constraint_type": "PRIMARY KEY"}
    for key in world.foreign_keys:
        row = _constraint(world, key.table, key.name)
        yield {**row, **more, "constraint_type": "FOREIGN KEY"}


def _key_columns(world: World) -> Iterator[Row]:
    for table in world.tables:
        for position, number in enumerate(table.key, 1):
            yield {
                **_constraint(world, table, f"{table.name}_pkey"),
                "column_name": table.columns[number - 1].name,
                "ordinal_position": position,
                "position_in_unique_constraint": None,
            }
    for key in world.foreign_keys:
        for position, number in enumerate(key.columns, 1):
            yield {
                **_constraint(world, key.table, key.name),
                "column_name": key.table.columns[number - 1].name,
                "ordinal_position": position,
                "position_in_unique_constraint": position,
            }


def _used_columns(world: World) -> Iterator[Row]:
    for table in world.tables:
        for number in table.key:
            row = _constraint(world, table, f"{table.name}_pkey")
            yield {**row, "column_name": table.columns[number - 1].name}
    for key in world.foreign_keys:
        for number in key.target_columns:
            row = {**_constraint(world, key.table, key.name), **_of(world, key.target)}
            yield {**row, "column_name": key.target.columns[number - 1].name}


def _references(world: World) -> Iterator[Row]:
    for key in world.foreign_keys:
        row = _constraint(world, key.table, key.name)
        yield {
            "constraint_catalog": row["constraint_catalog"],
            "constraint_schema": row["constraint_schema"],
            "constraint_name": row["constraint_name"],
            "unique_constraint_catalog": world.database.name,
            "unique_constraint_schema": key.target.schema,
            "unique_constraint_name": f"{key.target.name}_pkey" if key.target.key else None,
            "match_option": "NONE",
            "update_rule": "NO ACTION",
            "delete_rule": "NO ACTION",
        }
