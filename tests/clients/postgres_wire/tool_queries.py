"""What tools ask of PostgreSQL's catalogues when they connect and list what there is.

Written anew after what the tools' authors and users have published of them: the same relations,
functions and constructs, not the same texts. None of these tools can be had here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, in the extended protocol if it has `values`, and rows that its answer has.

    `only` says that it has no others. Without `rows` the statement is a command, or its answer
    differs from one session to the next.
    """

    text: str
    rows: tuple[tuple[object, ...], ...] = ()
    values: tuple[object, ...] = ()
    only: bool = False


_ARRAY_OF_TEXTS = 1009
_PRIVILEGE = "pg_catalog.{}(current_user, '\"' || replace(t.s, '\"', '\"\"') || '\".\"' || t.o || '\"', '{}')"

NPGSQL = (
    Asked("SELECT version()"),
    Asked(
        """SELECT space.nspname, kinds.oid, kinds.typname, kinds.typtype, kinds.typnotnull, kinds.inner_oid
        FROM (
          -- an array is a base type that is received as one
          SELECT outer_types.oid, outer_types.typnamespace, outer_types.typname, outer_types.typtype,
            outer_types.typnotnull, outer_types.relkind, inner_types.oid AS inner_oid,
            inner_types.typname AS inner_name, inner_classes.relkind AS inner_relkind,
            CASE WHEN inner_procs.proname = 'array_recv' THEN 'a' ELSE inner_types.typtype END AS inner_type
          FROM (
            SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind,
              CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE typ.typtype END AS typtype,
              CASE WHEN proc.proname = 'array_recv' THEN typ.typelem
                WHEN typ.typtype = 'r' THEN rngsubtype
                WHEN typ.typtype = 'm'
                  THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid)
                WHEN typ.typtype = 'd' THEN typ.typbasetype END AS wanted
            FROM pg_type AS typ
            LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
            LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive
            LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)
          ) AS outer_types
          LEFT JOIN pg_type AS inner_types ON inner_types.oid = wanted
          LEFT JOIN pg_class AS inner_classes ON (inner_classes.oid = inner_types.typrelid)
          LEFT JOIN pg_proc AS inner_procs ON inner_procs.oid = inner_types.typreceive
        ) AS kinds
        JOIN pg_namespace AS space ON (space.oid = typnamespace)
        WHERE typtype IN ('b', 'r', 'm', 'e', 'd')
          OR (typtype = 'c' AND relkind = 'c')
          OR (typtype = 'p' AND typname IN ('record', 'void'))
          OR (typtype = 'a' AND (inner_type IN ('b', 'r', 'm', 'e', 'd')
            OR (inner_type = 'p' AND inner_name IN ('record', 'void'))
            OR (inner_type = 'c' AND inner_relkind = 'c')))
        ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 WHEN typtype = 'r' THEN 1
          WHEN typtype = 'm' THEN 2 WHEN typtype = 'c' THEN 3
          WHEN typtype = 'd' AND inner_type <> 'a' THEN 4 WHEN typtype = 'a' THEN 5
          WHEN typtype = 'd' AND inner_type = 'a' THEN 6 END;""",
        (
            ("pg_catalog", 20, "int8", "b", False, None),
            ("pg_catalog", 1700, "numeric", "b", False, None),
            ("pg_catalog", _ARRAY_OF_TEXTS, "_text", "a", False, 25),
        ),
    ),
    Asked(
        """SELECT typ.oid, att.attname, att.atttypid FROM pg_type AS typ
        JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
        JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
        JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid)
        WHERE (typ.typtype = 'c' AND cls.relkind = 'c') AND attnum > 0 AND NOT attisdropped
        ORDER BY typ.oid, att.attnum;""",
        only=True,
    ),
    Asked(
        "SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid"
        " ORDER BY oid, enumsortorder;",
        only=True,
    ),
    Asked("DISCARD ALL"),
)

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
            CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS "field-comment",
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
        WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND (c.table_schema IN ($1))
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

