"""The page of the docs, in blocks: what a reader would run or write is what the tests do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "clients" / "superset.md"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The blocks of docs/clients/superset.md, by what they are for."""

    demo: str
    installation: str
    key: str
    identity: str
    policies: str
    configuration: str
    preparation: str
    start: str
    contents: str

    @classmethod
    def read(cls, addresses: dict[str, str]) -> Page:
        """The page with other addresses than those it shows."""
        text = DOCS.read_text()
        for shown, real in addresses.items():
            assert shown in text
            text = text.replace(shown, real)
        languages, blocks = zip(*_BLOCK.findall(text), strict=True)
        expected = ("bash", "bash", "bash", "toml", "csv", "python", "bash", "bash", "python")
        assert languages == expected, languages
        return cls(*blocks)
