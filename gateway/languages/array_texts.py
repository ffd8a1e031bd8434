"""Arrays as PostgreSQL writes them in text: ``{1,NULL,"a b"}``."""

from __future__ import annotations

import re

_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*+)"|([^",{}\s][^",{}]*?))\s*(?=[,}])', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def array_items(text: str) -> list[str | None]:
    """The elements of an array of one dimension. ValueError for anything else."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("not an array")
    if not text[1:-1].strip():
        return []
    found: list[str | None] = []
    at = 1
    while True:
        item = _ITEM.match(text, at)
        if item is None:
            raise ValueError("not an array")
        quoted, bare = item[1], item[2]
        if quoted is not None:
            found.append(_ESCAPE.sub(r"\1", quoted))
        else:
            found.append(None if bare.upper() == "NULL" else _ESCAPE.sub(r"\1", bare))
        at = item.end()
        if text[at] == "}":
            if at != len(text) - 1:
                raise ValueError("not an array")
            return found
        at += 1
