"""What PostgreSQL calls the columns of an answer that its query gives no name."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from gateway.errors import GatewayError
from gateway.languages import sql
from gateway.languages.repeated_names import Names

NAMELESS = "?column?"


def named(schema: pa.Schema, text: str) -> pa.Schema:
    """The schema of a query's answer with PostgreSQL's names for expressions without any."""
    try:
        statement = sql.parse(text)
    except GatewayError:  # a text with parameters in other forms: it keeps the engine's names
        return schema
    return schema if statement.explain else renamed(schema, statement.tree, statement.repeated)


def renamed(schema: pa.Schema, tree: exp.Expr, repeated: Names | None = None) -> pa.Schema:
    """The same, of a query that has been read; `repeated` are its columns called the same."""
    while isinstance(tree, exp.SetOperation):
        tree = tree.this
    selected = tree.selects if isinstance(tree, exp.Select) else []
    if any(s.is_star for s in selected) or len(selected) != len(schema):
        return schema
    again = {own for own, name in (repeated or {}).items() if isinstance(name, int)}
    selected = [s.this if s.alias in again else s for s in selected]
    names = [_name(s) or field.name for s, field in zip(selected, schema, strict=True)]
    if names == schema.names:
        return schema
    return pa.schema([f.with_name(n) for f, n in zip(schema, names, strict=True)], schema.metadata)


def _name(selected: exp.Expr) -> str:
    """The name of an expression without one; "" for what has one already."""
    if isinstance(selected, exp.Alias | exp.Column | exp.Aliases):
        return ""
    if isinstance(selected, exp.Paren):
        return _name(selected.this)
    if isinstance(selected, exp.Cast):
        inner = selected.this
        if isinstance(inner, exp.Column):
            return str(inner.name)
        kind = selected.to.sql("postgres").lower().rpartition(".")[2].partition("(")[0]
        return _CASTS.get(kind, kind) or NAMELESS
    if isinstance(selected, exp.Dot):
        return _name(selected.expression)
    if isinstance(selected, exp.Identifier):
        return str(selected.name)
    if isinstance(selected, exp.Case):
        return "case"
    if isinstance(selected, exp.Anonymous):
        return str(selected.name).lower()
    if isinstance(selected, exp.Window):
        return _name(selected.this)
    if isinstance(selected, exp.Func) and not isinstance(selected, exp.Connector | exp.Binary):
        return _FUNCTIONS.get(type(selected), selected.sql_name().lower())
    return NAMELESS


_CASTS = {
    "int": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "double": "float8",
    "float": "float4",
}
_CASTS |= {"decimal": "numeric", "boolean": "bool", "timestamptz": "timestamptz"}
_FUNCTIONS: dict[type[exp.Expr], str] = {exp.CurrentVersion: "version"}
