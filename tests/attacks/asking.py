"""Asking the governed, the calm and the twin world the same thing."""

from __future__ import annotations

import re

from gateway.verification.comparison import difference
from tests.attacks.doors import Came, leaks

_TABLE = re.compile(r"\{(\w+)\}")


def written(sql: str, domain: str, *sources: str) -> str:
    """The query over one domain; the nth table is read from the nth source, and round again."""
    count = -1

    def name(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"{domain}.{sources[count % len(sources)]}.{match[1]}"

    text = _TABLE.sub(name, sql)
    return text.replace("DOMAIN", domain).replace("SOURCE", sources[0])


def tells(governed: Came, calm: Came, twin: Came, sql: str, *, ordered: bool = False) -> str:
    """What the answer over hidden rows and raw values tells; empty when it is nothing.

    Where the twin fails and the others do not, or the other way round, the plans differ: then the
    calm world has to agree with the governed one.
    """
    if found := leaks(governed, sql):
        return f"{found} came out: {governed.text[:500]}"
    if governed.code != calm.code:
        return f"{governed.message or 'rows'}; without hidden rows: {calm.message or 'rows'}"
    if governed.rows is None or calm.rows is None:
        return ""
    if wrong := difference(governed.rows, calm.rows, ordered=ordered):
        return f"not the rows without hidden rows: {wrong}"
    if twin.rows is None:
        return ""
    wrong = difference(governed.rows, twin.rows, ordered=ordered)
    return f"not the twin's rows: {wrong}" if wrong else ""


def same(one: Came, other: Came) -> str:
    """How two answers of one world differ: rows, or the code of an error."""
    if one.code != other.code:
        return f"{one.message or 'rows'}, not {other.message or 'rows'}"
    if one.rows is None or other.rows is None:
        return ""
    return difference(one.rows, other.rows, ordered=False) or ""
