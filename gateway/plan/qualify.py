"""Qualified trees: every column with its table, every star spelt out, USING as ON.

Two users: a query that Substrait has no word for (USING) is tried again in this form, and a whole
query for one source may be sent as its own tree (`gateway.plan.own_tree`).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from gateway.plan.source import Columns, TableName

DIALECT = "postgres"
BOUND = "__dataset_{}"


def qualified(tree: exp.Expr, known: Columns) -> tuple[exp.Expr, dict[str, TableName]] | None:
    """The tree with tables named BOUND, and which is which; None when it can not be qualified."""
    tree = tree.copy()
    bound = _bind(tree, known)
    if bound is None:
        return None
    columns = {alias: dict.fromkeys(known[name], "unknown") for alias, name in bound.items()}
    if not _spell_natural(tree, columns):
        return None
    try:
        result = qualify(
            tree,
            schema=MappingSchema(dict(columns), dialect=DIALECT, normalize=False),
            dialect=DIALECT,
            identify=True,
        )
    except (
        *(SqlglotError, RecursionError, KeyError, ValueError, AttributeError),
        AssertionError,  # what sqlglot takes for granted, it asserts
    ):
        return None  # an attempt: the query has another form already
    return result, bound


def restore_names(tree: exp.Expr, bound: Mapping[str, TableName]) -> None:
    """Give the datasets in a qualified tree their names back, in place."""
    for table in tree.find_all(exp.Table):
        name = bound.get(table.name)
        if name is not None:
            parts = [exp.to_identifier(part, quoted=True) for part in name]
            for key, part in zip(("this", "db", "catalog"), reversed(parts), strict=False):
                table.set(key, part)


def _bind(tree: exp.Expr, known: Columns) -> dict[str, TableName] | None:
    """Name every dataset BOUND in place, keeping its name as the alias."""
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    aliases: dict[TableName, str] = {}
    for table in tree.find_all(exp.Table):
        parts = [p for p in table.parts if isinstance(p, exp.Identifier)]
        if len(parts) != len(table.parts):
            return None  # a table function
        name = tuple(p.name if p.quoted else p.name.lower() for p in parts)
        if name not in known:
            if name[0] in ctes and len(name) == 1:
                continue
            return None
        if len(name) == 1 and name[0] in ctes:
            return None  # whether it is the CTE depends on where it stands
        alias = aliases.setdefault(name, BOUND.format(len(aliases)))
        if not table.args.get("alias"):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name[-1], quoted=True)))
        for key in ("db", "catalog"):
            table.set(key, None)
        table.set("this", exp.to_identifier(alias, quoted=True))
    for column in tree.find_all(exp.Column):
        for key in ("db", "catalog"):
            column.set(key, None)
    return {alias: name for name, alias in aliases.items()}


def _spell_natural(tree: exp.Expr, columns: Mapping[str, Mapping[str, str]]) -> bool:
    """NATURAL as USING, in place; False when the columns of a side are not plain to see."""
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or []
        if not any(join.args.get("method") for join in joins):
            continue
        left = _names(select.args["from_"].this, columns)
        for join in joins:
            right = _names(join.this, columns)
            if left is None or right is None or join.args.get("method") not in {None, "NATURAL"}:
                return False
            if join.args.get("method"):
                shared = [name for name in left if name in right]
                join.set("method", None)
                if shared:
                    join.set("using", [exp.to_identifier(n, quoted=True) for n in shared])
                else:
                    join.set("kind", "CROSS")
            left = [*left, *(name for name in right if name not in left)]
    return True


def _names(relation: exp.Expr, columns: Mapping[str, Mapping[str, str]]) -> list[str] | None:
    if isinstance(relation, exp.Table) and relation.name in columns:
        return list(columns[relation.name])
    if isinstance(relation, exp.Subquery) and isinstance(relation.this, exp.Select):
        outputs = [p.alias_or_name for p in relation.this.selects]
        return None if "*" in outputs or "" in outputs else outputs
    return None
