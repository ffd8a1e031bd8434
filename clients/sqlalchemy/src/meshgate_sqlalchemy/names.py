"""``domain.product``: two levels of the mesh in SQLAlchemy's one level of schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import ArgumentError

_PART = re.compile(r'(?:"((?:[^"]|"")+)"|([^".]+))(\.(?!\Z)|\Z)')


@dataclass(frozen=True)
class Scope:
    """Where to look for tables; None is anywhere."""

    domain: str | None = None
    product: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """What goes before a table's name in SQL."""
        return tuple(part for part in (self.domain, self.product) if part is not None)

    def holds(self, domain: str, product: str) -> bool:
        """Whether a product of a domain is in here."""
        return self.domain in (None, domain) and self.product in (None, product)


def read_schema(schema: str, domain: str | None = None) -> Scope:
    """The scope of ``domain.product``, or of a product alone in the domain given.

    A part with a dot in it is in double quotes. ArgumentError for anything else.
    """
    parts: list[str] = []
    at = 0
    while at < len(schema):
        found = _PART.match(schema, at)
        if found is None:
            parts = []
            break
        parts.append(found[1].replace('""', '"') if found[1] else found[2])
        at = found.end()
    match parts:
        case [product]:
            return Scope(domain, product)
        case [named, product]:
            return Scope(named, product)
    raise ArgumentError(
        f"the schema {schema!r} is neither product nor domain.product; "
        'a part with a dot in it is written in double quotes: "sales.eu".orders'
    )


def write_schema(domain: str, product: str) -> str:
    """The name of a domain's product as a schema; `read_schema` takes it apart again."""
    parts = (f'"{part}"' if "." in part else part for part in (domain, product))
    return ".".join(parts)
