"""From PostgreSQL's SQL over its catalogues to the engine's: relations, casts, calls, operators.

Whatever is not known here is refused: the engine must not do what nobody has thought of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from gateway.languages.array_texts import array_items
from gateway.postgres_wire.catalogue import functions
from gateway.postgres_wire.catalogue.calls import call, function_name, unknown_function
from gateway.postgres_wire.catalogue.casts import OID, cast
from gateway.postgres_wire.catalogue.ctes import rename_ctes
from gateway.postgres_wire.catalogue.engine import SCHEMAS
from gateway.postgres_wire.catalogue.literals import literal
from gateway.postgres_wire.catalogue.pg_catalog import FIXED_OIDS
from gateway.postgres_wire.catalogue.placeholders import placeholder_number, placeholder_value
from gateway.postgres_wire.catalogue.recognition import Understood, schema_of
from gateway.postgres_wire.catalogue.relations import PG_CATALOG, SESSION, relations
from gateway.postgres_wire.catalogue.session_facts import SessionFacts
from gateway.postgres_wire.errors import UNKNOWN_RELATION, SqlError
from gateway.postgres_wire.text_forms import ARRAY

_XID = exp.DataType.build("BIGINT", "duckdb")
_GIVING_ROWS = (exp.GenerateSeries, exp.ExplodingGenerateSeries, exp.Unnest, exp.Explode)
"""Functions in FROM that give any number of rows."""

_VECTORS = {"indkey", "indclass", "indcollation", "indoption", "proargtypes"}


def rewritten(
    query: Understood, values: Sequence[pa.Scalar] | None, facts: SessionFacts
) -> tuple[str, frozenset[str]]:
    """The query in the engine's SQL, and the relations of the session it reads.

    Without `values` every placeholder is null: that says what the columns are.
    """
    tree = query.tree.copy()
    read: set[str] = set()
    ctes = rename_ctes(tree)
    for table in list(tree.find_all(exp.Table)):
        if id(table) not in ctes:
            _table(table, read)
    meant = {table.alias: table.name.lower() for table in tree.find_all(exp.Table)}
    for column in list(tree.find_all(exp.Column)):
        column.set("db", None)
        column.set("catalog", None)
        if column.name == "tableoid" and meant.get(column.table) in FIXED_OIDS:
            oid = exp.cast(exp.Literal.number(FIXED_OIDS[meant[column.table]]), OID)
            column.replace(_named(oid, column))
        elif column.name == "xmin" and _lacks(meant.get(column.table), "xmin"):
            column.replace(_named(exp.cast(exp.Literal.number(1), _XID), column))
    _shown_vectors(tree)
    for node in reversed(list(tree.walk(bfs=False))):  # what is inside goes first
        instead = _rewrite(node, query, values, facts)
        if instead is not node and node is not tree:
            node.replace(instead)
    return tree.sql("duckdb"), frozenset(read)


def _named(value: exp.Expr, column: exp.Column) -> exp.Expr:
    """What stands for a system column, under its name where it is selected."""
    return exp.alias_(value, column.name) if isinstance(column.parent, exp.Select) else value


def _lacks(name: str | None, column: str) -> bool:
    """Whether it is a relation of `pg_catalog` that lists no such column."""
    relation = relations()[PG_CATALOG].get(name or "")
    return relation is not None and column not in relation.columns.names


def _table(table: exp.Table, read: set[str]) -> None:
    function = function_name(table.this)
    if function is not None:
        instead = functions.TABLE_FUNCTIONS.get(function)
        if instead is not None:
            schema, _, name = instead.rpartition(".")
            if not schema:
                read.add(name)
            table.set("this", exp.to_identifier(name))
            table.set("ordinality", None)
            table.set("db", exp.to_identifier(schema) if schema else None)
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(function)))
        elif function in functions.CONSTANTS:
            _one_row(table, function)
        return
    if isinstance(table.this, exp.Func):
        table.set("db", None)  # pg_catalog.generate_series
        if not isinstance(table.this, _GIVING_ROWS):
            _one_row(table, table.this.sql_name().lower())
        return
    within = schema_of(table)
    if within is None:
        raise SqlError(UNKNOWN_RELATION, f"there is no relation {table.name[:60]} here")
    name = table.name.lower()
    if name not in relations()[within]:
        raise SqlError(UNKNOWN_RELATION, f"there is no relation {within}.{name[:60]} here")
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    table.set("catalog", None)
    table.set("this", exp.to_identifier(name))
    if within == PG_CATALOG and name in SESSION:
        read.add(name)
        table.set("db", None)
    else:
        table.set("db", exp.to_identifier(SCHEMAS[within]))


def _one_row(table: exp.Table, function: str) -> None:
    """A function that gives one value is a table of one row and one column of its name."""
    name = table.alias or function
    row = exp.select(exp.alias_(table.this.copy(), name)).subquery(name)
    if table.alias_column_names:
        row.args["alias"].set("columns", table.args["alias"].args["columns"])
    table.replace(row)


def _shown_vectors(tree: exp.Expr) -> None:
    """``indkey`` and its like are shown as ``1 2``, unlike arrays."""
    outer = tree
    while isinstance(outer, exp.SetOperation):
        outer = outer.this
    if not isinstance(outer, exp.Select):
        return
    for selected in list(outer.selects):
        column = selected.this if isinstance(selected, exp.Alias) else selected
        if isinstance(column, exp.Column) and column.name in _VECTORS:
            shown = exp.func("array_to_string", column.copy(), exp.Literal.string(" "))
            name = selected.alias_or_name
            selected.replace(exp.alias_(shown, name))


def _rewrite(
    node: exp.Expr, query: Understood, values: Sequence[pa.Scalar] | None, facts: SessionFacts
) -> exp.Expr:
    if isinstance(node, exp.Parameter | exp.Placeholder):
        number = placeholder_number(node)
        return placeholder_value(
            query.parameters[number - 1], None if values is None else values[number - 1]
        )
    if isinstance(node, exp.Cast):
        return cast(node, facts)
    if isinstance(node, exp.Like | exp.ILike) and not isinstance(node.parent, exp.Escape):
        return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
    if isinstance(node, exp.Collate):
        inner: exp.Expr = node.this
        return inner
    if isinstance(node, exp.Dot) and function_name(node) is not None:
        return call(node.expression, facts)
    name = function_name(node)
    if name is not None and not isinstance(node.parent, exp.Dot):
        return call(node, facts)
    if isinstance(node, exp.Bracket) and node.this.name in _VECTORS:  # which count from 0
        place = exp.Add(
            this=exp.paren(node.expressions[0].copy()), expression=exp.Literal.number(1)
        )
        return exp.Bracket(this=node.this.copy(), expressions=[place])
    if isinstance(node, exp.Any | exp.All):
        return _listed(node)
    if isinstance(node, exp.EQ | exp.NEQ) and _is_array_text(node.expression):
        items = array_items(node.expression.name)
        return type(node)(this=node.this.copy(), expression=literal(items))
    if isinstance(node, exp.Func) and type(node).__name__.startswith("Read"):
        raise unknown_function(type(node).__name__)
    return node


def _listed(node: exp.Any | exp.All) -> exp.Expr:
    """``ANY ('{a,b}')`` is of an array; ``ANY (ARRAY (SELECT ...))`` is of what is selected."""
    inner: exp.Expr = node.this.unnest()
    if isinstance(inner, exp.Literal) and inner.name.startswith("{"):
        try:
            return type(node)(this=literal(array_items(inner.name)))
        except ValueError:
            raise SqlError("22P02", "an array is malformed", hint=ARRAY) from None
    if isinstance(inner, exp.Array) and len(inner.expressions) == 1:
        (item,) = inner.expressions
        if isinstance(item, exp.Query):
            return type(node)(this=exp.Subquery(this=item.copy()))
    return node


def _is_array_text(node: exp.Expr) -> bool:
    """Whether it is an array of numbers, as PostgreSQL writes it in text."""
    return isinstance(node, exp.Literal) and bool(re.fullmatch(r"\{[\d,]*\}", node.name))
