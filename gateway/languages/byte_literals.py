"""Bytes as PostgreSQL writes them, ``'\\x00ff'::bytea``: the engine would take the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import InvalidQuery, ParseError, Position
from gateway.languages.edits import Edit

_TEXTS = {TokenType.STRING, TokenType.BYTE_STRING}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
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


def check_compared(tree: exp.Expr, schemas: Iterable[pa.Schema]) -> None:
    """Raise InvalidQuery where a column of bytes is compared with a text in hexadecimal.

    PostgreSQL would read the bytes it writes, the engine compares with those of its letters.
    """
    wanted = {
        operand.name.lower()
        for node in tree.find_all(*_COMPARISONS)
        if any(_is_hexadecimal(text) for text in node.find_all(exp.Literal))
        for operand in node.iter_expressions()
        if isinstance(operand, exp.Column)
    }
    for field in (field for schema in schemas for field in schema if wanted):
        if field.name.lower() in wanted and _is_bytes(field.type):
            raise InvalidQuery(
                f"the bytes of {field.name} are compared with a text",
                hint=r"write '\x00ff'::bytea or X'00ff' for bytes",
            )


def _is_hexadecimal(text: exp.Literal) -> bool:
    return bool(text.is_string and _HEXADECIMAL.match(text.name))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
