"""Which names of a query are of its own common table expressions.

The engine has tables of its own. A name that is a common table expression's in one part of a query
must not be looked up among these in another part: so each is known by a name nothing else has.
"""

from __future__ import annotations

from sqlglot import exp

PREFIX = "cte "
"""No table begins like this."""


def cte_of(table: exp.Table) -> exp.CTE | None:
    """The common table expression a name is of, where it stands; None if it is of none."""
    if table.db or not isinstance(table.this, exp.Identifier):
        return None
    name = table.name.lower()
    below: exp.Expr = table
    within: exp.CTE | None = None
    while (node := below.parent) is not None:
        if isinstance(node, exp.CTE):
            within = node
        elif isinstance(node, exp.With):
            found = _among(node, name, within)
            if found is not None:
                return found
            below = node.parent or node  # the query it belongs to: its own names are looked at
            continue
        else:
            known = node.args.get("with_")
            if known is not None and known is not below:
                found = _among(known, name, None)
                if found is not None:
                    return found
        below = node
    return None


def _among(names: exp.With, name: str, within: exp.CTE | None) -> exp.CTE | None:
    """One of a WITH, as it is seen from `within` one of them, or else from their query."""
    for cte in names.expressions:
        if cte is within and not names.recursive:
            return None  # those that follow are not known yet
        if cte.alias.lower() == name:
            found: exp.CTE = cte
            return found
    return None


def rename_ctes(tree: exp.Expr) -> frozenset[int]:
    """Give every common table expression a name of its own, in place.

    The ids of the tables in the tree that are read from them.
    """
    reads = [(table, cte) for table in tree.find_all(exp.Table) if (cte := cte_of(table))]
    for table, _ in reads:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    for cte in list(tree.find_all(exp.CTE)):
        cte.args["alias"].set("this", _unlike_any(cte.alias))
    for table, _ in reads:
        table.set("this", _unlike_any(table.name))
    return frozenset(id(table) for table, _ in reads)


def _unlike_any(name: str) -> exp.Identifier:
    return exp.to_identifier(PREFIX + name.lower(), quoted=True)
