"""From a place in a translated text back to the client's own text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres

from gateway.errors import Position
from gateway.languages.dialects.client import Client

_MARK = "\ue000"


def places(tree: exp.Expr, text: str, client: Client) -> Callable[[Position], Position]:
    """What leads back. It is worked out when it is first asked for: for an error.

    The tree is written once more, with a mark on each word that has a place in the client's text;
    the words of both texts are the same ones then, in the same order.
    """

    @cache
    def known() -> tuple[list[int], list[int]]:
        plain = Postgres().tokenize(text)
        marked = Postgres().tokenize(_marked(tree))
        starts, origins = [], []
        for ours, word in zip(plain, marked, strict=True):
            _, mark, offset = word.text.partition(_MARK)
            if mark:
                starts.append(ours.start)
                origins.append(int(offset))
        return starts, origins

    def original(position: Position) -> Position:
        lines = text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1
        starts, origins = known()
        i = bisect_right(starts, offset) - 1
        if i < 0:
            return client.position(client.words[0].start)
        return client.position(origins[i])

    return original


def _marked(tree: exp.Expr) -> str:
    copy = tree.copy()
    for node in list(copy.walk()):
        start = node.meta.get("start")
        name = None if start is None else next(_names(node), None)
        if name is not None and _MARK not in name.name:
            name.set("this", f"{name.name}{_MARK}{start}")
    return copy.sql("postgres")


def _names(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Column):
        yield node.this
    for part in node.walk():
        if isinstance(part, (exp.Identifier, exp.Anonymous)):
            yield part
