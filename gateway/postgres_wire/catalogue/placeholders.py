"""Placeholders of queries over the catalogues: their types, and values in their place."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from gateway.postgres_wire.catalogue.casts import ENGINE_TYPES, OBJECT_TYPES, kind_name
from gateway.postgres_wire.catalogue.literals import literal
from gateway.postgres_wire.catalogue.relations import column_types
from gateway.postgres_wire.errors import SYNTAX_ERROR, SqlError
from gateway.postgres_wire.parameters import ARROW, UNSPECIFIED, oid_of
from gateway.postgres_wire.types import BY_ARRAY, BY_OID, TEXT


def placeholder_types(tree: exp.Expr, declared: Sequence[int]) -> tuple[int, ...]:
    """The oids of $1, $2, ...: as declared, as they are cast, or as what they are compared with."""
    found: dict[int, int] = {}
    for node in tree.find_all(exp.Parameter, exp.Placeholder):
        number = placeholder_number(node)
        oid = declared[number - 1] if number <= len(declared) else UNSPECIFIED
        found[number] = found.get(number) or oid or _inferred(node)
    count = max([*found, len(declared)], default=0)
    return tuple(found.get(n) or 25 for n in range(1, count + 1))


def placeholder_number(node: exp.Expr) -> int:
    """Which one it is, from 1."""
    try:
        return max(int(node.name), 1)
    except ValueError:
        raise SqlError(SYNTAX_ERROR, "placeholders of the catalogue are $1, $2, ...") from None


def _inferred(node: exp.Expr) -> int:
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    parent = node.parent
    if isinstance(parent, exp.Cast):
        kind = kind_name(parent.to)
        if kind in ENGINE_TYPES or kind in OBJECT_TYPES:
            return {"oid": 26}.get(kind, 25)
        if kind in ("oid[]", "bigint[]"):  # the second stands for the first
            return 1028
        names = {"int": 23, "bigint": 20, "smallint": 21, "boolean": 16, "text[]": 1009}
        return names.get(kind, 25)
    if isinstance(parent, exp.Any | exp.All):
        return BY_OID.get(_beside(parent), TEXT).array
    return _beside(node)


def _beside(node: exp.Expr) -> int:
    """What a column is that a node is compared with; text if it is with none."""
    parent = node.parent
    if isinstance(parent, exp.Binary):
        other = parent.expression if parent.this is node else parent.this
        if isinstance(other, exp.Column) and (beside := column_types().get(other.name)) is not None:
            return 26 if pa.types.is_uint32(beside) else oid_of(beside)
    return 25


def placeholder_value(oid: int, value: pa.Scalar | None) -> exp.Expr:
    """A placeholder's value, of the type the engine has for it; null without one."""
    return exp.cast(literal(None if value is None else value.as_py()), _engine_type(oid))


def _engine_type(oid: int) -> exp.DataType:
    if oid in BY_ARRAY:
        return exp.DataType.build(f"{_engine_type(BY_ARRAY[oid].oid).sql('duckdb')}[]", "duckdb")
    names = {26: "UINTEGER", 16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER"}
    names |= {700: "FLOAT", 701: "DOUBLE", 1700: "DECIMAL(38, 6)"}
    known = names.get(oid)
    if known is None and oid in ARROW and oid != 17:
        known = {1082: "DATE", 1083: "TIME", 1114: "TIMESTAMP", 1184: "TIMESTAMPTZ"}.get(oid)
    return exp.DataType.build(known or "VARCHAR", "duckdb")
