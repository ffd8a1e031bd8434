"""The functions of `pg_catalog` that clients ask for, as macros of the engine.

A function that is neither here nor in `PLAIN` is refused: nothing else of the engine is reached.
"""

from __future__ import annotations

PREFIX = "f_"
"""How macros are called in the engine, so that none of its own functions is meant."""

_TRUE_WITH_ONE = """pg_type_is_visible pg_function_is_visible pg_operator_is_visible
pg_opclass_is_visible pg_opfamily_is_visible pg_collation_is_visible pg_conversion_is_visible
pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
pg_statistics_obj_is_visible"""

_NULL_TEXT = """pg_get_expr pg_get_viewdef pg_get_ruledef pg_get_triggerdef pg_get_functiondef
pg_get_function_arguments pg_get_function_result pg_get_function_identity_arguments
pg_get_function_sqlbody pg_get_serial_sequence pg_get_partkeydef pg_get_partition_constraintdef
pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions
shobj_description pg_tablespace_location pg_describe_object pg_relation_filepath
inet_server_addr inet_client_addr inet_server_port inet_client_port pg_get_publication_tables
pg_identify_object
pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_current_wal_lsn pg_get_replica_identity_index"""

_ZERO = """pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size pg_database_size
pg_tablespace_size pg_stat_get_numscans pg_stat_get_live_tuples pg_stat_get_dead_tuples
pg_my_temp_schema pg_stat_get_tuples_inserted pg_relation_filenode"""

_FALSE = """pg_is_in_recovery pg_is_other_temp_schema pg_relation_is_publishable
pg_is_wal_replay_paused pg_stat_get_snapshot_timestamp pg_try_advisory_lock"""

_MOST_ARGUMENTS = 4

