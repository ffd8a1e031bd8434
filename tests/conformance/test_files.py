"""Files: four formats, patterns, hive folders, folders of an S3-compatible store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from connectors import open_connector
from connectors.files import FilesConnector
from connectors.interface import (
    Binding,
    ProvidesDataset,
    ProvidesParquet,
    SourceError,
    SourceErrorCode,
)
from tests import services

ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "name": ["é😀", None, "a "],
        "day": pa.array([dt.date(2024, 1, 1), None, dt.date(1969, 12, 31)]),
    }
)


def opened(root: Path, **options: str) -> FilesConnector:
    connector = open_connector(Binding("files", str(root), "", options))
    assert isinstance(connector, FilesConnector)
    assert isinstance(connector, ProvidesDataset)
    assert isinstance(connector, ProvidesParquet)
    return connector


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """A folder of Parquet files in hive folders."""
    for month in (1, 2, 12):
        folder = tmp_path / "year=2013" / f"month={month}"
        folder.mkdir(parents=True)
        pq.write_table(ROWS, folder / "part.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl", "rows.arrow"])
def test_every_format_is_read_exactly(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(ROWS, path)
    elif name.endswith("csv"):
        pacsv.write_csv(ROWS, path)
    elif name.endswith("jsonl"):
        path.write_text(
            '{"id": 1, "name": "é😀", "day": "2024-01-01"}\n'
            '{"id": 2, "name": null}\n{"id": 3, "name": "a ", "day": "1969-12-31"}\n'
        )
    else:
        with pa.ipc.new_file(path, ROWS.schema) as writer:
            writer.write_table(ROWS)
    connector = opened(tmp_path)
    schema = connector.schema(name)
    planned = ROWS.schema if not name.endswith("jsonl") else schema
    assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in planned]
    found = connector.dataset(name, schema).to_table().cast(ROWS.schema)
    assert found.to_pylist() == ROWS.to_pylist()


def test_hive_folders_are_typed_columns(months: Path) -> None:
    connector = opened(months)
    schema = connector.schema("**/*.parquet")
    assert schema.names == ["id", "name", "day", "year", "month"]
    assert schema.field("month").type == pa.int32()
    counts = connector.dataset("", schema).to_table().group_by("month").aggregate([("id", "count")])
    assert sorted(counts.column("month").to_pylist()) == [1, 2, 12]


def test_whole_folder_is_opened_by_the_engine_itself(months: Path) -> None:
    connector = opened(months)
    files = connector.parquet("", connector.schema(""))
    assert files is not None
    assert files.location == f"{months}/"
    assert [f.name for f in files.partition_columns] == ["year", "month"]


def test_part_of_a_folder_is_not_opened_as_the_whole(months: Path) -> None:
    pq.write_table(ROWS, months / "year=2013" / "month=1" / "other.parquet")
    connector = opened(months)
    pattern = "**/part.parquet"
    assert connector.parquet(pattern, connector.schema(pattern)) is None
    assert connector.dataset(pattern).to_table().num_rows == 9


def test_schema_the_files_do_not_have_is_read_through_a_dataset(months: Path) -> None:
    connector = opened(months)
    assert connector.parquet("", pa.schema([("id", pa.int32())])) is None


def test_text_that_looks_like_no_number_stays_text(tmp_path: Path) -> None:
    for code in ("01", "x"):
        (tmp_path / f"code={code}").mkdir()
        pq.write_table(ROWS, tmp_path / f"code={code}" / "a.parquet")
    connector = opened(tmp_path)
    assert connector.schema("").field("code").type == pa.string()
    assert set(connector.dataset("").to_table().column("code").to_pylist()) == {"01", "x"}


def test_partitioning_none_reads_the_files_only(months: Path) -> None:
    assert opened(months, partitioning="none").schema("").names == ROWS.schema.names


def test_files_that_disagree_are_an_error_that_names_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": ["1"]}), tmp_path / "2.parquet")
    with pytest.raises(SourceError) as caught:
        opened(tmp_path).schema("*.parquet")
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
    assert "'x'" in caught.value.message


def test_column_missing_in_one_file_is_null_there(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "y": ["a"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": [2]}), tmp_path / "2.parquet")
    connector = opened(tmp_path)
    schema = connector.schema("*.parquet")
    assert schema.field("y").nullable
    rows = connector.dataset("*.parquet", schema).to_table().to_pylist()
    assert rows == [{"x": 1, "y": "a"}, {"x": 2, "y": None}]


def test_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    connector = opened(tmp_path)
    assert connector.schema("a.parquet").names == ["x"]
    pq.write_table(pa.table({"x": [1], "new": [2]}), path)
    assert connector.schema("a.parquet").names == ["x", "new"]


@pytest.mark.parametrize("name", ["nothing", "*.parquet", "a/**/*.csv"])
def test_pattern_without_files_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        opened(tmp_path).schema(name)
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    assert name in caught.value.message


def test_object_can_not_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        opened(tmp_path).schema("../x")
    assert caught.value.code is SourceErrorCode.BINDING_INVALID


def test_views_and_dictionaries_are_read_as_plain_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": pa.array(["x"], pa.string_view()),
            "b": pa.array(["x"], pa.large_string()),
            "c": pa.array(["x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    connector = opened(tmp_path)
    schema = connector.schema("t.parquet")
    assert set(schema.types) == {pa.string()}
    assert connector.dataset("t.parquet", schema).to_table().schema.types == schema.types


def test_listing_has_files_and_folders(months: Path) -> None:
    pacsv.write_csv(ROWS, months / "rows.csv")
    pq.write_table(pa.table({"x": [1]}), (months / "a.parquet"))
    (months / "mixed").mkdir()
    pq.write_table(ROWS, months / "mixed" / "a.parquet")
    pacsv.write_csv(ROWS, months / "mixed" / "b.csv")
    found = {o.name: o for o in opened(months).objects()}
    assert set(found) == {"*", "a.parquet", "mixed", "rows.csv"}
    assert "format" in found["mixed"].problem


def test_folders_in_s3_are_read_like_local_ones(s3: services.S3) -> None:
    filesystem = s3.filesystem()
    filesystem.create_dir("conformance")
    for month in (1, 2):
        folder = f"conformance/flights/month={month}"
        filesystem.create_dir(folder)
        with filesystem.open_output_stream(f"{folder}/a.parquet") as stream:
            pq.write_table(ROWS, stream)
    connector = open_connector(Binding("files", "s3://conformance", "flights", s3.options))
    assert isinstance(connector, FilesConnector)
    schema = connector.schema("flights")
    assert schema.names == [*ROWS.schema.names, "month"]
    assert connector.parquet("flights", schema) is None
    found = connector.dataset("flights", schema).to_table()
    assert found.num_rows == 6
    assert sorted(set(found.column("month").to_pylist())) == [1, 2]
    assert s3.secret_key not in repr(connector.source_key)
    with pytest.raises(SourceError) as caught:
        connector.schema("nothing")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
