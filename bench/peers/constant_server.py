"""An empty pyarrow Flight server: whatever it is asked, it answers with one row holding 1.

python -m bench.peers.constant_server
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.flight as fl

from bench.peers.listening import serve


class ConstantServer(fl.FlightServerBase):  # type: ignore[misc]
    """Answers the same two calls as the gateway, and does nothing for it."""

    table = pa.table({"1": pa.array([1], pa.int64())})

    def get_flight_info(
        self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor
    ) -> fl.FlightInfo:
        """One endpoint, whatever is asked."""
        endpoint = fl.FlightEndpoint(b"one", [])
        return fl.FlightInfo(self.table.schema, descriptor, [endpoint], 1, -1)

    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.RecordBatchStream:
        """The constant row."""
        return fl.RecordBatchStream(self.table)


if __name__ == "__main__":
    serve(ConstantServer)
