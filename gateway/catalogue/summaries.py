"""What is at hand of the datasets of one product, and where each is declared."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from gateway.catalogue.entries import Entry, Source
from gateway.model import Address
from policies.estate import Traits


@dataclass(frozen=True, slots=True)
class Declaration:
    """A dataset's entry, the place of its port in the product, and the object that declares it: in
    which contract's file, at which place there. `ends`: its end is declared."""

    entry: Entry
    port: int
    contract: str
    position: int
    ends: bool = False


def written(declarations: Sequence[Declaration]) -> str:
    """Declarations as a text."""
    return json.dumps([_written(each) for each in declarations], separators=(",", ":"))


def _written(each: Declaration) -> list[Any]:
    entry = each.entry
    address, traits = entry.address, entry.traits
    return [
        *(address.domain, address.product, address.dataset, address.version, entry.status),
        json.dumps([_trait(getattr(traits, field.name)) for field in fields(traits)]),
        json.dumps(entry.source),
        *(entry.bound, each.port, each.contract, each.position, each.ends),
    ]


def _trait(value: Any) -> Any:
    """One of the traits in JSON: a set as a sorted list."""
    if isinstance(value, frozenset):
        return sorted(value)
    return [_trait(each) for each in value] if isinstance(value, tuple) else value


def read(text: str) -> list[Declaration]:
    """Declarations from their text. Raises ValueError."""
    try:
        return [_read(*each) for each in json.loads(text)]
    except (TypeError, KeyError) as error:
        raise ValueError(f"this is no compiled product: {error!r}") from error


def _read(
    domain: str,
    product: str,
    name: str,
    version: str,
    status: str,
    traits: str,
    source: str,
    bound: bool,
    port: int,
    contract: str,
    position: int,
    ends: bool,
) -> Declaration:
    address = Address(domain, product, name, version)
    entry = Entry(address, status, _traits(traits), _source(source), bound)
    return Declaration(entry, port, contract, position, ends)


@functools.lru_cache(maxsize=16_384)
def _traits(text: str) -> Traits:
    tags, columns, *given = json.loads(text)
    others: list[Any] = [frozenset(each) if isinstance(each, list) else each for each in given]
    counted = tuple((frozenset(names), count) for names, count in columns)
    return Traits(frozenset(tags), counted, *others)


@functools.lru_cache(maxsize=16_384)
def _source(text: str) -> Source | None:
    found = json.loads(text)
    if found is None:
        return None
    connector, uri, options = found
    return (connector, uri, tuple((key, value) for key, value in options))
