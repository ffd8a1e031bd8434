"""What readers of a dataset hear of its life: that it is deprecated, and until when it stays."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from gateway.model import Address, Dataset
from gateway.notices import Notice

DEPRECATED = "DEPRECATED"


def declared_notices(
    dataset: Dataset, successor: Address | None = None, today: datetime.date | None = None
) -> Iterator[Notice]:
    """What a dataset's own files say to its readers: that it is deprecated.

    `successor` is what its reader may be told to read instead. When the day of its end has passed
    it is read as before, until its owner retires it: no reader shall be cut off by a date alone.
    """
    if dataset.status != "deprecated":
        return
    gone = dataset.deprecation
    parts = ["it is deprecated"]
    if gone is not None:
        parts += [gone.reason] if gone.reason else []
        parts += [_end(gone.ends, today)] if gone.ends else []
    parts += [f"read {successor} instead"] if successor else []
    yield Notice(str(dataset.address), DEPRECATED, "; ".join(parts))


def _end(ends: str, today: datetime.date | None) -> str:
    now = today or datetime.datetime.now(datetime.UTC).date()
    if now > datetime.date.fromisoformat(ends):
        return f"it was to end on {ends}, and may be retired at any time"
    return f"it ends on {ends}"
