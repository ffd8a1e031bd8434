"""The mesh over the small tables, and what it answers in a dialect."""

from __future__ import annotations

import pyarrow as pa

from gateway.model import Request
from gateway.pipeline import Gateway
from tests.dialects.rows import TABLES
from tests.gateways import ANA, gateway, in_memory


def mesh() -> Gateway:
    return gateway(in_memory(TABLES, "dialects"))


def answer(opened: Gateway, dialect: str, text: str, *values: object) -> pa.Table:
    """The answer to a query in a dialect."""
    parameters = tuple(pa.scalar(value) for value in values)
    request = Request(ANA, text, dialect=dialect, parameters=parameters)
    prepared = opened.prepare(request)
    result = opened.execute(prepared)
    return pa.Table.from_batches(list(result.batches), result.schema)
