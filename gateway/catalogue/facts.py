"""Facts: what a dataset promises its readers, as plain values that can be kept and compared.

Where the rows are is no promise. The texts of views, row filters and quality rules are digests
here: whoever compares learns that they differ, and nothing of what they say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT
from gateway.model import Dataset

FORM = 1
"""Raised when the same dataset has other facts than before."""

Facts = Mapping[str, Any]
"""Values that JSON has. What is not in it is not known, and is not compared."""


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """The facts of a dataset, whatever its status and version are."""
    residency, view = dataset.residency, dataset.view
    return {
        "columns": [
            {
                "name": field.name,
                "type": written_type(field.type),
                "nullable": field.nullable,
                "tags": sorted(dataset.column_tags.get(field.name, ())),
                "comment": (field.metadata or {}).get(COMMENT, b"").decode(errors="replace"),
            }
            for field in dataset.schema
        ],
        "primary_key": list(dataset.primary_key),
        "foreign_keys": sorted(
            [list(k.columns), [k.target.domain, k.target.product, k.target.dataset],
             list(k.target_columns)]
            for k in dataset.foreign_keys
        ),
        "row_filters": {name: _digest(text) for name, text in dataset.row_filters.items()},
        "requires_row_filter": dataset.requires_row_filter,
        "requires_purpose": dataset.requires_purpose,
        "residency": residency
        and {"regions": sorted(residency.regions), "minimum_rows": residency.minimum_rows},
        "purposes": sorted(dataset.purposes),
        "promises": {
            f"{promise.name} of {promise.element}" if promise.element else promise.name: {
                "name": promise.name,
                "value": promise.value,
                "unit": promise.unit,
            }
            for promise in dataset.promises
        },
        "quality": {
            rule.name: _digest([rule.column, rule.timing.gate, dict(rule.declared)])
            for rule in dataset.quality
        },
        "view": view
        and _digest([view.query, view.owner, view.unmasks, view.language, view.dialect]),
        "tags": sorted(dataset.tags),
        "terms": {name: [t.name, t.definition] for name, t in sorted(dataset.terms.items())},
        "title": dataset.title,
        "description": [dataset.description, dataset.usage, dataset.limitations],
        "owner": dataset.owner,
    }  # fmt: skip


def to_text(facts: Facts) -> str:
    """The facts as JSON; equal facts give equal texts."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def written_type(kind: pa.DataType) -> Any:
    """A type as values do in JSON; types that hold the same values are written alike."""
    t = pa.types
    if t.is_dictionary(kind):
        return written_type(kind.value_type)
    if t.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return {"struct": [_written_field(field) for field in fields]}
    if t.is_map(kind):
        return {"map": [_written_field(kind.key_field), _written_field(kind.item_field)]}
    if t.is_fixed_size_list(kind):
        return {"list": _written_field(kind.value_field), "size": kind.list_size}
    if (
        t.is_list(kind) or t.is_large_list(kind) or t.is_list_view(kind)
        or t.is_large_list_view(kind)
    ):  # fmt: skip
        return {"list": _written_field(kind.value_field)}
    if t.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    name = str(kind)
    return name.removeprefix("large_").removesuffix("_view")


def _written_field(field: pa.Field) -> dict[str, Any]:
    return {"name": field.name, "type": written_type(field.type), "nullable": field.nullable}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
