"""Schema drift: what a source no longer has as its contract says."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from connectors.interface import PHYSICAL_TYPE
from connectors.plain_types import is_wider


def drift(declared: pa.Schema, actual: pa.Schema) -> list[str]:
    """One line per column that differs; none when the source keeps the contract.

    A column that only the source has is no drift: a contract may promise less than there is.
    """
    return list(drifted(declared, actual).values())


def drifted(declared: pa.Schema, actual: pa.Schema) -> dict[str, str]:
    """`drift`, by the names of the columns."""
    lines: dict[str, str] = {}
    for field in declared:
        positions = actual.get_all_field_indices(field.name)
        if len(positions) != 1:
            what = "is not in the source" if not positions else "is in the source more than once"
            lines[field.name] = f"column {field.name} {what}"
            continue
        found = actual.field(positions[0])
        if not found.type.equals(field.type):
            lines[field.name] = (
                f"column {field.name} is {_said(field)} in the contract"
                f" but {_said(found)} in the source"
            )
        elif found.nullable and not field.nullable:
            lines[field.name] = f"column {field.name} is required but may be NULL in the source"
    return lines


def drift_of_the_past(declared: pa.Schema, then: pa.Schema, needed: Collection[str]) -> list[str]:
    """`drift` from the state a source was in: what has come or become wider since is none.

    A column that may be NULL and was not there yet is NULL, unless it is `needed`.
    """
    kept = []
    for field in declared:
        position = then.get_field_index(field.name)
        if position < 0 and field.nullable and field.name not in needed:
            continue
        if position >= 0 and is_wider(then.field(position).type, field.type):
            field = field.with_type(then.field(position).type)
        kept.append(field)
    return drift(pa.schema(kept), then)


def _said(field: pa.Field) -> str:
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    name = str(field.type)
    return name if physical.lower() in {"", name} else f"{name} ({physical})"
