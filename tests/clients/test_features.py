"""The table of features: what is measured, how outcomes meet in one cell, what the docs hold."""

from __future__ import annotations

from tests.clients import inapplicable
from tests.clients.features import (
    BEGIN,
    DOCS,
    END,
    Features,
    differences,
    missing,
    parsed,
    written,
)

EMPTY = f"# Title\n\n{BEGIN}{END}\nmore\n"


def test_what_was_measured_is_written_and_read_back() -> None:
    shown = {("B", "cancel"): "yes", ("a", "TLS"): "refused: no TLS", ("a", "cancel"): "yes"}
    text = written(EMPTY, shown)
    assert parsed(text) == shown
    assert text.splitlines()[3] == "| client | cancel | TLS |"
    assert text.endswith(f"{END}\nmore\n")
    assert written(text, {}) == text
    assert parsed(written(text, {("B", "TLS"): "yes"}))["B", "TLS"] == "yes"


def test_a_cell_the_docs_do_not_say_is_a_difference() -> None:
    text = written(EMPTY, {("a", "cancel"): "yes"})
    assert differences(text, {("a", "cancel"): "yes"}) == []
    assert differences(text, {("a", "cancel"): "FAILED"})
    assert differences(text, {("a", "TLS"): "yes"})


def test_one_failure_fails_the_cell() -> None:
    features = Features(write=False)
    cell = ("a", "all types")
    for shows, passed in (("yes", True), ("yes", False), ("yes", True)):
        features.record(cell, shows, passed)
    features.record(("a", "cancel"), "yes", passed=False, skipped=True)
    assert features._shown == {cell: "FAILED"}


def test_different_findings_stand_side_by_side() -> None:
    features = Features(write=False)
    for shows in ("yes", "text only", "yes"):
        features.record(("a", "all types"), shows, passed=True)
    assert features._shown == {("a", "all types"): "yes; text only"}


def test_every_cell_is_measured_or_says_why_there_is_nothing_to_measure() -> None:
    text = DOCS.read_text()
    assert missing(text) == []
    assert parsed(text).keys().isdisjoint(inapplicable.REASONS), "measured all the same"
    assert written(text, {}) == text
