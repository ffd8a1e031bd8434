"""Reading a table whose rows are made in this process, when the engine asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connectors.interface import ComputesRows
from gateway.plan.fragment import FragmentReads
from gateway.plan.lazy import Opener
from gateway.plan.row_filter import constants


def computed_opener(
    source: ComputesRows, object_name: str, schema: pa.Schema, reads: FragmentReads
) -> Opener:
    """Reads the columns of `schema`; an error keeps its type through `reads`."""

    def opened(
        columns: Sequence[str] | None, condition: pc.Expression | None
    ) -> Iterator[pa.RecordBatch]:
        try:
            equal = {} if condition is None else constants(condition, schema)
            for batch in source.rows(object_name, equal):
                yield batch.select(schema.names).cast(schema)
        except GeneratorExit:
            raise
        except BaseException as error:
            reads.fail(error)
            raise

    return opened