_WRITTEN = {
    "format_type": [
        "(t, m) AS (SELECT CASE WHEN t = 1700 AND m > 3 THEN 'numeric(' || ((m - 4) >> 16) || ','"
        " || ((m - 4) & 65535) || ')' ELSE x.written END FROM pgc.type_names x WHERE x.oid = t)"
    ],
    "pg_get_userbyid": ["(o) AS (SELECT rolname FROM pgc.pg_roles WHERE oid = o)"],
    "obj_description": [
        "(o) AS (SELECT description FROM pgc.pg_description WHERE objoid = o AND objsubid = 0)",
        "(o, c) AS (SELECT description FROM pgc.pg_description"
        " WHERE objoid = o AND objsubid = 0 AND c = 'pg_class')",
    ],
    "col_description": [
        "(o, n) AS (SELECT description FROM pgc.pg_description WHERE objoid = o AND objsubid = n)"
    ],
    "pg_get_constraintdef": [
        "(o) AS (SELECT definition FROM pgc.constraint_definitions WHERE oid = o)",
        "(o, p) AS (SELECT definition FROM pgc.constraint_definitions WHERE oid = o)",
    ],
    "pg_get_indexdef": [
        "(o) AS (SELECT definition FROM pgc.index_definitions WHERE oid = o)",
        "(o, n, p) AS CASE WHEN n = 0 THEN (SELECT definition FROM pgc.index_definitions"
        " WHERE oid = o) ELSE (SELECT attname FROM pgc.pg_attribute"
        " WHERE attrelid = o AND attnum = n) END",
    ],
    "pg_table_is_visible": [
        "(o, path) AS EXISTS (SELECT 1 FROM pgc.reachable r WHERE r.oid = o"
        " AND CASE WHEN len(path) = 0 THEN r.alone"
        " ELSE r.nspname = 'pg_catalog' OR list_contains(path, r.nspname) END)"
    ],
    "regclass_in": ["(t) AS (SELECT max(oid) FROM pgc.class_names WHERE name = t)"],
    "regclass_out": ["(o) AS (SELECT max(shown) FROM pgc.class_names WHERE oid = o)"],
    "regtype_in": [
        "(t) AS (SELECT max(oid) FROM (FROM pgc.type_names UNION FROM pgc.type_aliases)"
        " WHERE lower(t) IN (name, written))"
    ],
    "regtype_out": ["(o) AS (SELECT written FROM pgc.type_names WHERE oid = o)"],
    "regproc_in": [
        "(t) AS (SELECT max(oid) FROM pgc.pg_proc WHERE t IN (proname, 'pg_catalog.' || proname))"
    ],
    "regproc_out": [
        "(o) AS CASE WHEN o = 0 THEN '-' ELSE (SELECT proname FROM pgc.pg_proc WHERE oid = o) END"
    ],
    "regnamespace_in": ["(t) AS (SELECT max(oid) FROM pgc.pg_namespace WHERE nspname = t)"],
    "regnamespace_out": ["(o) AS (SELECT nspname FROM pgc.pg_namespace WHERE oid = o)"],
    "regrole_in": ["(t) AS (SELECT max(oid) FROM pgc.pg_roles WHERE rolname = t)"],
    "regrole_out": ["(o) AS (SELECT rolname FROM pgc.pg_roles WHERE oid = o)"],
    "has_table_privilege": [
        "(t, p) AS contains(upper(p), 'SELECT')",
        "(u, t, p) AS contains(upper(p), 'SELECT')",
    ],
    "has_any_column_privilege": [
        "(t, p) AS contains(upper(p), 'SELECT')",
        "(u, t, p) AS contains(upper(p), 'SELECT')",
    ],
    "has_column_privilege": [
        "(t, c, p) AS contains(upper(p), 'SELECT')",
        "(u, t, c, p) AS contains(upper(p), 'SELECT')",
    ],
    "has_schema_privilege": [
        "(s, p) AS contains(upper(p), 'USAGE')",
        "(u, s, p) AS contains(upper(p), 'USAGE')",
    ],
    "has_database_privilege": [
        "(d, p) AS contains(upper(p), 'CONNECT')",
        "(u, d, p) AS contains(upper(p), 'CONNECT')",
    ],
    "has_function_privilege": ["(f, p) AS true", "(u, f, p) AS true"],
    "has_type_privilege": ["(t, p) AS true", "(u, t, p) AS true"],
    "has_language_privilege": ["(l, p) AS true", "(u, l, p) AS true"],
    "has_sequence_privilege": ["(s, p) AS false", "(u, s, p) AS false"],
    "has_tablespace_privilege": ["(t, p) AS false", "(u, t, p) AS false"],
    "has_foreign_data_wrapper_privilege": ["(t, p) AS false", "(u, t, p) AS false"],
    "has_server_privilege": ["(t, p) AS false", "(u, t, p) AS false"],
    "pg_has_role": ["(r, p) AS true", "(u, r, p) AS true"],
    "pg_encoding_to_char": ["(e) AS CASE WHEN e = 6 THEN 'UTF8' ELSE '' END"],
    "pg_char_to_encoding": ["(e) AS CASE WHEN upper(e) = 'UTF8' THEN 6 ELSE -1 END"],
    "getdatabaseencoding": ["() AS 'UTF8'"],
    "pg_client_encoding": ["() AS 'UTF8'"],
    "pg_size_pretty": ["(n) AS n || ' bytes'"],
    "pg_postmaster_start_time": ["() AS now()"],
    "pg_conf_load_time": ["() AS now()"],
    "txid_current": ["() AS 1::BIGINT"],
    "pg_current_xact_id": ["() AS 1::BIGINT"],
    "pg_advisory_unlock_all": ["() AS ''"],
    "pg_column_size": ["(v) AS 8"],
    "pg_typeof": ["(v) AS lower(typeof(v))"],
    "quote_ident": [
        """(n) AS CASE WHEN regexp_full_match(n, '[a-z_][a-z0-9_$]*') THEN n"""
        """ ELSE '"' || replace(n, '"', '""') || '"' END"""
    ],
    "quote_literal": ["(n) AS '''' || replace(n, '''', '''''') || ''''"],
    "array_upper": ["(a, d) AS CASE WHEN len(a) = 0 THEN NULL ELSE len(a) END"],
    "array_lower": ["(a, d) AS CASE WHEN len(a) = 0 THEN NULL ELSE 1 END"],
    "array_ndims": ["(a) AS CASE WHEN len(a) = 0 THEN NULL ELSE 1 END"],
    "_pg_expandarray": [
        "(a) AS unnest(list_transform(range(1, len(a) + 1), lambda i: {'x': a[i], 'n': i}))"
    ],
    "_pg_truetypid": ["(a, t) AS a.atttypid"],
    "_pg_truetypmod": ["(a, t) AS a.atttypmod"],
    "pg_partition_root": ["(o) AS NULL::UINTEGER"],
    "pg_partition_ancestors": ["(o) AS NULL::UINTEGER"],
    "pg_blocking_pids": ["(p) AS CAST([] AS INTEGER[])"],
    "oidvectortypes": ["(o) AS ''"],
    "age": [
        "(x) AS CASE WHEN starts_with(typeof(x), 'TIME')"
        " THEN error('age of a moment is not known here')::INTEGER ELSE 0 END",
        "(a, b) AS age(a, b)",
    ],
    "parse_ident": [
        """(t) AS list_transform(regexp_extract_all(t, '"(?:[^"]|"")*"|[^."]+'),"""
        """ lambda p: CASE WHEN starts_with(p, '"') THEN replace(p[2:-2], '""', '"')"""
        """ ELSE lower(p) END)"""
    ],
}

