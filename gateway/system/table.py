"""What a system table is: a name, columns, and rows made for one viewpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from connectors.interface import COMMENT, Binding
from gateway.model import SYSTEM, Address, Dataset
from gateway.system.viewpoint import Equal, Viewpoint

VERSION = "1.0.0"
"""The version of all system tables: columns may be added within it."""

Rows = Callable[[Viewpoint, Equal], pa.Table]
"""Makes the rows for a viewpoint, as the columns of the table: all that the caller may know."""


@dataclass(frozen=True)
class SystemTable:
    """``system.PRODUCT.NAME``. Its `rows` show no more than the viewpoint may know."""

    product: str
    name: str
    description: str
    schema: pa.Schema
    rows: Rows

    @cached_property
    def dataset(self) -> Dataset:
        """The table as a dataset of the domain ``system``."""
        return Dataset(
            Address(SYSTEM, self.product, self.name, VERSION),
            self.schema,
            Binding(SYSTEM, "", f"{self.product}.{self.name}"),
            title=self.name,
            description=self.description,
            owner="meshgate",
        )


def columns(*declared: tuple[str, pa.DataType, str]) -> pa.Schema:
    """A schema of names, types, and what each column says."""
    return pa.schema(
        [pa.field(name, kind, metadata={COMMENT: comment}) for name, kind, comment in declared]
    )


def table(rows: Iterable[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows of Python values, in the order of the schema, as a table."""
    by_column = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array(list(values), field.type) for values, field in zip(by_column, schema, strict=True)
    ]
    return pa.table(arrays, schema=schema)
