"""Bytes as PostgreSQL writes them, ``'\\x00ff'::bytea``: the engine would take the text itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import ParseError, Position
from gateway.languages.edits import Edit

_TEXTS = {TokenType.STRING, TokenType.BYTE_STRING}
_HEXADECIMAL = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)\Z")


def hexadecimal(words: Sequence[Token]) -> tuple[Edit, ...]:
    """The edits that make ``X'00ff'`` of each text in hexadecimal that is cast to bytes.

    Raises ParseError for one that is none.
    """
    made = []
    for i, word in enumerate(words):
        if word.token_type not in _TEXTS or not word.text.startswith("\\x"):
            continue
        start = _start(words, i)
        if start is not None:
            found = _HEXADECIMAL.match(word.text)
            if found is None:
                place = Position(word.line, max(word.col - (word.end - word.start), 1))
                raise ParseError(
                    "the bytes are not in hexadecimal", position=place, hint=r"as in '\x00ff'"
                )
            made.append(Edit(start, word.end + 1, f"X'{found[1]}'"))
    return tuple(made)


def _start(words: Sequence[Token], i: int) -> int | None:
    """Where a text that stands for bytes begins: before ``::bytea`` or ``AS bytea)``, or with the
    ``bytea`` before it. None for any other text."""
    following = [word.token_type for word in words[i + 1 : i + 4]]
    if following[:2] == [TokenType.DCOLON, TokenType.VARBINARY]:
        return words[i].start
    if following == [TokenType.ALIAS, TokenType.VARBINARY, TokenType.R_PAREN]:
        return words[i].start
    if i > 0 and words[i - 1].token_type is TokenType.VARBINARY:
        return words[i - 1].start
    return None
