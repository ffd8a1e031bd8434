"""Runs the Python blocks of a page one after another; prints what expressions are then, as JSON.

    python page_runner.py PAGE ADDRESS EXPRESSION...

It runs in the client's environment, where there is nothing of the gateway.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ADDRESS = "localhost:8815"

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(page: str, address: str, *expressions: str) -> None:
    text = Path(page).read_text()
    names: dict[str, object] = {}
    for block in _BLOCK.findall(text):
        line = text[: text.index(block)].count("\n")
        code = compile("\n" * line + block.replace(ADDRESS, address), page, "exec")
        exec(code, names)
    print(json.dumps([eval(expression, names) for expression in expressions], default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
