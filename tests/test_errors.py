"""Error codes are documented, and messages carry what they promise."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import pytest

import gateway
from connectors.interface import SourceErrorCode
from gateway.errors import (
    GatewayError,
    Position,
    TimedOut,
    UnknownColumn,
    UserError,
    did_you_mean,
)

DOCUMENT = (Path(__file__).parent.parent / "docs" / "errors.md").read_text()


def codes() -> set[str]:
    """Those of all errors, wherever in the gateway their classes are."""
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting, own = [GatewayError], set()
    while waiting:
        kind = waiting.pop()
        own.add(kind.code)
        waiting += kind.__subclasses__()
    return own | {code.value for code in SourceErrorCode}


def test_every_code_is_documented_and_no_other() -> None:
    written = {line.split("`")[1] for line in DOCUMENT.splitlines() if line.startswith("| `")}
    assert written == codes()


def test_an_error_says_where_and_what_to_do() -> None:
    error = UnknownColumn("there is no column x here", position=Position(2, 7), hint="use y")
    assert str(error) == (
        "[UNKNOWN_COLUMN] there is no column x here (line 2, column 7) Hint: use y"
    )
    said = json.loads(error.to_json())
    assert said["kind"] == "user"
    assert said["position"] == {"line": 2, "column": 7}


def test_a_hint_needs_something_close() -> None:
    assert did_you_mean("ordres", ["orders", "people"]) == "did you mean orders?"
    assert did_you_mean("xyz", ["orders"]) is None


def test_the_kind_is_that_of_the_family() -> None:
    assert UserError("x").kind is UnknownColumn("x").kind


@pytest.mark.parametrize(("seconds", "said"), [(1.0, "1 second,"), (0.5, "0.5 seconds,")])
def test_a_timeout_is_told_in_words(seconds: float, said: str) -> None:
    assert f"has not ended within {said} the timeout" in str(TimedOut(seconds))
