"""What is wrong with a mesh, file by file: collected, so that one reading finds everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import CatalogueError

Path = tuple[str | int, ...]
"""A place in a YAML tree: keys and list positions."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: in which file, on which line (0: unknown), at which path in it."""

    file: str
    line: int
    path: str
    rule: str

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        where = f" {self.path}:" if self.path else ""
        return f"{self.file}{line}:{where} {self.rule}"


def path_text(path: Path) -> str:
    """A path as people write it: ``outputPorts[1].version``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def catalogue_error(mesh: str, problems: Iterable[Problem]) -> CatalogueError:
    """All problems of a mesh as the one error that `serve` and `publish` show."""
    ordered = sorted(problems, key=lambda p: (p.file, p.line, p.path, p.rule))
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    lines = "".join(f"\n  {problem}" for problem in ordered)
    return CatalogueError(f"the mesh {mesh} has {count}:{lines}")
