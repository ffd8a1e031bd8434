"""Column lineage of one query, in the terms of OpenLineage's columnLineage facet.

Source: https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

REMEMBERED_NAMES = 16
"""Under so many names for its outputs a lineage is kept: texts may differ in nothing else."""


class Subtype(StrEnum):
    """How an input reaches a column (the first three, DIRECT), or only decides on it (INDIRECT)."""

    IDENTITY = "IDENTITY"
    TRANSFORMATION = "TRANSFORMATION"
    AGGREGATION = "AGGREGATION"
    JOIN = "JOIN"
    GROUP_BY = "GROUP_BY"
    FILTER = "FILTER"
    SORT = "SORT"
    WINDOW = "WINDOW"
    CONDITIONAL = "CONDITIONAL"

    @property
    def direct(self) -> bool:
        """Whether values of the input are in the output, changed or not."""
        return self in _DIRECT


_DIRECT = frozenset({Subtype.IDENTITY, Subtype.TRANSFORMATION, Subtype.AGGREGATION})


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """A column of a dataset, and how it was used. `dataset` is its address with its version.

    `masking` says that its values passed a mask on the way: what came out of one is not the input.
    `policy` says that a row filter of the policies used it, not the query.
    """

    dataset: str
    column: str
    subtype: Subtype
    masking: bool = False
    policy: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the answer, by its name, with all that went into it: sorted, each input once."""

    name: str
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """What an answer is made of. Immutable and hashable: equal for queries that derive alike.

    `outputs` are in the order of the answer's columns; `whole` are the inputs that decide on the
    answer as a whole (filters, joins, groupings, sort orders), sorted. `datasets` are the addresses
    of everything that is read, also without a column (``count(*)``), sorted; `views` those of the
    views it is read through, sorted. It is `exact`, or every column that is read is named as an
    input of every output: never less than the truth.
    """

    outputs: tuple[Output, ...]
    whole: tuple[Input, ...] = ()
    datasets: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    exact: bool = True
    _named: dict[tuple[str, ...], Lineage] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def named(self, names: Sequence[str]) -> Lineage:
        """The lineage with its outputs called so, in their order: for equal names the same one."""
        if all(o.name == name for o, name in zip(self.outputs, names, strict=True)):
            return self
        key = tuple(names)
        found = self._named.get(key)
        if found is None:
            renamed = (replace(o, name=n) for o, n in zip(self.outputs, names, strict=True))
            found = replace(self, outputs=tuple(renamed))
            if len(self._named) < REMEMBERED_NAMES:
                self._named[key] = found
        return found
