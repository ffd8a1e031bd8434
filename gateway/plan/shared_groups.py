"""Groups that one statement computes several times, computed once: as a materialised CTE.

A plan has no word for a part that two operators read: a CTE of two uses is in it twice. Two SELECTs
that group the same rows by the same keys become reads of one CTE, which has the keys and whatever
aggregates either of them asks for. What stands above the groups (HAVING, ORDER BY, the outputs)
stays where it was. What looks at rows around it is left alone, and so is what may differ each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

_PARTS = {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset"}
_CORE = ("from_", "joins", "where", "group")
_VOLATILE = (exp.Rand, exp.Randn, exp.Uuid, exp.CurrentTimestamp, exp.Anonymous)
_SETS = (exp.GroupingSets, exp.Rollup, exp.Cube, exp.Tuple)
_NAME = "shared_{}"


def with_shared_groups(tree: exp.Query) -> exp.Query:
    """The statement with its repeated groups in CTEs; itself where there are none."""
    if not isinstance(tree, exp.Select) or tree.args.get("with_") is not None:
        return tree
    if len(list(tree.find_all(exp.Group))) < 2 or not _repeated(tree):
        return tree
    result = tree.copy()
    ctes: list[exp.CTE] = []
    while repeated := _repeated(result):
        shared = _Shared(_NAME.format(len(ctes) + 1))
        for select in repeated:
            if not shared.takes(select):
                return tree
        ctes.append(shared.cte())
    result.set("with_", exp.With(expressions=ctes))
    return result


def _repeated(tree: exp.Select) -> list[exp.Select]:
    """The first SELECTs found that group the same rows by the same keys; empty without any."""
    same: dict[str, list[exp.Select]] = defaultdict(list)
    for select in tree.find_all(exp.Select):
        if _may_be_shared(select):
            same[_text(_core(select), _labels(select))].append(select)
    return next((found for found in same.values() if len(found) > 1), [])


def _may_be_shared(select: exp.Select) -> bool:
    group = select.args.get("group")
    if group is None or any(v for k, v in group.args.items() if k != "expressions"):
        return False
    if group.find(*_SETS) is not None:
        return False
    if any(value and part not in _PARTS for part, value in select.args.items()):
        return False
    core = _core(select)
    labels = _labels(select)
    if select.find(exp.Window, *_VOLATILE) is not None:
        return False
    return all(column.table in labels for column in core.find_all(exp.Column))


def _core(select: exp.Select) -> exp.Select:
    """The rows and the keys: a SELECT without outputs."""
    core = exp.Select()
    for part in _CORE:
        value = select.args.get(part)
        if value is not None:
            core.set(part, [v.copy() for v in value] if isinstance(value, list) else value.copy())
    return core


def _labels(select: exp.Select) -> dict[str, str]:
    """The aliases in the rows of a SELECT, each with a name by the place where it stands."""
    found = (s.alias for s in _core(select).walk() if isinstance(s, (exp.Table, exp.Subquery)))
    return {alias: f"_{i}" for i, alias in enumerate(dict.fromkeys(a for a in found if a))}


def _text(node: exp.Expr, labels: dict[str, str]) -> str:
    """What a node says, whatever its tables are called."""
    copy = node.copy()
    for part in copy.walk():
        if isinstance(part, exp.Column) and part.table in labels:
            part.set("table", exp.to_identifier(labels[part.table]))
        elif isinstance(part, exp.TableAlias) and part.name in labels:
            part.set("this", exp.to_identifier(labels[part.name]))
    return repr(copy)


class _Shared:
    """One CTE in the making: its rows and keys are the first SELECT's that reads it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: exp.Select | None = None
        self._columns: dict[str, int] = {}
        self._outputs: list[exp.Expr] = []
        self._labels: dict[str, str] = {}

    def takes(self, select: exp.Select) -> bool:
        """Make `select` a read of the CTE, in place. False when it can not be one."""
        labels = _labels(select)
        if self._rows is None:
            self._rows, self._labels = _core(select), labels
            for key in select.args["group"].expressions:
                self._place(key, labels)
        alias = next(iter(labels))  # gone with the rows, and so free again
        for root in list(_above(select)):
            for node in _outermost(root):
                if isinstance(node, exp.Query):
                    if any(column.table in labels for column in node.find_all(exp.Column)):
                        return False
                elif isinstance(node, exp.AggFunc) or _text(node, labels) in self._columns:
                    place = self._place(node, labels)
                    node.replace(exp.column(f"c{place}", table=exp.to_identifier(alias)))
        table = exp.Table(
            this=exp.to_identifier(self._name),
            alias=exp.TableAlias(this=exp.to_identifier(alias)),
        )
        having = select.args.get("having")
        for part in ("joins", "where", "group", "having"):
            select.set(part, None)
        select.set("from_", exp.From(this=table))
        if having is not None:
            select.set("where", exp.Where(this=having.this))
        return all(
            column.table == alias
            for root in _above(select)
            for column in _outermost(root)
            if isinstance(column, exp.Column)
        )

    def cte(self) -> exp.CTE:
        """The CTE, when all have been taken."""
        assert self._rows is not None
        outputs = [exp.alias_(node, f"c{i}") for i, node in enumerate(self._outputs)]
        self._rows.set("expressions", outputs)
        alias = exp.TableAlias(this=exp.to_identifier(self._name))
        return exp.CTE(this=self._rows, alias=alias, materialized=True)

    def _place(self, node: exp.Expr, labels: dict[str, str]) -> int:
        text = _text(node, labels)
        if text not in self._columns:
            self._columns[text] = len(self._outputs)
            self._outputs.append(self._as_first(node, labels))
        return self._columns[text]

    def _as_first(self, node: exp.Expr, labels: dict[str, str]) -> exp.Expr:
        """The node under the aliases of the SELECT whose rows are the CTE's."""
        first = {label: alias for alias, label in self._labels.items()}
        copy = node.copy()
        for column in list(copy.find_all(exp.Column)):
            column.set("table", exp.to_identifier(first[labels[column.table]]))
        return copy


def _above(select: exp.Select) -> Iterator[exp.Expr]:
    """What a SELECT has above its groups."""
    yield from select.expressions
    for part in ("having", "where", "order"):
        clause = select.args.get(part)
        if clause is not None and (part != "where" or select.args.get("group") is None):
            yield clause


def _outermost(root: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression from above; not those in aggregates, columns and queries."""
    yield from root.walk(
        bfs=False, prune=lambda node: isinstance(node, (exp.AggFunc, exp.Column, exp.Query))
    )
