"""Two meshes that differ in hidden rows alone, over sources that need no server.

`calm` is governed just as `wild` is, but its sources hold no row that the policies hide: what
differs between the two in any way, hidden rows have told.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connectors import memory
from connectors.interface import Binding
from gateway.errors import GatewayError
from gateway.flight import commands
from gateway.flight.service import FlightSql
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Principal
from gateway.serving.callers import Caller
from tests.gateways import dataset, gateway

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("region", pa.string()),
        ("pay", pa.int64()),
        ("code", pa.string()),
        ("mail", pa.string()),
        ("hush", pa.string()),
    ]
)
SEEN = [
    {"id": i, "region": "EU", "pay": 10 * i, "code": f"{i}", "mail": f"m{i}@x", "hush": "s"}
    for i in range(1, 9)
]
HIDDEN = [
    {"id": 20, "region": "US", "pay": 777, "code": "CANARY", "mail": "CANARY@x", "hush": "CANARY"},
    {"id": 21, "region": None, "pay": 2**63 - 1, "code": "", "mail": None, "hush": None},
    {"id": 22, "region": "US", "pay": None, "code": "(", "mail": "", "hush": ""},
    {"id": 23, "region": "US", "pay": 0, "code": "9" * 30, "mail": "[", "hush": "["},
]
SOURCES = ("memory", "duckdb", "files")

ONLY_EU = ("permissive", "eu", "allow")
RULES = (
    ("p", "reader", "*", "*", "read", "*", "*", "*", "allow"),
    *(
        rule
        for source in SOURCES
        for rule in (
            ("p", "reader", "shop", f"mesh://shop/{source}/staff#hush", "read", *"***", "deny"),
            (
                "p2",
                "reader",
                "shop",
                f"mesh://shop/{source}/staff",
                "*",
                "permissive",
                "eu",
                "allow",
            ),
        )
    ),
    ("p3", "reader", "*", "*", "contact", "*", "last4", "allow"),
)
BOB = Caller(Principal("user:bob", ("reader",)))
Answer = tuple[str, object] | tuple[str, str, str | None]
"""Schema and rows, or code, message and hint of an error."""


class Twins:
    """The two meshes, each a service of its own."""

    def __init__(self, folder: Path) -> None:
        self.services = [
            self._service(folder / name, rows)
            for name, rows in (("wild", [*SEEN, *HIDDEN]), ("calm", SEEN))
        ]

    def _service(self, folder: Path, rows: list[dict[str, object]]) -> FlightSql:
        folder.mkdir()
        table = pa.Table.from_pylist(rows, SCHEMA)
        pq.write_table(table, folder / "staff.parquet")
        with duckdb.connect(folder / "staff.db") as database:
            database.register("given", table)
            database.execute("CREATE TABLE staff AS SELECT * FROM given")
        uri = memory.register(f"oracles-{folder.name}", {"staff": table})
        bindings = {
            "memory": Binding("memory", uri, "staff"),
            "duckdb": Binding("duckdb", str(folder / "staff.db"), "staff"),
            "files": Binding("files", str(folder), "staff.parquet"),
        }
        governed = [
            replace(
                dataset(product, "staff", binding, SCHEMA),
                column_tags={"mail": ("contact",)},
                row_filters={"eu": "region = 'EU'"},
            )
            for product, binding in bindings.items()
        ]
        return FlightSql(gateway(governed, RULES))

    def answers(self, plan: bytes) -> list[Answer]:
        """What bob is answered for a plan, in the wild and in the calm mesh."""
        message = sql.SubstraitPlan(plan=plan, version="0.85.0")
        return self._answers(commands.encode(sql.CommandStatementSubstraitPlan(plan=message)))

    def answers_to(self, text: str) -> list[Answer]:
        """The same for a text."""
        return self._answers(commands.encode(sql.CommandStatementQuery(query=text)))

    def _answers(self, command: bytes) -> list[Answer]:
        return [self._answer(service, command) for service in self.services]

    def _answer(self, service: FlightSql, command: bytes) -> Answer:
        try:
            flight = service.flight(BOB, command)
            stream = service.stream(BOB, flight.ticket, lambda: False)
            assert not isinstance(stream, pa.Table)
            return str(flight.schema), pa.Table.from_batches(
                list(stream), stream.schema
            ).to_pylist()
        except GatewayError as error:
            return error.code, error.message, error.hint

    def close(self) -> None:
        for service in self.services:
            service.gateway.close()


def name(source: str) -> tuple[str, str, str]:
    """Of the one dataset, in one of SOURCES."""
    return ("shop", source, "staff")
