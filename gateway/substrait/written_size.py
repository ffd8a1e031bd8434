"""How large a plan is once every column stands for what it is computed from.

The engine names columns after their expressions, and plans are compared with what columns are put
in: a column that is made of its predecessor four times makes either four times as large. A plan of
a thousand bytes would keep the engine busy for hours.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message
from substrait.proto import Expression, Rel

from gateway.errors import LimitExceeded
from gateway.plan import relations

MAX_WRITTEN_SIZE = 100_000
"""How many parts the expressions of a plan may have, written out."""


def check_written_size(rel: Rel) -> None:
    """Raise LimitExceeded for a relation that is too large. It is no deeper than a plan may be."""
    _Measure().columns(rel)


class _Measure:
    def __init__(self) -> None:
        self._total = 0

    def columns(self, rel: Rel) -> list[int]:
        """The sizes of the columns that leave a relation."""
        body = relations.body(rel)
        inputs = [self.columns(child) for child in relations.inputs(rel)]
        below = [size for columns in inputs for size in columns]
        match relations.kind(rel):
            case "read":
                found = [1] * len(body.base_schema.names)
                self._fields(body, found)
            case "project":
                found = below + [self._size(e, below) for e in body.expressions]
            case "aggregate":
                found = [self._size(k, below) for k in body.grouping_expressions]
                found += [self._size(m, below) for m in body.measures]
            case "set":
                found = list(map(max, zip(*inputs, strict=False)))
            case kind:
                self._fields(body, below)
                found = below
                if kind == "join" and relations.join_type(rel).startswith("RIGHT_"):
                    found = inputs[1] + inputs[0]  # only the right side leaves, and perhaps a mark
        mapping = relations.emitted(rel)
        if mapping is None:
            return found
        return [found[i] if 0 <= i < len(found) else 1 for i in mapping]

    def _fields(self, body: Message, columns: Sequence[int]) -> None:
        for field, value in body.ListFields():
            if field.message_type is not None:
                for part in value if field.is_repeated else [value]:
                    if not isinstance(part, Rel):
                        self._size(part, columns)

    def _size(self, message: Message, columns: Sequence[int]) -> int:
        """The size of an expression over columns of these sizes, counted with all others."""
        size = 1
        if isinstance(message, Rel):
            size += sum(self.columns(message))
        elif isinstance(message, Expression.FieldReference):
            position = message.direct_reference.struct_field.field
            size = columns[position] if 0 <= position < len(columns) else 1
        else:
            for field, value in message.ListFields():
                if field.message_type is not None:
                    parts = value if field.is_repeated else [value]
                    size += sum(self._size(part, columns) for part in parts)
        self._total += size
        if self._total > MAX_WRITTEN_SIZE:
            raise LimitExceeded(
                "the columns of the plan are computed from each other too often:"
                f" written out, it has more than {MAX_WRITTEN_SIZE} parts",
                hint="compute a value once, and use it once",
            )
        return size
