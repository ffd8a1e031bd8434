"""Where a place in a changed text was in the text it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import Position


@dataclass(frozen=True, slots=True)
class Edit:
    """`start` to `end` of the text before (counted from 0, `end` excluded) became `text`."""

    start: int
    end: int
    text: str


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits made; they are in order and do not overlap."""
    parts, end = [], 0
    for edit in edits:
        parts += [text[end : edit.start], edit.text]
        end = edit.end
    return "".join([*parts, text[end:]])


def original(position: Position, before: str, edits: Sequence[Edit]) -> Position:
    """Where a place of the edited text was before; one inside an edit was at its beginning."""
    if not edits:
        return position
    offset = _offset(position, edited(before, edits))
    moved = 0  # how much longer the text has become so far
    for edit in edits:
        start = edit.start + moved
        if offset < start:
            break
        if offset < start + len(edit.text):
            return _position(edit.start, before)
        moved += len(edit.text) - (edit.end - edit.start)
    return _position(offset - moved, before)


def _offset(position: Position, text: str) -> int:
    lines = text.splitlines(keepends=True)
    before = sum(len(line) for line in lines[: position.line - 1])
    return before + position.column - 1


def _position(offset: int, text: str) -> Position:
    before = text[: max(offset, 0)]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
