"""Groupings the engine does for a source before it starts: their rows are keys for that source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.errors import GatewayError
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.pulled_groups import PulledGroups
from gateway.plan.sessions import register_fragments


class NotWorthGrouping(GatewayError):
    """The rows of a grouping were no keys that a source could be sent: the plan has to be another.

    Raised before the first row of an answer; the caller never sees it.
    """


def grouped(
    fragment: Fragment, groups: PulledGroups, config: Config, reads: FragmentReads
) -> Fragment:
    """The fragment as one that the engine answers from the rows of its scan."""
    return replace(fragment, open=lambda _: _Grouping(fragment.schema, groups, config, reads))


class _Grouping:
    """The rows of one grouping. It stops when the reading of its scan is stopped."""

    def __init__(
        self, schema: pa.Schema, groups: PulledGroups, config: Config, reads: FragmentReads
    ) -> None:
        self.schema = schema
        self._groups = groups
        self._config = config
        self._reads = reads

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        context = engine.session(self._config, remainder=True)
        register_fragments(context, (self._groups.scan,), self._reads)
        frame = engine.from_substrait(self._groups.remainder, context)
        for batch in frame.execute_stream():
            rows = batch.to_pyarrow()
            columns = [c.cast(f.type) for c, f in zip(rows.columns, self.schema, strict=True)]
            self._check_complete()
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
        self._check_complete()

    def _check_complete(self) -> None:
        """Rows that have been grouped after the scan was stopped are not those of all its rows."""
        if self._reads.cancelled:
            raise SourceError(SourceErrorCode.CANCELLED, "the reading was stopped")

    def cancel(self) -> None:
        """Nothing to do: what it waits for is the scan, which is stopped with it."""

    def close(self) -> None:
        """Nothing to do: the engine's stream goes with its iterator."""
