"""What Npgsql, DBeaver, DataGrip, pgcli and pgAdmin ask of PostgreSQL's catalogues."""

from __future__ import annotations

from tests.clients.postgres_wire.tool_queries import Asked

_ARRAY_OF_TEXTS = 1009

NPGSQL = (
    Asked("SELECT version()"),
    Asked(
        """SELECT space.nspname, kinds.oid, kinds.typname, kinds.typtype, kinds.typnotnull,
          kinds.inner_oid
        FROM (
          -- an array is a base type that is received as one
          SELECT outer_types.oid, outer_types.typnamespace, outer_types.typname,
            outer_types.typtype,
            outer_types.typnotnull, outer_types.relkind, inner_types.oid AS inner_oid,
            inner_types.typname AS inner_name, inner_classes.relkind AS inner_relkind,
            CASE WHEN inner_procs.proname = 'array_recv' THEN 'a' ELSE inner_types.typtype END AS
              inner_type
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
        LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum =
          ad.adnum)
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
          pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,
            pg_relation_size(i.indexrelid)
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
