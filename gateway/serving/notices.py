"""Notices on their way to clients: as values of JSON, and in the metadata of a schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from gateway.notices import Notice

KEY = b"meshgate.notices"
"""Where the metadata of a schema has them, as a JSON list of objects with dataset, code, message
and severity."""


def as_values(notices: Iterable[Notice]) -> list[dict[str, str]]:
    """What clients are told of them, as JSON has it."""
    return [
        {"dataset": n.dataset, "code": n.code, "message": n.message, "severity": n.severity.value}
        for n in notices
    ]


def noticed(schema: pa.Schema, notices: Sequence[Notice]) -> pa.Schema:
    """The schema with the notices in its metadata; the very same object when there are none."""
    if not notices:
        return schema
    told = json.dumps(as_values(notices)).encode()
    return schema.with_metadata({**(schema.metadata or {}), KEY: told})


def notices_in(schema: pa.Schema) -> list[dict[str, Any]]:
    """The notices in the metadata of a schema that a gateway has sent."""
    told = (schema.metadata or {}).get(KEY)
    found: list[dict[str, Any]] = json.loads(told) if told else []
    return found
