import pyarrow as pa


def mask_array(mask, values, key):
    return pa.nulls(len(values), values.type)


def mask_sql(mask, column_sql, type, key):
    return f"nullif({column_sql},{column_sql})"
