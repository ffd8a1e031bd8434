"""SQL requests: one statement that reads, and the datasets it names.

The engine gets the client's own text wherever it can: no rewriting, no drift, and positions in
errors are those of the client's text. Only a version clause makes the text be written anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import LimitExceeded, ParseError, Position, Unsupported

DIALECT = "postgres"
"""The sqlglot dialect nearest to what clients write and the engine reads: unquoted names in lower
case, integer division, the same casts and operators."""

MAX_NESTING = 128
"""How deep parentheses and sub-queries may go: parsers are recursive, stacks are not endless."""

MAX_TOKENS = 250_000
"""How many words a statement may have."""

REMEMBERED_LENGTH = 16_384
"""Texts up to this many characters are parsed once and remembered."""

_EXPLAIN = re.compile(
    r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(?:\s+(?P<option>ANALYZE|VERBOSE)\b)?",
    re.IGNORECASE | re.DOTALL,
)
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}


@dataclass(frozen=True, slots=True)
class Reference:
    """A dataset as the statement names it: `name` is what the engine will look up.

    `parts` are the name without a version; `optional` marks a name that may just as well be a
    CTE's, so that not finding a dataset is no error.
    """

    name: tuple[str, ...]
    parts: tuple[str, ...]
    version: str | None
    position: Position | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed request. `text` is for the engine; `tree` the same, parsed: copy it to change it."""

    text: str
    tree: exp.Query | exp.Values
    references: tuple[Reference, ...]
    explain: bool = False


# a statement sqlglot does not know is refused here; its warning about it says nothing more
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse(text: str) -> Statement:
    """Read one statement. Raises ParseError, Unsupported, LimitExceeded."""
    return _remembered(text) if len(text) <= REMEMBERED_LENGTH else _read(text)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> Statement:
    return _read(text)


def _read(text: str) -> Statement:
    explain = _EXPLAIN.match(text)
    if explain is not None:
        text = _without_explain(text, explain)
    words = _tokenize(text)
    if not words:
        raise ParseError("the query is empty", hint="send a SELECT")
    tree = _parse(text, words)
    if any(table.args.get("version") for table in tree.find_all(exp.Table)):
        tree = _versions_as_names(tree)
        text = tree.sql(DIALECT)
    return Statement(text, tree, tuple(_references(tree)), explain is not None)


def _tokenize(text: str) -> list[Token]:
    if "\x00" in text:
        raise ParseError("the query holds a NUL character")
    try:
        words = Postgres().tokenize(text)
    except SqlglotError:
        raise ParseError("the query can not be read: a text or name is not closed") from None
    if len(words) > MAX_TOKENS:
        raise LimitExceeded(f"the query has {len(words)} words; {MAX_TOKENS} are allowed")
    depth = 0
    for word in words:
        if word.token_type in _OPENING:
            depth += 1
            if depth > MAX_NESTING:
                raise LimitExceeded(
                    f"the query nests deeper than {MAX_NESTING} levels", position=_at(word)
                )
        elif word.token_type in _CLOSING:
            depth -= 1
    return words


def _without_explain(text: str, explain: re.Match[str]) -> str:
    """Blank the EXPLAIN out, so that positions stay those of the client's text."""
    if (option := explain["option"]) and option.upper() == "ANALYZE":
        raise Unsupported(
            "EXPLAIN ANALYZE is not offered",
            hint="run the query and ask for its report, which has real rows and times",
        )
    if not text[explain.end() :].strip(" \t\r\n;"):
        raise ParseError("EXPLAIN of nothing", hint="write EXPLAIN SELECT ...")
    return re.sub(r"[^\n]", " ", explain[0]) + text[explain.end() :]


def _parse(text: str, words: list[Token]) -> exp.Query | exp.Values:
    try:
        trees = [t for t in sqlglot.parse(text, read=DIALECT) if t is not None]
    except SqlglotError as error:
        raise _parse_error(error) from None
    except RecursionError:
        raise LimitExceeded("the query is nested too deeply") from None
    if not trees:
        raise ParseError("the query is empty", hint="send a SELECT")
    if len(trees) > 1:
        raise Unsupported("one statement at a time", hint="send the statements one by one")
    tree = trees[0]
    if not isinstance(tree, (exp.Query, exp.Values)) or tree.find(exp.Into, exp.Lock):
        word = words[0]
        raise Unsupported(
            f"{word.text.upper()} is refused: a request may only read",
            position=_at(word),
            hint="send a SELECT",
        )
    return tree


def _parse_error(error: SqlglotError) -> ParseError:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    description = first.get("description") or str(error).splitlines()[0]
    near = first.get("highlight")
    position = None
    if first.get("line") and first.get("col"):
        column = first["col"] - len(near or "") + 1
        position = Position(first["line"], max(column, 1))
    said = description.strip().rstrip(".")
    if "<class" in said:
        said = "something is missing"
    return ParseError(
        f"the query can not be read: {said[:1].lower()}{said[1:]}"
        + (f", near {near!r}" if near else ""),
        position=position,
    )


def _at(word: Token) -> Position:
    return Position(word.line, max(word.col - len(word.text) + 1, 1))


def _versions_as_names(tree: exp.Query | exp.Values) -> exp.Query | exp.Values:
    """``dataset FOR VERSION AS OF '1.2'`` as ``"dataset@1.2"``."""
    tree = tree.copy()
    for table in tree.find_all(exp.Table):
        version = table.args.get("version")
        if version is None:
            continue
        if str(version.args.get("this")).upper() != "VERSION" or not isinstance(
            version.expression, exp.Literal
        ):
            raise Unsupported(
                f"{version.sql(DIALECT)} is not offered",
                hint="a version of the contract: FOR VERSION AS OF '1.2'",
            )
        name = table.this
        leaf = name.name if name.quoted else name.name.lower()
        if not table.args.get("alias"):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(leaf, quoted=name.quoted)))
        table.set("this", exp.to_identifier(f"{leaf}@{version.expression.name}", quoted=True))
        table.set("version", None)
    return tree


def _references(tree: exp.Expr) -> Iterator[Reference]:
    ctes = {_folded(cte.args["alias"].this) for cte in tree.find_all(exp.CTE)}
    seen: set[tuple[str, ...]] = set()
    for table in tree.find_all(exp.Table):
        identifiers = [p for p in table.parts if isinstance(p, exp.Identifier)]
        if len(identifiers) != len(table.parts) or not identifiers:
            continue  # a table function
        name = tuple(_folded(i) for i in identifiers)
        if name in seen:
            continue
        seen.add(name)
        leaf, _, version = name[-1].partition("@")
        meta = identifiers[-1].meta
        position = None
        if meta.get("line"):
            position = Position(meta["line"], max(meta["col"] - len(identifiers[-1].name) + 1, 1))
        optional = len(name) == 1 and name[0] in ctes
        yield Reference(name, (*name[:-1], leaf), version or None, position, optional)


def _folded(identifier: exp.Identifier) -> str:
    return identifier.name if identifier.quoted else identifier.name.lower()
