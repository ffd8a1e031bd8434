"""What a decision is asked with: who asks, in which context, for which dataset."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: a principal (``user:alice``) and the roles its identity brings.

    `purposes` are those the identity may declare; None leaves that to the policies.
    """

    name: str
    roles: tuple[str, ...] = ()
    purposes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The purpose declared and the region known; what is empty satisfies only ``*``."""

    purpose: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """What policies know of one version of one dataset. Make it once: it remembers its hash.

    `columns` are names with their tags. `row_filters` are the ids the contract declares, `purposes`
    those it may be read for, with all that is below them (none: for any). What is `unpublished` is
    there only for whoever may publish it, or administer it.
    """

    address: str
    domain: str
    tags: frozenset[str] = frozenset()
    columns: tuple[tuple[str, frozenset[str]], ...] = ()
    row_filters: frozenset[str] = frozenset()
    requires_row_filter: bool = False
    requires_purpose: bool = False
    unpublished: bool = False
    purposes: frozenset[str] = frozenset()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = (
            *(self.address, self.domain, self.tags, self.columns, self.row_filters),
            *(self.requires_row_filter, self.requires_purpose, self.unpublished, self.purposes),
        )
        object.__setattr__(self, "_hash", hash(known))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Resource) or self._hash != other._hash:
            return NotImplemented if not isinstance(other, Resource) else False
        return (
            self.address == other.address
            and self.domain == other.domain
            and self.tags == other.tags
            and self.columns == other.columns
            and self.row_filters == other.row_filters
            and self.requires_row_filter == other.requires_row_filter
            and self.requires_purpose == other.requires_purpose
            and self.unpublished == other.unpublished
            and self.purposes == other.purposes
        )
