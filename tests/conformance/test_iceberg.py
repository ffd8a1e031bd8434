"""Iceberg tables of a SQL catalogue: snapshots, changed schemas, deletes, skipped files."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, StringType

from connectors import open_connector
from connectors.iceberg import IcebergConnector
from connectors.interface import (
    PHYSICAL_TYPE,
    Binding,
    Connector,
    ListsObjects,
    ProvidesDataset,
    SourceError,
    SourceErrorCode,
)
from connectors.statistics import ProvidesStatistics
from gateway.errors import GatewayError
from tests.conformance.canonical import canonical
from tests.gateways import ANA, ask, dataset, gateway, in_memory

NAN = float("nan")


def holdings() -> pa.Table:
    """The canonical rows as Iceberg has types for them."""
    table = canonical()
    return table.select([f.name for f in table.schema if f.type != pa.uint32()])


def by_id(table: pa.Table) -> list[Any]:
    lines = table.sort_by("id").to_pylist()
    return [
        {k: "NaN" if isinstance(v, float) and math.isnan(v) else v for k, v in line.items()}
        for line in lines
    ]


class Lake:
    """A catalogue in a folder: its writer, and how a binding names it."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"sqlite:///{folder}/catalog.db"
        self.warehouse = f"file://{folder}"
        self.catalog = SqlCatalog("default", uri=self.uri, warehouse=self.warehouse)
        self.catalog.create_namespace("shop")

    def write(self, name: str, *pieces: pa.Table) -> Any:
        table = self.catalog.create_table(f"shop.{name}", schema=pieces[0].schema)
        for piece in pieces:
            table.append(piece)
        return table

    def opened(self, **options: str) -> IcebergConnector:
        connector = open_connector(
            Binding("iceberg", self.uri, "", {"warehouse": self.warehouse, **options})
        )
        assert isinstance(connector, IcebergConnector)
        for protocol in (Connector, ListsObjects, ProvidesDataset, ProvidesStatistics):
            assert isinstance(connector, protocol)
        return connector

    def gateway(self, *names: str) -> Any:
        connector = self.opened()
        binding = {"warehouse": self.warehouse}
        return gateway(
            [
                dataset(
                    "iceberg",
                    name,
                    Binding("iceberg", self.uri, f"shop.{name}", binding),
                    connector.schema(f"shop.{name}"),
                )
                for name in names
            ]
        )


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    yield made
    made.catalog.engine.dispose()


def rows(connector: IcebergConnector, name: str, columns: list[str] | None = None) -> list[Any]:
    return list(connector.dataset(name).to_table(columns=columns).to_pylist())


def test_every_type_is_read_exactly(lake: Lake) -> None:
    lake.write("rows", holdings())
    connector = lake.opened()
    schema = connector.schema("shop.rows")
    assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in holdings().schema]
    assert not schema.field("id").nullable
    assert schema.field("id").metadata[PHYSICAL_TYPE] == b"int"
    assert by_id(connector.dataset("shop.rows", schema).to_table()) == by_id(holdings())


def test_listing_has_every_table(lake: Lake) -> None:
    lake.write("rows", holdings())
    lake.write("other", pa.table({"x": [1]}))
    assert [o.name for o in lake.opened().objects()] == ["shop.other", "shop.rows"]
    (found,) = lake.opened().objects("shop.o*")
    assert found.schema.names == ["x"]


def test_filters_keep_the_rows_that_the_engine_keeps(lake: Lake) -> None:
    table = holdings()
    lake.write("rows", *(table.slice(start, 40) for start in range(0, 240, 40)))
    reference = gateway(in_memory({"rows": table}, "iceberg-reference"))
    pushed = lake.gateway("rows")
    chance = random.Random(6)
    conditions = [
        *("f > 1", "f = 'NaN'", "f <> 0", "f <= 1.5", "NOT f > 2", "f < 1 OR id < 3"),
        *("s > 'z'", "s < 'A'", "s = ''", "s IN ('a', 'Ä')", "s NOT IN ('a')", "s = 'a' OR b"),
        *("u > '2024-12-31'", "u < '1900-01-01'", "d > 9.98", "d = 1.05", "id > 239"),
        *("k > 2147483648", "b", "NOT b", "b IS NOT TRUE", "i IS NULL AND j IS NOT NULL"),
        *("x = timestamp '2000-02-29 23:59:59.999999'", "i = 7 AND (s LIKE 'a%' OR id < 100)"),
        *("h = X'61'", "q > timestamp '2024-01-01'", "7 > i", "0 <= k"),
        *(f"id BETWEEN {a} AND {a + 9} AND i <> 7" for a in chance.sample(range(240), 10)),
    ]
    for condition in conditions:
        text = f"SELECT * FROM rows WHERE {condition} ORDER BY id"
        assert by_id(ask(pushed, text)) == by_id(ask(reference, text)), condition
    pushed.close()
    reference.close()


def test_files_that_can_not_have_a_row_are_not_opened(lake: Lake) -> None:
    pieces = [pa.table({"id": pa.array(range(n, n + 10), pa.int64())}) for n in (0, 100, 200)]
    table = lake.write("t", *pieces)
    for task in table.scan().plan_files():
        path = Path(task.file.file_path.removeprefix("file://"))
        low = int.from_bytes(task.file.lower_bounds[1], "little")
        if low != 100:
            path.unlink()
    pushed = lake.gateway("t")
    answer = ask(pushed, "SELECT sum(id) AS s FROM t WHERE id > 50 AND id < 150")
    assert answer.to_pylist() == [{"s": 1045}]
    pushed.close()


