"""Versions and moments of datasets: the clauses that ask for them, as part of a dataset's name.

``dataset FOR VERSION AS OF '1.2'`` is a version of the contract, ``"dataset@1.2"``. A number is a
snapshot of the source, ``"dataset@@17"``, and so is the one of a time,
``"dataset@@2026-01-31T12:00:00Z"``; both together are ``"dataset@1.2@17"``. Once it is in the name,
everything that tells names apart tells moments apart.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from connectors.interface import Moment
from gateway.errors import GatewayError, ParseError, Position, Unsupported
from gateway.languages.edits import Edit
from gateway.languages.words import at

HINT = (
    "FOR VERSION AS OF '1.2' is a version of the contract, FOR VERSION AS OF 17 a snapshot of the"
    " source, FOR TIMESTAMP AS OF TIMESTAMP '2026-01-31 12:00:00' its state at a time, UTC"
)

MAX_VERSION = 2**63 - 1

_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[ T](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.ASCII | re.IGNORECASE,
)
_CLAUSES = {"VERSION", "TIMESTAMP", "SYSTEM_TIME"}
_VALUES = {TokenType.STRING, TokenType.NUMBER}
_LONGEST_TYPE = 5
"""TIMESTAMP WITH TIME ZONE, and the value."""

_TYPES = {
    *(exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPLTZ),
    *(exp.DType.DATE, exp.DType.DATETIME, exp.DType.DATETIME2, exp.DType.ROWVERSION),
}
"""Types of written moments. T-SQL calls a ROWVERSION TIMESTAMP, which nobody means here."""


def split(leaf: str) -> tuple[str, str | None, Moment | None]:
    """The last part of a dataset's name: its name, the contract's version, and the moment.

    Raises ParseError for what is no moment.
    """
    name, _, rest = leaf.partition("@")
    version, asked, moment = rest.partition("@")
    return name, version or None, _moment(moment) if asked else None


def named(leaf: str, table: exp.Table) -> str:
    """The last part of a dataset's name with what the clause of its table asks for.

    Raises Unsupported for a value that is not written out, ParseError for one that means nothing.
    """
    clause = table.args.get("version") or table.args.get("when")
    if clause is None:
        return leaf
    name, version, moment = split(leaf)
    value = clause.args.get("expression")
    kind = str(clause.name if isinstance(clause, exp.Version) else clause.args.get("kind")).upper()
    said = str(clause.args.get("kind") if isinstance(clause, exp.Version) else clause.this).upper()
    if said not in {"AS OF", "AT"} or kind not in {"VERSION", "TIMESTAMP"} or value is None:
        raise Unsupported("such a clause of a moment is not offered", hint=HINT)
    literal, typed = _written(value)
    if moment is not None or (version is not None and kind == "VERSION" and literal.is_string):
        raise ParseError(f"what is to be read of {name} is said twice", hint=HINT)
    if kind == "TIMESTAMP":
        if not literal.is_string:
            raise Unsupported("a time is written as a text", hint=HINT)
        return f"{name}@{version or ''}@{_text(_instant(literal.name))}"
    if typed:
        raise Unsupported("a version is a number or a text", hint=HINT)
    if literal.is_string:
        return f"{name}@{literal.name}"
    return f"{name}@{version or ''}@{_text(_moment(literal.name))}"


def as_names(words: Sequence[Token], tree: exp.Expr) -> tuple[Edit, ...]:
    """The edits that make the clauses of a text parts of names. Raises GatewayError."""
    ends = {word.end: i for i, word in enumerate(words)}
    found = []
    for table in tree.find_all(exp.Table):
        if not (table.args.get("version") or table.args.get("when")):
            continue
        index = ends.get(table.parts[-1].meta.get("end", -1))
        if index is None:
            raise Unsupported("only a dataset has versions", hint=HINT)
        name = words[index]
        try:
            end = _end(words, index + 1)
            quoted = name.token_type is TokenType.IDENTIFIER
            leaf = name.text if quoted else name.text.lower()
            asked = named(leaf, table).replace('"', '""')
        except GatewayError as error:
            error.position = error.position or at(name)
            raise
        called = split(leaf)[0].replace('"', '""')
        following = words[end + 1].token_type if end + 1 < len(words) else None
        aliased = following in {TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER}
        alias = "" if aliased else f' AS "{called}"'
        found.append(Edit(name.start, words[end].end + 1, f'"{asked}"{alias}'))
    return tuple(sorted(found, key=lambda edit: edit.start))


def _end(words: Sequence[Token], start: int) -> int:
    """The last word of the clause that begins at one."""
    said = [word.text.upper() for word in words[start : start + 4]]
    after = start + (said[:1] == ["FOR"])
    clause = [word.text.upper() for word in words[after : after + 3]]
    if len(clause) < 3 or clause[0] not in _CLAUSES or clause[1:] != ["AS", "OF"]:
        raise Unsupported("such a clause of a moment is not offered", hint=HINT)
    for i in range(after + 3, min(after + 3 + _LONGEST_TYPE, len(words))):
        if words[i].token_type in _VALUES:
            cast = i + 1 < len(words) and words[i + 1].token_type is TokenType.DCOLON
            return i + 2 if cast and i + 2 < len(words) else i
    raise Unsupported("a version or time is written out", position=_place(words, after), hint=HINT)


def _place(words: Sequence[Token], index: int) -> Position:
    return at(words[min(index, len(words) - 1)])


def _written(value: exp.Expr) -> tuple[exp.Literal, bool]:
    """The literal of a value, and whether its type is said as well."""
    if isinstance(value, exp.Literal):
        return value, False
    if isinstance(value, exp.Cast) and isinstance(value.this, exp.Literal):
        said = value.args["to"].this
        if said in _TYPES:
            return value.this, True
    raise Unsupported("a version or time is written out: no parameter, no formula", hint=HINT)


def _moment(text: str) -> Moment:
    if text.isascii() and text.isdigit():
        if int(text) > MAX_VERSION:
            raise ParseError(f"{text} is the number of no snapshot", hint=HINT)
        return Moment(version=int(text))
    return _instant(text)


def _instant(text: str) -> Moment:
    parts = _INSTANT.match(text.strip())
    if parts is None:
        raise ParseError(f"{text!r} is no time", hint=HINT)
    zone = (parts["zone"] or "Z").upper()
    written = f"{parts['date']}T{parts['time'] or '00:00'}{'Z' if zone == 'UTC' else zone}"
    try:
        return Moment(instant=dt.datetime.fromisoformat(written).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        raise ParseError(f"{text!r} is no time", hint=HINT) from None


def _text(moment: Moment) -> str:
    if moment.instant is None:
        return str(moment.version)
    return moment.instant.isoformat().replace("+00:00", "Z")
