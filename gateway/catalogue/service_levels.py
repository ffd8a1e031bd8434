"""Service levels: which of two values of an ODCS SLA property promises more."""

from __future__ import annotations

from collections.abc import Mapping

_SMALLER_IS_BETTER = frozenset(
    {
        *("latency", "ly", "freshness", "frequency", "fy", "errorrate", "er"),
        *("timetodetect", "td", "timetonotify", "tn", "timetorepair", "tr"),
    }
)
_LARGER_IS_BETTER = frozenset({"availability", "av", "throughput", "th", "retention", "re"})
_LATER_IS_BETTER = frozenset({"endofsupport", "es", "endoflife", "el"})
_EARLIER_IS_BETTER = frozenset({"generalavailability", "ga", "timeofavailability"})

_SECONDS: Mapping[str, float] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
    **dict.fromkeys(("y", "yr", "year", "years"), 31_557_600.0),
}

Level = tuple[str, str]
"""A value and its unit, as declared."""


def is_kept(name: str, old: Level, new: Level) -> bool:
    """Whether who was promised the old level has it with the new one.

    What can not be compared, as under a property that is not the standard's, is not kept.
    """
    name = name.casefold()
    if name in _LATER_IS_BETTER or name in _EARLIER_IS_BETTER:
        was, now = old[0], new[0]  # dates and times of day, in ISO 8601
        return len(was) == len(now) and (now >= was if name in _LATER_IS_BETTER else now <= was)
    sizes = _size(old), _size(new)
    if sizes[0] is None or sizes[1] is None or sizes[0][1] != sizes[1][1]:
        return False
    before, after = sizes[0][0], sizes[1][0]
    if name in _SMALLER_IS_BETTER:
        return after <= before
    return name in _LARGER_IS_BETTER and after >= before


def _size(level: Level) -> tuple[float, str] | None:
    """The number in seconds or in its own unit, and which; None for what is no number."""
    value, unit = level[0].strip(), level[1].strip()
    if value.endswith("%"):
        value, unit = value[:-1], unit or "%"
    try:
        number = float(value)
    except ValueError:
        return None
    seconds = _SECONDS.get(unit.casefold())
    return (number, unit.casefold()) if seconds is None else (number * seconds, "seconds")
