"""Library rules as ODCS 3.0 spelt them (``rule: duplicateCount``), in the words of 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Entry = Mapping[str, Any]

_METRICS = {
    "duplicateCount": "duplicateValues",
    "nullCheck": "nullValues",
    "validValues": "invalidValues",
}
_SAME = ("duplicateValues", "invalidValues", "missingValues", "nullValues", "rowCount")
_ARGUMENTS = ("validValues", "pattern", "missingValues", "properties")
_OPERATORS = {
    "mustBeGreaterThanOrEqualTo": "mustBeGreaterOrEqualTo",
    "mustBeLessThanOrEqualTo": "mustBeLessOrEqualTo",
}


def modern(entry: Entry) -> Entry:
    """The quality entry with a ``metric``; itself if it has one, or is none of the library.

    What 3.0 let be understood is said: without an operator nothing may break the rule.
    """
    rule = entry.get("rule")
    metric = _METRICS.get(str(rule)) or (rule if rule in _SAME else None)
    if metric is None or "metric" in entry or entry.get("type", "library") != "library":
        return entry
    kept = {_OPERATORS.get(k, k): v for k, v in entry.items() if k not in ("rule", *_ARGUMENTS)}
    arguments = {k: entry[k] for k in _ARGUMENTS if k in entry}
    if arguments:
        kept["arguments"] = {**arguments, **(kept.get("arguments") or {})}
    if metric != "rowCount" and not any(key.startswith("must") for key in kept):
        kept["mustBe"] = 0
    return {**kept, "metric": metric}


def with_modern_rules(content: Entry) -> Entry:
    """A contract whose quality entries are all `modern`; itself where they are already."""
    changed = _changed(content)
    return content if changed is None else changed


def _changed(value: Any) -> Any:
    """The value with modern rules in it, or None when nothing has to change."""
    if isinstance(value, list):
        items = [_changed(item) for item in value]
        if all(item is None for item in items):
            return None
        return [old if new is None else new for old, new in zip(value, items, strict=True)]
    if not isinstance(value, dict):
        return None
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key == "quality" and isinstance(item, list):
            entries = [modern(e) if isinstance(e, dict) else e for e in item]
            if any(new is not old for new, old in zip(entries, item, strict=True)):
                found[key] = entries
        elif key in ("schema", "properties", "items", "map", "key", "value"):
            new = _changed(item)
            if new is not None:
                found[key] = new
    return {**value, **found} if found else None
