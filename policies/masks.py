"""Masks by their ids, as rows of type ``p3`` name them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARGUMENTS = {
    "none": r"",
    "null": r"",
    "hash": r"",
    "last4": r"",
    "month": r"",
    "year": r"",
    "partial": r"(\d{1,3})?",
    "band": r"\d{1,18}(\.\d{1,9})?",
    "grid": r"\d{1,3}(\.\d{1,9})?",
    "constant": r".*",
}

_ORDER = ("none", "partial", "last4", "month", "band", "grid", "year", "hash", "constant", "null")


@dataclass(frozen=True, slots=True)
class Mask:
    """What becomes of a value. The text of a mask is its id."""

    kind: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.argument}" if self.argument else self.kind


def parse_mask(text: str) -> Mask:
    """The mask of an id. ValueError with the reason for anything unknown."""
    kind, _, argument = text.partition(":")
    if kind not in _ARGUMENTS:
        raise ValueError(f"{text!r} is no mask: use {', '.join(_ORDER)}")
    mask = Mask(kind, argument)
    if str(mask) != text or not re.fullmatch(_ARGUMENTS[kind], argument):
        raise ValueError(f"{text!r} is no mask: the argument of {kind} is wrong")
    if kind in ("band", "grid") and float(argument) == 0:
        raise ValueError(f"{text!r} is no mask: the width must be above 0")
    return mask


def strength(mask: Mask) -> tuple[int, float, str]:
    """Comparable: the stronger mask is the greater."""
    size = 0.0
    if mask.kind in ("band", "grid"):
        size = float(mask.argument)
    elif mask.kind == "partial" and mask.argument:
        size = -float(mask.argument)
    return (_ORDER.index(mask.kind), size, mask.argument)
