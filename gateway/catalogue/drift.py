"""Schema drift: what a source no longer has as its contract says."""

from __future__ import annotations

import pyarrow as pa

from connectors.interface import PHYSICAL_TYPE


def drift(declared: pa.Schema, actual: pa.Schema) -> list[str]:
    """One line per column that differs; none when the source keeps the contract.

    A column that only the source has is no drift: a contract may promise less than there is.
    """
    lines = []
    for field in declared:
        positions = actual.get_all_field_indices(field.name)
        if len(positions) != 1:
            what = "is not in the source" if not positions else "is in the source more than once"
            lines.append(f"column {field.name} {what}")
            continue
        found = actual.field(positions[0])
        if not found.type.equals(field.type):
            lines.append(
                f"column {field.name} is {_said(field)} in the contract"
                f" but {_said(found)} in the source"
            )
        elif found.nullable and not field.nullable:
            lines.append(f"column {field.name} is required but may be NULL in the source")
    return lines


def _said(field: pa.Field) -> str:
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    name = str(field.type)
    return name if physical.lower() in {"", name} else f"{name} ({physical})"
