"""Request texts no cache has seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator


def always_new(sql: str) -> Iterator[str]:
    """The same query again and again, each time with another comment behind it."""
    return (f"{sql}\n-- {number}" for number in itertools.count())
