"""Delta tables: versions, partitions, skipped files, and what plain Parquet can not say."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import random
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyroaring import BitMap

from connectors import open_connector
from connectors.delta import DeltaConnector
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
from tests import services
from tests.conformance.canonical import canonical
from tests.gateways import ask, gateway, in_memory, in_source

NAN = float("nan")
MOMENT = dt.datetime(2024, 1, 1, 1, 1, 1, 123_456)


def opened(root: Path | str, **options: str) -> DeltaConnector:
    connector = open_connector(Binding("delta", str(root), "", options))
    assert isinstance(connector, DeltaConnector)
    for protocol in (Connector, ListsObjects, ProvidesDataset, ProvidesStatistics):
        assert isinstance(connector, protocol)
    return connector


def holdings() -> pa.Table:
    """The canonical rows as Delta has types for them."""
    table = canonical()
    missing = (pa.time64("us"), pa.uint32())
    return table.select([f.name for f in table.schema if f.type not in missing])


def rows(connector: DeltaConnector, name: str = "", columns: list[str] | None = None) -> list[Any]:
    return list(connector.dataset(name).to_table(columns=columns).to_pylist())


def by_id(table: pa.Table) -> list[Any]:
    lines = table.sort_by("id").to_pylist()
    return [
        {k: "NaN" if isinstance(v, float) and math.isnan(v) else v for k, v in line.items()}
        for line in lines
    ]


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    """The canonical rows in twelve files below partitions of text with odd characters."""
    table = holdings()
    for start in range(0, table.num_rows, 60):
        piece = table.slice(start, 60)
        labels = [("a", "b é/=%", None)[i % 3] for i in range(piece.num_rows)]
        write_deltalake(
            str(tmp_path / "rows"),
            piece.append_column("p", pa.array(labels)),
            partition_by=["p"],
            mode="append",
        )
    return tmp_path


def test_every_type_is_read_exactly(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), holdings())
    connector = opened(tmp_path)
    schema = connector.schema("")
    assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in holdings().schema]
    assert not schema.field("id").nullable
    assert all(f.metadata[PHYSICAL_TYPE] for f in schema)
    assert by_id(connector.dataset("", schema).to_table()) == by_id(holdings())


def test_listing_has_the_tables_below_the_uri(pieces: Path) -> None:
    (pieces / "no_table").mkdir()
    (found,) = opened(pieces).objects()
    assert found.name == "rows"
    assert found.schema.names == [*holdings().schema.names, "p"]
    assert [o.name for o in opened(pieces / "rows").objects()] == ["*"]


def test_partition_values_are_those_of_the_log(pieces: Path) -> None:
    counts: dict[object, int] = {}
    for row in rows(opened(pieces), "rows", ["p"]):
        counts[row["p"]] = counts.get(row["p"], 0) + 1
    assert counts == {"a": 80, "b é/=%": 80, None: 80}


def test_filters_keep_the_rows_that_the_engine_keeps(pieces: Path) -> None:
    table = holdings()
    labels = [("a", "b é/=%", None)[i % 60 % 3] for i in range(table.num_rows)]
    whole = table.append_column("p", pa.array(labels))
    reference = gateway(in_memory({"rows": whole}, "delta-reference"))
    pushed = gateway(in_source("delta", str(pieces), ["rows"]))
    chance = random.Random(5)
    conditions = [
        *("f > 1", "f = 'NaN'", "f <> 0", "f <= 1.5", "NOT f > 2", "p = 'a'", "p IS NULL"),
        *("p = 'b é/=%' AND id < 70", "NOT (p = 'a')", "p IN ('a') OR id > 230", "id > 239"),
        *("s > 'z'", "s < 'A'", "s = ''", "u > '2024-12-31'", "u < '1900-01-01'", "d > 9.98"),
        "x = timestamp '2000-02-29 23:59:59.999999'",
        *("k > 2147483648", "b", "b IS NOT TRUE", "i IS NULL AND j IS NOT NULL", "id = -1"),
        *(f"id BETWEEN {a} AND {a + 9} AND i <> 7" for a in chance.sample(range(240), 10)),
    ]
    for condition in conditions:
        text = f"SELECT * FROM rows WHERE {condition} ORDER BY id"
        assert by_id(ask(pushed, text)) == by_id(ask(reference, text)), condition
    pushed.close()
    reference.close()


def test_files_that_can_not_have_a_row_are_not_opened(tmp_path: Path) -> None:
    for low in (0, 100, 200):
        table = pa.table({"id": pa.array(range(low, low + 10), pa.int64())})
        write_deltalake(str(tmp_path / "t"), table, mode="append")
    for uri in DeltaTable(str(tmp_path / "t")).file_uris():
        if pq.read_table(uri).column("id")[0].as_py() != 100:
            Path(uri).unlink()
    pushed = gateway(in_source("delta", str(tmp_path), ["t"]))
    assert ask(pushed, "SELECT sum(id) AS s FROM t WHERE id > 50 AND id < 150").to_pylist() == [
        {"s": 1045}
    ]
    pushed.close()


def test_bounds_of_the_log_hide_no_row(tmp_path: Path) -> None:
    """The log has no NaN and cuts moments to milliseconds: neither may skip a file."""
    table = pa.table({"f": [1.0, NAN], "x": pa.array([MOMENT, MOMENT], pa.timestamp("us"))})
    write_deltalake(str(tmp_path / "t"), table)
    pushed = gateway(in_source("delta", str(tmp_path), ["t"]))
    for condition in ("f > 5", "f >= 'NaN'", "x > timestamp '2024-01-01 01:01:01.123400'"):
        found = ask(pushed, f"SELECT count(*) AS n FROM t WHERE {condition}").to_pylist()
        assert found[0]["n"] >= 1, condition
    pushed.close()


def test_version_and_timestamp_are_pinned(tmp_path: Path) -> None:
    for value in (1, 2, 3):
        write_deltalake(str(tmp_path), pa.table({"x": [value]}), mode="overwrite")
    assert rows(opened(tmp_path)) == [{"x": 3}]
    assert rows(opened(tmp_path, version="0")) == [{"x": 1}]
    stamps = [h["timestamp"] for h in DeltaTable(str(tmp_path)).history()]
    when = dt.datetime.fromtimestamp(max(stamps) / 1000 + 1, dt.UTC).isoformat()
    assert rows(opened(tmp_path, timestamp=when)) == [{"x": 3}]


def test_next_version_is_seen_by_the_next_read(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), pa.table({"x": [1]}))
    connector = opened(tmp_path)
    assert rows(connector) == [{"x": 1}]
    write_deltalake(str(tmp_path), pa.table({"x": [2]}), mode="append")
    assert sorted(r["x"] for r in rows(connector)) == [1, 2]
    DeltaTable(str(tmp_path)).delete("x = 1")
    assert rows(connector) == [{"x": 2}]


def test_column_added_later_is_null_in_older_files(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), pa.table({"x": [1]}))
    table = pa.table({"x": [2], "y": ["a"]})
    write_deltalake(str(tmp_path), table, mode="append", schema_mode="merge")
    found = sorted(rows(opened(tmp_path)), key=lambda r: r["x"])
    assert found == [{"x": 1, "y": None}, {"x": 2, "y": "a"}]


@pytest.mark.parametrize(
    "options",
    [
        {"version": "-1"},
        {"version": "x"},
        {"timestamp": "yesterday"},
        {"version": "1", "timestamp": "2024-01-01"},
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, options: Mapping[str, str]) -> None:
    with pytest.raises(SourceError) as caught:
        opened(tmp_path, **options)
    assert caught.value.code is SourceErrorCode.BINDING_INVALID


def test_missing_table_or_version_is_an_error(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), pa.table({"x": [1]}))
    with pytest.raises(SourceError) as caught:
        opened(tmp_path).schema("nothing")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    assert "nothing" in caught.value.message
    with pytest.raises(SourceError):
        opened(tmp_path, version="7").schema("t")
    with pytest.raises(SourceError) as caught:
        opened(tmp_path).schema("../t")
    assert caught.value.code is SourceErrorCode.BINDING_INVALID


def test_statistics_are_those_of_the_log(pieces: Path) -> None:
    found = opened(pieces).statistics("rows")
    assert found.rows == 240
    assert (found.column("id").least, found.column("id").greatest) == (0, 239)
    assert found.column("id").null_share == 0
    nulls = holdings().column("s").null_count / 240
    assert found.column("s").null_share == pytest.approx(nulls)
    assert found.column("p").distinct == 2
    assert found.column("p").null_share == pytest.approx(1 / 3)


def log(table: Path, version: int, *actions: Mapping[str, Any]) -> None:
    """Write a commit by hand."""
    folder = table / "_delta_log"
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(action) for action in actions)
    (folder / f"{version:020}.json").write_text(text)


def vector(*deleted: int) -> dict[str, Any]:
    """A deletion vector that is written into the log itself."""
    body = BitMap(deleted).serialize()
    data = struct.pack("<IQI", 1681511377, 1, 0) + body
    data += b"\0" * (-len(data) % 4)
    theirs = (
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    )
    ours = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = base64.b85encode(data).translate(bytes.maketrans(theirs, ours)).decode()
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": len(data),
        "cardinality": len(deleted),
    }


def adds(path: Path) -> dict[str, Any]:
    actions = [
        json.loads(line)
        for file in sorted((path / "_delta_log").glob("*.json"))
        for line in file.read_text().splitlines()
    ]
    (found,) = (a["add"] for a in actions if "add" in a)
    return dict(found)


def protocol(*features: str) -> dict[str, Any]:
    return {
        "protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": list(features),
            "writerFeatures": list(features),
        }
    }


def test_rows_deleted_by_a_vector_are_not_read(tmp_path: Path) -> None:
    table = tmp_path / "t"
    numbers = pa.table({"id": pa.array(range(10), pa.int64()), "s": [str(i) for i in range(10)]})
    write_deltalake(str(table), numbers)
    add = adds(table)
    remove = {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}}
    marked = {"add": {**add, "deletionVector": vector(0, 3, 9)}}
    log(table, 1, protocol("deletionVectors"), remove, marked)
    kept = [1, 2, 4, 5, 6, 7, 8]
    assert sorted(r["id"] for r in rows(opened(tmp_path), "t")) == kept
    pushed = gateway(in_source("delta", str(tmp_path), ["t"]))
    assert ask(pushed, "SELECT count(*) AS n FROM t").to_pylist() == [{"n": 7}]
    found = ask(pushed, "SELECT s FROM t WHERE id > 6 ORDER BY id").to_pylist()
    assert found == [{"s": "7"}, {"s": "8"}]
    pushed.close()


def test_mapped_columns_are_read_under_their_names(tmp_path: Path) -> None:
    table = tmp_path / "t"
    table.mkdir()
    physical = pa.table({"col-1": pa.array([1, 2], pa.int64()), "col-2": ["a", None]})
    pq.write_table(physical, table / "part.parquet")
    fields = [
        {
            "name": name,
            "type": kind,
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": i,
                "delta.columnMapping.physicalName": f"col-{i}",
            },
        }
        for i, (name, kind) in enumerate([("Id x", "long"), ("s", "string")], start=1)
    ]
    metadata = {
        "id": "5e1f0b38-1e0c-4f0c-8d55-0d4a4b1fd6e5",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": [],
        "configuration": {
            "delta.columnMapping.mode": "name",
            "delta.columnMapping.maxColumnId": "2",
        },
        "createdTime": 1,
    }
    add = {"path": "part.parquet", "partitionValues": {}, "modificationTime": 1, "dataChange": True}
    size = (table / "part.parquet").stat().st_size
    add["size"] = size
    log(table, 0, protocol("columnMapping"), {"metaData": metadata}, {"add": add})
    found = sorted(rows(opened(tmp_path), "t"), key=lambda r: r["Id x"])
    assert found == [{"Id x": 1, "s": "a"}, {"Id x": 2, "s": None}]


def test_unknown_reader_feature_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t"
    write_deltalake(str(table), pa.table({"x": [1]}))
    log(table, 1, protocol("somethingNew"))
    with pytest.raises(SourceError) as caught:
        rows(opened(tmp_path), "t")
    assert caught.value.code is SourceErrorCode.REJECTED


def test_tables_in_s3_are_read_like_local_ones(s3: services.S3) -> None:
    s3.filesystem().create_dir("delta-conformance")
    storage = {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
    }
    write_deltalake("s3://delta-conformance/rows", holdings(), storage_options=storage)
    connector = opened("s3://delta-conformance", **s3.options)
    assert by_id(connector.dataset("rows").to_table()) == by_id(holdings())
    assert [o.name for o in connector.objects()] == ["rows"]
    assert s3.secret_key not in repr(connector.source_key)
