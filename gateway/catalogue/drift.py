"""Schema drift: what a source no longer has as its contract says."""

from __future__ import annotations

from collections.abc import Collection

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


def drift_of_the_past(declared: pa.Schema, then: pa.Schema, needed: Collection[str]) -> list[str]:
    """`drift` from the state a source was in: what has come or become wider since is none.

    A column that may be NULL and was not there yet is NULL, unless it is `needed`.
    """
    kept = []
    for field in declared:
        position = then.get_field_index(field.name)
        if position < 0 and field.nullable and field.name not in needed:
            continue
        if position >= 0 and _wider(then.field(position).type, field.type):
            field = field.with_type(then.field(position).type)
        kept.append(field)
    return drift(pa.schema(kept), then)


def _wider(narrow: pa.DataType, wide: pa.DataType) -> bool:
    """Whether every value of one type is one of the other, as lake formats let columns grow."""
    t = pa.types
    if t.is_decimal(narrow) and t.is_decimal(wide):
        return bool(narrow.scale == wide.scale and narrow.precision <= wide.precision)
    for same_kind in (t.is_signed_integer, t.is_floating):
        if same_kind(narrow) and same_kind(wide):
            return bool(narrow.bit_width <= wide.bit_width)
    return False


def _said(field: pa.Field) -> str:
    physical = (field.metadata or {}).get(PHYSICAL_TYPE, b"").decode()
    name = str(field.type)
    return name if physical.lower() in {"", name} else f"{name} ({physical})"
