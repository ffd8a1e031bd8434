"""Schemas as every Arrow client reads them."""

from __future__ import annotations

import pyarrow as pa


def without_views(schema: pa.Schema) -> pa.Schema:
    """The schema with plain strings for string views, and without the file's metadata."""
    return pa.schema(
        [
            pa.field(f.name, pa.string() if f.type == pa.string_view() else f.type, f.nullable)
            for f in schema
        ]
    )