DBEAVER = (
    Asked("SET extra_float_digits = 3"),
    Asked("SET application_name = 'DBeaver 25.1 - Main <mesh>'"),
    Asked("SELECT current_schema(), session_user", ((None, "alice"),), only=True),
    Asked(
        "SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n"
        " LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0"
        " AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname"
    ),
    Asked("SHOW search_path"),
    Asked("SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datname = 'mesh'"),
    Asked("select * from pg_catalog.pg_settings where name = 'standard_conforming_strings'"),
    Asked("SELECT * FROM pg_catalog.pg_enum WHERE 1<>1 LIMIT 1", only=True),
    Asked("SELECT reltype FROM pg_catalog.pg_class WHERE 1<>1 LIMIT 1", only=True),
    Asked(
        """SELECT t.typname, t.typtype, c.relkind,
          format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
        FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem
        LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid
        WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c')
          AND (et.typcategory IS NULL OR et.typcategory <> 'C')""",
        (("int8", "b", None, None, None),),
    ),
    Asked(
        """SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
            as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
        FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d
          ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'sales.shop')
          AND c.relkind not in ('i', 'I', 'c')"""
    ),
    Asked(
        """SELECT c.relname, a.attname, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true)
            as def_value, dsc.description, dep.objid
        FROM pg_catalog.pg_attribute a
        INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid)
        LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum)
        LEFT OUTER JOIN pg_catalog.pg_description dsc
          ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid)
        LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i'
          and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
        WHERE NOT a.attisdropped AND c.relkind not in ('i', 'I', 'c') AND c.oid = $1
        ORDER BY a.attnum""",
        values=(1259,),
    ),
    Asked(
        """SELECT c.conname, c.contype, t.relname as tabrelname, rt.relname as refname,
          d.description, case when c.contype = 'c' then "substring"(pg_get_constraintdef(c.oid), 7)
            else null end consrc_copy
        FROM pg_catalog.pg_constraint c
        INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
        LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid
        LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0
          AND d.classoid = 'pg_constraint'::regclass
        ORDER BY c.oid""",
        (
            ("items_pkey", "p", "items", None, None, None),
            ("lines_item_fkey", "f", "lines", "items", None, None),
        ),
    ),
    Asked(
        """SELECT i.indisunique, i.indkey, c.relname, tc.relname as tabrelname, dsc.description,
          pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,
          pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr, pg_relation_size(i.indexrelid)
            as index_rel_size, pg_stat_get_numscans(i.indexrelid) as index_num_scans
        FROM pg_catalog.pg_index i
        INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        INNER JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
        LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid
        WHERE tc.relname = 'items' ORDER BY tabrelname, c.relname""",
        ((True, "1", "items_pkey", "items", None, None, None, 0, 0),),
        only=True,
    ),
    Asked(
        """SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname
        FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid
        WHERE t.oid = 1009""",
        ((True, "pg_catalog", "_text"),),
        only=True,
    ),
)

