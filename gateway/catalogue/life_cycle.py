"""The life of a dataset: draft, active, deprecated, retired; and what its readers hear of it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.model import Dataset
from gateway.notices import Notice


def declared_notices(dataset: Dataset) -> Iterator[Notice]:
    """What a dataset's own files say to its readers: that it is deprecated."""
    if dataset.status == "deprecated":
        gone = dataset.deprecation
        parts = ["it is deprecated"]
        if gone is not None:
            parts += [gone.reason] if gone.reason else []
            parts += [f"it ends on {gone.ends}"] if gone.ends else []
            parts += [f"read {gone.successor} instead"] if gone.successor else []
        yield Notice(str(dataset.address), "DEPRECATED", "; ".join(parts))
