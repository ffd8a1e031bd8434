"""The promises of a contract: ODCS ``slaProperties``, each for the schema objects it speaks of.

Of those that can be checked, a value that can not be understood is a problem. The others are kept
as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from gateway.catalogue.document import Document
from gateway.catalogue.problems import Path, Problem
from gateway.catalogue.timing import Levels, Malformed, is_number
from gateway.errors import did_you_mean
from gateway.model import Promise

AGES = ("latency", "frequency")
"""Kinds that say how old the newest row may be."""

DATES = ("endOfSupport", "endOfLife")
"""Kinds that say until when."""

KINDS = {
    **dict.fromkeys(("latency", "ly", "freshness"), "latency"),
    **dict.fromkeys(("frequency", "fy"), "frequency"),
    **dict.fromkeys(("retention", "re"), "retention"),
    **dict.fromkeys(("availability", "av"), "availability"),
    **dict.fromkeys(("endofsupport", "es"), "endOfSupport"),
    **dict.fromkeys(("endoflife", "el"), "endOfLife"),
}
"""What can be checked, by its name in the standard without letter case."""

_DAY = 86_400.0
_YEAR = 365.25 * _DAY
_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("w", "wk", "week", "weeks"), 7 * _DAY),
    **dict.fromkeys(("mo", "mon", "month", "months"), _YEAR / 12),
    **dict.fromkeys(("y", "yr", "year", "years"), _YEAR),
}
_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%?\s*\Z")

Entry = Mapping[str, Any]


def read_promises(
    contract: Document, path: Path, schema: pa.Schema
) -> tuple[tuple[Promise, ...], list[Problem]]:
    """What is promised of the schema object at `path`, whose columns are those of `schema`."""
    levels = Levels(contract, path)
    found: list[Promise] = []
    names: set[str] = set()
    for index, entry in enumerate(contract.content.get("slaProperties") or ()):
        place: Path = ("slaProperties", index)
        try:
            promises = list(_read(levels, place, entry, schema))
        except Malformed as error:
            text = f"{entry['property']}: {error}"
            levels.problems.append(contract.problem((*place, *error.path), text))
            continue
        for promise in promises:
            name, number = promise.name, 2
            while name.casefold() in names:
                name, number = f"{promise.name} {number}", number + 1
            names.add(name.casefold())
            found.append(replace(promise, name=name))
    return tuple(found), list(dict.fromkeys(levels.problems))


def _read(levels: Levels, place: Path, entry: Entry, schema: pa.Schema) -> Iterator[Promise]:
    name = str(entry["property"])
    kind = KINDS.get(name.casefold(), "")
    value = "" if entry.get("value") is None else str(entry["value"])
    unit = str(entry.get("unit") or "")
    for column in _elements(levels, entry, schema, kind):
        if kind in (*AGES, "retention") and not column:
            kind = ""  # of what column is not said
        promise = Promise(name, value, unit, column, kind)
        if not kind:
            gate = levels.own_gate(place)
            if gate is not None and gate[0] == "deny":
                raise Malformed("nothing checks it, so it can not deny", *gate[1][len(place) :])
            yield promise
            continue
        timing = levels.timing(place, entry, scheduled=False)
        limit = _limit(kind, entry)
        known = repr((kind, column, limit)).encode()
        fingerprint = hashlib.sha256(known).hexdigest()[:16]
        yield replace(promise, limit=limit, timing=timing, fingerprint=fingerprint)


def _elements(levels: Levels, entry: Entry, schema: pa.Schema, kind: str) -> Iterator[str]:
    """The columns of this object a promise speaks of; "" for the object as a whole.

    Nothing for one that speaks of other objects only.
    """
    objects = levels.contract.content["schema"]
    own = objects[levels.path[-1]]["name"]
    others = {str(element["name"]) for element in objects}
    default = levels.contract.content.get("slaDefaultElement")
    given = str(entry.get("element") or default or "")
    texts = [text.strip() for text in given.split(",") if text.strip()]
    if not texts:
        yield ""
    for text in texts:
        prefix, dot, column = text.partition(".")
        if text == own:
            yield ""
        elif dot and prefix == own and column in schema.names:
            yield _dated(column, schema, kind)
        elif text in schema.names and (len(others) == 1 or not dot):
            yield _dated(text, schema, kind)
        elif (dot and prefix in others and prefix != own) or text in others:
            continue
        elif kind and (len(others) == 1 or prefix == own):
            hint = did_you_mean(column or text, schema.names)
            rest = f"; {hint}" if hint else ""
            raise Malformed(f"there is no column {column or text!r}{rest}", "element")


def _dated(column: str, schema: pa.Schema, kind: str) -> str:
    found = schema.field(column).type
    if kind in (*AGES, "retention") and not (
        pa.types.is_timestamp(found) or pa.types.is_date(found)
    ):
        raise Malformed(f"the column {column} must be of dates or timestamps", "element")
    return column


def _limit(kind: str, entry: Entry) -> float:
    value = entry.get("value")
    if kind == "availability":
        share = _SHARE.match(str(value))
        if isinstance(value, bool) or share is None or not 0 < float(share[1]) <= 100:
            raise Malformed("must be a share in percent, as 99.9", "value")
        return float(share[1])
    if kind in DATES:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            raise Malformed("must be a date, as 2032-05-12", "value") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if not is_number(number) or float(number) < 0:  # type: ignore[arg-type]
        raise Malformed("must be a number", "value")
    seconds = _UNITS.get(str(entry.get("unit") or "").casefold())
    if seconds is None:
        raise Malformed("must be a unit of time: s, min, h, d, w, month or y", "unit")
    return float(number) * seconds  # type: ignore[arg-type]
