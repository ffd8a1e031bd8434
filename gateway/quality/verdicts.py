"""Thresholds: whether a number is what a contract says it must be."""

from __future__ import annotations

import operator
from collections.abc import Callable

from gateway.model import Threshold

_COMPARED: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "mustBe": (operator.eq, "must be"),
    "mustNotBe": (operator.ne, "must not be"),
    "mustBeGreaterThan": (operator.gt, "must be greater than"),
    "mustBeGreaterOrEqualTo": (operator.ge, "must be at least"),
    "mustBeLessThan": (operator.lt, "must be less than"),
    "mustBeLessOrEqualTo": (operator.le, "must be at most"),
}


def met(threshold: Threshold, value: float) -> bool:
    """Whether the value is right. Both ends of an interval are in it."""
    if threshold.most is None:
        return _COMPARED[threshold.operator][0](value, threshold.value)
    inside = threshold.value <= value <= threshold.most
    return inside if threshold.operator == "mustBeBetween" else not inside


def told(threshold: Threshold, unit: str = "") -> str:
    """``must be less than 5 %``."""
    end = f" {unit}" if unit else ""
    if threshold.most is None:
        return f"{_COMPARED[threshold.operator][1]} {number(threshold.value)}{end}"
    word = "be" if threshold.operator == "mustBeBetween" else "not be"
    return f"must {word} between {number(threshold.value)} and {number(threshold.most)}{end}"


def number(value: float) -> str:
    """A number as people write it: ``3``, ``0.25``."""
    return str(value) if isinstance(value, int) else f"{value:.10g}"
