"""What the catalogues hold for one caller in one database: objects of the mesh it may know of.

Oids are hashes of names: those of one caller say nothing about what another one may see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pyarrow as pa

from gateway.model import Dataset
from gateway.postgres_wire.databases import MESH, Database
from gateway.postgres_wire.types import PgType, modifier, pg_type
from gateway.serving.table_names import table_names

FIRST_OID = 16_384
"""Where PostgreSQL's oids of users' objects begin."""

PG_CATALOG_OID, INFORMATION_SCHEMA_OID = 11, 13_000
OWNER_OID, OWNER = 10, "meshgate"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    number: int
    kind: PgType
    array: bool
    modifier: int
    nullable: bool
    comment: str

    @property
    def oid(self) -> int:
        return self.kind.array if self.array else self.kind.oid


@dataclass(frozen=True, slots=True)
class Table:
    oid: int
    schema: str
    name: str
    dataset: Dataset
    columns: tuple[Column, ...]
    visible: bool
    """Whether its name alone says which it is."""

    @property
    def kind(self) -> str:
        return "v" if self.dataset.view is not None else "r"

    @property
    def key(self) -> tuple[int, ...]:
        """The numbers of the columns of its primary key; none unless all are shown."""
        numbers = {column.name: column.number for column in self.columns}
        names = self.dataset.primary_key
        return tuple(numbers[n] for n in names) if all(n in numbers for n in names) else ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    oid: int
    name: str
    table: Table
    target: Table
    columns: tuple[int, ...]
    target_columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Everything one caller may see in one database."""

    user: str
    database: Database
    databases: tuple[str, ...]
    schemas: dict[str, int]
    tables: tuple[Table, ...]
    foreign_keys: tuple[ForeignKey, ...]


@dataclass(slots=True)
class Oids:
    """Numbers of objects by what they are and their names."""

    _taken: dict[int, str] = field(default_factory=dict)

    def of(self, kind: str, name: str) -> int:
        text = f"{kind}\0{name}"
        digest = blake2b(text.encode(), digest_size=4).digest()
        oid = FIRST_OID + int.from_bytes(digest, "big") % (2**31 - FIRST_OID)
        while self._taken.setdefault(oid, text) != text:
            oid = FIRST_OID + (oid + 1 - FIRST_OID) % (2**31 - FIRST_OID)
        return oid


def world(user: str, database: Database, datasets: Sequence[Dataset]) -> World:
    """The world of what a caller may know of."""
    oids = Oids()
    here = [dataset for dataset in datasets if database.holds(dataset)]
    named = list(table_names(here))
    times: dict[str, int] = {}
    for name, _ in named:
        times[name] = times.get(name, 0) + 1
    schemas = {
        database.schema(dataset.address.domain, dataset.address.product): 0 for dataset in here
    }
    schemas = {name: oids.of("schema", name) for name in sorted(schemas)}
    tables = tuple(
        Table(
            oids.of("table", str(dataset.address)),
            database.schema(dataset.address.domain, dataset.address.product),
            name,
            dataset,
            tuple(_columns(dataset.schema)),
            times[name] == 1,
        )
        for name, dataset in named
    )
    domains = {dataset.address.domain for dataset in datasets}
    databases = tuple(sorted(domains | {database.name, MESH}))
    return World(user, database, databases, schemas, tables, tuple(_foreign_keys(tables, oids)))


def _columns(schema: pa.Schema) -> Iterator[Column]:
    for number, column in enumerate(schema, 1):
        kind, array = pg_type(column.type)
        metadata = column.metadata or {}
        comment = metadata.get(b"mesh.comment", b"").decode()
        yield Column(
            column.name, number, kind, array, modifier(column.type), column.nullable, comment
        )


def _foreign_keys(tables: Sequence[Table], oids: Oids) -> Iterator[ForeignKey]:
    """Those of which both ends and every column are shown."""
    by_address = {table.dataset.address: table for table in tables}
    for table in tables:
        for key in table.dataset.foreign_keys:
            target = by_address.get(key.target)
            if target is None:
                continue
            numbers = [_numbers(table, key.columns), _numbers(target, key.target_columns)]
            if not all(numbers):
                continue
            name = key.name or f"{table.name}_{'_'.join(key.columns)}_fkey"
            oid = oids.of("foreign key", f"{table.dataset.address} {name} {key.columns}")
            yield ForeignKey(oid, name, table, target, *numbers)


def _numbers(table: Table, names: Sequence[str]) -> tuple[int, ...]:
    numbers = {column.name: column.number for column in table.columns}
    return tuple(numbers[n] for n in names) if all(n in numbers for n in names) else ()
