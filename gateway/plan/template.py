"""A plan for any values of a statement's parameters, made from two plans over stand-ins.

Planning takes a hundred times as long as what a query of one row needs. A value is put in the
place of its stand-in: in the texts that sources get, and in the literals of the remainder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message
from substrait.proto import Expression
from substrait.proto import Plan as SubstraitPlan

from gateway.plan.plan import Plan
from gateway.plan.sentinels import Sentinel, spelling

Values = Mapping[int, pa.Scalar]
"""Values by the numbers of their parameters."""

_UNIX = 719_163
"""The ordinal of the first of January 1970."""


@dataclass(frozen=True, slots=True)
class Template:
    """A plan over the greatest `sentinels`, by their parameters' numbers."""

    plan: Plan
    sentinels: Mapping[int, Sentinel]
    _pattern: re.Pattern[str] = field(repr=False)
    _in_remainder: bool = False

    def with_values(self, values: Values) -> Plan:
        """The plan for these values, each one that its sentinel stands for."""
        plan, spelt = self.plan, {n: spelling(value) for n, value in values.items()}
        remainder = plan.remainder
        if remainder is not None and self._in_remainder:
            remainder = _remainder(remainder, self.sentinels, values)
        return replace(
            plan,
            fragments=tuple(
                replace(f, text=self._text(f.text, spelt), shown=self._text(f.shown, spelt))
                for f in plan.fragments
            ),
            reads=tuple(replace(r, text=self._text(r.text, spelt)) for r in plan.reads),
            unfederated=plan.unfederated and self._text(plan.unfederated, spelt),
            remainder=remainder,
        )

    def _text(self, text: str, spelt: Mapping[int, str]) -> str:
        return self._pattern.sub(lambda match: spelt[int(str(match.lastgroup)[1:])], text)


def template(
    greatest: Plan,
    least: Plan,
    highs: Mapping[int, Sentinel],
    lows: Mapping[int, Sentinel],
) -> Template | None:
    """The template of two plans over the greatest and the least sentinels.

    None unless they differ in nothing but these, and have a place for each of them.
    """
    if not (_simple(greatest) and _simple(least)):
        return None
    names = "|".join(
        rf"(?P<p{number}>(?<![\w.-]){re.escape(sentinel.spelling)}(?![\w.]))"
        for number, sentinel in highs.items()
    )
    pattern = re.compile(names)
    literals = list(_literals(greatest.remainder, highs)) if greatest.remainder else []
    texts = [f.text for f in greatest.fragments] + [greatest.unfederated or ""]
    found = {str(m.lastgroup) for text in texts for m in pattern.finditer(text)}
    found |= {f"p{number}" for _, number in literals}
    if len(found) < len(highs):
        return None
    made = Template(greatest, highs, pattern, bool(literals))
    other = made.with_values({number: low.value for number, low in lows.items()})
    return made if _signature(other) == _signature(least) else None


def _simple(plan: Plan) -> bool:
    """Whether all that depends on the values is in the texts and the remainder."""
    return not (
        plan.constant is not None
        or plan.embedded is not None
        or plan.groups
        or plan.tried
        or plan.reductions.paths
        or plan.reductions.twins
        or plan.reductions.probes
        or not plan.lasting
    )


def _signature(plan: Plan) -> tuple[object, ...]:
    remainder = plan.remainder
    if remainder is not None:
        remainder = SubstraitPlan.FromString(remainder).SerializeToString(deterministic=True)
    return (
        plan.schema,
        tuple((f.number, f.source, f.text, f.shown, f.schema) for f in plan.fragments),
        plan.unfederated,
        remainder,
        plan.tuning,
        plan.columns,
        tuple(plan.tables),
    )


def _remainder(remainder: bytes, sentinels: Mapping[int, Sentinel], values: Values) -> bytes:
    message: Message = SubstraitPlan.FromString(remainder)
    for literal, number in _literals(message, sentinels):
        kind = str(literal.WhichOneof("literal_type"))
        if kind == "decimal":
            literal.decimal.value = _unscaled(values[number])
        else:
            setattr(literal, kind, _plain(values[number]))
    return message.SerializeToString()


def _literals(
    remainder: bytes | Message, sentinels: Mapping[int, Sentinel]
) -> Iterator[tuple[Expression.Literal, int]]:
    """The literals of a remainder that are sentinels, with their numbers."""
    message = SubstraitPlan.FromString(remainder) if isinstance(remainder, bytes) else remainder
    numbers: dict[object, int] = {}
    for number, sentinel in sentinels.items():
        decimal = pa.types.is_decimal(sentinel.value.type)
        numbers[_unscaled(sentinel.value) if decimal else _plain(sentinel.value)] = number
    for literal in _all_literals(message):
        kind = literal.WhichOneof("literal_type")
        if kind in {"i16", "i32", "i64", "string", "date", "decimal"}:
            value = literal.decimal.value if kind == "decimal" else getattr(literal, kind)
            if value in numbers:
                yield literal, numbers[value]


def _all_literals(message: Message) -> Iterator[Expression.Literal]:
    waiting: list[Any] = [message]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Expression.Literal):
            yield node
        for descriptor, value in node.ListFields():
            if descriptor.message_type is None:
                continue
            if descriptor.message_type.GetOptions().map_entry:
                continue
            if isinstance(value, Message):
                waiting.append(value)
            else:
                waiting += value


def _plain(value: pa.Scalar) -> object:
    held = value.as_py()
    if pa.types.is_date(value.type):
        return held.toordinal() - _UNIX
    return held


def _unscaled(value: pa.Scalar) -> bytes:
    """A decimal as Substrait has it: 16 bytes, the least significant first."""
    sign, digits, exponent = value.as_py().as_tuple()
    unscaled: int = int("".join(map(str, digits))) * 10 ** (value.type.scale + exponent)
    unscaled = -unscaled if sign else unscaled
    return unscaled.to_bytes(16, "little", signed=True)
