"""What statements, portals and savepoints of a session may be called."""

from __future__ import annotations

from gateway.postgres_wire.errors import SqlError

MAX_NAME = 255
"""In characters; PostgreSQL itself looks at 63 bytes."""

NAME_TOO_LONG = "42622"


def check_name(name: str) -> None:
    """Raise SqlError for a name that is too long: a session keeps many of them."""
    if len(name) > MAX_NAME:
        raise SqlError(NAME_TOO_LONG, f"a name has {len(name)} characters; {MAX_NAME} are allowed")