DATAGRIP = (
    Asked("select current_database() as a, current_schemas(false) as b", (("mesh", []),)),
    Asked(
        "select round(extract(epoch from pg_postmaster_start_time() at time zone 'UTC'))"
        " as startup_time"
    ),
    Asked(
        """select L.transactionid::varchar::bigint as transaction_id from pg_catalog.pg_locks L
        where L.transactionid is not null order by pg_catalog.age(L.transactionid) desc limit 1""",
        only=True,
    ),
    Asked(
        """select case when pg_catalog.pg_is_in_recovery() then null
          else (pg_catalog.txid_current() % 4294967296)::varchar::bigint end as current_txid""",
        ((1,),),
    ),
    Asked(
        """select datname as name, D.description, datistemplate as is_template,
          datallowconn as allow_connections, pg_catalog.pg_get_userbyid(N.datdba) as "owner"
        from pg_catalog.pg_database N
        left join pg_catalog.pg_shdescription D on N.oid = D.objoid
        order by case when datname = pg_catalog.current_database() then -1::bigint
          else N.oid::bigint end""",
        (("mesh", None, False, True, "meshgate"),),
    ),
    Asked(
        """select N.oid::bigint as id, N.xmin as state_number, nspname as name, D.description,
          pg_catalog.pg_get_userbyid(N.nspowner) as "owner"
        from pg_catalog.pg_namespace N left join pg_catalog.pg_description D on N.oid = D.objoid
        order by case when nspname = pg_catalog.current_schema() then -1::bigint
          else N.oid::bigint end"""
    ),
    Asked(
        """select name, is_dst from pg_catalog.pg_timezone_names
        union distinct select abbrev as name, is_dst from pg_catalog.pg_timezone_abbrevs"""
    ),
    Asked(
        """select rolname as role_name, rolsuper is_super, rolcanlogin can_login,
          rolconnlimit conn_limit, rolvaliduntil valid_until, D.description
        from pg_catalog.pg_roles R
        left join pg_catalog.pg_shdescription D on D.objoid = R.oid""",
        (("alice", False, True, -1, None, None),),
    ),
    Asked(
        "select member id, roleid role_id, admin_option from pg_catalog.pg_auth_members"
        " order by id, roleid::text",
        only=True,
    ),
    Asked(
        "select T.oid as object_id, T.spcacl as acl from pg_catalog.pg_tablespace T"
        " union all select T.oid as object_id, T.datacl as acl from pg_catalog.pg_database T"
    ),
    Asked("select ssl from pg_stat_ssl where pid = pg_backend_pid()"),
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

PGCLI = (
    Asked("SELECT * FROM unnest(current_schemas(true))", (("pg_catalog",),)),
    Asked(
        """SELECT n.nspname schema_name, c.relname table_name FROM pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = ANY($1) ORDER BY 1, 2""",
        (("sales.shop", "orders"),),
        (["r", "p", "f"],),
    ),
    Asked(
        """SELECT nsp.nspname schema_name, cls.relname table_name, att.attname column_name,
          att.atttypid::regtype::text type_name, att.atthasdef AS has_default,
          pg_catalog.pg_get_expr(def.adbin, def.adrelid, true) as default
        FROM pg_catalog.pg_attribute att
        INNER JOIN pg_catalog.pg_class cls ON att.attrelid = cls.oid
        INNER JOIN pg_catalog.pg_namespace nsp ON cls.relnamespace = nsp.oid
        LEFT OUTER JOIN pg_attrdef def ON def.adrelid = att.attrelid AND def.adnum = att.attnum
        WHERE cls.relkind = ANY('{r,p,f}') AND NOT att.attisdropped AND att.attnum > 0
        ORDER BY 1, 2, att.attnum""",
        (("sales.shop", "orders", "amount", "numeric", False, None),),
    ),
    Asked(
        """SELECT s_p.nspname AS parentschema, t_p.relname AS parenttable,
          unnest((select array_agg(attname ORDER BY i)
            from (select unnest(confkey) as attnum, generate_subscripts(confkey, 1) as i) x
            JOIN pg_catalog.pg_attribute c USING (attnum) WHERE c.attrelid = fk.confrelid))
            AS parentcolumn,
          s_c.nspname AS childschema, t_c.relname AS childtable,
          unnest((select array_agg(attname ORDER BY i)
            from (select unnest(conkey) as attnum, generate_subscripts(conkey, 1) as i) x
            JOIN pg_catalog.pg_attribute c USING (attnum) WHERE c.attrelid = fk.conrelid))
            AS childcolumn
        FROM pg_catalog.pg_constraint fk
        JOIN pg_catalog.pg_class t_p ON t_p.oid = fk.confrelid
        JOIN pg_catalog.pg_namespace s_p ON s_p.oid = t_p.relnamespace
        JOIN pg_catalog.pg_class t_c ON t_c.oid = fk.conrelid
        JOIN pg_catalog.pg_namespace s_c ON s_c.oid = t_c.relnamespace
        WHERE fk.contype = 'f'""",
        (("sales.keyed", "items", "id", "sales.keyed", "lines", "item"),),
        only=True,
    ),
    Asked(
        """SELECT n.nspname schema_name, p.proname func_name, p.proargnames,
          COALESCE(proallargtypes::regtype[], proargtypes::regtype[])::text[],
          p.proargmodes, prorettype::regtype::text return_type, p.prokind = 'a' is_aggregate,
          p.proretset is_set_returning, d.deptype = 'e' is_extension,
          pg_get_expr(proargdefaults, 0) AS arg_defaults
        FROM pg_catalog.pg_proc p
        INNER JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        LEFT JOIN pg_depend d ON d.objid = p.oid and d.deptype = 'e'
        WHERE p.prorettype::regtype != 'trigger'::regtype ORDER BY 1, 2"""
    ),
)

PGADMIN = (
    Asked(
        """SELECT db.oid as did, db.datname, db.datallowconn,
          pg_catalog.pg_encoding_to_char(db.encoding) AS serverencoding,
          has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate
        FROM pg_catalog.pg_database db WHERE db.datname = current_database()"""
    ),
    Asked(
        """SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser,
          CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role,
          CASE WHEN 'pg_signal_backend' = ANY(ARRAY(WITH RECURSIVE cte AS (
            SELECT pg_roles.oid, pg_roles.rolname FROM pg_roles WHERE pg_roles.oid = roles.oid
            UNION ALL SELECT m.roleid, pgr.rolname FROM cte cte_1
            JOIN pg_auth_members m ON m.member = cte_1.oid
            JOIN pg_roles pgr ON pgr.oid = m.roleid)
            SELECT rolname FROM cte)) THEN True ELSE False END as can_signal_backend
        FROM pg_catalog.pg_roles as roles WHERE rolname = current_user"""
    ),
    Asked(
        """SELECT nsp.oid, nsp.nspname as name, pg_catalog.has_schema_privilege(nsp.oid, 'CREATE')
          as can_create, pg_catalog.has_schema_privilege(nsp.oid, 'USAGE') as has_usage
        FROM pg_catalog.pg_namespace nsp WHERE nspname NOT LIKE 'pg\\_%'
          AND NOT ((nsp.nspname = 'pg_catalog' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class
            WHERE relname = 'pg_class' AND relnamespace = nsp.oid LIMIT 1))
          OR (nsp.nspname = 'information_schema' AND EXISTS (SELECT 1 FROM pg_catalog.pg_class
            WHERE relname = 'tables' AND relnamespace = nsp.oid LIMIT 1)))
        ORDER BY nspname"""
    ),
    Asked(
        """SELECT rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger
            WHERE tgrelid = rel.oid AND tgisinternal = FALSE) AS triggercount,
          (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid = rel.oid LIMIT 1)
            as is_inherits, des.description
        FROM pg_catalog.pg_class rel LEFT OUTER JOIN pg_catalog.pg_description des
          ON (des.objoid = rel.oid AND des.objsubid = 0 AND des.classoid = 'pg_class'::regclass)
        WHERE rel.relkind IN ('r', 's', 't', 'p') AND NOT rel.relispartition
          AND rel.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'sales.keyed')
        ORDER BY rel.relname""",
        (("items", 0, 0, "items"), ("lines", 0, 0, "lines")),
        only=True,
    ),
)

TOOLS: Mapping[str, tuple[Asked, ...]] = {
    "Npgsql": NPGSQL,
    "Power BI": POWER_BI,
    "Tableau": TABLEAU,
    "Metabase": METABASE,
    "DBeaver": DBEAVER,
    "DataGrip": DATAGRIP,
    "Grafana": GRAFANA,
    "pgcli": PGCLI,
    "pgAdmin": PGADMIN,
}
