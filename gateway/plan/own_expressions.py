"""Expressions of a query's own tree, typed as DataFusion types them, in a source's dialect."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable
from connectors.dialect import SqlDialect
from connectors.keys import written_list
from connectors.operands import Operand, natively
from connectors.trees import paren
from gateway.plan.expressions import aggregate_type
from gateway.plan.scalar_casts import cast_inside
from gateway.plan.trees import adopted

ColumnOf = Callable[[str, str], Operand]
SubqueryOf = Callable[[exp.Expr], tuple[exp.Query, tuple[Operand, ...]]]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "equal",
    exp.NEQ: "not_equal",
    exp.LT: "lt",
    exp.LTE: "lte",
    exp.GT: "gt",
    exp.GTE: "gte",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "add",
    exp.Sub: "subtract",
    exp.Mul: "multiply",
    exp.Div: "divide",
}
_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Count: "count",
}
_PLAIN = {"this", "expression"}
_PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Div: {"this", "expression", "typed"},
    exp.Column: {"this", "table"},
    exp.Literal: {"this", "is_string"},
    exp.Cast: {"this", "to"},
    exp.Between: {"this", "low", "high"},
    exp.In: {"this", "expressions", "query"},
    exp.Like: {"this", "expression", "negate"},
    exp.Is: {"this", "expression", "negate"},
    exp.Case: {"ifs", "default"},
    exp.Substring: {"this", "start", "length"},
    exp.Count: {"this", "big_int"},
}
"""What a node may consist of; anything else would change its meaning unnoticed."""

_EXACT = pa.decimal128(38, 15)
"""What DataFusion compares a decimal and a float as."""


def only(tree: exp.Expr, parts: Collection[str]) -> None:
    """Raise NotPushable if the node has a part that its writer would not write."""
    for part, value in tree.args.items():
        if value and part not in parts:
            raise NotPushable(f"{type(tree).__name__} with {part} in the query's own form")


class OwnExpressions:
    """Writes expressions of one scope. Every refusal is a NotPushable."""

    def __init__(self, dialect: SqlDialect, column: ColumnOf, subquery: SubqueryOf) -> None:
        self._dialect = dialect
        self._column = column
        self._subquery = subquery
        self.fallible = False
        """Whether anything was written that may fail for some value of its columns."""

    def condition(self, tree: exp.Expr) -> exp.Expr:
        """A boolean expression."""
        operand = self.write(tree)
        if operand.kind is not Kind.BOOLEAN:
            raise NotPushable("a condition that is not boolean")
        return operand.sql

    def write(self, tree: exp.Expr) -> Operand:
        """One expression with its type."""
        node = type(tree)
        only(tree, _PARTS.get(node, _PLAIN))
        if node in _COMPARISONS:
            left, right = self._side(tree.this), self._side(tree.expression)
            return self._compared(_COMPARISONS[node], left, right)
        if node in _ARITHMETIC:
            return self._computed(tree)
        if node in _AGGREGATES:
            return self._aggregated(tree)
        match tree:
            case exp.Paren():
                return self.write(tree.this)
            case exp.Column():
                operand = self._column(tree.table, tree.name)
                if operand.seal is not None:
                    raise NotPushable("a column that only the gateway can mask")
                return operand.written(adopted(operand.sql))
            case exp.Literal() | exp.Null() | exp.Boolean():
                return self._literal(tree)
            case exp.Neg() if isinstance(tree.this, exp.Literal) and not tree.this.is_string:
                number = -(int(tree.this.this) if tree.this.is_int else float(tree.this.this))
                return self._constant(number, pa.int64() if tree.this.is_int else pa.float64())
            case exp.Cast():
                return self._cast(tree)
            case exp.And() | exp.Or():
                name = "and" if isinstance(tree, exp.And) else "or"
                return self._call(name, [self.write(tree.this), self.write(tree.expression)])
            case exp.Not():
                return self._call("not", [self.write(tree.this)])
            case exp.Is() if isinstance(tree.expression, exp.Null):
                name = "is_not_null" if tree.args.get("negate") else "is_null"
                return self._call(name, [self.write(tree.this)])
            case exp.Is() if isinstance(tree.expression, exp.Boolean):
                negated = "not_" if tree.args.get("negate") else ""
                name = f"is_{negated}{'true' if tree.expression.this else 'false'}"
                return self._call(name, [self.write(tree.this)])
            case exp.Between():
                value = self.write(tree.this)
                low = self._compared("gte", value, self.write(tree.args["low"]))
                again = self.write(tree.this)
                high = self._compared("lte", again, self.write(tree.args["high"]))
                return self._call("and", [low, high])
            case exp.Like():
                like = self._call("like", [self.write(tree.this), self.write(tree.expression)])
                return self._call("not", [like]) if tree.args.get("negate") else like
            case exp.In():
                return self._in(tree)
            case exp.Exists():
                query, _ = self._subquery(tree.this)
                return Operand(exp.Exists(this=query), pa.bool_())
            case exp.Subquery():
                return self._scalar(tree)
            case exp.Case():
                return self._case(tree)
            case exp.Extract():
                self.fallible = True
                part = self._constant(tree.this.name.upper(), pa.string())
                return self._call("date_part", [part, self.write(tree.expression)], pa.int32())
            case exp.Substring():
                self.fallible = True
                bounds = [tree.args.get("start"), tree.args.get("length")]
                args = [self.write(tree.this), *(self.write(b) for b in bounds if b is not None)]
                return self._call("substring", args, pa.string())
        raise NotPushable(f"{node.__name__} in the query's own form")

    def _side(self, tree: exp.Expr) -> Operand:
        """One side of a comparison: where a NULL needs no type of its own."""
        if isinstance(tree, exp.Null):
            return Operand(exp.null(), pa.null(), None, is_literal=True)
        return self.write(tree)

    def _call(
        self, name: str, args: Sequence[Operand], returns: pa.DataType | None = None
    ) -> Operand:
        returns = returns or pa.bool_()
        return Operand(self._dialect.call(name, args, returns), returns)

    def _constant(self, value: object, data_type: pa.DataType) -> Operand:
        tree = self._dialect.literal(value, data_type)
        return Operand(tree, data_type, value, is_literal=True)

    def _literal(self, tree: exp.Expr) -> Operand:
        if isinstance(tree, exp.Null):
            raise NotPushable("an untyped NULL")
        if isinstance(tree, exp.Boolean):
            return self._constant(bool(tree.this), pa.bool_())
        if tree.is_string:
            return self._constant(tree.this, pa.string())
        if tree.is_int:
            return self._constant(int(tree.this), pa.int64())
        return self._constant(float(tree.this), pa.float64())

    def _cast(self, tree: exp.Cast) -> Operand:
        if isinstance(tree, exp.TryCast):
            raise NotPushable("try_cast")
        target = tree.to.this
        if isinstance(tree.this, exp.Literal) and tree.this.is_string:
            constant = _typed_constant(tree.this.this, tree.to)
            if constant is not None:
                return self._constant(*constant)
        types = {
            exp.DataType.Type.DOUBLE: pa.float64(),
            exp.DataType.Type.BIGINT: pa.int64(),
            exp.DataType.Type.INT: pa.int32(),
        }
        if target not in types:
            raise NotPushable(f"a cast to {tree.to.sql()}")
        operand = self.write(tree.this)
        self.fallible |= not operand.is_literal
        return Operand(self._dialect.cast(operand, types[target]), types[target])

    def _compared(self, name: str, left: Operand, right: Operand) -> Operand:
        """A comparison; with an untyped NULL it is NULL, whatever the other side."""
        left, right = self._alike(left, right), self._alike(right, left)
        kinds = {left.kind, right.kind}
        if len(kinds) > 1 and kinds != {Kind.INTEGER, Kind.DECIMAL}:
            raise NotPushable(f"a comparison of {left.type} with {right.type}")
        return self._call(name, [left, right])

    def _alike(self, operand: Operand, other: Operand) -> Operand:
        """The operand as DataFusion coerces it for a comparison with `other`."""
        if operand.kind is Kind.NULL and operand.is_literal:
            return self._constant(None, other.type)
        if operand.kind is Kind.FLOAT and other.kind is Kind.DECIMAL:
            if isinstance(operand.literal, float):
                exact = decimal.Decimal(repr(operand.literal))
                digits = -int(exact.as_tuple().exponent)
                if digits > other.type.scale:
                    raise NotPushable("a constant finer than the column")
                return self._constant(exact, pa.decimal128(38, max(digits, 0)))
            self.fallible = True
            return Operand(cast_inside(self._dialect.cast, operand, _EXACT), _EXACT)
        if operand.kind is Kind.INTEGER and other.kind is Kind.FLOAT:
            return Operand(self._dialect.cast(operand, pa.float64()), pa.float64())
        if isinstance(operand.literal, str) and other.kind is Kind.DATE:
            return self._constant(_date(operand.literal), pa.date32())
        return operand

    def _computed(self, tree: exp.Expr) -> Operand:
        name = _ARITHMETIC[type(tree)]
        if isinstance(tree.expression, exp.Interval):
            return self._shifted(tree)
        left, right = self.write(tree.this), self.write(tree.expression)
        self.fallible |= not (left.is_literal and right.is_literal)
        kinds = {left.kind, right.kind}
        if not kinds <= {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
            raise NotPushable(f"{name} of {left.type} and {right.type}")
        if Kind.FLOAT in kinds:
            double = pa.float64()
            args = [
                a if a.kind is Kind.FLOAT else Operand(self._dialect.cast(a, double), double)
                for a in (left, right)
            ]
            if right.is_literal:
                args[1] = replace(args[1], literal=right.literal, is_literal=True)
            return self._call(name, args, double)
        if kinds == {Kind.INTEGER}:
            return self._call(name, [left, right], pa.int64())
        return self._call(name, [left, right], _decimal_type(name, left.type, right.type))

    def _shifted(self, tree: exp.Expr) -> Operand:
        """A constant date plus or minus a constant interval, computed here."""
        base = self.write(tree.this)
        interval = tree.expression
        if not isinstance(base.literal, dt.date) or not isinstance(interval.this, exp.Literal):
            raise NotPushable("arithmetic with intervals")
        count = int(interval.this.this) * (1 if isinstance(tree, exp.Add) else -1)
        unit = interval.text("unit").upper().rstrip("S")
        return self._constant(_shift(base.literal, count, unit), pa.date32())

    def _aggregated(self, tree: exp.Expr) -> Operand:
        name = _AGGREGATES[type(tree)]
        inner = tree.this
        if isinstance(inner, exp.Star):
            return Operand(self._dialect.aggregate(name, [], pa.int64()), pa.int64())
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            if len(inner.expressions) != 1:
                raise NotPushable("DISTINCT over several values")
            inner = inner.expressions[0]
        if tree.expressions:
            raise NotPushable(f"{name} of several values")
        arg = self.write(inner)
        if name == "avg" and arg.kind is Kind.INTEGER:
            arg = Operand(self._dialect.cast(arg, pa.float64()), pa.float64())
        returns = aggregate_type(name, [arg.type])
        if distinct:
            groups = self._dialect.capabilities.groups
            self._dialect.require_kind("DISTINCT over", groups, arg.type)
            arg = replace(arg, sql=exp.Distinct(expressions=[arg.sql]))
        return Operand(self._dialect.aggregate(name, [arg], returns), returns)

    def _in(self, tree: exp.In) -> Operand:
        value = self.write(tree.this)
        query = tree.args.get("query")
        if query is not None:
            body, columns = self._subquery(query.unnest())
            if len(columns) != 1 or columns[0].type != value.type:
                raise NotPushable("IN over another type")
            self._call("equal", [value, columns[0]])
            return Operand(exp.In(this=value.sql, query=exp.Subquery(this=body)), pa.bool_())
        options = [self._alike(self._side(e), value) for e in tree.expressions]
        listed = written_list(self._dialect.keys, value, options)
        if listed is not None:
            self._compared("equal", value, options[0])
            return Operand(listed, pa.bool_())
        for option in options:
            self._compared("equal", value, option)
        if "equal" in self._dialect.builders:  # the source tests equality in its own way
            tests = [self._compared("equal", self.write(tree.this), o) for o in options]
            return tests[0] if len(tests) == 1 else self._call("or", tests)
        value, *options = natively((value, *options)) or (value, *options)
        return Operand(
            paren(exp.In(this=value.sql, expressions=[o.sql for o in options])), pa.bool_()
        )

    def _scalar(self, tree: exp.Subquery) -> Operand:
        body, columns = self._subquery(tree.this)
        if len(columns) != 1:
            raise NotPushable("a sub-query of several columns")
        return Operand(exp.Subquery(this=body), columns[0].type)

    def _case(self, tree: exp.Case) -> Operand:
        ifs = [(self.condition(i.this), self.write(i.args["true"])) for i in tree.args["ifs"]]
        default = tree.args.get("default")
        otherwise = self.write(default) if default is not None else None
        results = [r for _, r in ifs] + ([otherwise] if otherwise else [])
        types = {r.type for r in results}
        decimals = [t for t in types if pa.types.is_decimal(t)]
        if len(types) == 2 and len(decimals) == 1 and pa.int64() in types:
            types = {_union(decimals[0])}
        if len(types) != 1:
            raise NotPushable("a CASE whose branches have different types")
        return Operand(
            paren(
                exp.Case(
                    ifs=[exp.If(this=test, true=result.sql) for test, result in ifs],
                    default=otherwise.sql if otherwise else None,
                )
            ),
            types.pop(),
        )


def _union(data_type: pa.DataType) -> pa.DataType:
    """The decimal DataFusion gives a CASE over this decimal and a bigint."""
    return pa.decimal128(
        min(38, max(data_type.precision - data_type.scale, 20) + data_type.scale), data_type.scale
    )


def _decimal_type(name: str, left: pa.DataType, right: pa.DataType) -> pa.DataType:
    """Arrow's type of decimal arithmetic; integers count as decimals without fraction."""
    p1, s1 = _digits(left)
    p2, s2 = _digits(right)
    if name == "multiply":
        return pa.decimal128(min(38, p1 + p2 + 1), s1 + s2)
    if name == "divide":
        scale = min(38, s1 + 4)
        return pa.decimal128(min(38, p1 - s1 + s2 + scale), scale)
    scale = max(s1, s2)
    return pa.decimal128(min(38, max(p1 - s1, p2 - s2) + scale + 1), scale)


