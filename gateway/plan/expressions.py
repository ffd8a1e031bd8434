"""Writes Substrait expressions in a source's dialect, under that source's allow-list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp
from substrait.proto import AggregateFunction, AggregateRel, Expression, Rel

from connectors.capabilities import Kind, NotPushable, kind_of
from connectors.dialect import SqlDialect
from connectors.keys import written_list
from connectors.operands import Operand, natively
from connectors.trees import paren
from gateway.plan.relations import literal
from gateway.plan.trees import adopted
from gateway.plan.types import arrow_type

Columns = Sequence[Operand] | Mapping[int, Operand]
"""Operands by position; a mapping may leave out those that are not used."""
SubqueryWriter = Callable[[Rel], Operand]

_THROW = Expression.Cast.FAILURE_BEHAVIOR_THROW_EXCEPTION
_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT
_PREDICATES = {"like", "ilike", "not", "is_null", "is_not_null", "is_true", "is_false"}
"""Functions DataFusion writes without their type, which is boolean."""


class ExpressionWriter:
    """Turns expressions over `columns` into operands; every refusal is a NotPushable."""

    def __init__(
        self, dialect: SqlDialect, functions: Mapping[int, str], subquery: SubqueryWriter
    ) -> None:
        self._dialect = dialect
        self._functions = functions
        self._subquery = subquery

    def write(self, message: Expression, columns: Columns) -> Operand:
        """One expression. Raises NotPushable."""
        match message.WhichOneof("rex_type"):
            case "selection":
                return self._field(message.selection, columns)
            case "literal":
                value, data_type = literal(message.literal)
                tree = self._dialect.literal(value, data_type)
                return Operand(tree, data_type, value, is_literal=True)
            case "cast":
                return self._cast(message.cast, columns)
            case "scalar_function":
                return self._call(message.scalar_function, columns)
            case "singular_or_list":
                return self._in_list(message.singular_or_list, columns)
            case "if_then":
                return self._case(message.if_then, columns)
            case "subquery" if message.subquery.WhichOneof("subquery_type") == "scalar":
                return self._subquery(message.subquery.scalar.input)
            case "window_function":
                raise NotPushable("a window function")
            case other:
                raise NotPushable(f"an expression of kind {other}")

    def condition(self, message: Expression, columns: Columns) -> exp.Expr:
        """A boolean expression, as WHERE, ON and HAVING take it."""
        operand = self.write(message, columns)
        if operand.kind is not Kind.BOOLEAN:
            raise NotPushable("a condition that is not boolean")
        return operand.sql

    def measure(self, measure: AggregateRel.Measure, columns: Columns) -> Operand:
        """One aggregate of a GROUP BY. Raises NotPushable."""
        call = measure.measure
        name = self._functions[call.function_reference]
        if call.sorts:
            raise NotPushable(f"{name} over ordered rows")
        args = [self.write(a.value, columns) for a in call.arguments]
        returns = aggregate_type(name, [a.type for a in args])
        if measure.HasField("filter"):
            args = [self._only_where(self.condition(measure.filter, columns), args)]
        if call.invocation == _DISTINCT:
            groups = self._dialect.capabilities.groups
            for arg in args:
                self._dialect.require_kind("DISTINCT over", groups, arg.type)
            args = [replace(a, sql=exp.Distinct(expressions=[a.sql])) for a in args]
        return Operand(self._dialect.aggregate(name, args, returns), returns)

    def _only_where(self, condition: exp.Expr, args: Sequence[Operand]) -> Operand:
        # FILTER is not known everywhere; every aggregate here ignores NULLs, so CASE says the same
        arg = args[0] if args else Operand(exp.Literal.number(1), pa.int64())
        tree = exp.Case(ifs=[exp.If(this=condition, true=arg.sql)])
        return Operand(tree, arg.type)

    def _field(self, reference: Expression.FieldReference, columns: Columns) -> Operand:
        segment = reference.direct_reference
        if not segment.HasField("struct_field") or segment.struct_field.HasField("child"):
            raise NotPushable("access into a nested value")
        column = columns[segment.struct_field.field]
        if column.seal is not None:
            raise NotPushable("a column that only the gateway can mask")
        return column.written(adopted(column.sql))

    def _cast(self, message: Expression.Cast, columns: Columns) -> Operand:
        if message.failure_behavior != _THROW:
            raise NotPushable("try_cast")
        operand = self.write(message.input, columns)
        to = arrow_type(message.type)
        return Operand(self._dialect.cast(operand, to), to)

    def _call(self, message: Expression.ScalarFunction, columns: Columns) -> Operand:
        name = self._functions[message.function_reference]
        args = [self.write(a.value, columns) for a in message.arguments]
        if message.HasField("output_type"):
            returns = arrow_type(message.output_type)
        elif name in _PREDICATES:
            returns = pa.bool_()
        else:
            raise NotPushable(f"function {name} without a type")
        return Operand(self._dialect.call(name, args, returns), returns)

    def _in_list(self, message: Expression.SingularOrList, columns: Columns) -> Operand:
        value = self.write(message.value, columns)
        options = [self.write(o, columns) for o in message.options]
        listed = written_list(self._dialect.keys, value, options)
        tests = [
            self._dialect.call("equal", (replace(value, sql=value.sql.copy()), o), pa.bool_())
            for o in (options if listed is None else options[:1])
        ]
        if listed is not None:
            tree: exp.Expr = listed
        elif "equal" in self._dialect.builders:  # the source tests equality in its own way
            tree = tests[0]
            for test in tests[1:]:
                tree = exp.Or(this=tree, expression=test)
        else:
            value, *options = natively((value, *options)) or (value, *options)
            tree = exp.In(this=value.sql, expressions=[o.sql for o in options])
        return Operand(paren(tree), pa.bool_())

    def _case(self, message: Expression.IfThen, columns: Columns) -> Operand:
        branches = [
            (self.condition(getattr(clause, "if"), columns), self.write(clause.then, columns))
            for clause in message.ifs
        ]
        default = (
            self.write(getattr(message, "else"), columns) if message.HasField("else") else None
        )
        results = [result for _, result in branches] + ([default] if default else [])
        types = {r.type for r in results if kind_of(r.type) is not Kind.NULL}
        if len(types) != 1:
            raise NotPushable("a CASE whose branches have different types")
        tree = exp.Case(
            ifs=[exp.If(this=test, true=result.sql) for test, result in branches],
            default=default.sql if default else None,
        )
        return Operand(paren(tree), types.pop())


def aggregate_type(name: str, args: Sequence[pa.DataType]) -> pa.DataType:
    """The type DataFusion gives an aggregate. Raises NotPushable for one not listed here."""
    if name == "count":
        return pa.int64()
    if not args:
        raise NotPushable(f"aggregate {name}")
    arg = args[0]
    kind = kind_of(arg)
    if name in {"min", "max"}:
        return arg
    if name == "sum":
        if kind is Kind.DECIMAL and pa.types.is_decimal128(arg):
            return pa.decimal128(min(38, arg.precision + 10), arg.scale)
        if kind in _SUMS:
            return _SUMS[kind]
    if name == "avg":
        if kind is Kind.DECIMAL and pa.types.is_decimal128(arg):
            return pa.decimal128(min(38, arg.precision + 4), min(38, arg.scale + 4))
        if kind in {Kind.FLOAT, Kind.INTEGER}:
            return pa.float64()
    raise NotPushable(f"aggregate {name} over {arg}")


_SUMS = {Kind.INTEGER: pa.int64(), Kind.UNSIGNED: pa.uint64(), Kind.FLOAT: pa.float64()}
