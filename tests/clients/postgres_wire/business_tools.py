"""What Power BI, Tableau, Metabase and Grafana ask of PostgreSQL's catalogues."""

from __future__ import annotations

from tests.clients.postgres_wire.database_tools import NPGSQL
from tests.clients.postgres_wire.tool_queries import Asked

_NAME = """'"' || replace(t.s, '"', '""') || '"."' || t.o || '"'"""
_PRIVILEGE = f"pg_catalog.{{}}(current_user, {_NAME}, '{{}}')"

POWER_BI = (
    *NPGSQL,
    Asked(
        "select TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA.tables"
        " where TABLE_SCHEMA not in ('information_schema', 'pg_catalog')"
        " order by TABLE_SCHEMA, TABLE_NAME",
        (("sales.shop", "orders", "BASE TABLE"),),
    ),
    Asked("select character_set_name from INFORMATION_SCHEMA.character_sets", (("UTF8",),)),
    Asked(
        """select COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE,
          case when (data_type like '%unsigned%') then DATA_TYPE || ' unsigned' else DATA_TYPE end
            as DATA_TYPE
        from INFORMATION_SCHEMA.columns
        where TABLE_SCHEMA = 'sales.shop' and TABLE_NAME = 'orders'
        order by TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION""",
        (
            ("id", 1, "YES", "bigint"),
            ("customer", 2, "YES", "text"),
            ("amount", 3, "YES", "numeric"),
        ),
        only=True,
    ),
    Asked(
        """select pkcol.TABLE_SCHEMA AS PK_TABLE_SCHEMA, pkcol.TABLE_NAME AS PK_TABLE_NAME,
          pkcol.COLUMN_NAME as PK_COLUMN_NAME, fkcol.TABLE_NAME AS FK_TABLE_NAME,
          fkcol.COLUMN_NAME as FK_COLUMN_NAME, fkcol.ORDINAL_POSITION as ORDINAL,
          fkcon.CONSTRAINT_SCHEMA || '_' || fkcol.TABLE_NAME || '_' || 'items' as FK_NAME
        from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema,
            constraint_name, unique_constraint_name
          from INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS) fkcon
        inner join INFORMATION_SCHEMA.KEY_COLUMN_USAGE fkcol
          on fkcon.CONSTRAINT_SCHEMA = fkcol.CONSTRAINT_SCHEMA
          and fkcon.CONSTRAINT_NAME = fkcol.CONSTRAINT_NAME
        inner join INFORMATION_SCHEMA.KEY_COLUMN_USAGE pkcol
          on fkcon.UNIQUE_CONSTRAINT_SCHEMA = pkcol.CONSTRAINT_SCHEMA
          and fkcon.UNIQUE_CONSTRAINT_NAME = pkcol.CONSTRAINT_NAME
        where pkcol.TABLE_SCHEMA = 'sales.keyed' and pkcol.TABLE_NAME = 'items'
          and pkcol.ORDINAL_POSITION = fkcol.ORDINAL_POSITION
        order by FK_NAME, fkcol.ORDINAL_POSITION""",
        (("sales.keyed", "items", "id", "lines", "item", 1, "sales.keyed_lines_items"),),
        only=True,
    ),
    Asked(
        """select i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME as INDEX_NAME, ii.COLUMN_NAME,
          ii.ORDINAL_POSITION, case when i.CONSTRAINT_TYPE = 'PRIMARY KEY' then 'Y' else 'N' end
            as PRIMARY_KEY
        from INFORMATION_SCHEMA.table_constraints i
        inner join INFORMATION_SCHEMA.key_column_usage ii
          on i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA
          and i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME and i.TABLE_SCHEMA = ii.TABLE_SCHEMA
          and i.TABLE_NAME = ii.TABLE_NAME
        where i.TABLE_SCHEMA = 'sales.keyed' and i.TABLE_NAME = 'items'
          and i.CONSTRAINT_TYPE in ('PRIMARY KEY', 'UNIQUE')
        order by i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME, ii.TABLE_SCHEMA, ii.TABLE_NAME,
          ii.ORDINAL_POSITION""",
        (("sales.keyed_items_pkey", "id", 1, "Y"),),
        only=True,
    ),
    Asked(
        'select "$Table"."id" as "id", "$Table"."amount" as "amount"'
        ' from "sales.shop"."orders" "$Table" where "$Table"."id" < 3 order by "id" limit 1000',
        only=False,
    ),
)

