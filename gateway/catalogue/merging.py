"""Merging: what people have added to a contract, kept when its source is published again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.catalogue.columns import ARROW_TYPE
from gateway.catalogue.governance import column_tags

_TYPE = ("logicalType", "logicalTypeOptions", "physicalType", "items", "properties", "map")
_FROM_SOURCE = frozenset({"name", *_TYPE, "required", "primaryKey", "primaryKeyPosition"})
"""Keys of a column that only the source decides."""


def position(objects: list[dict[str, Any]], name: str, physical: str) -> int:
    """Which schema object a source's object is: by its names, or because it is the only one."""
    for key, wanted in (("physicalName", physical), ("name", name)):
        for position, element in enumerate(objects):
            if element.get(key) == wanted:
                return position
    return 0 if len(objects) == 1 else len(objects)


def old_column(element: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The column as it was declared; one whose letter case has changed is the same."""
    columns: list[Mapping[str, Any]] = list(element.get("properties") or ())
    same = [c for c in columns if c["name"] == name]
    alike = same or [c for c in columns if c["name"].casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else {}


def merge_column(
    column: dict[str, Any], primary_key: tuple[str, ...], old: Mapping[str, Any]
) -> dict[str, Any]:
    """The column as the source has it, with its key, and with what people have added to `old`.

    A tag of a part that is gone stays, as the column's own: what was in it may be elsewhere.
    """
    if column["name"] in primary_key:
        column["primaryKey"] = True
        column["primaryKeyPosition"] = primary_key.index(column["name"]) + 1
    merged = _merge_property(column, old)
    kept = column_tags(merged)
    lost = [tag for tag in column_tags(old) if tag not in kept]
    return {**merged, "tags": [*(merged.get("tags") or ()), *lost]} if lost else merged


def _merge_property(column: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A column, or a part of one, with what people have added to it: tags of parts as well."""
    if column.get("properties"):
        column["properties"] = [
            _merge_property(part, old_column(old, part["name"])) for part in column["properties"]
        ]
    if column.get("items"):
        column["items"] = _merge_property(column["items"], old.get("items") or {})
    if column.get("map"):
        before = old.get("map") or {}
        column["map"] = {
            side: _merge_property(part, before.get(side) or {})
            for side, part in column["map"].items()
        }
    exact = column.pop("customProperties", None)
    custom = [*(exact or ()), *custom_beside(old, ARROW_TYPE)]
    merged = {**column, **without(old, {*_FROM_SOURCE, "customProperties", *column})}
    return {**merged, "customProperties": custom} if custom else merged


def custom(element: Mapping[str, Any], name: str, value: Any) -> list[dict[str, Any]]:
    """The element's custom properties with this one set."""
    return [{"property": name, "value": value}, *custom_beside(element, name)]


def custom_beside(element: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The element's custom properties but for this one."""
    entries = element.get("customProperties") or ()
    return [dict(entry) for entry in entries if entry["property"] != name]


def without(mapping: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The mapping but for these keys."""
    dropped = set(keys)
    return {key: value for key, value in mapping.items() if key not in dropped}
