"""The types of a statement's parameters, as the engine infers them, and values fitted to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa
from datafusion import SessionContext

from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import is_panic
from gateway.errors import InvalidQuery, LimitExceeded
from gateway.plan.fragment import FragmentReads
from gateway.plan.sessions import Form, register_tables
from gateway.plan.source import Tables, Views
from gateway.plan.types import plain_type

T = TypeVar("T")

UNTYPED = pa.string()
"""What a parameter is where nothing says otherwise, as in PostgreSQL."""

ASKED = 200
"""How often the engine is asked about one statement when some parameters are of no known type."""

MAX_MEMBERS = 40_000
"""How many values a list may have: all of them are words of the statement that is run."""

_TYPES = re.compile(r'Prepare: "\w+" \[(?P<types>.*)\]$')


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a statement takes: `types` of its numbers from 1 on, under the names "1", "2", ...

    `names` are those the answer's columns have while the values are not known; empty when the
    engine can not say.
    """

    types: pa.Schema
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Untyped:
    """A statement before its parameters have types. `spans` are (start, end, number) in order;
    `casts` are SQL types that numbers are cast to, `limits` the numbers that count rows, `lists`
    those that are lists: a span of such a one is written around its members by `tests`. `declared`
    are the types of numbers where nothing in the text says what they are."""

    text: str
    spans: Sequence[tuple[int, int, int]]
    count: int
    casts: Mapping[int, str]
    limits: frozenset[int]
    lists: frozenset[int] = frozenset()
    tests: Mapping[int, Callable[[str], str]] = field(default_factory=dict)
    declared: Mapping[int, pa.DataType] = field(default_factory=dict)

    def only(self, numbers: Sequence[int]) -> str:
        """The text with these parameters alone, as $1 and so on; NULL stands for the others."""
        places = {number: f"${i}" for i, number in enumerate(numbers, start=1)}
        parts, end = [], 0
        for span, (start, stop, number) in enumerate(self.spans):
            place = places.get(number, "NULL")
            if span in self.tests:
                place = self.tests[span](place)
            parts += [self.text[end:start], place]
            end = stop
        return "".join([*parts, self.text[end:]])


def parameters(statement: Untyped, tables: Tables, views: Views, config: Config) -> Parameters:
    """The types of all parameters, and the answer's names. It reads nothing and raises nothing:
    what is wrong with the statement is found when it is planned."""
    context = engine.session(config)
    context.sql("SET datafusion.explain.logical_plan_only = true")
    register_tables(context, tables, views, FragmentReads(), Form.OPAQUE)
    found = _inferred(statement, context)
    for number in range(1, statement.count + 1):
        if number in statement.lists and number in statement.casts:
            # of a list the cast is not in the text, and what it is compared with is of another type
            found[number] = _cast_type(statement.casts[number], context)
        elif number in statement.casts:
            found.setdefault(number, _cast_type(statement.casts[number], context))
        elif number in statement.limits:
            found[number] = pa.int64()
        elif number in statement.declared:
            found.setdefault(number, statement.declared[number])
    numbers = range(1, statement.count + 1)
    fields = []
    for number in numbers:
        kind = plain_type(found.get(number, UNTYPED))
        fields.append(pa.field(str(number), pa.list_(kind) if number in statement.lists else kind))
    return Parameters(pa.schema(fields), _names(statement.only(numbers), context))


def _inferred(statement: Untyped, context: SessionContext) -> dict[int, pa.DataType]:
    """The types the engine infers. It tells them in order, without those it does not know."""
    found: dict[int, pa.DataType] = {}
    waiting = [list(range(1, statement.count + 1))]
    for _ in range(ASKED):
        if not waiting:
            break
        numbers = waiting.pop()
        types = _prepared(statement.only(numbers), context)
        if types is not None and len(types) == len(numbers):
            found.update(zip(numbers, types, strict=True))
        elif types != [] and len(numbers) > 1:
            half = len(numbers) // 2
            waiting += [numbers[half:], numbers[:half]]
    return found


def _prepared(text: str, context: SessionContext) -> list[pa.DataType] | None:
    """The types of the typed parameters of a text, in their order; None if it is not understood."""
    plan = _tried(lambda: context.sql(f"EXPLAIN PREPARE p AS {text}").to_pylist()[0]["plan"])
    match = _TYPES.match(plan.splitlines()[0]) if plan else None
    if match is None:
        return None
    names = _split(match["types"])
    casts = ", ".join(f"arrow_cast(NULL, '{name}') AS c{i}" for i, name in enumerate(names))
    if not casts:
        return []
    schema = _tried(lambda: context.sql(f"SELECT {casts}").schema())
    return None if schema is None else list(schema.types)


