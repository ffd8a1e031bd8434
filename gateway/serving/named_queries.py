"""Queries that their clients have named, so that another connection can stop them.

A client that waits for an answer can not ask for anything else, and one that serves a web page may
have to stop a query it waits for in another process. So it names its query with a header, and any
connection of the same principal can end what runs by that name: `meshgate.cancel`.

A name stays ended: what comes by it later (the plan was being made, the next statement of a
script) does not run either. Names are taken once, as a UUID is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from threading import Lock

from cachetools import TTLCache

from gateway.errors import UserError
from gateway.serving.options import Headers
from gateway.serving.streams import by_request

HEADER = "x-meshgate-query"

NAMES = 10_000
ENDED_SECONDS = 3600.0

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def query_name(headers: Headers) -> str:
    """The name the headers of a call give its query; "" when they give none."""
    names = {value for value in headers.get(HEADER, ()) if value}
    if len(names) > 1:
        raise UserError(f"{HEADER} has more than one value", hint="send one")
    return check_name(names.pop()) if names else ""


def check_name(name: str) -> str:
    """The name, or a UserError when a query can not have it."""
    if not _NAME.match(name):
        raise UserError(
            "that is not the name of a query",
            hint="up to 128 letters, digits and . _ : -, such as a UUID",
        )
    return name


class EndedNames:
    """The names that nothing runs by any more. Safe from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._ended: TTLCache[tuple[str, str], bool] = TTLCache(NAMES, ENDED_SECONDS, clock)
        self._lock = Lock()

    def end(self, owner: str, name: str) -> None:
        with self._lock:
            self._ended[owner, name] = True

    def check(self, owner: str, name: str) -> None:
        """Raise Cancelled for a name that its owner has ended."""
        if name and self.has(owner, name):
            raise by_request()

    def has(self, owner: str, name: str) -> bool:
        with self._lock:
            return (owner, name) in self._ended
