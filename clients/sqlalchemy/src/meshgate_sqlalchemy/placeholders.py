"""Where a statement has placeholders: every ``?`` outside quotes and comments, in order."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from meshgate_sqlalchemy.errors import failure
from meshgate_sqlalchemy.exceptions import ProgrammingError

_WORDS = re.compile(
    r"""
      (?P<placeholder>\?)
    | [eE]'(?:[^'\\]|\\.|'')*'      # E'it\'s'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar)
    | --[^\n]*
    | /\*
    | [A-Za-z_]\w*
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")

_TOUCHING = re.compile(r"[\w'\"$-]")
"""What a value may not stand beside without a blank."""


@functools.lru_cache(maxsize=1000)
def pieces(statement: str) -> tuple[str, ...]:
    """The text before, between and after the placeholders."""
    found: list[str] = []
    end = at = 0
    while word := _WORDS.search(statement, at):
        at = word.end()
        if word[0] == "/*":
            at = _end_of_comment(statement, at)
        elif word["placeholder"]:
            found.append(statement[end : word.start()])
            end = at
    return (*found, statement[end:])


def check(text: Sequence[str], values: Sequence[object]) -> None:
    """ProgrammingError unless there is a value for each placeholder."""
    if len(values) != len(text) - 1:
        raise failure(
            ProgrammingError, f"{len(text) - 1} placeholders, but {len(values)} values for them"
        )


def filled(text: Sequence[str], values: Iterable[str]) -> str:
    """The statement with something in place of each placeholder, apart from its neighbours."""
    done = [text[0]]
    for value, after in zip(values, text[1:], strict=True):
        before = " " if _TOUCHING.match(done[-1][-1:]) else ""
        done += [before, value, " " if _TOUCHING.match(after) else "", after]
    return "".join(done)


def _end_of_comment(statement: str, at: int) -> int:
    depth = 1
    while depth:
        found = _COMMENT.search(statement, at)
        if found is None:
            return len(statement)
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return at
