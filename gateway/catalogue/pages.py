"""Pages: files of a publication, with what is there already, and how they are put in place."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_COMMENT = re.compile(r"(?:^- |\s)#")


@dataclass(frozen=True, slots=True)
class Page:
    """One file of a publication: where below the mesh folder, its text, and the text before.

    `only_adds` says that everything the text before declared is still declared.
    """

    path: Path
    text: str
    before: str | None
    only_adds: bool = False

    @property
    def is_new(self) -> bool:
        """True when there is no such file yet."""
        return self.before is None

    @property
    def is_changed(self) -> bool:
        """True when there is such a file and it says something else."""
        return self.before is not None and self.before != self.text

    @property
    def is_conflict(self) -> bool:
        """True when what is there would be lost: a declaration, or somebody's comment."""
        lost = (line for line in self.changes() if line.startswith("- "))
        return self.is_changed and not (self.only_adds and not any(map(_COMMENT.search, lost)))

    def changes(self) -> list[str]:
        """The lines that leave (``- ``) and come (``+ ``)."""
        lines = difflib.ndiff((self.before or "").splitlines(), self.text.splitlines())
        return [line for line in lines if line.startswith(("- ", "+ "))]

    def unified(self) -> str:
        """The same as a unified diff, "" when nothing changes."""
        path = self.path.as_posix()
        lines = difflib.unified_diff(
            (self.before or "").splitlines(),
            self.text.splitlines(),
            "/dev/null" if self.before is None else f"a/{path}",
            f"b/{path}",
            lineterm="",
        )
        return "\n".join(lines)

    def write(self, mesh: Path) -> None:
        """Put the page in place, whole or not at all."""
        target = mesh / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".publish-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.text)
            os.chmod(name, 0o644)
            os.replace(name, target)
        except OSError:
            os.unlink(name)
            raise


class _Dumper(yaml.SafeDumper):
    """Block style for structure, one line for small flat mappings, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        node = super().represent_mapping(tag, mapping, flow_style)
        if set(mapping) == {"property", "value"} and not isinstance(mapping["value"], dict | list):
            node.flow_style = True
        return node


def to_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML in the order of its keys, for people to read and edit."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
