"""``TRIM (TRAILING FROM x)``, as in standard SQL: the engine wants to be told what to cut off."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from gateway.languages.edits import Edit

_SIDES = {"BOTH", "LEADING", "TRAILING"}


def blanks(words: Sequence[Token]) -> tuple[Edit, ...]:
    """The edits that say that it is blanks, where nothing is said."""
    return tuple(
        Edit(word.start, word.start, "' ' ")
        for i, word in enumerate(words)
        if word.token_type is TokenType.FROM and _says_nothing(words[max(i - 3, 0) : i])
    )


def _says_nothing(before: Sequence[Token]) -> bool:
    """Whether words end with ``trim (`` and perhaps a side."""
    said = [word.text.upper() for word in before]
    if said and said[-1] in _SIDES:
        said.pop()
    return said[-2:] == ["TRIM", "("]
