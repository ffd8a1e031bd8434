"""How the values of each type are written: what is said to who has written one otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.postgres_wire.types import BY_ARRAY

ARRAY = 'a list is written {1,2}, with "" around a member that has a comma or a brace'

_FORMS: Mapping[int, str] = {
    16: "write true or false",
    17: r"write \x and two hexadecimal digits for each byte, as in \x00ff",
    20: "write a whole number of at most 64 bits, as in 42",
    21: "write a whole number of at most 16 bits, as in 42",
    23: "write a whole number of at most 32 bits, as in 42",
    26: "write a whole number, as in 42",
    700: "write a number, as in 12.5",
    701: "write a number, as in 12.5",
    1082: "write it as in 2024-02-29; of a timestamp its date counts",
    1083: "write it as in 12:30:00.5",
    1114: "write it as in 2024-02-29 12:30:00.5",
    1184: "write it as in 2024-02-29 12:30:00.5+01",
    1186: "write it as in 1 day 02:30:00",
    1700: "write a number of at most 76 digits, as in 12.5",
    2950: "write it as in 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
}
"""By oid."""


def hint_of(number: int, data: bytes | None, oid: int) -> str:
    """What to write for a parameter of this type, whose text could not be read."""
    if oid in BY_ARRAY:
        member = _FORMS.get(BY_ARRAY[oid].oid)
        return ARRAY + (f"; of a member, {member}" if member else "")
    if data is not None and data.strip()[:1] + data.strip()[-1:] == b"{}":
        return (
            f"this is a list: write = ANY(${number}) in place of IN (${number}),"
            f" and <> ALL(${number}) in place of NOT IN (${number})"
        )
    return _FORMS.get(oid, "send a text in UTF-8")
