"""A peer's process: it answers queries that come as JSON lines, and says how long each took.

Runs in the peer's own environment: nothing but the standard library and pyarrow is imported.
Standard input carries, on the first line, the places of the tables; then one request a line,
``{"sql": ..., "save": PATH or null}``. Every line is answered by one on standard output:
``{"seconds": ..., "rows": ...}`` or ``{"error": ...}``. What a library prints goes to standard
error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pyarrow as pa

Places = Mapping[str, Any]
Ask = Callable[[str], pa.Table]


def serve(connect: Callable[[Places], Ask]) -> None:
    """Connect to the places and answer until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        ask = connect(json.loads(sys.stdin.readline()))
    except Exception as error:
        replies.write(json.dumps({"error": _said(error)}) + "\n")
        return
    replies.write(json.dumps({"seconds": 0.0, "rows": 0}) + "\n")
    for line in sys.stdin:
        replies.write(json.dumps(_answer(ask, json.loads(line))) + "\n")


def _answer(ask: Ask, request: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        started = time.perf_counter()
        table = ask(request["sql"])
        seconds = time.perf_counter() - started
    except Exception as error:
        return {"error": _said(error)}
    if request["save"]:
        with pa.OSFile(request["save"], "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)
    return {"seconds": seconds, "rows": table.num_rows}


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def held_by(places: Places, store: str) -> list[str]:
    """The tables of one store."""
    return [name for name, where in places["tables"].items() if where == store]


def address(uri: str) -> tuple[SplitResult, str, str]:
    """The parts of a uri, its password and its database."""
    parts = urlsplit(uri)
    return parts, unquote(parts.password or ""), parts.path.strip("/")