def _digits(data_type: pa.DataType) -> tuple[int, int]:
    if pa.types.is_decimal(data_type):
        return data_type.precision, data_type.scale
    return {8: 3, 16: 5, 32: 10, 64: 20}[data_type.bit_width], 0


def _typed_constant(text: str, to: exp.DataType) -> tuple[object, pa.DataType] | None:
    """A constant cast on the spot, as value and type; None for a type that is cast otherwise."""
    if to.this is exp.DataType.Type.DATE:
        return _date(text), pa.date32()
    if to.this is exp.DataType.Type.TIMESTAMP:
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            raise NotPushable("a timestamp in another form") from None
        if moment.tzinfo is not None:
            raise NotPushable("a timestamp with an offset")
        return moment, pa.timestamp("us")
    if to.this is exp.DataType.Type.DECIMAL and len(to.expressions) == 2:
        precision, scale = (int(part.name) for part in to.expressions)
        value = decimal.Decimal(text)
        if -int(value.as_tuple().exponent) > scale:
            raise NotPushable("a constant finer than its type")
        return value, pa.decimal128(precision, scale)
    return None


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise NotPushable("a date in another form") from None


def _shift(date: dt.date, count: int, unit: str) -> dt.date:
    if unit == "DAY":
        return date + dt.timedelta(days=count)
    if unit not in {"MONTH", "YEAR"}:
        raise NotPushable(f"an interval of {unit.lower()}")
    months = date.year * 12 + date.month - 1 + count * (12 if unit == "YEAR" else 1)
    year, month = divmod(months, 12)
    last = (dt.date(year + (month == 11), (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(date.day, last))