TABLEAU = (
    Asked("SET DateStyle = 'ISO'; SET extra_float_digits = 2; SHOW transaction_isolation"),
    Asked("BEGIN"),
    Asked(
        'declare "SQL_CUR1" cursor with hold for SELECT "orders"."customer" AS "customer",'
        ' SUM("orders"."amount") AS "sum:amount:ok" FROM "sales.shop"."orders" "orders"'
        " GROUP BY 1 ORDER BY 1"
    ),
    Asked('fetch 2 in "SQL_CUR1"'),
    Asked('close "SQL_CUR1"'),
    Asked("COMMIT"),
    Asked(
        """select ta.attname, ia.attnum, ic.relname, n.nspname, tc.relname
        from pg_catalog.pg_attribute ta, pg_catalog.pg_attribute ia, pg_catalog.pg_class tc,
          pg_catalog.pg_index i, pg_catalog.pg_namespace n, pg_catalog.pg_class ic
        where tc.relname = 'items' AND n.nspname = 'sales.keyed' AND tc.oid = i.indrelid
          AND n.oid = tc.relnamespace AND i.indisprimary = 't' AND ia.attrelid = i.indexrelid
          AND ta.attrelid = i.indrelid AND ta.attnum = i.indkey[ia.attnum-1]
          AND (NOT ta.attisdropped) AND (NOT ia.attisdropped) AND ic.oid = i.indexrelid
        order by ia.attnum""",
        (("id", 1, "items_pkey", "sales.keyed", "items"),),
        only=True,
    ),
    Asked(
        """select relname, nspname, relkind, n.oid
        from pg_catalog.pg_class c, pg_catalog.pg_namespace n
        where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog',
          'information_schema', 'pg_toast', 'pg_temp_1') and n.oid = relnamespace
          and relname = 'orders'
        order by nspname, relname"""
    ),
    Asked(
        'SELECT "t0"."x" AS "x", COUNT(1) AS "n" FROM (SELECT CAST(TRUNC(EXTRACT(YEAR FROM'
        ' "kinds"."k_date")) AS INTEGER) AS "x" FROM "sales.types"."kinds" "kinds") "t0"'
        ' WHERE NOT ("t0"."x" IS NULL) GROUP BY 1 ORDER BY 1',
        ((1, 1), (9999, 1)),
        only=True,
    ),
)

