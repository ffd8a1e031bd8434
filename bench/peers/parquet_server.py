"""A raw pyarrow Flight server that streams one Parquet dataset: no SQL, no rights, no plan.

Whatever it is asked, it answers with every row of the dataset: `pyarrow.dataset` reads the files
(with its own threads and read-ahead, strings as plain utf8) and a C++ reader streams the batches
without holding the interpreter lock.

    python -m bench.peers.parquet_server PATH
"""

from __future__ import annotations

import sys

import pyarrow.dataset as pads
import pyarrow.flight as fl

from bench.peers.listening import serve
from bench.peers.schema import without_views

BATCH_ROWS = 65_536


class ParquetServer(fl.FlightServerBase):  # type: ignore[misc]
    """Answers every request with the same dataset."""

    def __init__(self, location: str, path: str) -> None:
        super().__init__(location)
        schema = without_views(pads.dataset(path, format="parquet").schema)
        self._dataset = pads.dataset(path, schema=schema, format="parquet")

    def get_flight_info(
        self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor
    ) -> fl.FlightInfo:
        """One endpoint, whatever is asked."""
        endpoint = fl.FlightEndpoint(b"all", [])
        return fl.FlightInfo(self._dataset.schema, descriptor, [endpoint], -1, -1)

    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.RecordBatchStream:
        """Every row of the dataset."""
        return fl.RecordBatchStream(self._dataset.scanner(batch_size=BATCH_ROWS).to_reader())


if __name__ == "__main__":
    serve(lambda location: ParquetServer(location, sys.argv[1]))