def _cast_type(name: str, context: SessionContext) -> pa.DataType:
    schema = _tried(lambda: context.sql(f"SELECT CAST(NULL AS {name})").schema())
    return UNTYPED if schema is None else schema.field(0).type


def _names(text: str, context: SessionContext) -> tuple[str, ...]:
    schema = _tried(lambda: context.sql_with_options(text, engine.READ_ONLY).schema())
    return () if schema is None else tuple(schema.names)


def _tried(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except BaseException as error:
        if isinstance(error, Exception) or is_panic(error):
            return None
        raise


def _split(types: str) -> list[str]:
    """The types of a list such as ``Int32, Decimal128(10, 2)``."""
    found, depth, start = [], 0, 0
    for i, character in enumerate(types):
        depth += (character in "([<") - (character in ")]>")
        if character == "," and not depth:
            found.append(types[start:i].strip())
            start = i + 1
    last = types[start:].strip()
    return [*found, last] if last else found


def fitted(values: Sequence[pa.Scalar], types: pa.Schema) -> tuple[pa.Scalar, ...]:
    """The values in the types of their parameters. Raises InvalidQuery.

    A number that its parameter's type can not hold stays as it is: it is compared as it is.
    """
    if len(values) != len(types):
        raise InvalidQuery(
            f"values the statement takes: {len(types)}, given: {len(values)}",
            hint="bind a value to each ? of it",
        )
    return tuple(_fitted(value, field) for value, field in zip(values, types, strict=True))


def _fitted(value: pa.Scalar, field: pa.Field) -> pa.Scalar:
    value = _plain(value)
    if is_list(field.type):
        return _fitted_list(value, field)
    if is_list(value.type):
        raise InvalidQuery(
            f"parameter {field.name} is one value of type {field.type}, and can not be a list",
            hint="write = ANY(?) in place of IN (?), and <> ALL(?) in place of NOT IN (?)",
        )
    if value.type == field.type or pa.types.is_null(field.type):  # nothing says what it is
        return value
    given, taken = _is_moment(value.type), _is_moment(field.type)
    if given == taken or pa.types.is_string(value.type) or pa.types.is_string(field.type):
        try:
            cast = value.cast(field.type)
            if given and taken and cast.cast(value.type) != value:
                return value  # a time of day that a date would lose
            return cast
        except (pa.ArrowException, ValueError, OverflowError):
            if (given and taken) or (_is_number(value.type) and _is_number(field.type)):
                return value
    raise InvalidQuery(
        f"parameter {field.name} is of type {field.type}, and can not be this {value.type}",
        hint="bind a value of that type",
    )


def _fitted_list(value: pa.Scalar, field: pa.Field) -> pa.Scalar:
    """A list with its members in the type of the field's; or as it is, if one does not fit it."""
    if not value.is_valid:
        return pa.scalar(None, field.type)
    if not is_list(value.type):
        raise InvalidQuery(
            f"parameter {field.name} is a list, and can not be one {value.type}",
            hint="bind a list of values, or write = ? in place of = ANY(?)",
        )
    if len(value.values) > MAX_MEMBERS:
        raise LimitExceeded(
            f"parameter {field.name} is a list of {len(value.values)} values;"
            f" {MAX_MEMBERS} are allowed",
            hint="ask in several turns, or join with a dataset",
        )
    kind = field.type.value_type
    none = pa.scalar(None, kind)
    member = pa.field(field.name, kind)
    members = [_fitted(v, member) if v.is_valid else none for v in map(_plain, value.values)]
    if any(m.type != kind for m in members):
        return value
    return pa.ListArray.from_arrays([0, len(members)], pa.array(members, kind))[0]


def is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_moment(kind: pa.DataType) -> bool:
    """A date or time: Arrow would count days or seconds to make a number of it."""
    return bool(pa.types.is_temporal(kind))


def _plain(value: pa.Scalar) -> pa.Scalar:
    """The value without the union or dictionary it may have come in."""
    while pa.types.is_union(value.type) or pa.types.is_dictionary(value.type):
        inner = value.value
        if inner is None:
            return pa.scalar(None, pa.null())
        value = inner if isinstance(inner, pa.Scalar) else pa.scalar(inner)
    plain = plain_type(value.type)
    return value if plain == value.type else value.cast(plain)
