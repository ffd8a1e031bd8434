"""The `verify` option: no row leaves before a second run over bare scans has given the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pyarrow as pa
from sqlglot import exp

from gateway.errors import LimitExceeded, VerificationFailed, VerificationInconclusive
from gateway.verification.comparison import difference
from gateway.verification.determinism import order_decides, sort_positions

_log = logging.getLogger(__name__)

Run = Callable[[], Iterator[pa.RecordBatch]]


def verified(
    pushed: Run, unpushed: Run, tree: exp.Expr, schema: pa.Schema, row_limit: int
) -> Iterator[pa.RecordBatch]:
    """The batches of `pushed`, once `unpushed` has given the same rows.

    `tree` is the query. Raises VerificationFailed, LimitExceeded for more than `row_limit` rows,
    and whatever the runs raise.
    """
    batches = _collected(pushed, row_limit)
    answer = pa.Table.from_batches(batches, schema)
    expected = pa.Table.from_batches(_collected(unpushed, row_limit), schema)
    wrong = _difference(answer, expected)
    several = order_decides(tree)
    if wrong is not None and several is not None:
        raise VerificationInconclusive(
            f"the two runs gave different rows, as they rightly may: {several.reason}",
            hint=several.hint,
        )
    positions = sort_positions(tree)
    if wrong is None and positions is not None:
        keys = answer.select(positions), expected.select(positions)
        wrong = difference(*keys, ordered=True) and "the order of the rows"
    if wrong is not None:
        _log.error("a pushed query and its unpushed form differ: %s", wrong)
        raise VerificationFailed(
            f"the pushed query and its unpushed form differ: {wrong}",
            hint="if no source was written to meanwhile, this is a fault of the gateway: report it",
        )
    yield from batches


def _difference(answer: pa.Table, expected: pa.Table) -> str | None:
    """What differs, without a value of any row: one of the two may hold what it must not."""
    if difference(answer, expected, ordered=False) is None:
        return None
    if answer.num_rows != expected.num_rows:
        return f"{answer.num_rows} rows against {expected.num_rows}"
    return "the values of some rows"


def _collected(run: Run, row_limit: int) -> list[pa.RecordBatch]:
    batches, rows = [], 0
    stream = run()
    try:
        for batch in stream:
            rows += batch.num_rows
            if rows > row_limit:
                raise LimitExceeded(
                    f"answers of more than {row_limit} rows are not verified",
                    hint="ask for fewer rows, or without verify",
                )
            batches.append(batch)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    return batches
