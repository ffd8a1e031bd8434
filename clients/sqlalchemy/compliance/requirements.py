"""What the suite may ask of a store that only reads, and why it may not ask the rest.

Every requirement that is closed has its reason in `REASONS`, which the docs show.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

WRITES = "the gateway only reads: what is written, and how, is the source's"
TRANSACTIONS = "there are no transactions: every query stands for itself"
NO_SCHEMA_OBJECTS = "contracts have no such thing, so there is nothing to reflect"
STREAMS = "every answer is a stream: there is no other kind of cursor"
NAMES = "the names of tables and keys are a mesh's, not a database's"
TYPES = "the engine has no such type"
SQL = "the engine's SQL does not have it"
ONE_NAME = "the columns of an answer have different names"

REASONS: dict[str, tuple[str, ...]] = {
    WRITES: (
        "autocommit",
        "autoincrement_insert",
        "autoincrement_without_sequence",
        "computed_columns",
        "computed_columns_default_persisted",
        "computed_columns_reflect_persisted",
        "computed_columns_stored",
        "computed_columns_virtual",
        "create_or_replace_view",
        "create_table_as",
        "create_temp_table_as",
        "ctes_on_dml",
        "ctes_with_update_delete",
        "dbapi_lastrowid",
        "deferrable_fks",
        "delete_from",
        "delete_returning",
        "duplicate_key_raises_integrity_error",
        "emulated_lastrowid",
        "emulated_lastrowid_even_with_sequences",
        "empty_inserts",
        "empty_inserts_executemany",
        "expression_server_defaults",
        "identity_columns",
        "identity_columns_standard",
        "implements_get_lastrowid",
        "insert_executemany_returning",
        "insert_from_select",
        "insert_order_dependent",
        "insert_returning",
        "insertmanyvalues",
        "multivalues_inserts",
        "non_updating_cascade",
        "on_update_cascade",
        "returning",
        "sane_multi_rowcount",
        "sane_rowcount",
        "sane_rowcount_w_returning",
        "sequences",
        "sequences_optional",
        "server_defaults",
        "supports_lastrowid",
        "table_ddl_if_exists",
        "update_from",
        "update_returning",
        "update_returning_dialect_not_supported",
        "update_where_target_in_subquery",
    ),
    TRANSACTIONS: (
        "dialect_level_isolation_level_param",
        "get_isolation_level_values",
        "independent_connections",
        "isolation_level",
        "savepoints",
        "skip_autocommit_rollback",
        "two_phase_transactions",
    ),
    NO_SCHEMA_OBJECTS: (
        "check_constraint_reflection",
        "column_collation_reflection",
        "comment_reflection",
        "comment_reflection_full_unicode",
        "constraint_comment_reflection",
        "foreign_key_constraint_option_reflection_ondelete",
        "foreign_key_constraint_option_reflection_onupdate",
        "fk_constraint_option_reflection_ondelete_noaction",
        "fk_constraint_option_reflection_ondelete_restrict",
        "fk_constraint_option_reflection_onupdate_restrict",
        "foreign_keys_reflect_as_index",
        "has_temp_table",
        "index_ddl_if_exists",
        "index_reflection",
        "index_reflects_included_columns",
        "indexes_check_column_order",
        "indexes_with_ascdesc",
        "indexes_with_expressions",
        "inline_check_constraint_reflection",
        "materialized_views",
        "materialized_views_reflect_pk",
        "reflect_indexes_with_ascdesc",
        "reflect_indexes_with_ascdesc_as_expression",
        "reflect_indexes_with_expressions",
        "reflect_table_options",
        "reflect_tables_no_columns",
        "temp_table_comment_reflection",
        "temp_table_names",
        "temp_table_reflect_indexes",
        "temp_table_reflection",
        "temporary_tables",
        "temporary_views",
        "unique_constraint_reflection",
        "unique_constraints_reflect_as_index",
        "unique_index_reflect_as_unique_constraints",
        "view_column_reflection",
        "view_reflection",
        "views",
    ),
    NAMES: (
        "cross_schema_fk_reflection",
        "denormalized_names",
        "foreign_key_constraint_name_reflection",
        "foreign_key_constraint_reflection",
        "implicit_default_schema",
        "default_schema_name_switch",
        "percent_schema_names",
        "repeated_column_foreign_keys",
        "repeated_remote_col_foreign_keys",
        "reflects_pk_names",
        "schema_create_delete",
        "self_referential_foreign_keys",
        "symbol_names_w_double_quote",
        "unicode_ddl",
        "unusual_column_name_characters",
    ),
    TYPES: (
        "datetime_timezone",
        "datetime_timezone_historic",
        "json_type",
        "json_deserializer_binary",
        "nvarchar_types",
        "time_timezone",
    ),
    SQL: (
        "fetch_expression",
        "fetch_no_order_by",
        "fetch_percent",
        "fetch_ties",
        "order_by_collation",
        "supports_bitwise_not",
        "supports_bitwise_xor",
        "tuple_in_w_empty",
    ),
    STREAMS: ("server_side_cursors",),
    ONE_NAME: ("duplicate_names_in_cursor_description",),
}
"""By reason: the requirements of the suite, of either version, that are closed."""

CLOSED = {name for names in REASONS.values() for name in names}

_OPENED = """
    aggregate_order_by boolean_col_expressions ctes ctes_with_values date_historic
    datetime_historic datetime_interval datetime_literals except_ fetch_first
    fetch_offset_with_options float_or_double_precision_behaves_generically infinity_floats
    intersect mod_operator_as_percent_sign nullsordering order_by_label_with_expression
    precision_numerics_enotation_large precision_numerics_enotation_small
    precision_numerics_many_significant_digits precision_numerics_retains_significant_digits
    array_type regexp_match regexp_replace schemas standalone_binds supports_bitwise_and
    supports_bitwise_or supports_bitwise_shift supports_distinct_on supports_is_distinct_from
    table_value_constructor timestamp_microseconds tuple_in uuid_data_type window_functions
    window_range window_range_non_numeric window_range_numeric"""
OPENED = frozenset(_OPENED.split())
"""What SQLAlchemy does not expect of every database, and is so here."""


class Requirements(SuiteRequirements):
    """The suite's questions: closed with a reason, or opened, or as SQLAlchemy answers them."""

    def __getattribute__(self, name: str) -> Any:
        if name in CLOSED:
            return exclusions.closed()
        if name in OPENED:
            return exclusions.open()
        return super().__getattribute__(name)
