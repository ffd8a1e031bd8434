"""Databases and schemas: how the mesh looks to who expects PostgreSQL's two levels of names.

    database mesh        schema "domain.product", table dataset    the whole mesh
    database DOMAIN      schema product, table dataset             one domain

``domain.product.dataset`` may be written in both, and reaches any domain.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.errors import did_you_mean
from gateway.model import Dataset
from gateway.postgres_wire.errors import UNKNOWN_DATABASE, UNKNOWN_SCHEMA, Fatal, SqlError
from gateway.postgres_wire.words import NAME, QUOTED, Word, words

MESH = "mesh"
Products = Callable[[], Iterable[tuple[str, str]]]
"""The domains and products the caller may know of: asked for only where somebody looks at them."""

WHOLE = frozenset({MESH, "postgres", "template1", ""})
"""Names under which the whole mesh is reached: tools look into `postgres` first."""


@dataclass(frozen=True, slots=True)
class Written:
    """A query as the gateway gets it, and where each of its pieces stood in the client's text."""

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)

    def origin(self, at: int) -> int:
        """Where in the client's text a character of this one stands."""
        piece = bisect_right(self.starts, at) - 1
        here, there = self.starts[piece], self.origins[piece]
        return there + (at - here if at != here else 0)


@dataclass(frozen=True, slots=True)
class Database:
    """What a connection is to: the whole mesh, or with a `domain` only that."""

    name: str
    domain: str = ""

    def schema(self, domain: str, product: str) -> str:
        """The schema the datasets of a product are in."""
        return product if self.domain else f"{domain}.{product}"

    def holds(self, dataset: Dataset) -> bool:
        return not self.domain or dataset.address.domain == self.domain

    def _schemas(self, products: Products) -> dict[str, tuple[str, str]]:
        return {self.schema(*p): p for p in products() if not self.domain or p[0] == self.domain}

    def namespace(self, search_path: str, products: Products) -> tuple[str, ...]:
        """Where names that do not say all are looked up first."""
        wanted = schemas(search_path)
        if self.domain and len(wanted) == 1:
            return (self.domain, wanted[0])
        held = self._schemas(products) if wanted else {}
        for schema in wanted:
            if schema in held:
                return held[schema]
        return (self.domain,) if self.domain else ()

    def check_path(self, search_path: str, products: Products) -> None:
        """Raise SqlError for a path of which no schema is there: names would be found elsewhere."""
        wanted = schemas(search_path)
        if not wanted:
            return
        held = self._schemas(products)
        if held.keys().isdisjoint(wanted):
            near = next(filter(None, (did_you_mean(name, held) for name in wanted)), None)
            raise SqlError(
                UNKNOWN_SCHEMA,
                f"there is no schema {wanted[0][:63]!r}, or you may not know of it",
                hint=near or "set search_path to a schema of this database, or to ''",
            )

    def written(self, text: str, products: Products) -> Written:
        """A query with the schemas of this database replaced by what they stand for."""
        if self.domain or ('"' not in text and self.name not in text.lower()):
            return Written(text)
        known = {self.schema(*p): f'"{p[0]}"."{p[1]}"' for p in products()}
        parts, starts, origins = list[str](), [0], [0]
        end = length = 0

        def keep(until: int, resume: int, instead: str) -> None:
            nonlocal end, length
            parts.extend((text[end:until], instead))
            length += until - end
            starts.extend((length, length + len(instead)))
            origins.extend((until, resume))
            length += len(instead)
            end = resume

        for chain in chains(text):
            names = [word.name for word in chain]
            if len(chain) > 1 and names[0] == self.name and (names[1] in known or "." in names[1]):
                keep(chain[0].start, chain[1].start, "")
                chain, names = chain[1:], names[1:]
            if len(chain) > 1 and chain[0].kind == QUOTED and names[0] in known:
                keep(chain[0].start, chain[0].end, known[names[0]])
        if not parts:
            return Written(text)
        return Written("".join([*parts, text[end:]]), tuple(starts), tuple(origins))


def chains(text: str) -> list[list[Word]]:
    """The names of a text: of ``a.b.c`` all three words."""
    found: list[list[Word]] = []
    dotted = False
    for word in words(text):
        if word.kind in (NAME, QUOTED):
            if dotted and found:
                found[-1].append(word)
            else:
                found.append([word])
            dotted = False
        else:
            dotted = word.text == "." and bool(found) and found[-1][-1].end == word.start
    return found


def schemas(search_path: str) -> list[str]:
    """The schemas of a search path, without those every PostgreSQL has."""
    found = [part.strip().strip('"') for part in search_path.split(",")]
    return [s for s in found if s and s not in ("$user", "public", "pg_catalog")]


def database(name: str, user: str, products: Iterable[tuple[str, str]]) -> Database:
    """The database of a name; Fatal when there is none the caller may know of."""
    domains = sorted({domain for domain, _ in products})
    if name in domains:
        return Database(name, name)
    if name in WHOLE or name == user:
        return Database(name or MESH)
    near = did_you_mean(name, [MESH, *domains])
    raise Fatal(
        UNKNOWN_DATABASE,
        f"there is no database {name[:63]!r}, or you may not know of it",
        hint=near or f"connect to {MESH}, which is the whole mesh, or to one of its domains",
    )
