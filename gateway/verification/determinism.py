"""Which queries have one right answer: the others may differ from run to run without an error."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

_ANY_ORDER = (
    exp.RowNumber,
    exp.FirstValue,
    exp.LastValue,
    exp.NthValue,
    exp.Lag,
    exp.Lead,
    exp.Ntile,
    exp.ArrayAgg,
    exp.GroupConcat,
    exp.First,
    exp.Last,
    exp.AnyValue,
)
"""What depends on the order of rows that are equal in the order asked for, if any is."""

_VOLATILE = (exp.Rand, exp.Uuid, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDate)
_VOLATILE_NAMES = frozenset({"RANDOM", "UUID", "NOW", "TODAY", "FIRST_VALUE", "LAST_VALUE"})


@dataclass(frozen=True, slots=True)
class SeveralAnswers:
    """Why a query may rightly have several answers, and what to ask instead."""

    reason: str
    hint: str


_TOTAL_ORDER = "order by columns that tell every two rows apart"


def order_decides(tree: exp.Expr) -> SeveralAnswers | None:
    """Why the query may rightly have several answers, None when it has one."""
    if tree.find(*_VOLATILE) or any(
        call.name.upper() in _VOLATILE_NAMES for call in tree.find_all(exp.Anonymous)
    ):
        return SeveralAnswers(
            "it asks for the time or for something random",
            "write the time or the value itself",
        )
    if tree.find(*_ANY_ORDER):
        return SeveralAnswers(
            "it depends on the order of rows that may be equal in the order asked for",
            _TOTAL_ORDER,
        )
    if tree.find(exp.Limit, exp.Fetch, exp.Offset):
        return SeveralAnswers(
            "it is cut to a number of rows, and rows may be equal in the order asked for",
            f"leave the limit out, or {_TOTAL_ORDER}",
        )
    distinct = tree.find(exp.Distinct)
    if distinct is not None and distinct.args.get("on"):
        return SeveralAnswers(
            "DISTINCT ON keeps any of several rows",
            _TOTAL_ORDER,
        )
    return None


def sort_positions(tree: exp.Expr) -> list[int] | None:
    """The output columns the answer is sorted by, first key first; None when that is unclear.

    As many as can be told from the left: an answer sorted by a, b is sorted by a.
    """
    order = tree.args.get("order")
    outputs = tree.selects if isinstance(tree, exp.Query) else []
    if order is None or any(output.is_star for output in outputs):
        return None
    names = [output.alias_or_name for output in outputs]
    positions: list[int] = []
    for key in order.expressions:
        by = key.this
        if isinstance(by, exp.Literal) and by.is_int and 0 < int(by.this) <= len(names):
            positions.append(int(by.this) - 1)
        elif isinstance(by, exp.Column) and not by.table and names.count(by.name) == 1:
            positions.append(names.index(by.name))
        else:
            break
    return positions or None