METABASE = (
    Asked("SET extra_float_digits = 2"),
    Asked("SET application_name = 'Metabase v0.55 [one]'"),
    Asked("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"),
    Asked("SHOW TRANSACTION ISOLATION LEVEL"),
    Asked("show timezone", (("UTC",),), only=True),
    Asked(
        """SELECT nspname AS "TABLE_SCHEM", current_database() AS "TABLE_CATALOG"
        FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_'
          OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_'
          OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_'))
        ORDER BY "TABLE_SCHEM" """,
        (("sales.shop", "mesh"), ("hr.staff", "mesh")),
    ),
    Asked(
        "with privileges as (select NULL as role, t.s as schema, t.o as table, "
        + ", ".join(
            f"{_PRIVILEGE.format(function, right)} as {right}"
            for function, right in (
                ("has_any_column_privilege", "update"),
                ("has_any_column_privilege", "select"),
                ("has_any_column_privilege", "insert"),
                ("has_table_privilege", "delete"),
            )
        )
        + """ from (select schemaname as s, tablename as o from pg_catalog.pg_tables
            union select schemaname, viewname from pg_catalog.pg_views
            union select schemaname, matviewname from pg_catalog.pg_matviews) t
          where t.s !~ '^pg_' and t.s <> 'information_schema'
            and pg_catalog.has_schema_privilege(current_user, t.s, 'usage'))
        select p.* from privileges p""",
        ((None, "sales.shop", "orders", False, True, False, False),),
    ),
    Asked(
        """SELECT "n"."nspname" AS "schema", "c"."relname" AS "name", CASE "c"."relkind"
            WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW'
            WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type",
          "d"."description" AS "description", "stat"."n_live_tup" AS "estimated_row_count"
        FROM "pg_catalog"."pg_class" AS "c"
        INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
        LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid")
          AND ("d"."objsubid" = 0) AND ("d"."classoid" = 'pg_class'::regclass)
        LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname")
          AND ("c"."relname" = "stat"."relname")
        WHERE ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema')
          AND c.relkind in ('r', 'p', 'v', 'f', 'm') AND ("n"."nspname" IN ($1))
        ORDER BY "type" ASC, "schema" ASC, "name" ASC""",
        (("sales.keyed", "items", "TABLE", "items", 0),),
        ("sales.keyed",),
    ),
    Asked(
        """SELECT c.column_name AS name, CASE WHEN c.udt_schema IN ('public', 'pg_catalog')
            THEN FORMAT('%s', c.udt_name) ELSE FORMAT('"%s"."%s"', c.udt_schema, c.udt_name) END
            AS "database-type",
          c.ordinal_position - 1 AS "database-position", c.table_schema AS "table-schema",
          c.table_name AS "table-name", pk.column_name IS NOT NULL AS "pk?",
          COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST(c.table_schema AS TEXT),
            CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS
              "field-comment",
          ((column_default IS NULL) OR (LOWER(column_default) = 'null')) AND (is_nullable = 'NO')
            AND NOT (((column_default IS NOT NULL) AND (column_default LIKE '%nextval(%'))
              OR (is_identity <> 'NO')) AS "database-required",
          ((column_default IS NOT NULL) AND (column_default LIKE '%nextval(%'))
            OR (is_identity <> 'NO') AS "database-is-auto-increment"
        FROM information_schema.columns AS c
        LEFT JOIN (SELECT tc.table_schema, tc.table_name, kc.column_name
          FROM information_schema.table_constraints AS tc
          INNER JOIN information_schema.key_column_usage AS kc
            ON (tc.constraint_name = kc.constraint_name) AND (tc.table_schema = kc.table_schema)
            AND (tc.table_name = kc.table_name)
          WHERE tc.constraint_type = 'PRIMARY KEY') AS pk
          ON (c.table_schema = pk.table_schema) AND (c.table_name = pk.table_name)
          AND (c.column_name = pk.column_name)
        WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND (c.table_schema IN
          ($1))
        ORDER BY "table-schema", "table-name", "database-position" """,
        (("id", "int8", 0, "sales.keyed", "items", True, None, True, False),),
        ("sales.keyed",),
    ),
    Asked(
        """SELECT fk_ns.nspname AS "fk-table-schema", fk_table.relname AS "fk-table-name",
          fk_column.attname AS "fk-column-name", pk_ns.nspname AS "pk-table-schema",
          pk_table.relname AS "pk-table-name", pk_column.attname AS "pk-column-name"
        FROM pg_constraint AS c INNER JOIN pg_class AS fk_table ON c.conrelid = fk_table.oid
        INNER JOIN pg_namespace AS fk_ns ON c.connamespace = fk_ns.oid
        INNER JOIN pg_attribute AS fk_column ON c.conrelid = fk_column.attrelid
        INNER JOIN pg_class AS pk_table ON c.confrelid = pk_table.oid
        INNER JOIN pg_namespace AS pk_ns ON pk_table.relnamespace = pk_ns.oid
        INNER JOIN pg_attribute AS pk_column ON c.confrelid = pk_column.attrelid
        WHERE fk_ns.nspname !~ '^information_schema|catalog_history|pg_' AND c.contype = 'f'::char
          AND fk_column.attnum = ANY(c.conkey) AND pk_column.attnum = ANY(c.confkey)
        ORDER BY fk_ns.nspname, fk_table.relname""",
        (("sales.keyed", "lines", "item", "sales.keyed", "items", "id"),),
        only=True,
    ),
    Asked(
        """SELECT tmp.nspname AS "table-schema", tmp.relname AS "table-name",
          TRIM(BOTH '"' FROM PG_CATALOG.PG_GET_INDEXDEF(tmp.ci_oid, tmp.pos, FALSE)) AS "field-name"
        FROM (SELECT n.nspname, ct.relname, ci.oid AS ci_oid,
            (INFORMATION_SCHEMA._PG_EXPANDARRAY(i.indkey)).n AS pos
          FROM pg_catalog.pg_class AS ct
          INNER JOIN pg_catalog.pg_namespace AS n ON ct.relnamespace = n.oid
          INNER JOIN pg_catalog.pg_index AS i ON ct.oid = i.indrelid
          INNER JOIN pg_catalog.pg_class AS ci ON ci.oid = i.indexrelid
          WHERE (PG_CATALOG.PG_GET_EXPR(i.indpred, i.indrelid) IS NULL)
            AND n.nspname !~ '^information_schema|catalog_history|pg_') AS tmp
        WHERE tmp.pos = 1""",
        (("sales.keyed", "items", "id"),),
    ),
)

GRAFANA = (
    Asked("SELECT current_setting('server_version_num')::int/100 as version", ((1500,),)),
    Asked("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", only=True),
    Asked(
        """SELECT CASE WHEN quote_ident(table_schema) IN (
            SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
            FROM generate_series(
              array_lower(string_to_array(current_setting('search_path'), ','), 1),
              array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s)
          THEN quote_ident(table_name)
          ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
        FROM information_schema.tables
        WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog',
          '_timescaledb_cache', 'timescaledb_information')
        ORDER BY CASE WHEN quote_ident(table_schema) IN (
            SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
            FROM generate_series(
              array_lower(string_to_array(current_setting('search_path'), ','), 1),
              array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s) THEN 0 ELSE 1 END, 1""",
        (('"sales.shop".orders',),),
    ),
    Asked(
        """SELECT quote_ident(column_name) AS "column", data_type AS "type"
        FROM information_schema.columns WHERE CASE
          WHEN array_length(parse_ident('"sales.shop".orders'), 1) = 2
          THEN table_schema = (parse_ident('"sales.shop".orders'))[1]
            AND quote_ident(table_name) = (parse_ident('"sales.shop".orders'))[2]
          ELSE quote_ident(table_name) = 'orders' END""",
        (("id", "bigint"), ("customer", "text"), ("amount", "numeric")),
        only=True,
    ),
)
