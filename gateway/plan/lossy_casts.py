"""Casts that cut digits off decimals, kept from the engine's eyes.

DataFusion 55 takes such a cast off the column it compares, ``CAST(amount AS INT) = 7`` becomes
``amount = 7.00``, also where sub-queries and views lie between the two: 7.40 is missed then. A
GREATEST of one value is that value, and is not looked through. It is written into the author's
own words, around every cast to a whole or decimal number: not all survives being written anew from
a tree. It also parts ``sum(CAST(x AS INT))`` from ``sum(x)``, which have one name for the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokenizer_core import Token, TokenType

from connectors.trees import written_without_casts
from gateway.plan.source import Columns

Scales = Mapping[str, int]
"""The digits behind the point of decimal columns, by name; the most where several have it."""

_WHOLE = exp.DataType.INTEGER_TYPES
_DECIMAL = (exp.DataType.Type.DECIMAL, exp.DataType.Type.BIGDECIMAL)
_KEEPING = (exp.Sum, exp.Min, exp.Max, exp.Abs, exp.Neg, exp.Paren)
_CUTTING = (exp.Floor, exp.Ceil, exp.Trunc)
_NUMBERS = {
    *(TokenType.TINYINT, TokenType.SMALLINT, TokenType.INT, TokenType.BIGINT, TokenType.DECIMAL),
    *(TokenType.UTINYINT, TokenType.USMALLINT, TokenType.UINT, TokenType.UBIGINT),
}
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET}
_POSTGRES = Postgres()


def scales(schemas: Iterable[pa.Schema]) -> dict[str, int]:
    """The scales of all decimal columns."""
    found: dict[str, int] = {}
    for field in (field for schema in schemas for field in schema):
        if pa.types.is_decimal(field.type):
            name = field.name.lower()
            found[name] = max(field.type.scale, found.get(name, 0))
    return found


def hidden(
    text: str, tree: exp.Query | exp.Values, known: Columns, decimals: Scales
) -> tuple[str, exp.Query | exp.Values]:
    """The query, as text and as tree, with such casts inside GREATEST; itself where it has none.

    `decimals` are the scales of the decimal columns in `known`.
    """
    if not any(True for _ in _lossy(tree, known, decimals)) and not _aggregates_alike(tree):
        return text, tree
    tree = tree.copy()
    for cast in reversed(list(_lossy(tree, known, decimals))):  # inner ones first
        cast.replace(exp.Greatest(this=cast.copy(), expressions=[], ignore_nulls=True))
    return _hidden_in_text(text), tree


def _hidden_in_text(text: str) -> str:
    """The text with each cast inside GREATEST, ``CAST(x AS INT)`` and ``x::int`` alike."""
    words = _POSTGRES.tokenize(text)
    opened: dict[int, int] = {}  # how many casts begin before a place of the text
    closed: dict[int, int] = {}  # and how many end there
    for i, word in enumerate(words):
        if word.token_type is TokenType.DCOLON:
            kind, first, last = i + 1, _operand(words, i), _type_end(words, i + 1)
        elif _calls_cast(words, i):
            first, last = i, _matching(words, i + 1, 1)
            kind = max(n for n in range(first, last) if words[n].token_type is TokenType.ALIAS) + 1
        else:
            continue
        if words[kind].token_type not in _NUMBERS:
            continue
        opened[words[first].start] = opened.get(words[first].start, 0) + 1
        closed[words[last].end + 1] = closed.get(words[last].end + 1, 0) + 1
    parts, end = [], 0
    for place in sorted({*opened, *closed}):
        parts += [text[end:place], ")" * closed.get(place, 0), "greatest(" * opened.get(place, 0)]
        end = place
    return "".join([*parts, text[end:]])


def _calls_cast(words: Sequence[Token], i: int) -> bool:
    named = words[i].text.upper() in ("CAST", "TRY_CAST")
    plain = words[i].token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
    following = words[i + 1].token_type if i + 1 < len(words) else None
    return named and plain and following is TokenType.L_PAREN


def _operand(words: Sequence[Token], cast: int) -> int:
    """Where the operand of a ``::`` begins: a name, a value, a call or what is in parentheses."""
    first = cast - 1
    while True:
        if words[first].token_type in _CLOSING:
            first = _matching(words, first, -1)
            named = first > 0 and words[first - 1].end + 1 == words[first].start
            if named and words[first - 1].token_type not in _OPENING | {TokenType.COMMA}:
                first -= 1  # the name of a function, or what is indexed
                continue
        if words[first].token_type is TokenType.END:
            first = _case(words, first)
        before = words[first - 1].token_type if first else None
        if before in (TokenType.DOT, TokenType.DCOLON):
            first -= 2  # the name before, or what has been cast before
        elif before is TokenType.PARAMETER:
            return first - 1
        else:
            return first


def _type_end(words: Sequence[Token], first: int) -> int:
    """The last word of the type behind a ``::``."""
    last = first
    following = words[last + 1].token_type if last + 1 < len(words) else None
    if words[last].text.lower() == "double" and following is not None:
        last += 1  # precision
        following = words[last + 1].token_type if last + 1 < len(words) else None
    while following in _OPENING:
        last = _matching(words, last + 1, 1)
        following = words[last + 1].token_type if last + 1 < len(words) else None
    return last


def _matching(words: Sequence[Token], at: int, step: int) -> int:
    depth = 0
    while True:
        kind = words[at].token_type
        depth += step * ((kind in _OPENING) - (kind in _CLOSING))
        if not depth:
            return at
        at += step


def _case(words: Sequence[Token], end: int) -> int:
    depth, at = 1, end
    while depth:
        at -= 1
        kind = words[at].token_type
        depth += (kind is TokenType.END) - (kind is TokenType.CASE)
    return at


def _aggregates_alike(tree: exp.Expr) -> bool:
    """Whether two different aggregates are the same but for casts."""
    seen: dict[str, str] = {}
    if not tree.find(exp.Cast):
        return False
    for aggregate in tree.find_all(exp.AggFunc):
        written = aggregate.sql()
        if seen.setdefault(written_without_casts(aggregate), written) != written:
            return True
    return False


def _lossy(tree: exp.Expr, known: Columns, decimals: Scales) -> Iterator[exp.Cast]:
    columns = {name.lower() for names in known.values() for name in names}
    for cast in tree.find_all(exp.Cast):
        kept = _scale(cast.to)
        if kept is None or isinstance(cast.parent, exp.Greatest):
            continue
        read = {c.name.lower() for c in cast.this.find_all(exp.Column)}
        if read <= columns and not read & set(decimals):
            continue
        digits = _digits(cast.this, columns, decimals)
        if digits is None or digits > kept:
            yield cast


def _digits(node: exp.Expr, columns: set[str], decimals: Scales) -> int | None:
    """At most so many digits behind the point; None where that is not known."""
    if isinstance(node, exp.Column):
        name = node.name.lower()
        return decimals.get(name, 0) if name in columns else None
    if isinstance(node, exp.Cast):
        return _scale(node.to)
    if isinstance(node, _CUTTING) and node.args.get("decimals") is None:
        return 0
    if isinstance(node, exp.Round):
        places = node.args.get("decimals")
        if places is None:
            return 0
        return int(places.name) if isinstance(places, exp.Literal) and places.is_int else None
    if isinstance(node, _KEEPING):
        return _digits(node.this, columns, decimals)
    return None


def _scale(kind: exp.DataType) -> int | None:
    """The digits behind the point that a number of a type keeps; None for other types."""
    if kind.this in _WHOLE:
        return 0
    if kind.this not in _DECIMAL:
        return None
    given = [int(p.name) for p in kind.expressions if p.name.isdecimal()]
    return given[1] if len(given) > 1 else 0 if given else None