TABLE_FUNCTIONS = {
    "pg_get_keywords": "pgc.keywords",
    "pg_show_all_settings": "pg_settings",
    "pg_options_to_table": "pgc.options",
    "aclexplode": "pgc.acl",
    "pg_partition_ancestors": "pgc.ancestors",
    "pg_listening_channels": "pgc.nothing",
    "pg_available_extensions": "pgc.nothing",
    "pg_lock_status": "pgc.nothing",
    "pg_cursor": "pg_cursors",
    "pg_prepared_statement": "pg_prepared_statements",
}
"""Functions that are read like tables, and the tables that are read."""

CONSTANTS = frozenset(
    {
        *("current_schema", "current_schemas", "current_database", "current_catalog", "version"),
        *("current_user", "session_user", "user", "current_role", "current_setting", "set_config"),
        *("pg_backend_pid", "to_regclass", "to_regtype"),
    }
)
"""Functions answered out of what the session is."""

PLAIN = frozenset(
    [
        "abs",
        "array_agg",
        "array_append",
        "array_cat",
        "array_length",
        "array_position",
        "array_prepend",
        "array_remove",
        "array_to_string",
        "ascii",
        "btrim",
        "cardinality",
        "ceil",
        "char_length",
        "character_length",
        "chr",
        "coalesce",
        "concat",
        "concat_ws",
        "convert_from",
        "date_part",
        "date_trunc",
        "floor",
        "generate_series",
        "generate_subscripts",
        "greatest",
        "initcap",
        "least",
        "left",
        "length",
        "lower",
        "lpad",
        "ltrim",
        "md5",
        "mod",
        "now",
        "nullif",
        "octet_length",
        "position",
        "regexp_matches",
        "regexp_replace",
        "repeat",
        "replace",
        "reverse",
        "right",
        "round",
        "row_number",
        "rpad",
        "rtrim",
        "split_part",
        "starts_with",
        "string_agg",
        "string_to_array",
        "strpos",
        "substr",
        "substring",
        "to_char",
        "translate",
        "trim",
        "unnest",
        "upper",
        "bool_and",
        "bool_or",
        "every",
        "rank",
        "dense_rank",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "count",
        "sum",
        "min",
        "max",
        "avg",
    ]
)
"""Functions that are the engine's own."""


def macros() -> list[str]:
    """The statements that make them."""
    written = dict(_WRITTEN)
    written |= {name: ["(o) AS true"] for name in _TRUE_WITH_ONE.split()}
    written |= {name: _any_arity("NULL::VARCHAR") for name in _NULL_TEXT.split()}
    written |= {name: _any_arity("0::BIGINT") for name in _ZERO.split()}
    written |= {name: _any_arity("false") for name in _FALSE.split()}
    return [f"CREATE MACRO {PREFIX}{name}{', '.join(forms)}" for name, forms in written.items()]


def names() -> frozenset[str]:
    """What may be called by these names in `pg_catalog`."""
    lists = " ".join((_TRUE_WITH_ONE, _NULL_TEXT, _ZERO, _FALSE))
    return frozenset({*_WRITTEN, *lists.split()})


def _any_arity(value: str) -> list[str]:
    arguments = ("a", "b", "c", "d")
    return [f"({', '.join(arguments[:count])}) AS {value}" for count in range(_MOST_ARGUMENTS + 1)]
