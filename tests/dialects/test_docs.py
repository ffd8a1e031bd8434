"""docs/dialects.md lists the functions there are. To write the lists anew:

python -m tests.dialects.test_docs
"""

from __future__ import annotations

from pathlib import Path

from gateway.languages.dialects import calls
from gateway.languages.dialects.dialect import DIALECT_NAMES, DIALECTS
from gateway.languages.dialects.registry import FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"
_START = "<!-- functions: from here on written by tests/dialects/test_docs.py -->\n"


def listed() -> str:
    parts = [_START]
    for name in DIALECT_NAMES:
        functions = ", ".join(f"`{f}`" for f in sorted(FUNCTIONS[name]))
        others = [other for other, d in DIALECTS.items() if d.name == name and other != name]
        also = f" (or `{'`, `'.join(others)}`)" if others else ""
        parts.append(f"\n### {DIALECTS[name].title}: `{name}`{also}\n\n{functions}\n")
    return "".join(parts)


def test_the_page_lists_every_function() -> None:
    assert calls.TABLES
    text = PAGE.read_text()
    assert text[text.index(_START) :] == listed()


def test_every_dialect_has_a_column() -> None:
    header = next(line for line in PAGE.read_text().splitlines() if line.startswith("| |"))
    assert header.count("|") == len(DIALECT_NAMES) + 2


if __name__ == "__main__":
    before, _, _ = PAGE.read_text().partition(_START)
    PAGE.write_text(before + listed())
