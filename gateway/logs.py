"""The log: one line an event on stderr, as ``time level logger message``, tracebacks folded in."""

from __future__ import annotations

import json
import logging
import sys
import time


class OneLine(logging.Formatter):
    """``2026-01-31T12:00:00.123Z level=info logger=gateway.flight message="..."``."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": json.dumps(record.getMessage(), ensure_ascii=False),
        }
        if record.exc_info:
            fields["error"] = json.dumps(self.formatException(record.exc_info))
        text = " ".join(f"{key}={value}" for key, value in fields.items())
        return f"{stamp}.{int(record.msecs):03d}Z {text}"


def start_logging(level: int = logging.INFO) -> None:
    """Send the log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("casbin").setLevel(logging.WARNING)  # else it recites its model
