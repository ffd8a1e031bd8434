"""The forms in which PostgreSQL's values travel fastest, and back.

A numeric leaves as text: the driver's own decoding of its binary form costs five times as much.
As ``(x * 100)::bigint`` it is no faster over the whole way, and it would round in silence where a
column has got more digits than its contract says. Blank-padded text leaves as it is and loses its
blanks here: in the source, each value costs as much as reading the rest of its row.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from connectors.marks import marked
from connectors.outputs import put_casts, rewritable

BLANK_PADDED = "blank_padded"
"""Mark on the cast to text of a column that is declared as character(n)."""

_DRIVERS_TYPE = b"POSTGRESQL:type"


def transported(query: exp.Query, schema: pa.Schema) -> exp.Query:
    """The statement with outputs in the form they travel best; it means the same to `unpadded`."""
    if not rewritable(query, schema):
        return query
    decimals = [i for i, f in enumerate(schema) if pa.types.is_decimal(f.type)]
    padded = [i for i, o in enumerate(query.expressions) if marked(o.unalias(), BLANK_PADDED)]
    if query.args.get("group"):  # a key is written as it is read
        padded = []
    if not decimals and not padded:
        return query
    rewritten = query.copy()
    put_casts(rewritten, decimals, "TEXT")
    for i in padded:
        output = rewritten.expressions[i]
        column = output.unalias().this
        name = exp.to_identifier(output.alias_or_name or f"c{i}", quoted=True)
        output.replace(exp.Alias(this=column, alias=name))
    return rewritten


def unpadded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with blank-padded text as the source's own cast to text would give it."""
    arrays = batch.columns
    for i, field in enumerate(batch.schema):
        if (field.metadata or {}).get(_DRIVERS_TYPE) == b"bpchar":
            arrays[i] = pc.ascii_rtrim(arrays[i], " ")
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
