"""The report of one execution: what each source did, and what came out of it all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from gateway.errors import Cancelled, GatewayError
from gateway.notices import Notice
from gateway.plan.fragment import FragmentReads, FragmentRun
from gateway.plan.history import Run
from gateway.plan.plan import EngineRead


@dataclass(frozen=True, slots=True)
class FragmentReport:
    """What one source did: the text it got, the rows and bytes it sent, the time it took.

    `keys` is how many values of other fragments' rows were in the text, which names them only.
    """

    source: str
    text: str
    rows: int
    bytes: int
    seconds: float
    keys: int = 0


@dataclass(slots=True)
class QueryReport:
    """What one execution did; complete when its batches have ended.

    `reads` are the datasets the engine read itself: source, and the columns and filters of it.
    `verified`: a second run over bare scans gave the same rows. `notices` are what its reader
    should know of the datasets.
    """

    query_id: str
    fragments: tuple[FragmentReport, ...] = ()
    reads: tuple[EngineRead, ...] = ()
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    outcome: str = "running"
    verified: bool = False
    notices: tuple[Notice, ...] = ()


class Measurement:
    """Fills the report of an execution from the batches that pass, and the `reads` below them."""

    def __init__(self, report: QueryReport) -> None:
        self.report = report
        self.reads = FragmentReads()
        self._held = 0.0

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted and timed."""
        report, started = self.report, time.perf_counter()
        report.outcome = "cancelled"  # unless it ends in another way
        try:
            for batch in batches:
                report.rows += batch.num_rows
                report.bytes += batch.nbytes
                handed = time.perf_counter()
                try:
                    yield batch
                finally:
                    self._held += time.perf_counter() - handed
            report.outcome = "completed"
        except Cancelled:
            raise
        except GatewayError as error:
            report.outcome = f"failed: {error.code}"
            raise
        finally:
            report.seconds = time.perf_counter() - started

    def fragments(self) -> tuple[FragmentReport, ...]:
        """What the sources did so far."""
        return tuple(_report(run) for run in self.reads.runs.values())

    def run(self) -> Run:
        """What the execution took, as history wants it."""
        runs, report = list(self.reads.runs.values()), self.report
        rows, size = sum(run.rows for run in runs), sum(run.bytes for run in runs)
        return Run(report.seconds, rows, size, self._held, report.outcome == "completed")


def _report(run: FragmentRun) -> FragmentReport:
    fragment = run.fragment
    source = str(fragment.source)
    return FragmentReport(source, fragment.shown, run.rows, run.bytes, run.seconds, fragment.keys)
