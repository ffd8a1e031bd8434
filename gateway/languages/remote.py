"""``remote_query('domain.product', 'SELECT ...')`` in a FROM clause: found, and given a name.

For the engine each call becomes a table of a name of ours; the rest of the text stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import ParseError, Position

FUNCTION = "remote_query"

PREFIX = "__remote_"
"""How the names of remote queries begin; no name of a caller's may."""

MAX_CALLS = 16
"""How many remote queries one statement may have."""

_TEXTS = {TokenType.STRING, TokenType.HEREDOC_STRING}


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """One call: `name` is what stands for it in the statement, `source` and `query` as written."""

    name: str
    source: str
    query: str
    position: Position


def calls(tree: exp.Expr) -> int:
    """How many of the tables of a statement are remote queries. Raises ParseError."""
    if any(t.name.lower().startswith(PREFIX) for t in tree.find_all(exp.Table)):
        raise ParseError(f"no name may begin with {PREFIX}")
    found = 0
    for node in tree.find_all(exp.Anonymous):
        if node.name.lower() == FUNCTION:
            if not isinstance(node.parent, exp.Table):
                raise ParseError(f"{FUNCTION} stands in FROM, as a table")
            found += 1
    if found > MAX_CALLS:
        raise ParseError(f"a statement may have {MAX_CALLS} remote queries")
    return found


def named(text: str, words: list[Token], expected: int) -> tuple[str, tuple[RemoteCall, ...]]:
    """The text with a name for every call, and the calls. Raises ParseError."""
    found: list[RemoteCall] = []
    parts: list[str] = []
    end = 0
    for i, word in enumerate(words):
        following = words[i + 1 : i + 2]
        if word.text.lower() != FUNCTION or not following or word.token_type in _TEXTS:
            continue
        if following[0].token_type is not TokenType.L_PAREN:
            continue
        position = Position(word.line, max(word.col - len(word.text) + 1, 1))
        rest = words[i + 1 : i + 6]
        kinds = [w.token_type for w in rest]
        shape = [TokenType.L_PAREN, None, TokenType.COMMA, None, TokenType.R_PAREN]
        fits = len(rest) == 5 and all(
            kind in _TEXTS if wanted is None else kind is wanted
            for kind, wanted in zip(kinds, shape, strict=True)
        )
        if not fits:
            raise ParseError(
                f"{FUNCTION} takes two texts that are written out",
                position=position,
                hint=f"{FUNCTION}('domain.product', 'SELECT ...')",
            )
        name = f"{PREFIX}{len(found)}"
        found.append(RemoteCall(name, rest[1].text, rest[3].text, position))
        parts += [text[end : word.start], f'"{name}"']
        end = rest[4].end + 1
    if len(found) != expected:
        raise ParseError(f"{FUNCTION} stands in FROM, as a table")
    return "".join([*parts, text[end:]]), tuple(found)
