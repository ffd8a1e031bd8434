"""The words of a statement, before anything is made of them: their number has bounds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import LimitExceeded, ParseError, Position

MAX_NESTING = 128
"""How deep parentheses and sub-queries may go: parsers are recursive, stacks are not endless."""

MAX_CHAIN = 1000
"""How many operators may follow each other at one level (a AND b AND c ...): each makes the tree
one level deeper, in every parser and optimiser it passes."""

MAX_TOKENS = 250_000
"""How many words a statement may have."""

_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_OPERATORS = {
    *(TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IS, TokenType.BETWEEN),
    *(TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH, TokenType.MOD),
    *(TokenType.DPIPE, TokenType.DCOLON, TokenType.CARET, TokenType.AMP, TokenType.PIPE),
    *(TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT, TokenType.TILDE, TokenType.INTERVAL),
    *(TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.GT, TokenType.LTE, TokenType.GTE),
    *(TokenType.JOIN, TokenType.CROSS, TokenType.DOT, TokenType.ARROW, TokenType.DARROW),
}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_HALF = re.compile("[\ud800-\udfff]")


def tokenize(text: str, grammar: Grammar) -> list[Token]:
    """The words of a text in a grammar. Raises ParseError, LimitExceeded."""
    if "\x00" in text:
        raise ParseError("the query holds a NUL character")
    if not text.isascii() and _HALF.search(text):
        raise ParseError("the query holds half a character: it was no UTF-8")
    try:
        words = grammar.tokenize(text)
    except SqlglotError:
        raise ParseError("the query can not be read: a text or name is not closed") from None
    if len(words) > MAX_TOKENS:
        raise LimitExceeded(f"the query has {len(words)} words; {MAX_TOKENS} are allowed")
    _check_depth(words)
    return words


def _check_depth(words: list[Token]) -> None:
    """Refuse what would overflow a stack further down; nothing here is recursive."""
    chains = [0]  # operators seen since the last comma, at each open level
    for i, word in enumerate(words):
        if word.token_type in _OPENING:
            chains.append(0)
            if len(chains) > MAX_NESTING:
                raise LimitExceeded(
                    f"the query nests deeper than {MAX_NESTING} levels", position=at(word)
                )
        elif word.token_type in _CLOSING and len(chains) > 1:
            chains.pop()
        elif word.token_type is TokenType.COMMA:
            chains[-1] = 0
        elif word.token_type in _OPERATORS:
            first_dot = word.token_type is TokenType.DOT and (
                i < 2 or words[i - 2].token_type is not TokenType.DOT
            )
            chains[-1] += not first_dot  # table.column makes nothing deeper
            if chains[-1] > MAX_CHAIN:
                raise LimitExceeded(
                    f"more than {MAX_CHAIN} operators follow each other",
                    position=at(word),
                    hint="a list of values is written IN (...)",
                )


def at(word: Token) -> Position:
    """Where a word begins."""
    return Position(word.line, max(word.col - len(word.text) + 1, 1))


def normalised(text: str, words: Sequence[Token], start: int = 0) -> str:
    """The words from `start` on, equal if only blanks, comments and case that is free differ."""
    end, parts = start - 1, []
    for word in words:
        between = text[end + 1 : word.start].lstrip()
        if between and not between.startswith(("--", "/*")):
            return text  # something that is no word: nothing is taken for equal
        parts.append(_spelt(text[word.start : word.end + 1]))
        end = word.end
    return "\n".join(parts)


def _spelt(word: str) -> str:
    """A word in lower case, unless letters matter: in quotes, and outside ASCII."""
    return word if "'" in word or '"' in word or "$" in word or not word.isascii() else word.lower()
