"""A mesh in this process: asking the gateway without a server in between."""

from __future__ import annotations

import pyarrow as pa

from bench.mesh import ROLE, USER
from gateway.errors import GatewayError
from gateway.model import DEFAULT_OPTIONS, Principal, QueryOptions, Request
from gateway.pipeline import Gateway

PRINCIPAL = Principal(f"user:{USER[0]}", (ROLE,))


class Mesh:
    """The test tables in every source, behind one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def answer(self, sql: str, options: QueryOptions = DEFAULT_OPTIONS) -> pa.Table | GatewayError:
        """The rows, or the error the gateway answers with. Anything else it raises is a bug."""
        try:
            prepared = self._gateway.prepare(Request(PRINCIPAL, sql, options=options))
            result = self._gateway.execute(prepared)
            return pa.Table.from_batches(list(result.batches), result.schema)
        except GatewayError as error:
            return error
