"""Plans of statements with parameters: one to describe the answer, one for each set of values.

The second time a statement is run a template is made of it, which most values only have to be
put into. Values that a template can not take, such as NULL or the number of a LIMIT, are part of
what it is made for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from cachetools import TTLCache

from gateway.config import Config
from gateway.errors import ArithmeticFailure, GatewayError
from gateway.languages.literals import literal, members
from gateway.languages.sql import Statement
from gateway.plan.meetings import meet_constants
from gateway.plan.parameters import Parameters, Untyped, parameters
from gateway.plan.plan import Plan, called
from gateway.plan.sentinels import Sentinel, Side, sentinel, stands_for
from gateway.plan.source import Tables, Views
from gateway.plan.template import Template, template

Planner = Callable[[Statement], Plan]
"""Plans a statement without placeholders, and remembers nothing of it."""

MAX_FIXED = 4096
"""How many characters the values that a template is made for may have: it is kept by them."""

Key = tuple[object, ...]
"""Equal for equal texts over datasets that are read alike."""


@dataclass(slots=True)
class _Form:
    """A statement that has been run with some of its values: its template, once that was `tried`.

    None then says that there can be none.
    """

    tried: bool = False
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What a statement `takes`, a `plan` that only tells what its answer looks like, and the
    numbers of the parameters that may go into a template.

    `stood_in` is the plan as it was made, and the literals it was made with: a template of all
    parameters begins with the same.
    """

    takes: Parameters
    plan: Plan
    templated: frozenset[int]
    stood_in: tuple[Sequence[str], Plan]


