"""Numbers in quotes beside decimal columns, ``price = '1.499'``: each with all of its digits.

The engine would round the number to the digits of the column first, and find 1.50.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.languages.edits import Edit

_MAX_DIGITS = 38
_COMPARISONS = {
    *(TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE),
}
_BEFORE_OPERANDS = {
    *(TokenType.WHERE, TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.ON, TokenType.WHEN),
    *(TokenType.HAVING, TokenType.L_PAREN, TokenType.COMMA, TokenType.SELECT),
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\Z", re.ASCII)
_PLAIN = re.compile(r"[+-]?\d+(\.\d*)?\Z", re.ASCII)
_CONTINUING = {TokenType.DCOLON, TokenType.DPIPE, TokenType.COLLATE}
"""What makes something else of the text before it."""


def with_all_digits(
    columns: Iterable[tuple[str, pa.DataType]], words: Sequence[Token], tree: exp.Expr
) -> tuple[Edit, ...]:
    """The edits that make decimals of texts which have more digits than the column beside them."""
    scales = _scales(columns, tree)
    if not scales:
        return ()
    kinds = [word.token_type for word in words]
    found: dict[int, Edit] = {}
    for i, word in enumerate(words):
        scale = scales.get(word.text.lower())
        if scale is None or word.token_type is TokenType.STRING:
            continue
        for n in _beside(kinds, i):
            edit = _decimal(words, n, scale)
            if edit is not None:
                found[n] = edit
    return tuple(found[n] for n in sorted(found))


def _scales(columns: Iterable[tuple[str, pa.DataType]], tree: exp.Expr) -> Mapping[str, int]:
    """The digits of decimal columns, by names that can mean nothing else in the query."""
    kinds: dict[str, list[pa.DataType]] = {}
    for name, kind in columns:
        kinds.setdefault(name.lower(), []).append(kind)
    scales = {
        name: min(kind.scale for kind in found)
        for name, found in kinds.items()
        if all(map(pa.types.is_decimal, found))
    }
    if not scales:
        return scales
    named = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    named |= {c.name.lower() for a in tree.find_all(exp.TableAlias) for c in a.columns}
    return {name: scale for name, scale in scales.items() if name not in named}


def _beside(kinds: Sequence[TokenType], column: int) -> Iterable[int]:
    """Where the texts are that a column is compared with."""
    at = column + 1
    first = column
    while first >= 2 and kinds[first - 1] is TokenType.DOT:
        first -= 2  # what the name begins with
    if first >= 3 and kinds[first - 1] in _COMPARISONS and kinds[first - 3] in _BEFORE_OPERANDS:
        yield first - 2
    if kinds[at : at + 1] == [TokenType.NOT]:
        at += 1
    following = kinds[at] if at < len(kinds) else None
    if following in _COMPARISONS:
        yield at + 1
    elif following is TokenType.BETWEEN:
        yield from (at + 1, at + 3)
    elif following is TokenType.IS and TokenType.DISTINCT in kinds[at + 1 : at + 3]:
        yield kinds.index(TokenType.DISTINCT, at) + 2
    elif following is TokenType.IN:
        at += 2
        while at < len(kinds) and kinds[at] in (TokenType.STRING, TokenType.COMMA):
            yield at
            at += 1


def _decimal(words: Sequence[Token], n: int, scale: int) -> Edit | None:
    if n >= len(words) or words[n].token_type is not TokenType.STRING:
        return None
    if n + 1 < len(words) and words[n + 1].token_type in _CONTINUING:
        return None
    text = words[n].text.strip()
    if not _NUMBER.match(text):  # the engine says so
        return None
    number = Decimal(text)
    _, digits, exponent = number.normalize().as_tuple()
    places = max(-int(exponent), 0)
    precision = max(len(digits) + max(int(exponent), 0), places)
    exact = places <= scale and _PLAIN.match(words[n].text)
    if exact or precision > _MAX_DIGITS:
        return None
    written = f"CAST('{number.normalize():f}' AS DECIMAL({precision}, {places}))"
    return Edit(words[n].start, words[n].end + 1, written)
