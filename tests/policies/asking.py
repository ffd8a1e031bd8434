"""Short ways to write policies down and to ask them."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable

from policies import Authoriser, Context, Decision, PolicyRows, Resource, Row, Snapshot, Subject

LINES = "mesh://sales/orders/lines@1.2.0"
ANYONE = Context()
COLUMNS = {"id": "", "email": "pii", "ssn": "pii secret", "amount": "", "note": "doc"}
READ_ALL = "p,*,*,*,read,*,*,*,allow"


def rows(*texts: str) -> PolicyRows:
    """Rows as they are written in CSV; all of one file, `t.csv`."""
    parsed = [next(csv.reader([text])) for text in texts]
    return PolicyRows.checked(
        Row(ptype, tuple(columns), "t.csv", line)
        for line, (ptype, *columns) in enumerate(parsed, start=1)
    )


def authoriser(*texts: str, clock: Callable[[], float] = time.time) -> Authoriser:
    """Policies of these rows."""
    return Authoriser(Snapshot(rows(*texts)), clock)


def resource(
    address: str = LINES,
    columns: dict[str, str] | None = None,
    filters: str = "eu_only us_only no_vip",
    tags: str = "",
    **more: bool,
) -> Resource:
    """A dataset; tags and filters are words, columns are names with words."""
    described = tuple((n, frozenset(t.split())) for n, t in (columns or {}).items())
    domain = address.removeprefix("mesh://").partition("/")[0]
    return Resource(
        address, domain, frozenset(tags.split()), described, frozenset(filters.split()), **more
    )


PEOPLE = resource(columns=COLUMNS)
"""A dataset with columns, some of them tagged."""


def ask(
    policies: Authoriser,
    subject: str = "user:alice",
    dataset: Resource | str = PEOPLE,
    action: str = "read",
    roles: tuple[str, ...] = (),
    purpose: str = "",
    region: str = "",
    purposes: tuple[str, ...] | None = None,
) -> Decision:
    """The decision."""
    asked = resource(dataset) if isinstance(dataset, str) else dataset
    context = Context(purpose, region)
    return policies.decide(Subject(subject, roles, purposes), asked, action, context)


def may(
    policies: Authoriser,
    subject: str = "user:alice",
    dataset: Resource | str = LINES,
    action: str = "read",
    roles: tuple[str, ...] = (),
    purpose: str = "",
    region: str = "",
) -> bool:
    """Whether it is allowed."""
    return ask(policies, subject, dataset, action, roles, purpose, region).allowed


def lines(decision: Decision) -> list[int]:
    """The lines of the rows that had a part in the decision."""
    return [row.line for row in decision.rules]


def allow(subject: str, pattern: str = "*", action: str = "read", tags: str = "*") -> str:
    """A `p` row that allows."""
    return f"p,{subject},*,{pattern},{action},*,*,{tags},allow"


def deny(subject: str, pattern: str = "*", action: str = "read", tags: str = "*") -> str:
    """A `p` row that denies."""
    return f"p,{subject},*,{pattern},{action},*,*,{tags},deny"