class PreparedPlans:
    """The plans of statements with parameters. Safe to use from many threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        size, age = max(config.cached_plans, 1), config.plan_age_seconds
        self._described: TTLCache[Key, Described] = TTLCache(size, age)
        self._forms: TTLCache[Key, _Form] = TTLCache(size, age)
        self._lock = threading.Lock()

    def forget(self, read: Callable[[Plan], bool] = lambda plan: True) -> None:
        """Plan anew what `read` is true of: everything, if nothing is said."""
        with self._lock:
            for key, found in list(self._described.items()):
                if read(found.plan):
                    self._described.pop(key, None)
            for key, form in list(self._forms.items()):
                if form.template is not None and read(form.template.plan):
                    self._forms.pop(key, None)

    def described(
        self, key: Key | None, statement: Statement, tables: Tables, views: Views, planner: Planner
    ) -> Described:
        """What the statement takes and answers; without a `key` it is not remembered."""
        with self._lock:
            found = None if key is None else self._described.get(key)
        if found is None:
            places = statement.placeholders
            untyped = Untyped(
                statement.text,
                places.spans,
                places.count,
                places.casts,
                places.limits,
                places.lists,
                {span: test.written for span, test in places.tests.items()},
                places.declared,
            )
            taken = parameters(untyped, tables, views, self._config)
            stood_in = _shown(statement, taken, planner)
            plan = stood_in[1]
            if len(taken.names) == len(plan.schema):  # without values in the names
                fields = zip(plan.schema, taken.names, strict=True)
                schema = pa.schema([f.with_name(n) for f, n in fields], plan.schema.metadata)
                plan = called(plan, schema)
            met = meet_constants(statement.tree, tables, views, places.compared)
            found = Described(taken, plan, places.compared - met, stood_in)
            if key is not None:
                with self._lock:
                    self._described[key] = found
        return found

    def of(
        self,
        key: Key | None,
        statement: Statement,
        values: Sequence[pa.Scalar],
        described: Described,
        planner: Planner,
    ) -> Plan:
        """The plan for fitted values; without a `key` it is of no template. Raises GatewayError."""
        types = described.takes.types
        free = {
            n: value
            for n, value in enumerate(values, start=1)
            if n in described.templated and stands_for(value, types.field(n - 1).type, n)
        }
        if _may_meet(values, free, statement.placeholders.limits):
            free = {}
        literals = _literals(statement, values, types)
        fixed = tuple(None if n in free else text for n, text in enumerate(literals, start=1))
        made = None
        if key is not None and free and sum(len(text) for text in fixed if text) <= MAX_FIXED:
            made = self._template(
                (*key, fixed), statement, free, literals, described.stood_in, planner
            )
        if made is None:
            plan = planner(statement.bound(literals))
        else:
            plan = made.with_values(free)
            if plan.otherwise is not None:
                plan = replace(plan, otherwise=_otherwise(statement, literals, planner))
        return called(plan, described.plan.schema)

    def _template(
        self,
        key: Key,
        statement: Statement,
        free: dict[int, pa.Scalar],
        literals: Sequence[str],
        stood_in: tuple[Sequence[str], Plan],
        planner: Planner,
    ) -> Template | None:
        """The template for these values, from their second time on; None where there is none."""
        with self._lock:
            form = self._forms.get(key)
            if form is None:
                self._forms[key] = _Form()
                return None
        if not form.tried:
            form.template = _template(statement, free, literals, stood_in, planner)
            form.tried = True
        return form.template


def _otherwise(
    statement: Statement, literals: Sequence[str], planner: Planner
) -> Callable[[], Plan]:
    """The plan for when the one from a template failed before its first row."""

    def plan() -> Plan:
        made = planner(statement.bound(literals))
        return made.otherwise() if made.otherwise is not None else made

    return plan


def _may_meet(
    values: Sequence[pa.Scalar], free: dict[int, pa.Scalar], limits: frozenset[int]
) -> bool:
    """Whether values are equal, as their stand-ins never are, or one is a constant to the others.

    NULL is none: nothing is equal to it.
    """
    if len({(value.type, value.as_py()) for value in free.values()}) < len(free):
        return True
    return any(
        value.is_valid and n not in free and n not in limits
        for n, value in enumerate(values, start=1)
    )


def _shown(statement: Statement, taken: Parameters, planner: Planner) -> tuple[Sequence[str], Plan]:
    """Literals that stand for values, and the plan with them."""
    literals = _stand_ins(statement, taken)
    try:
        return literals, planner(statement.bound(literals))
    except ArithmeticFailure:  # one parameter is compared with columns of different types
        nulls = [pa.scalar(None, field.type) for field in taken.types]
        literals = _literals(statement, nulls, taken.types)
        return literals, planner(statement.bound(literals))


_ANY_SCALE = ("DECIMAL", "NUMERIC")
"""Without a precision these hold every number as it is; the engine would cut digits off."""


def _literals(statement: Statement, values: Sequence[pa.Scalar], types: pa.Schema) -> list[str]:
    places, found = statement.placeholders, []
    for number, (value, field) in enumerate(zip(values, types, strict=True), start=1):
        if number in places.lists:
            cast = places.casts.get(number, "")
            if value.type.value_type == field.type.value_type or cast in _ANY_SCALE:
                cast = ""
            found.append(members(value, cast))
        else:
            found.append(literal(value))
    return found


def _stand_ins(statement: Statement, taken: Parameters) -> list[str]:
    """Literals with which the answer is described: NULLs could do away with half a statement."""
    found = []
    for number, field in enumerate(taken.types, start=1):
        kind = field.type
        if number in statement.placeholders.lists:
            member = sentinel(kind.value_type, number, Side.HIGH)
            found.append(literal(member.value) if member else "NULL")
            continue
        value = sentinel(kind, number, Side.HIGH)
        if number in statement.placeholders.limits:
            found.append(literal(pa.scalar(1, kind)))
        elif number in statement.placeholders.compared and value is not None:
            found.append(literal(value.value))
        else:
            found.append(literal(pa.scalar(None, kind)))
    return found


def _template(
    statement: Statement,
    free: dict[int, pa.Scalar],
    literals: Sequence[str],
    stood_in: tuple[Sequence[str], Plan],
    planner: Planner,
) -> Template | None:
    sides = []
    for side in (Side.HIGH, Side.LOW):
        made: dict[int, Sentinel] = {}
        for number, value in free.items():
            found = sentinel(value.type, number, side)
            assert found is not None  # one that stands for the value
            made[number] = found
        texts = [
            literal(made[n].value) if n in made else text
            for n, text in enumerate(literals, start=1)
        ]
        try:
            plan = stood_in[1] if texts == stood_in[0] else planner(statement.bound(texts))
            sides.append((plan, made))
        except GatewayError:  # what is wrong with these values need not be with others
            return None
    (greatest, highs), (least, lows) = sides
    return template(greatest, least, highs, lows)
