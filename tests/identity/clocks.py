"""Clocks that tests move."""

from __future__ import annotations


class Hasty:
    """Two seconds pass between any two looks: every look at a file is a fresh one."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 2.0
        return self.now


class Still:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
