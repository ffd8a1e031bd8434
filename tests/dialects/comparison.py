"""The gateway in a dialect beside the engine of it: the same rows, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.pipeline import Gateway
from tests.dialects import truth
from tests.dialects.tables import answer

_SORTED = re.compile(r"ORDER BY [^)]*$")


def answered(mesh: Gateway, dialect: str, queries: Sequence[str]) -> dict[str, truth.Rows]:
    """The gateway's rows for those of the queries that it does not refuse."""
    found = {}
    for query in queries:
        try:
            found[query] = truth.rows_of(answer(mesh, dialect, query))
        except GatewayError:
            continue
    return found


def difference(query: str, ours: truth.Rows, theirs: truth.Rows) -> str | None:
    """What is not the same, to be read; None where all is."""
    if truth.same(ours, theirs, ordered=bool(_SORTED.search(query))):
        return None
    return f"{query}\n  ours   {ours}\n  theirs {theirs}"
