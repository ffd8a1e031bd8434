"""What stands in FROM: datasets, sub-queries and joins, and the names they bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from gateway.languages import moments
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import Kind, Operand, call, widest
from gateway.languages.dialects.operators import as_condition, as_value, comparison, united
from gateway.languages.dialects.scope import Alias, Column, Name, Scope, Source, lowered, spelling

TableName = tuple[str, ...]
Schemas = Mapping[TableName, pa.Schema]
"""The columns of every dataset by the name it has in the statement."""

_IGNORED = {"hints", "comments"}
"""Advice to an optimiser: it changes no answer."""

_LATER = {"unnest", "lateral", "explode"}


def table_name(table: exp.Table) -> TableName | None:
    """The name of a dataset as the engine will know it; None for a table function.

    Raises GatewayError for a version or moment that is not offered.
    """
    parts = table.parts
    if not parts or not all(isinstance(p, exp.Identifier) and p.name for p in parts):
        return None
    names = [lowered(p.name) for p in parts]
    names[-1] = moments.named(names[-1], table)
    return tuple(names)


def source_of(node: exp.Expr, context: Context, schemas: Schemas) -> exp.Expr:
    """Add what stands in FROM to the scope, and give it as our own SQL. Raises UserError."""
    if isinstance(node, exp.Table):
        return _table(node, context, schemas)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        _only(node, context, "this", "alias")
        found = context.query(node.this, _outside(context))
        return _aliased(node, exp.Subquery(this=found.sql), list(found.columns), context)
    if isinstance(node, exp.Values):
        return _values(node, context)
    name = type(node).__name__.upper()
    hint = "join the rows of a dataset instead" if name.lower() in _LATER else None
    raise context.refused(node, f"{name} in FROM", hint)


def _outside(context: Context) -> Scope:
    """The scope around a derived table: it does not see what stands beside it."""
    scope = context.scope
    return Scope(scope.client, scope.outer, dict(scope.ctes))


def _only(node: exp.Expr, context: Context, *parts: str) -> None:
    for name, part in node.args.items():
        if part and name not in parts and name not in _IGNORED:
            raise context.refused(
                node, f"{name.strip('_').upper()} of {type(node).__name__.upper()}"
            )


def _table(node: exp.Table, context: Context, schemas: Schemas) -> exp.Expr:
    _only(node, context, "this", "db", "catalog", "alias", "version", "when", "joins")
    if node.args.get("joins"):
        raise context.refused(node, "a join in brackets", "write it without brackets")
    name = table_name(node)
    if name is None:
        called = context.client.called(node.this) or getattr(node.this, "name", "")
        raise context.refused(node, f"the table function {called.upper()}".strip())
    cte = context.scope.cte(spelling(node.this, context.dialect)) if len(node.parts) == 1 else None
    if cte is not None:
        known, columns = cte
        sql = exp.Table(this=_identifier(known))
        return _aliased(node, sql, list(columns), context, (known,))
    schema = schemas.get(name)
    if schema is None:
        raise context.refused(node, "such a name of a dataset")
    keys = ("this", "db", "catalog")
    sql = exp.Table(**{k: _identifier(p) for k, p in zip(keys, reversed(name), strict=False)})
    start = node.parts[-1].meta.get("start")
    if start is not None:
        sql.this.meta["start"] = start
    columns = [Column(f.name, f.type) for f in schema]
    path = (*name[:-1], name[-1].partition("@")[0])
    return _aliased(node, sql, columns, context, path)


def _aliased(
    node: exp.Expr,
    sql: exp.Expr,
    columns: list[Column],
    context: Context,
    path: tuple[str, ...] = (),
) -> exp.Expr:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.this is not None:
        path = (spelling(alias.this, context.dialect).text,)
    taken = {source.alias for source in context.scope.sources}
    wanted = path[-1] if path else "__derived"
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    renamed = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    made = exp.TableAlias(this=_identifier(name))
    if renamed:
        if len(renamed) > len(columns):
            raise context.wrong(node, f"{wanted} has {len(columns)} columns, not {len(renamed)}")
        names = [spelling(_identifier_of(c), context.dialect).text for c in renamed]
        names += [c.name for c in columns[len(names) :]]
        columns = [replace(c, name=n) for c, n in zip(columns, names, strict=True)]
        made.set("columns", [_identifier(n) for n in names])
    sql.set("alias", made)
    context.scope.sources.append(Source(name, path, columns))
    return sql


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _identifier_of(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.ColumnDef) else node


def _values(node: exp.Values, context: Context) -> exp.Expr:
    _only(node, context, "expressions", "alias")
    alias = node.args.get("alias")
    rows = [r.expressions if isinstance(r, exp.Tuple) else [r] for r in node.expressions]
    if not isinstance(alias, exp.TableAlias) or len(alias.args.get("columns") or []) != len(
        rows[0]
    ):
        raise context.refused(node, "VALUES without names for its columns", "write AS t (a, b)")
    if any(len(row) != len(rows[0]) for row in rows):
        raise context.wrong(node, "the rows of VALUES have different lengths")
    made = [[context.operand(value) for value in row] for row in rows]
    columns = [united(list(column), node, context) for column in zip(*made, strict=True)]
    kinds = [widest([o.kind for o in column]) for column in columns]
    tuples = [exp.Tuple(expressions=[o.sql for o in row]) for row in zip(*columns, strict=True)]
    unnamed = [Column("", kind) for kind in kinds]
    return _aliased(node, exp.Values(expressions=tuples), unnamed, context)


# --- joins


def joined(node: exp.Join, context: Context, schemas: Schemas) -> exp.Join:
    """A join with what stands before it. Raises UserError."""
    _only(node, context, "this", "on", "using", "side", "kind", "method", "hint")
    side, kind, method = (str(node.args.get(k) or "").upper() for k in ("side", "kind", "method"))
    if kind not in {"", "INNER", "OUTER", "CROSS"} or method not in {"", "NATURAL"}:
        hint = {"SEMI": "write WHERE EXISTS", "ANTI": "write WHERE NOT EXISTS"}.get(kind)
        raise context.refused(node, f"{method} {side} {kind} JOIN".replace("  ", " ").strip(), hint)
    if side == "FULL" and context.dialect.name == "mysql":  # where FULL names the table before it
        raise context.refused(node, "FULL JOIN", "MySQL has none: write AS before the name FULL")
    scope = context.scope
    before = len(scope.sources)
    sql = source_of(node.this, context, schemas)
    on = node.args.get("on")
    using = node.args.get("using")
    condition: exp.Expr | None = None
    if on is not None:
        inner = context.within("on")
        condition = as_condition(inner.operand(on), on, inner)
    elif using or method:
        condition = _merge(node, using, side, before, context)
    if condition is None and (side or kind == "OUTER"):
        raise context.wrong(node, f"a {side or kind} JOIN needs its ON")
    if condition is None and kind == "INNER" and context.dialect.name not in {"mysql", "spark"}:
        raise context.wrong(node, "an INNER JOIN needs its ON")
    if condition is None:
        return exp.Join(this=sql, kind="CROSS")
    return exp.Join(this=sql, on=condition, side=side or None, kind=None if side else "INNER")


def _merge(
    node: exp.Join, using: list[exp.Expr] | None, side: str, before: int, context: Context
) -> exp.Expr | None:
    """USING and NATURAL as ON; each pair of columns becomes one."""
    scope = context.scope
    right = scope.sources[before]
    left_sources = scope.sources[:before]
    names = [spelling(_identifier_of(u), context.dialect) for u in using or []]
    if not using:
        known = [c.name for s in left_sources for c in s.columns]
        names = [Name(c.name, exact=True) for c in right.columns if c.name in known]
    condition: exp.Expr | None = None
    for name in names:
        left = [m.operand.copied() for m in scope.merged if name.means(m.name)]
        if not left:
            left = [s.column(c) for s in left_sources for c in s.columns if name.means(c.name)]
        here = [right.column(c) for c in right.columns if name.means(c.name)]
        if len(left) != 1 or len(here) != 1:
            raise context.wrong(node, f"the column {name.text} of USING is not once on each side")
        mine, theirs = as_value(left[0], context), as_value(here[0], context)
        equal = comparison(exp.EQ, mine.copied(), theirs.copied(), node, context).sql
        condition = equal if condition is None else exp.And(this=condition, expression=equal)
        _remember(name.text, mine, theirs, side, context)
    return condition


def _remember(name: str, left: Operand, right: Operand, side: str, context: Context) -> None:
    merged = context.scope.merged
    kind: Kind = widest([left.kind, right.kind])
    made = {"RIGHT": right, "FULL": Operand(call("coalesce", left.sql, right.sql), kind)}.get(
        side, left
    )
    merged[:] = [m for m in merged if m.name != name]
    merged.append(Alias(name, made, plain=side != "FULL"))
