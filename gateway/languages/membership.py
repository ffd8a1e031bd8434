"""Whether a value is in a list: ``x = ANY(list)`` and ``x <> ALL(list)``, as ``IN`` and ``NOT IN``.

Clients that bind a whole list write ANY where others write ``IN (?, ?, ?)``. Sources and the engine
know IN, so that is what a list is written as: at once where it stands in the text
(``ARRAY[1, 2]``, ``'{1,2}'``), and when it is bound where it is a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import InvalidQuery, ParseError, Position
from gateway.languages.array_texts import array_items
from gateway.languages.edits import Edit

_QUANTIFIERS = {TokenType.ANY, TokenType.SOME, TokenType.ALL}
_ORDERS = {
    TokenType.LT,
    TokenType.GT,
    TokenType.LTE,
    TokenType.GTE,
    TokenType.LIKE,
    TokenType.ILIKE,
}
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET}
_TEXTS = {TokenType.STRING, TokenType.BYTE_STRING}
"""The second is ``E'...'``, with a backslash before what means something else."""

_ESCAPED = re.compile(r"[\\'](.)", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_QUERY = {TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.TABLE, TokenType.FROM}
_HINT = "write x = ANY(list) or x <> ALL(list)"


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison with a list: `start` to `end` of the text are its operator and the list.

    `negated` is ``<> ALL``. `inner` are the words of the list without parentheses and casts,
    `casts` the SQL types that these give to its elements, one after the other; without `inner` it
    is a column or a function of lists.
    """

    start: int
    end: int
    negated: bool
    inner: tuple[int, int] | None
    casts: tuple[str, ...]

    def written(self, members: str) -> str:
        """The test with the list's members in SQL: "" for an empty list, "NULL" for none at all.

        Nothing is in an empty list, not even NULL; whether something is in no list is unknown.
        """
        word = "NOT IN" if self.negated else "IN"
        if members:
            return f" {word} ({members})"
        return f" IN (NULL) IS {'NOT ' if self.negated else ''}TRUE"


def tests(words: Sequence[Token]) -> Iterator[Test]:
    """Every comparison with a list that is no query. Raises InvalidQuery for one with another
    operator: of a list with a NULL, what the engine answers to these is not what SQL says."""
    for i in range(1, len(words) - 2):
        word, operator = words[i], words[i - 1]
        if word.token_type not in _QUANTIFIERS or words[i + 1].token_type is not TokenType.L_PAREN:
            continue
        equal = operator.token_type is TokenType.EQ
        if not equal and operator.token_type not in {TokenType.NEQ, *_ORDERS}:
            continue
        end = _closed(words, i + 1)
        if end is None:
            continue
        first, _ = _unwrapped(words, i + 2, end)
        if words[first].token_type in _QUERY:
            continue
        every = word.token_type is TokenType.ALL
        if every == equal or operator.token_type in _ORDERS:
            raise InvalidQuery(
                f"{operator.text} {word.text.upper()} over a list is not offered",
                position=_at(operator),
                hint=_HINT,
            )
        inner, casts = _uncast(words, i + 2, end)
        listed = _is_list(words, inner)
        yield Test(operator.start, words[end].end + 1, every, inner if listed else None, casts)


def written_out(text: str, words: Sequence[Token]) -> tuple[Edit, ...]:
    """The edits that make an IN of every test whose list stands in the text. Raises ParseError."""
    if not any(word.token_type in _QUANTIFIERS for word in words):
        return ()
    found = []
    for test in tests(words):
        if test.inner is None:
            if not test.negated:
                found.append(_denied(text, words, test))
            continue
        start, end = test.inner
        first = words[start]
        if first.token_type in _TEXTS:
            members = _of_text(text, first, test.casts)
        elif first.token_type is TokenType.NULL:
            members = "NULL"
        elif first.token_type is TokenType.ARRAY:
            members = _of_array(text, words, start + 1, end, test.casts)
        else:
            continue  # a placeholder, written when its values are there
        found.append(Edit(test.start, test.end, test.written(members)))
    return tuple(found)


def _denied(text: str, words: Sequence[Token], test: Test) -> Edit:
    """``= ANY(column)`` as ``<> ALL(column) = FALSE``: the engine takes NULLs in it right there."""
    opening = next(w for w in words if w.start > test.start and w.token_type is TokenType.L_PAREN)
    return Edit(test.start, test.end, f"<> ALL{text[opening.start : test.end]} = FALSE")


