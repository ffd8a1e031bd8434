"""The embedded DuckDB over Parquet files: held to every rule of a SQL source."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import exp

from connectors.dialect import SqlDialect
from connectors.embedded_dialect import EMBEDDED
from connectors.embedded_duckdb import EmbeddedDuckDb
from connectors.files import FilesConnector
from connectors.interface import BatchStream, Binding, SourceKey
from tests.conformance.reference import TABLE, Reference
from tests.conformance.specs import Source, holdings
from tests.conformance.test_functions import (  # noqa: F401
    test_aggregate_gives_what_the_engine_gives,
    test_average_of_integers_is_the_engines,
    test_average_over_no_rows_is_null,
    test_filter_keeps_the_rows_the_engine_keeps,
    test_function_gives_what_the_engine_gives,
    test_function_not_in_the_list_is_refused,
)

MEMORY = 1 << 30
ROWS_A_GROUP = 16
"""Small row groups: what the least and greatest value of one rule out is skipped."""


class Connector:
    """A folder of files as one SQL source, as the suite asks for it."""

    dialect: SqlDialect = EMBEDDED

    def __init__(self, folder: str) -> None:
        self._engine = EmbeddedDuckDb(MEMORY, 2)
        self._files = FilesConnector(folder, {})

    @property
    def source_key(self) -> SourceKey:
        return self._files.source_key

    def schema(self, name: str) -> pa.Schema:
        return self._files.schema(name)

    def table(self, name: str) -> exp.Table:
        offered = self._engine.offer(self._files, name, self.schema(name))
        assert offered is not None
        return offered.table(name)

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        return query.sql(dialect="duckdb")

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        return self._engine.query(text, schema)

    def close(self) -> None:
        self._engine.close()


def _rows() -> pa.Table:
    """The canonical rows, without the products that take the engine to fall back."""
    rows = holdings("duckdb")
    for name in ("d", "e"):
        index = rows.schema.get_field_index(name)
        field = rows.schema.field(name)
        kept = [
            v if v is None or abs(v) < Decimal(10) ** 7 else None for v in rows[name].to_pylist()
        ]
        rows = rows.set_column(index, field, pa.array(kept, field.type))
    return rows


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Two files of small row groups, the second with its columns in another order."""
    folder = tmp_path_factory.mktemp("embedded")
    rows = _rows()
    (folder / TABLE).mkdir()
    half = rows.num_rows // 2
    pq.write_table(rows.slice(0, half), folder / TABLE / "a.parquet", row_group_size=ROWS_A_GROUP)
    turned = rows.slice(half).select([*reversed(rows.schema.names)])
    pq.write_table(turned, folder / TABLE / "b.parquet", row_group_size=ROWS_A_GROUP)
    connector = Connector(str(folder))
    yield Source("embedded", connector, rows, "", binding=Binding("files", str(folder), TABLE))
    connector.close()


@pytest.fixture(scope="module")
def reference(source: Source) -> Reference:
    """DataFusion over the rows the files hold."""
    return Reference(source.rows)
