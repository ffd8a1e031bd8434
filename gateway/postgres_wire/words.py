"""A text of SQL cut into words, as PostgreSQL cuts it: enough to tell its statements apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.postgres_wire.errors import SYNTAX_ERROR, SqlError

NAME, QUOTED, STRING, NUMBER, PARAMETER, OPERATOR = "name", "quoted", "string", "number", "$", "op"

_WORD = re.compile(
    r"""
    (?P<blank>[\s\ufeff]+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*+')
  | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+')
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*+")
  | (?P<parameter>\$\d{1,9})
  | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
  | (?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d][\w$]*)
  | (?P<operator>::|[;,()\[\].]|[-+*/<>=~!@\#%^&|`?:]|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_KINDS = {
    **dict.fromkeys(("escaped", "string", "dollar"), STRING),
    "quoted": QUOTED,
    "parameter": PARAMETER,
    "number": NUMBER,
    "name": NAME,
    "operator": OPERATOR,
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text and where it stands in it; `end` is behind its last character."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """A keyword, or an operator; "" for what is quoted."""
        return self.text.upper() if self.kind in (NAME, OPERATOR) else ""

    @property
    def name(self) -> str:
        """What a name means: in lower case unless it is quoted."""
        if self.kind == QUOTED:
            return self.text[self.text.index('"') + 1 : -1].replace('""', '"')
        return self.text.lower()

    @property
    def value(self) -> str:
        """What a text, name or number stands for."""
        if self.kind != STRING:
            return self.name if self.kind == QUOTED else self.text
        if self.text.startswith("$"):
            mark = self.text.index("$", 1) + 1
            return self.text[mark:-mark]
        body = self.text[self.text.index("'") + 1 : -1].replace("''", "'")
        return re.sub(r"\\(.)", r"\1", body) if self.text[0] in "eE" else body


def words(text: str) -> Iterator[Word]:
    """The words of a text, without blanks and comments. SqlError for one that does not end."""
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        assert found is not None  # the last alternative takes anything
        start, end, group = at, found.end(), found.lastgroup
        if group == "comment":
            end = _comment_end(text, at)
        elif group == "dollar":
            close = text.find(found[0], end)
            if close < 0:
                raise _open("text", start)
            end = close + len(found[0])
        elif group == "operator" and found[0] in "'\"":
            raise _open("text" if found[0] == "'" else "name", start)
        at = end
        if group not in ("blank", "comment"):
            yield Word(_KINDS[str(group)], text[start:end], start, end)


def statements(text: str) -> list[list[Word]]:
    """The words of each statement of a text; those without words are left out."""
    found: list[list[Word]] = [[]]
    for word in words(text):
        if word.text == ";" and word.kind == OPERATOR:
            found.append([])
        else:
            found[-1].append(word)
    return [statement for statement in found if statement]


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for mark in _COMMENT.finditer(text, start):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    raise _open("comment", start)


def _open(what: str, start: int) -> SqlError:
    return SqlError(SYNTAX_ERROR, f"a {what} does not end", at=start + 1)
