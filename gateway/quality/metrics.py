"""Library metrics: all those of one dataset as one aggregate query, and what its row comes to.

The query is a tree with quoted names. It counts; no value of a row is in its answer.

* ``nullValues``: rows in which the column is NULL.
* ``missingValues``: rows in which it is one of the values that count as missing.
* ``invalidValues``: rows in which it is something else than one of the valid values, or does not
  match the pattern. NULL is neither valid nor invalid.
* ``duplicateValues``: rows too many: those with values in all the columns, less the distinct ones.
* ``rowCount``: rows.

In percent, it is of all rows; of no rows it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from sqlglot import exp

from gateway.model import Address, Dataset, QualityRule

ROWS = "n"


def table(address: Address) -> exp.Table:
    """The dataset, in its version, as a FROM clause names it."""
    leaf = f"{address.dataset}@{address.version}" if address.version else address.dataset
    return exp.Table(this=_name(leaf), db=_name(address.product), catalog=_name(address.domain))


def query(dataset: Dataset, rules: Sequence[QualityRule]) -> exp.Select:
    """One row: `ROWS`, and for the n-th rule a number called ``m<n>``.

    What a source may not be able to do stands in a sub-query of its own: else all columns of all
    rows would have to come for one of the rules.
    """
    measures = [_measure(dataset, rule) for rule in rules]
    counted: exp.Expr = exp.Count(this=exp.Star())
    outputs = [exp.alias_(counted, ROWS, quoted=True)]
    outputs += [exp.alias_(m, f"m{n}", quoted=True) for n, m in enumerate(measures)]
    return exp.Select(expressions=outputs).from_(table(dataset.address))


def value(rule: QualityRule, number: int, row: Mapping[str, int]) -> float:
    """The metric of the n-th rule in the query's row."""
    rows, measured = row[ROWS], row[f"m{number}"]
    if rule.metric == "nullValues":
        measured = rows - measured
    measured = max(measured, 0)  # rows may go between two looks of the engine at them
    if not rule.percent:
        return measured
    return 100 * measured / rows if rows else 0.0


def _measure(dataset: Dataset, rule: QualityRule) -> exp.Expr:
    if rule.metric == "rowCount":
        return exp.Count(this=exp.Star())
    if rule.metric == "nullValues":
        return exp.Count(this=column(rule.column))
    if rule.metric == "duplicateValues":
        return _duplicates(dataset, rule.columns)
    kind = dataset.schema.field(rule.column).type
    condition = _missing if rule.metric == "missingValues" else _invalid
    counted = _rows_where(condition(rule, kind))
    return _apart(dataset, counted) if rule.pattern else counted


def _missing(rule: QualityRule, kind: pa.DataType) -> exp.Expr:
    it = column(rule.column)
    conditions: list[exp.Expr] = []
    if None in rule.values:
        conditions.append(exp.Is(this=it.copy(), expression=exp.Null()))
    conditions += _equal(it, rule, kind)
    return _any(conditions)


def _invalid(rule: QualityRule, kind: pa.DataType) -> exp.Expr:
    """Neither is ever true of NULL."""
    it = column(rule.column)
    conditions: list[exp.Expr] = []
    if rule.values:
        conditions.append(exp.Not(this=exp.Paren(this=_any(_equal(it, rule, kind)))))
    if rule.pattern:
        matches = exp.RegexpLike(this=it.copy(), expression=exp.Literal.string(rule.pattern))
        conditions.append(exp.Not(this=exp.Paren(this=matches)))
    return _any(conditions)


def _equal(it: exp.Column, rule: QualityRule, kind: pa.DataType) -> list[exp.Expr]:
    literals = [_literal(v, kind) for v in rule.values if v is not None]
    return [exp.In(this=it.copy(), expressions=literals)] if literals else []


def _literal(given: str | float | bool, kind: pa.DataType) -> exp.Expr:
    if isinstance(given, bool):
        return exp.Boolean(this=given)
    if not isinstance(given, str):
        return exp.Literal.number(repr(given))
    text = exp.Literal.string(given)
    if pa.types.is_date(kind):
        return exp.cast(text, "date")
    if pa.types.is_time(kind):
        return exp.cast(text, "time")
    if pa.types.is_timestamp(kind):
        return exp.cast(text, "timestamptz" if kind.tz else "timestamp")
    return text


def extremes(dataset: Dataset, columns: Sequence[str]) -> exp.Select:
    """One row: for the n-th column its least value, ``l<n>``, and its greatest, ``g<n>``."""
    outputs: list[exp.Expr] = []
    for n, name in enumerate(columns):
        outputs.append(exp.alias_(exp.Min(this=column(name)), f"l{n}", quoted=True))
        outputs.append(exp.alias_(exp.Max(this=column(name)), f"g{n}", quoted=True))
    return exp.Select(expressions=outputs).from_(table(dataset.address))


def _duplicates(dataset: Dataset, columns: Sequence[str]) -> exp.Expr:
    """Rows that have all the columns, less how many different ones there are."""
    if len(columns) == 1:
        (name,) = columns
        distinct = exp.Count(this=exp.Distinct(expressions=[column(name)]))
        return _apart(dataset, exp.Sub(this=exp.Count(this=column(name)), expression=distinct))
    there = exp.and_(
        *(exp.Not(this=exp.Is(this=column(c), expression=exp.Null())) for c in columns), copy=False
    )
    groups = (
        exp.Select(expressions=[column(c) for c in columns])
        .from_(table(dataset.address))
        .where(there.copy())
        .group_by(*(column(c) for c in columns))
    )
    counted = exp.Select(expressions=[exp.Count(this=exp.Star())]).from_(
        exp.Subquery(this=groups, alias=exp.TableAlias(this=_name("groups")))
    )
    return exp.Sub(this=_rows_where(there), expression=exp.Subquery(this=counted))


def _apart(dataset: Dataset, measure: exp.Expr) -> exp.Expr:
    """The measure over the dataset by itself."""
    return exp.Subquery(this=exp.Select(expressions=[measure]).from_(table(dataset.address)))


def _rows_where(condition: exp.Expr) -> exp.Expr:
    one = exp.If(this=condition, true=exp.Literal.number(1))
    return exp.Count(this=exp.Case(ifs=[one]))


def _any(conditions: Sequence[exp.Expr]) -> exp.Expr:
    return exp.or_(*conditions, copy=False) if conditions else exp.Boolean(this=False)


def column(name: str) -> exp.Column:
    """A column as a query names it."""
    return exp.Column(this=_name(name))


def _name(text: str) -> exp.Identifier:
    return exp.Identifier(this=text, quoted=True)
