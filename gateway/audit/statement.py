"""Statements as they are kept: every literal and comment gone, for values of rows are in them."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from gateway.audit.record import ALLOWED, WRITTEN, Record, statement_part

OWN = "postgres"
"""The sqlglot dialect that the gateway's own SQL is read in."""

MAX_LENGTH = 65_536
"""Of a longer text, in characters, only the fingerprint is kept."""

REMEMBERED_LENGTH = 4096
REMEMBERED = 2048
"""So many texts, up to so long, are remembered in their written form."""

_PRODUCT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_STRINGS = frozenset(t for t in TokenType if t.name.endswith("STRING"))
_LIST = re.compile(r"\?(?:, ?\?)+")


class Statements:
    """The written form of statements, remembered. Safe from any thread."""

    def __init__(self, fingerprint: Callable[[str], str]) -> None:
        self._fingerprint = fingerprint
        self._known: dict[tuple[str, str, bool], str] = {}

    def written(self, record: Record) -> str:
        """The statement of the record, as `statement_part` writes it.

        Found out for the first time it takes a tenth of what parsing the statement takes.
        """
        text, understood = record.text, record.verdict == ALLOWED
        if not text:
            return statement_part(None, "")
        door, _, dialect = record.door.partition(":")
        if door not in WRITTEN:
            return statement_part(None, self._fingerprint(text))
        key = (text, dialect, understood)
        part = self._known.get(key)
        if part is None:
            kept = normalised(text, understood=understood, dialect=dialect or OWN)
            part = statement_part(kept, self._fingerprint(text))
            if len(text) <= REMEMBERED_LENGTH:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[key] = part
        return part


def normalised(text: str, *, understood: bool, dialect: str = OWN) -> str | None:
    """The statement with `?` for every literal, lists of them as ``?, ...``; None if it can not be.

    What is a literal depends on the dialect: ``"ada"`` is one in MySQL, and here a name.
    `understood` tells that every name in it was found. Otherwise a name in quotes may just as well
    be a value (``WHERE mail = "a@b.c"``) and is replaced too, and the text has to parse as a query.
    """
    if len(text) > MAX_LENGTH:
        return None
    try:
        grammar = Dialect.get_or_raise(dialect)
        words = grammar.tokenize(text)
        if not understood and not _is_query(text, words, grammar):
            return None
    except (SqlglotError, RecursionError, ValueError):
        return None
    parts: list[str] = []
    end, asks_others = -1, "remote_query" in text.lower()
    for i, (before, word) in enumerate(zip([None, *words], words, strict=False)):
        if parts and word.start > end + 1:
            parts.append(" ")  # whatever stood there: blanks, a comment
        remote = _remote_text(words, i) if asks_others else None
        parts.append(_kept(text, word, before, understood) if remote is None else remote)
        end = word.end
    return _LIST.sub("?, ...", "".join(parts))


def _remote_text(words: list[Token], i: int) -> str | None:
    """An argument of remote_query as it is kept: the product, and the query without its literals.

    None for any other word. It is another source's SQL: what can not be read as ours is a literal,
    and names in quotes may be values.
    """
    if words[i].token_type not in {TokenType.STRING, TokenType.HEREDOC_STRING}:
        return None
    if i >= 2 and words[i - 2].text.lower() == "remote_query" and words[i - 1].text == "(":
        return f"'{words[i].text}'" if _PRODUCT.fullmatch(words[i].text) else None
    if i < 4 or words[i - 4].text.lower() != "remote_query" or words[i - 1].text != ",":
        return None
    kept = normalised(words[i].text, understood=False)
    return None if kept is None else "'" + kept.replace("'", "''") + "'"


def _is_query(text: str, words: list[Token], grammar: Dialect) -> bool:
    trees = grammar.parser().parse(words, text)
    return len(trees) == 1 and isinstance(trees[0], exp.Query | exp.Values)


def _kept(text: str, word: Token, before: Token | None, understood: bool) -> str:
    own = text[word.start : word.end + 1]
    if word.token_type is TokenType.IDENTIFIER:
        return own if understood else '"?"'
    if word.token_type is TokenType.NUMBER:
        if before and before.token_type is TokenType.PARAMETER and before.end + 1 == word.start:
            return own  # $1
        return "?"
    literal = word.token_type in _STRINGS or "'" in own
    return "?" if literal else own
