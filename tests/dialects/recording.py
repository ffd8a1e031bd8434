"""Answers of Spark and Trino, recorded: they take a JVM and minutes, and their answers stay.

To record them anew, or to ask them everything: `python -m tests.dialects.live`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dialects.live.worker import read

FOLDER = Path(__file__).parent
ENGINES = ("spark", "trino")

Rows = list[tuple[object, ...]]


class Failed(Exception):
    """What an engine said instead of an answer."""


@dataclass(frozen=True)
class Recorded:
    """What one version of an engine has answered."""

    version: str
    answers: dict[str, Any]

    def ask(self, query: str) -> Rows:
        """Its answer. Raises Failed where it gave none, KeyError where it was not asked."""
        found = self.answers[query]
        if isinstance(found, dict):
            raise Failed(found["fails"])
        return [tuple(map(read, row)) for row in found]


@functools.cache
def recorded(engine: str) -> Recorded:
    """An engine's answers by the queries."""
    found = json.loads(_file(engine).read_text(encoding="utf-8"))
    return Recorded(found["version"], found["answers"])


def record(engine: str, version: str, answers: dict[str, Any], queries: Sequence[str]) -> None:
    """Keep the answers to these queries."""
    lines = [
        f"{json.dumps(q, ensure_ascii=False)}: {json.dumps(answers[q], ensure_ascii=False)}"
        for q in dict.fromkeys(queries)
    ]
    head = f'{{"version": {json.dumps(version)}, "answers": {{\n'
    _file(engine).write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


def _file(engine: str) -> Path:
    return FOLDER / "recorded" / f"{engine}.json"
