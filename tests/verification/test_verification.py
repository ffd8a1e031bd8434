"""No row leaves unless both runs give the same."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from gateway.errors import LimitExceeded, VerificationFailed, VerificationInconclusive
from gateway.verification.verification import Run, verified

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string())])
PLAIN = parse_one("SELECT a, b FROM t")
SORTED = parse_one("SELECT a, b FROM t ORDER BY a")
CUT = parse_one("SELECT a, b FROM t ORDER BY a LIMIT 2")


def rows(*values: tuple[int, str]) -> Run:
    def run() -> Iterator[pa.RecordBatch]:
        for a, b in values:
            yield pa.RecordBatch.from_arrays([pa.array([a]), pa.array([b])], schema=SCHEMA)

    return run


def ask(pushed: Run, unpushed: Run, tree: exp.Expr = PLAIN, limit: int = 10) -> list[int]:
    batches = verified(pushed, unpushed, tree, SCHEMA, limit)
    return pa.Table.from_batches(list(batches), SCHEMA).column(0).to_pylist()


def test_equal_rows_in_another_order_pass() -> None:
    assert ask(rows((1, "x"), (2, "y")), rows((2, "y"), (1, "x"))) == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        rows((1, "x")),
        rows((1, "x"), (2, "secret")),
        rows((1, "x"), (2, "y"), (2, "y")),
        rows(),
    ],
)
def test_other_rows_are_an_error_without_any_value(other: Run) -> None:
    with pytest.raises(VerificationFailed) as caught:
        ask(rows((1, "x"), (2, "y")), other)
    assert "secret" not in str(caught.value)


def test_an_order_asked_for_has_to_be_kept() -> None:
    with pytest.raises(VerificationFailed, match="order"):
        ask(rows((2, "y"), (1, "x")), rows((1, "x"), (2, "y")), SORTED)


def test_ties_may_come_in_any_order() -> None:
    assert ask(rows((1, "y"), (1, "x")), rows((1, "x"), (1, "y")), SORTED) == [1, 1]


def test_another_cut_of_ties_is_inconclusive() -> None:
    with pytest.raises(VerificationInconclusive, match="equal"):
        ask(rows((1, "x"), (1, "y")), rows((1, "x"), (1, "z")), CUT)


def test_more_rows_than_the_limit_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="3"):
        ask(rows(*[(1, "x")] * 4), rows(*[(1, "x")] * 4), limit=3)


def test_nothing_leaves_before_the_second_run_has_ended() -> None:
    batches = verified(rows((1, "x")), rows(), PLAIN, SCHEMA, 10)
    with pytest.raises(VerificationFailed):
        next(batches)
