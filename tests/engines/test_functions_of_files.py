"""Nobody is told in which file a row is: the engine does not have the functions that say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.engines.datafusion import OF_FILES
from gateway.errors import InvalidQuery
from gateway.pipeline import Gateway
from tests.gateways import ask, dataset, gateway

SCHEMA = pa.schema({"word": pa.string()})


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Gateway]:
    folder = tmp_path / "secret=blue"
    folder.mkdir()
    pq.write_table(pa.table({"word": ["a", "b"]}), folder / "words.parquet")
    binding = Binding("files", str(folder), "*.parquet")
    gate = gateway([dataset("files", "words", binding, SCHEMA)])
    yield gate
    gate.close()


@pytest.mark.parametrize("name", OF_FILES)
@pytest.mark.parametrize(
    "text",
    [
        "SELECT {}() AS x, word FROM words",
        "SELECT word FROM words WHERE CAST({}() AS varchar) LIKE '%blue%'",
        "SELECT word FROM words ORDER BY {}()",
        "SELECT count(*) FROM (SELECT word, {}() AS x FROM words) t GROUP BY x",
    ],
)
def test_a_function_of_files_is_unknown(files: Gateway, name: str, text: str) -> None:
    for written in (name, name.upper(), f'"{name}"'):
        with pytest.raises(InvalidQuery, match="no function"):
            ask(files, text.format(written))
    assert ask(files, "SELECT word FROM words ORDER BY word")["word"].to_pylist() == ["a", "b"]