def _is_list(words: Sequence[Token], inner: tuple[int, int]) -> bool:
    """Whether the words are a list that can be written out, and not a column or a query."""
    start, end = inner
    if start >= end:
        return False
    first, length = words[start].token_type, end - start
    if first in {*_TEXTS, TokenType.NULL}:
        return length == 1
    if first is TokenType.PARAMETER:
        return length == 2 and words[start + 1].token_type is TokenType.NUMBER
    if first is not TokenType.ARRAY or length < 3:
        return False
    if (
        words[start + 1].token_type is not TokenType.L_BRACKET
        or _closed(words, start + 1) != end - 1
    ):
        return False
    inside = {word.token_type for word in words[start + 2 : end - 1]}
    return not inside & {*_QUERY, TokenType.ARRAY, TokenType.L_BRACKET}


def _unwrapped(words: Sequence[Token], start: int, end: int) -> tuple[int, int]:
    """The words without parentheses around all of them."""
    while words[start].token_type is TokenType.L_PAREN and _closed(words, start) == end - 1:
        start, end = start + 1, end - 1
    return start, end


def _uncast(
    words: Sequence[Token], start: int, end: int
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """The words without parentheses and casts to arrays, and what the casts make of the elements.

    A cast to something else leaves no words: that is no list.
    """
    start, end = _unwrapped(words, start, end)
    kind: tuple[int, int] | None = None
    if words[start].text.upper() == "CAST" and _closed(words, start + 1) == end - 1:
        at = next((i for i in range(start, end) if words[i].token_type is TokenType.ALIAS), None)
        if at is not None:
            kind, start, end = (at + 1, end - 1), start + 2, at
    else:
        casts = [i for i in range(start, end) if words[i].token_type is TokenType.DCOLON]
        if casts and _level(words, start, casts[-1]) == 0:
            kind, end = (casts[-1] + 1, end), casts[-1]
    if kind is None:
        return (start, end), ()
    element = _element(words, *kind)
    if not element or start >= end:
        return (start, start), ()
    inner, before = _uncast(words, start, end)
    return inner, (*before, element)


def _element(words: Sequence[Token], start: int, end: int) -> str:
    """The type in ``type[]``, or ""."""
    brackets = [word.token_type for word in words[max(end - 2, start) : end]]
    if brackets != [TokenType.L_BRACKET, TokenType.R_BRACKET]:
        return ""
    written = " ".join(word.text for word in words[start : end - 2])
    try:
        return exp.DataType.build(written, dialect="postgres").sql("postgres")
    except SqlglotError:
        return ""


def _of_text(text: str, word: Token, casts: Sequence[str]) -> str:
    try:
        written = word.text
        if word.token_type is TokenType.BYTE_STRING:
            inside = text[word.start : word.end].partition("'")[2]
            written = _ESCAPED.sub(lambda found: _ESCAPES[found[1]], inside)
        items = array_items(written)
    except (ValueError, KeyError):
        raise ParseError(
            "this text is no list", position=_at(word), hint="a list is written '{1,2}'"
        ) from None
    texts = ["NULL" if item is None else "'" + item.replace("'", "''") + "'" for item in items]
    return ", ".join(_cast(item, casts) for item in texts)


def _of_array(text: str, words: Sequence[Token], start: int, end: int, casts: Sequence[str]) -> str:
    """The elements between the brackets from `start` to before `end`, as they are written."""
    found, depth, first = [], 0, start + 1
    for i in range(start, end):
        kind = words[i].token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if (kind is TokenType.COMMA and depth == 1) or depth == 0:
            if first < i:
                found.append(text[words[first].start : words[i - 1].end + 1])
            first = i + 1
    return ", ".join(_cast(item, casts) for item in found)


def _cast(item: str, casts: Sequence[str]) -> str:
    for kind in casts:
        item = f"CAST({item} AS {kind})"
    return item


def _closed(words: Sequence[Token], start: int) -> int | None:
    """Where the parenthesis or bracket that opens at `start` closes."""
    depth = 0
    for i in range(start, len(words)):
        kind = words[i].token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth == 0:
            return i
    return None


def _level(words: Sequence[Token], start: int, end: int) -> int:
    kinds = [word.token_type for word in words[start:end]]
    return sum((kind in _OPENING) - (kind in _CLOSING) for kind in kinds)


def _at(word: Token) -> Position:
    return Position(word.line, max(word.col - len(word.text) + 1, 1))
