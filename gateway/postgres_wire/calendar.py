"""Dates, times and intervals as PostgreSQL writes and counts them, also far from our time."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

EPOCH_DAYS = 10957
"""From 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""

DAY = 86_400_000_000
"""In microseconds, in which PostgreSQL counts time."""

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 from 1970-01-01 on: between them everybody writes dates alike."""

FIRST_MOMENT, LAST_MOMENT = FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1

EARLIEST, LATEST = -2_440_588, 2_145_042_905
"""The days PostgreSQL has, from 1970-01-01 on: from 4714-11-24 BC to 5874897-12-31."""

Interval = tuple[int, int, int]
"""Months, days, microseconds."""


def date_text(days: int) -> str:
    """A day since 1970-01-01, in the proleptic Gregorian calendar."""
    # Howard Hinnant's civil_from_days
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_of_year = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_of_year + 2) // 5 + 1
    month = month_of_year + 3 if month_of_year < 10 else month_of_year - 9
    year = year_of_era + era * 400 + (month <= 2)
    shown = year if year > 0 else 1 - year
    return f"{shown:04}-{month:02}-{day:02}" + ("" if year > 0 else " BC")


def moment_text(microseconds: int) -> str:
    """A moment since 1970-01-01, without a zone."""
    days, rest = divmod(microseconds, DAY)
    day, _, era = date_text(days).partition(" ")
    return f"{day} {time_text(rest)}" + (f" {era}" if era else "")


def time_text(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text


def offset_text(microseconds: int) -> str:
    """How far a zone is from UTC: ``+01``, ``-03:30``."""
    sign = "-" if microseconds < 0 else "+"
    minutes, second = divmod(abs(microseconds) // 1_000_000, 60)
    hour, minute = divmod(minutes, 60)
    parts = [f"{hour:02}", *([f"{minute:02}"] if minute or second else [])]
    return sign + ":".join([*parts, *([f"{second:02}"] if second else [])])


def interval_text(months: int, days: int, microseconds: int) -> str:
    """In PostgreSQL's own style: ``1 year 2 mons -3 days 04:05:06.7``."""
    years, months = (
        (abs(months) // 12, abs(months) % 12)
        if months >= 0
        else (
            -(abs(months) // 12),
            -(abs(months) % 12),
        )
    )
    said = []
    negative_before = False
    for count, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if count:
            sign = "+" if negative_before and count > 0 else ""
            said.append(f"{sign}{count} {unit}" + ("" if count == 1 else "s"))
            negative_before = count < 0
    if microseconds or not said:
        sign = "-" if microseconds < 0 else "+" if negative_before else ""
        said.append(sign + time_text(abs(microseconds)))
    return " ".join(said)


def intervals(array: pa.Array) -> list[Interval | None]:
    """Durations and intervals in what PostgreSQL counts; nanoseconds are cut off."""
    if pa.types.is_duration(array.type):
        units = {"s": (1_000_000, 1), "ms": (1000, 1), "us": (1, 1), "ns": (1, 1000)}
        times, divided = units[array.type.unit]
        counted = array.cast(pa.int64()).to_pylist()
        return [None if v is None else (0, 0, v * times // divided) for v in counted]
    dtype = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
    raw = np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
    valid = np.asarray(array.is_valid())
    return [
        (int(v["months"]), int(v["days"]), int(v["nanoseconds"]) // 1000) if there else None
        for v, there in zip(raw, valid, strict=True)
    ]


_MOMENT = re.compile(
    r"(?P<year>\d{1,7})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T\s]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?"
    r"\s*(?P<zone>[Zz]|UTC|[+-]\d{1,2}(?::?\d{2}){0,2})?(?P<era>\s*BC)?\Z"
)
_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)")
_CLOCK = re.compile(r"([+-]?)(\d+):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_MONTHS = {"year": 12, "mon": 1, "month": 1}
_DAYS = {"week": 7, "day": 1}
_SECONDS = {"hour": 3600, "minute": 60, "min": 60, "second": 1, "sec": 1}


def moment_of(text: str) -> tuple[int, int | None]:
    """A written moment: microseconds since 1970-01-01, and how far its zone is from UTC.

    ValueError for anything that is none.
    """
    days, time, offset = _written(text)
    return days * DAY + time, offset


def date_of(text: str) -> int:
    """A written date: days since 1970-01-01. Of a moment the date as it is written, whatever its
    zone.

    ValueError for anything that is none.
    """
    days, _, _ = _written(text)
    if not EARLIEST <= days <= LATEST:
        raise ValueError("not a date of PostgreSQL's")
    return days


def _written(text: str) -> tuple[int, int, int | None]:
    """Of a moment the day, the microseconds of the day, and how far its zone is from UTC."""
    found = _MOMENT.match(text.strip())
    if found is None:
        raise ValueError("not a moment")
    year = int(found["year"]) * (-1 if found["era"] else 1) + (1 if found["era"] else 0)
    if not int(found["year"]):  # 1 BC is the year before 1
        raise ValueError("there is no year 0")
    days = _days(year, int(found["month"]), int(found["day"]))
    zone = found["zone"]
    offset = None
    if zone is not None:
        offset = 0
        if zone[0] in "+-":
            digits = (
                zone[1:].replace(":", "").ljust(6, "0") if len(zone) != 2 else f"0{zone[1]}0000"
            )
            hours, minutes, seconds = (int(digits[i : i + 2]) for i in (0, 2, 4))
            offset = (hours * 3600 + minutes * 60 + seconds) * 1_000_000
            offset = -offset if zone[0] == "-" else offset
    time = _clock(found["time"]) if found["time"] else 0
    if time > DAY:  # the end of a day is the beginning of the next
        raise ValueError("no time of a day")
    return days, time, offset


def time_of(text: str) -> int:
    """A written time of day, in microseconds; what it says of a zone is dropped.

    ValueError for anything that is none.
    """
    microseconds, _ = moment_of(f"1970-01-01 {text}")
    if not 0 <= microseconds < DAY:  # 24:00 is a time of PostgreSQL's, and of nobody else's
        raise ValueError("no time of a day")
    return microseconds


def _days(year: int, month: int, day: int) -> int:
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise ValueError("not a day")
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    found = era * 146_097 + day_of_era - 719_468
    if date_text(found).removesuffix(" BC")[-2:] != f"{day:02}":
        raise ValueError("no such day in the month")
    return found


def _clock(text: str) -> int:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    sign, hours, minutes, seconds, fraction = found.groups()
    if int(minutes) > 59 or int(seconds or 0) > 59:
        raise ValueError("not a time")
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    microseconds = whole * 1_000_000 + int((fraction or "").ljust(6, "0")[:6] or 0)
    return -microseconds if sign == "-" else microseconds


def interval_of(text: str) -> tuple[int, int, int]:
    """A written interval: months, days, nanoseconds. ValueError for anything that is none."""
    months = days = microseconds = 0
    rest = text.strip().lower()
    for clock in _CLOCK.finditer(rest):
        microseconds += _clock(clock[0])
    rest = _CLOCK.sub(" ", rest)
    for number, unit in _PART.findall(rest):
        name = unit.rstrip("s") if unit not in ("s",) else "sec"
        if name in _MONTHS:
            months += int(float(number) * _MONTHS[name])
        elif name in _DAYS:
            days += int(float(number) * _DAYS[name])
        elif name in _SECONDS:
            microseconds += round(float(number) * _SECONDS[name] * 1_000_000)
        else:
            raise ValueError("not an interval")
    if _PART.sub("", rest).strip():
        raise ValueError("not an interval")
    return months, days, microseconds * 1000