def test_bounds_hide_no_nan(lake: Lake) -> None:
    lake.write("t", pa.table({"f": [1.0, NAN]}))
    pushed = lake.gateway("t")
    assert ask(pushed, "SELECT count(*) AS n FROM t WHERE f > 5").to_pylist() == [{"n": 1}]
    pushed.close()


def test_snapshot_and_ref_are_pinned(lake: Lake) -> None:
    table = lake.write("t", pa.table({"x": [1]}))
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "start").commit()
    table.overwrite(pa.table({"x": [2]}))
    assert rows(lake.opened(), "shop.t") == [{"x": 2}]
    assert rows(lake.opened(snapshot=str(first)), "shop.t") == [{"x": 1}]
    assert rows(lake.opened(ref="start"), "shop.t") == [{"x": 1}]
    for options in ({"snapshot": "77"}, {"ref": "nothing"}):
        with pytest.raises(SourceError) as caught:
            lake.opened(**options).schema("shop.t")
        assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND


def test_next_snapshot_is_seen_by_the_next_read(lake: Lake) -> None:
    table = lake.write("t", pa.table({"x": [1]}))
    connector = lake.opened()
    assert rows(connector, "shop.t") == [{"x": 1}]
    table.append(pa.table({"x": [2]}))
    assert sorted(r["x"] for r in rows(connector, "shop.t")) == [1, 2]
    table.delete("x = 1")
    assert rows(connector, "shop.t") == [{"x": 2}]


def test_changed_schema_reads_older_files(lake: Lake) -> None:
    table = lake.write("t", pa.table({"x": pa.array([1], pa.int32()), "old": ["a"]}))
    with table.update_schema() as update:
        update.update_column("x", LongType())
        update.rename_column("old", "new")
        update.add_column("more", StringType())
    later = {"x": pa.array([2], pa.int64()), "new": ["b"], "more": ["c"]}
    table.append(pa.table(later))
    found = sorted(rows(lake.opened(), "shop.t"), key=lambda r: r["x"])
    assert found == [{"x": 1, "new": "a", "more": None}, {"x": 2, "new": "b", "more": "c"}]
    pushed = lake.gateway("t")
    text = "SELECT x FROM t WHERE {}"
    assert ask(pushed, text.format("new = 'a'")).to_pylist() == [{"x": 1}]
    assert ask(pushed, text.format("more IS NULL")).to_pylist() == [{"x": 1}]
    assert ask(pushed, text.format("x > 1")).to_pylist() == [{"x": 2}]
    pushed.close()


def test_partitions_are_columns_as_any(lake: Lake) -> None:
    data = pa.table({"id": [1, 2, 3], "p": ["a", None, "b"]})
    table = lake.catalog.create_table("shop.t", schema=data.schema)
    with table.update_spec() as update:
        update.add_field("p", IdentityTransform())
    table.append(data)
    pushed = lake.gateway("t")
    assert ask(pushed, "SELECT id FROM t WHERE p = 'a'").to_pylist() == [{"id": 1}]
    assert ask(pushed, "SELECT id FROM t WHERE p IS NULL").to_pylist() == [{"id": 2}]
    assert ask(pushed, "SELECT count(*) AS n FROM t").to_pylist() == [{"n": 3}]
    pushed.close()


def test_statistics_are_those_of_the_manifests(lake: Lake) -> None:
    table = holdings()
    lake.write("rows", table.slice(0, 100), table.slice(100))
    found = lake.opened().statistics("shop.rows")
    assert found.rows == 240
    assert (found.column("id").least, found.column("id").greatest) == (0, 239)
    assert found.column("s").null_share == pytest.approx(table.column("s").null_count / 240)


def test_missing_table_is_named_and_catalogue_that_is_not_there_is_unavailable(
    lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        lake.opened().schema("shop.nothing")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    assert "shop.nothing" in caught.value.message
    absent = open_connector(Binding("iceberg", f"sqlite:///{tmp_path}/none/x.db", "shop.t"))
    with pytest.raises(SourceError) as caught:
        absent.schema("shop.t")
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    absent = open_connector(Binding("iceberg", "http://127.0.0.1:9", "shop.t", {"token": "geheim"}))
    assert "geheim" not in repr(absent.source_key)
    with pytest.raises(SourceError) as caught:
        absent.schema("shop.t")
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    for uri, options in (("ftp://x", {}), (lake.uri, {"snapshot": "x"})):
        with pytest.raises(SourceError) as caught:
            open_connector(Binding("iceberg", uri, "shop.t", options))
        assert caught.value.code is SourceErrorCode.BINDING_INVALID


def test_catalogue_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    connector = open_connector(Binding("iceberg", f"sqlite:///{path}", "shop.t"))
    with pytest.raises(SourceError):
        connector.schema("shop.t")
    assert not path.exists() or path.stat().st_size == 0


def test_file_that_goes_away_is_an_error_and_no_shorter_answer(lake: Lake) -> None:
    table = lake.write("t", pa.table({"x": [1]}), pa.table({"x": [2]}))
    (first, *_) = table.scan().plan_files()
    Path(first.file.file_path.removeprefix("file://")).unlink()
    with pytest.raises(SourceError):
        rows(lake.opened(), "shop.t")
    pushed = lake.gateway("t")
    with pytest.raises(GatewayError):
        ask(pushed, "SELECT x FROM t", ANA)
    pushed.close()
