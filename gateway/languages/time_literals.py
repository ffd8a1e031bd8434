"""Times of day as they are written, ``TIME '08:30'``, in the unit of the columns beside them.

The engine reads every such literal in nanoseconds, and compares no times of two units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
from sqlglot.tokenizer_core import Token, TokenType

from gateway.languages.edits import Edit

_UNITS = {
    pa.time32("s"): "Time32(Second)",
    pa.time32("ms"): "Time32(Millisecond)",
    pa.time64("us"): "Time64(Microsecond)",
}


def in_units_of(
    columns: Iterable[tuple[str, pa.DataType]], words: Sequence[Token]
) -> tuple[Edit, ...]:
    """The edits that give the literals the one type that all columns of times have, if it is one.

    None for nanoseconds, which the engine takes as they are, and for columns of several types.
    """
    kinds = {kind for _, kind in columns if pa.types.is_time(kind)}
    unit = _UNITS.get(kinds.pop()) if len(kinds) == 1 else None
    if unit is None:
        return ()
    made = []
    for i, word in enumerate(words):
        ends = _literal(words, i)
        if ends is not None:
            start, last = ends
            text = word.text.replace("'", "''")
            made.append(Edit(start.start, last.end + 1, f"arrow_cast('{text}', '{unit}')"))
    return tuple(made)


def _literal(words: Sequence[Token], i: int) -> tuple[Token, Token] | None:
    """The first and the last word of the literal that a text is in; None for any other text."""
    if words[i].token_type is not TokenType.STRING:
        return None
    before = [word.token_type for word in words[max(i - 2, 0) : i]]
    after = [word.token_type for word in words[i + 1 : i + 4]]
    if before[-1:] == [TokenType.TIME]:
        return words[i - 1], words[i]
    if after[:2] == [TokenType.DCOLON, TokenType.TIME] and not _goes_on(words, i + 3):
        return words[i], words[i + 2]
    called = len(before) == 2 and before[1] is TokenType.L_PAREN
    cast = called and words[i - 2].text.upper() == "CAST"
    if cast and after == [TokenType.ALIAS, TokenType.TIME, TokenType.R_PAREN]:
        return words[i - 2], words[i + 3]
    return None


def _goes_on(words: Sequence[Token], i: int) -> bool:
    """Whether the name of a type has more words: ``(3)``, ``WITH TIME ZONE``."""
    return i < len(words) and words[i].text.upper() in ("(", "WITH", "WITHOUT")
