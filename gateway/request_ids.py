"""The ids of requests: UUIDs that sort by the time they were made, for logs and indexes of runs."""

from __future__ import annotations

import os
import time

_MOST_48, _MOST_74 = (1 << 48) - 1, (1 << 74) - 1


def request_id() -> str:
    """A UUID of version 7 (RFC 9562), as 32 hexadecimal digits."""
    milliseconds = time.time_ns() // 1_000_000 & _MOST_48
    chance = int.from_bytes(os.urandom(10)) & _MOST_74
    high, low = chance >> 62, chance & ((1 << 62) - 1)
    return f"{milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
