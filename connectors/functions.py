"""The common form of functions of text, numbers and moments beyond plain operators.

Each is written only where its meaning is the engine's for every value; what differs is refused
here, or left out of a source's list with the reason beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, kind_of
from connectors.operands import Builder, Operand

LONGEST = 1_000
"""The most characters a constant asks for or is made of: nothing may be cut or overflow."""


def call(name: str, *args: exp.Expr) -> exp.Expr:
    """A function written by its name."""
    return exp.Anonymous(this=name, expressions=list(args))


def text_constant(operand: Operand) -> str:
    """The constant of an operand that has to be a text with something in it."""
    value = operand.literal
    if not operand.is_literal or not isinstance(value, str) or not 0 < len(value) <= LONGEST:
        raise NotPushable("a search for a text that is not a constant, or is empty")
    return value


def count_constant(operand: Operand, *, least: int = 0) -> int:
    """The constant of an operand that has to be a small number."""
    value = operand.literal
    if not operand.is_literal or not isinstance(value, int) or not least <= value <= LONGEST:
        raise NotPushable("a length or place that is not a small constant")
    return value


def named_text(name: str) -> Builder:
    """A function of one text, by name."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        (text,) = args
        return call(name, text.sql)

    return build


def trimmed(name: str) -> Builder:
    """Trimming of the characters of a constant; of spaces, not of all that looks blank."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        characters = text_constant(args[1]) if len(args) > 1 else " "
        if "\\" in characters or "\x00" in characters:
            raise NotPushable("trimming of a backslash or a NUL")
        return call(name, args[0].sql, exp.Literal.string(characters))

    return build


def trimmed_of_one(side: str) -> Builder:
    """The same where a source trims a text and not its characters: of one character."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        character = text_constant(args[1]) if len(args) > 1 else " "
        if len(character) > 1 or character in "\\\x00":
            raise NotPushable("trimming of more than one character")
        return exp.Trim(this=args[0].sql, expression=exp.Literal.string(character), position=side)

    return build


def _replace(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    text, search, replacement = args
    text_constant(search)
    if not replacement.is_literal or not isinstance(replacement.literal, str):
        raise NotPushable("a replacement that is not a constant")
    return call("REPLACE", text.sql, search.sql, replacement.sql)


def shrinking_replace(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """REPLACE where a text that grows too long becomes NULL: by what is no longer."""
    search, replacement = (str(a.literal).encode() for a in args[1:])
    if len(replacement) > len(search):
        raise NotPushable("a replacement that is longer than what it replaces")
    return _replace(args, returns)


def found(name: str, *, text_first: bool = True) -> Builder:
    """The place of a constant in a text, counted in characters from 1; 0 for nowhere."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        text, search = args
        text_constant(search)
        return call(name, *((text.sql, search.sql) if text_first else (search.sql, text.sql)))

    return build


def _end(name: str) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        count_constant(args[1])
        return call(name, args[0].sql, args[1].sql)

    return build


def _ends_with(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    text, end = args
    length = exp.Literal.number(len(text_constant(end)))
    return exp.Paren(this=exp.EQ(this=call("RIGHT", text.sql, length), expression=end.sql))


def _split_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    text, separator, place = args
    text_constant(separator)
    count_constant(place, least=1)
    return call("SPLIT_PART", text.sql, separator.sql, place.sql)


def _concat(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """Concatenation that passes over NULLs."""
    tree: exp.Expr | None = None
    for arg in args:
        part = exp.Coalesce(this=arg.sql, expressions=[exp.Literal.string("")])
        tree = part if tree is None else exp.DPipe(this=tree, expression=part)
    if tree is None:
        raise NotPushable("a concatenation of nothing")
    return exp.Paren(this=tree)


def extreme(name: str) -> Builder:
    """GREATEST and LEAST, which pass over NULLs."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return call(name, *(a.sql for a in args))

    return build


def strict_extreme(name: str) -> Builder:
    """The same of two where a source's is NULL if any argument is."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        if len(args) != 2:
            raise NotPushable("the greatest or least of more than two")
        one, other = args[0].sql, args[1].sql
        both = call(name, one, other)
        return exp.Coalesce(this=both, expressions=[one.copy(), other.copy()])

    return build


def _round(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """Rounding of decimals, half away from zero; floats are rounded half to even by some."""
    number = args[0]
    places = count_constant(args[1]) if len(args) > 1 else 0
    if kind_of(number.type) is not Kind.DECIMAL or kind_of(returns) is not Kind.DECIMAL:
        raise NotPushable("rounding of what is no decimal")
    if places > number.type.scale:
        raise NotPushable("rounding to more digits than there are")
    return call("ROUND", number.sql, exp.Literal.number(places))


TRUNCATIONS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")


def truncation(operand: Operand, *, among: Sequence[str] = TRUNCATIONS) -> str:
    """The constant part of a date_trunc call, lower case. Raises NotPushable."""
    part = str(operand.literal).lower() if operand.is_literal else ""
    if part not in among:
        raise NotPushable(f"date_trunc to {part or 'a part that is not constant'}")
    return part


def _date_trunc(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part, moment = truncation(args[0]), args[1]
    if kind_of(moment.type) is not Kind.TIMESTAMP or returns != moment.type:
        raise NotPushable("date_trunc of what is no timestamp of microseconds")
    return call("DATE_TRUNC", exp.Literal.string(part), moment.sql)


def _unknown(*, negated: bool) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        test: exp.Expr = exp.Is(this=args[0].sql, expression=exp.null())
        return exp.Paren(this=exp.Not(this=test) if negated else test)

    return build


COMMON: dict[str, Builder] = {
    "btrim": trimmed("BTRIM"),
    "ltrim": trimmed("LTRIM"),
    "rtrim": trimmed("RTRIM"),
    "replace": _replace,
    "strpos": found("STRPOS"),
    "left": _end("LEFT"),
    "right": _end("RIGHT"),
    "ends_with": _ends_with,
    "split_part": _split_part,
    "reverse": named_text("REVERSE"),
    "octet_length": named_text("OCTET_LENGTH"),
    "concat": _concat,
    "greatest": extreme("GREATEST"),
    "least": extreme("LEAST"),
    "ceil": lambda args, _: call("CEIL", args[0].sql),
    "floor": lambda args, _: call("FLOOR", args[0].sql),
    "round": _round,
    "date_trunc": _date_trunc,
    "is_unknown": _unknown(negated=False),
    "is_not_unknown": _unknown(negated=True),
}
"""Canonical name -> the form most sources share."""
