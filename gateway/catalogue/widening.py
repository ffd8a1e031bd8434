"""Widening: column types that hold every value of another, and for which queries stay right.

A whole number that becomes a fraction is none of it: its division would no longer be one of whole
numbers. Nor is a timestamp that gets another zone: its days would begin at other instants.
"""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"(u?)int(8|16|32|64)\Z")
_DECIMAL = re.compile(r"decimal\((\d+), (-?\d+)\)\Z")
_TIMED = re.compile(r"(timestamp|time32|time64|duration)\[(s|ms|us|ns)(?:, tz=(.+))?\]\Z")
_BINARY = re.compile(r"(fixed_size_)?binary(\[\d+\])?\Z")
_FLOATS = ("halffloat", "float", "double")
_UNITS = ("s", "ms", "us", "ns")


def widens(old: Any, new: Any) -> bool:
    """Whether what was read as the one type, as `facts.written_type` has it, can be read as the
    other."""
    if old == new:
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return _nested(old, new)
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    if old == "null":
        return True
    return any(test(old, new) for test in (_integer, _float, _decimal, _timed, _binary))


def _integer(old: str, new: str) -> bool:
    before, after = _INTEGER.match(old), _INTEGER.match(new)
    if not before or not after or int(after[2]) <= int(before[2]):
        return False
    return before[1] == after[1] or before[1] == "u"


def _float(old: str, new: str) -> bool:
    if old not in _FLOATS or new not in _FLOATS:
        return False
    return _FLOATS.index(old) < _FLOATS.index(new)


def _decimal(old: str, new: str) -> bool:
    """Neither digits before the point nor digits behind it may get fewer."""
    before, after = _DECIMAL.match(old), _DECIMAL.match(new)
    if not before or not after:
        return False
    scale, wider = int(before[2]), int(after[2])
    return wider >= scale and int(after[1]) - wider >= int(before[1]) - scale


def _timed(old: str, new: str) -> bool:
    """Finer units, but for nanoseconds: a timestamp that counts them ends in 2262."""
    before, after = _TIMED.match(old), _TIMED.match(new)
    if not before or not after or before[3] != after[3]:
        return False
    kinds = {before[1].rstrip("2346"), after[1].rstrip("2346")}
    finer = _UNITS.index(after[2]) > _UNITS.index(before[2])
    return len(kinds) == 1 and finer and (kinds == {"time"} or after[2] != "ns")


def _binary(old: str, new: str) -> bool:
    return bool(_BINARY.match(old)) and new == "binary"


def _nested(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if "struct" in old and "struct" in new:
        after = {field["name"]: field for field in new["struct"]}
        names = [field["name"] for field in old["struct"]]
        kept = [field["name"] for field in new["struct"] if field["name"] in names]
        return kept == names and all(_part(field, after[field["name"]]) for field in old["struct"])
    if "map" in old and "map" in new:
        return all(map(_part, old["map"], new["map"]))
    if "list" in old and "list" in new:
        same_size = "size" not in new or new["size"] == old.get("size")
        return same_size and _part(old["list"], new["list"])
    return False


def _part(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return (old["nullable"] or not new["nullable"]) and widens(old["type"], new["type"])
