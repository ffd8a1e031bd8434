"""A statement that a tool is known to send, and what the gateway has to answer.

The statements were written anew after what the tools' authors and users have published of them: the
same relations, functions and constructs, not the same texts. None of these tools can be had here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, in the extended protocol if it has `values`, and rows that its answer has.

    `only` says that it has no others. Without `rows` the statement is a command, or its answer
    differs from one session to the next.
    """

    text: str
    rows: tuple[tuple[object, ...], ...] = ()
    values: tuple[object, ...] = ()
    only: bool = False
