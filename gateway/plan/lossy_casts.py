"""Casts that cut digits off decimals, kept from the engine's eyes.

DataFusion 55 takes such a cast off the column it compares, ``CAST(amount AS INT) = 7`` becomes
``amount = 7.00``, also where sub-queries and views lie between the two: 7.40 is missed then. A
GREATEST of one value is that value, and is not looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
from sqlglot import exp

from gateway.plan.source import Columns

Scales = Mapping[str, int]
"""The digits behind the point of decimal columns, by name; the most where several have it."""

_WHOLE = exp.DataType.INTEGER_TYPES
_DECIMAL = (exp.DataType.Type.DECIMAL, exp.DataType.Type.BIGDECIMAL)


def scales(schemas: Iterable[pa.Schema]) -> dict[str, int]:
    """The scales of all decimal columns."""
    found: dict[str, int] = {}
    for field in (field for schema in schemas for field in schema):
        if pa.types.is_decimal(field.type):
            name = field.name.lower()
            found[name] = max(field.type.scale, found.get(name, 0))
    return found


def cuts_digits(tree: exp.Expr, known: Columns, decimals: Scales) -> bool:
    """Whether any cast of a query may cut digits off a decimal."""
    return bool(_lossy(tree, known, decimals))


def hidden(tree: exp.Expr, known: Columns, decimals: Scales) -> exp.Expr:
    """The query, changed in place, with such casts inside GREATEST."""
    for cast in reversed(_lossy(tree, known, decimals)):  # inner ones first
        cast.replace(exp.Greatest(this=cast.copy(), expressions=[], ignore_nulls=True))
    return tree


def _lossy(tree: exp.Expr, known: Columns, decimals: Scales) -> list[exp.Cast]:
    columns = {name.lower() for names in known.values() for name in names}
    return [c for c in tree.find_all(exp.Cast) if _is_lossy(c, columns, decimals)]


def _is_lossy(cast: exp.Cast, columns: set[str], decimals: Scales) -> bool:
    kept = _scale(cast.to)
    if kept is None or isinstance(cast.parent, exp.Greatest):
        return False
    for column in cast.this.find_all(exp.Column):
        name = column.name.lower()
        computed = cast.this is not column  # a product has more digits than its factors
        if name not in columns or (name in decimals and (computed or decimals[name] > kept)):
            return True
    return False


def _scale(kind: exp.DataType) -> int | None:
    """The digits behind the point that a number of a type keeps; None for other types."""
    if kind.this in _WHOLE:
        return 0
    if kind.this not in _DECIMAL:
        return None
    given = [int(p.name) for p in kind.expressions if p.name.isdecimal()]
    return given[1] if len(given) > 1 else 0 if given else None
