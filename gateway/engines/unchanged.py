"""Files that are read twice for one query: for their keys first, and then by the remainder.

The rows of the second reading are joined with what the keys of the first have let another source
send. A file that was replaced in between would lose rows without a trace, so no answer is let out
before it is known that the files are still those whose keys were taken.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import pyarrow as pa
from sqlglot import exp

from connectors.embedded_duckdb import EmbeddedFiles
from gateway.errors import SourceFailure
from gateway.plan.block import Block


class FilesChanged(SourceFailure):
    """Files were replaced while a query read them; before the first row it is run once more."""

    def __init__(self) -> None:
        super().__init__(
            "files were replaced while the query read them", hint="try again", retryable=True
        )


class ReadTwice:
    """The files whose keys were read, and what they were then."""

    def __init__(self) -> None:
        self._before: list[tuple[EmbeddedFiles, exp.Query, object]] = []

    def note(self, block: Block) -> None:
        """That the keys of a block over files are about to be read. Raises SourceError."""
        files = block.source.connector
        assert isinstance(files, EmbeddedFiles)
        query = block.select()
        self._before.append((files, query, files.state(query)))

    def guard(self, batches: Generator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
        """The batches computed of the files; FilesChanged before the first or after the last."""
        checked = False
        with closing(batches):
            for batch in batches:
                if not checked:
                    self._check()
                    checked = True
                yield batch
        self._check()

    def _check(self) -> None:
        if any(files.state(query) != before for files, query, before in self._before):
            raise FilesChanged
