"""SQL requests: one statement that reads, and the datasets it names.

The engine gets the client's own text wherever it can: no rewriting, no drift, and positions in
errors are those of the client's text. Only a version clause makes the text be written anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from connectors.interface import Moment
from connectors.marks import unmarked
from gateway.errors import (
    GatewayError,
    LimitExceeded,
    ParseError,
    Position,
    Unsupported,
)
from gateway.languages import (
    decimal_texts,
    edits,
    membership,
    moments,
    placeholders,
    refusals,
    remote,
    repeated_names,
    time_literals,
)
from gateway.languages.byte_literals import hexadecimal
from gateway.languages.placeholders import Placeholders
from gateway.languages.trimming import blanks
from gateway.languages.words import at, normalised, tokenize

DIALECT = "postgres"
"""The sqlglot dialect nearest to what clients write and the engine reads: unquoted names in lower
case, integer division, the same casts and operators."""

REMEMBERED_LENGTH = 16_384
"""Texts up to this many characters are parsed once and remembered."""

_BACKTICK = 'names are quoted with "; for MySQL, Spark or BigQuery SQL set the dialect'

_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+EXPLAIN\b(?:\s+(?P<option>ANALYZE|VERBOSE)\b)?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A dataset as the statement names it: `name` is what the engine will look up.

    `parts` are the name without a version; `optional` marks a name that may just as well be a
    CTE's, so that not finding a dataset is no error. `moment` is the state of the source that is
    asked for, None: as it is now.
    """

    name: tuple[str, ...]
    parts: tuple[str, ...]
    version: str | None
    position: Position | None
    optional: bool
    moment: Moment | None = None


def _same(position: Position) -> Position:
    return position


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed request. `text` is for the engine; `tree` the same, parsed: copy it to change it.

    `normalised` is equal for texts that differ only in blanks, comments and letter case where
    these mean nothing. `placeholders` are given values by `bound`; only then it can be run.
    Of columns called the same all but the first are `repeated`: they have names of their own.
    `original` leads from a place in `text` to that in the client's own.
    """

    text: str
    tree: exp.Query | exp.Values
    references: tuple[Reference, ...]
    explain: bool = False
    normalised: str = ""
    remote: tuple[remote.RemoteCall, ...] = ()
    placeholders: Placeholders = placeholders.NONE
    repeated: repeated_names.Names = field(default_factory=dict)
    original: Callable[[Position], Position] = field(default=_same, compare=False, repr=False)

    def named(self, schema: pa.Schema) -> pa.Schema:
        """The schema of the answer, its columns called as the client has called them."""
        return repeated_names.named(schema, self.repeated)

    def declaring(self, types: Sequence[pa.DataType | None]) -> Statement:
        """The statement whose placeholders are of these types where it does not say itself."""
        declared = {n: kind for n, kind in enumerate(types, start=1) if kind is not None}
        return replace(self, placeholders=replace(self.placeholders, declared=declared))

    def over(self, schemas: Iterable[pa.Schema]) -> Statement:
        """The statement with its literals as the columns of its datasets want them."""
        if "'" not in self.text:
            return self
        known = tuple((f.name, f.type) for schema in schemas for f in schema)
        if not any(pa.types.is_time(kind) or pa.types.is_decimal(kind) for _, kind in known):
            return self
        over = _over if len(self.text) <= REMEMBERED_LENGTH else _over.__wrapped__
        made, read = over(self.text, known, self.remote, self.explain)
        if read is None:
            return self
        text, of = read.text, self.original
        return replace(
            self,
            text=text,
            tree=read.tree,
            normalised=read.normalised,
            placeholders=replace(read.placeholders, declared=self.placeholders.declared),
            original=lambda position: of(edits.original(position, self.text, made)),
        )

    def bound(self, literals: Sequence[str]) -> Statement:
        """The statement with values in SQL in place of its placeholders."""
        made = self.placeholders.edits(literals)
        text = edits.edited(self.text, made)
        words = tokenize(text, _POSTGRES)
        tree = _parse(text, words)
        unmarked(tuple(tree.walk()))

        def original(position: Position) -> Position:
            return self.original(edits.original(position, self.text, made))

        return replace(
            self,
            text=text,
            tree=tree,
            normalised="",
            placeholders=placeholders.NONE,
            original=original,
        )


_POSTGRES = Postgres()
"""It holds nothing of what it reads."""

# a statement sqlglot does not know is refused here; its warning about it says nothing more
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse(text: str) -> Statement:
    """Read one statement. Raises ParseError, Unsupported, LimitExceeded."""
    return _remembered(text) if len(text) <= REMEMBERED_LENGTH else _read(text)


@lru_cache(maxsize=1024)
def _remembered(text: str) -> Statement:
    return _read(text)


@lru_cache(maxsize=1024)
def _over(
    text: str,
    columns: tuple[tuple[str, pa.DataType], ...],
    calls: tuple[remote.RemoteCall, ...],
    explain: bool,
) -> tuple[tuple[edits.Edit, ...], Statement | None]:
    """A text with its literals as columns want them, and the edits; None where there are none."""
    read = _Read.of(text)
    made = [
        *time_literals.in_units_of(columns, read.words),
        *decimal_texts.with_all_digits(columns, read.words, read.tree),
    ]
    if not made:
        return (), None
    made.sort(key=lambda edit: edit.start)
    found = _Read.of(edits.edited(text, made))
    return tuple(made), _statement(found, calls, explain=explain)


def _read(text: str) -> Statement:
    query = without_explain(text)
    explain = query is not text
    spacing = placeholders.spacing(query) if "$" in query else ()
    if not spacing:
        return _numbered(query, explain=explain)
    return _remade(query, spacing, lambda spaced: _numbered(spaced, explain=explain))


def _numbered(text: str, *, explain: bool) -> Statement:
    words = tokenize(text, _POSTGRES)
    if not words:
        raise ParseError("the query is empty", hint="send a SELECT")
    made = [*placeholders.numbering(words), *hexadecimal(words), *blanks(words)]
    if not made:
        return _listed(text, words, explain=explain)
    made.sort(key=lambda edit: edit.start)
    return _remade(text, made, lambda t: _listed(t, tokenize(t, _POSTGRES), explain=explain))


def _listed(text: str, words: list[Token], *, explain: bool) -> Statement:
    lists = membership.written_out(text, words)
    if not lists:
        return _understood(text, words, explain=explain)
    return _remade(text, lists, lambda t: _understood(t, tokenize(t, _POSTGRES), explain=explain))


def _remade(text: str, made: Sequence[edits.Edit], read: Callable[[str], Statement]) -> Statement:
    """What is read in a text after edits, with every position in the text before them."""

    def original(position: Position) -> Position:
        return edits.original(position, text, made)

    try:
        statement = read(edits.edited(text, made))
    except GatewayError as error:
        error.position = error.position and original(error.position)
        raise
    references = tuple(
        replace(r, position=r.position and original(r.position)) for r in statement.references
    )
    calls = tuple(replace(call, position=original(call.position)) for call in statement.remote)
    before = statement.original
    return replace(
        statement,
        references=references,
        remote=calls,
        original=lambda position: original(before(position)),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A text as its words and as a tree."""

    text: str
    words: list[Token]
    tree: exp.Query | exp.Values

    @classmethod
    def of(cls, text: str, words: list[Token] | None = None) -> _Read:
        found = tokenize(text, _POSTGRES) if words is None else words
        return cls(text, found, _parse(text, found))


def _understood(text: str, words: list[Token], *, explain: bool) -> Statement:
    read = _Read.of(text, words)
    tables = read.tree.find_all(exp.Table)
    if any(table.args.get("version") or table.args.get("when") for table in tables):
        made = moments.as_names(words, read.tree)
        return _remade(text, made, lambda t: _calls_named(_Read.of(t), explain=explain))
    return _calls_named(read, explain=explain)


def _calls_named(read: _Read, *, explain: bool) -> Statement:
    text = read.text
    calls: tuple[remote.RemoteCall, ...] = ()
    if count := remote.calls(read.tree):
        text, calls = remote.named(read.text, read.words, count)
        read = _Read.of(text)
    return _told_apart(read, calls, explain=explain)


def translated(
    text: str,
    calls: tuple[remote.RemoteCall, ...],
    original: Callable[[Position], Position],
    *,
    explain: bool,
) -> Statement:
    """What has been written for a request in another dialect. Raises GatewayError.

    The remote queries of the request have their names in it already.
    """
    statement = _told_apart(_Read.of(text), calls, explain=explain)
    own = statement.original
    return replace(statement, original=lambda position: original(own(position)))


def _told_apart(read: _Read, calls: tuple[remote.RemoteCall, ...], *, explain: bool) -> Statement:
    apart = repeated_names.told_apart(read.text, read.words, read.tree)
    if not apart.edits:
        return _statement(read, calls, explain=explain)
    made = _remade(
        read.text, apart.edits, lambda text: _statement(_Read.of(text), calls, explain=explain)
    )
    return replace(made, repeated=apart.names)


def _statement(read: _Read, calls: tuple[remote.RemoteCall, ...], *, explain: bool) -> Statement:
    text, words, tree = read.text, read.words, read.tree
    nodes = tuple(tree.walk())
    refusals.check(nodes)
    ours = {(call.name,) for call in calls}
    references = tuple(r for r in _references(nodes) if r.name not in ours)
    given = placeholders.placeholders(tree, words)
    unmarked(nodes)  # the names have their positions
    return Statement(text, tree, references, explain, normalised(text, words), calls, given)


def without_explain(text: str) -> str:
    """An EXPLAIN blanked out, so that positions stay those of the client's text."""
    explain = _EXPLAIN.match(text)
    if explain is None:
        return text
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
        trees = [t for t in _POSTGRES.parser().parse(words, text) if t is not None]
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
            position=at(word),
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
    if "<" in said:  # a name of sqlglot's own
        said = "something is missing"
    return ParseError(
        f"the query can not be read: {said[:1].lower()}{said[1:]}"
        + (f", near {near!r}" if near else ""),
        position=position,
        hint=_BACKTICK if near == "`" else None,
    )


def _references(nodes: refusals.Nodes) -> Iterator[Reference]:
    ctes = {_folded(node.args["alias"].this) for node in nodes if isinstance(node, exp.CTE)}
    seen: set[tuple[str, ...]] = set()
    for table in (node for node in nodes if isinstance(node, exp.Table)):
        identifiers = [p for p in table.parts if isinstance(p, exp.Identifier)]
        if len(identifiers) != len(table.parts) or not identifiers:
            continue  # a table function
        name = tuple(_folded(i) for i in identifiers)
        if name in seen:
            continue
        seen.add(name)
        meta = identifiers[-1].meta
        position = None
        if meta.get("line"):
            position = Position(meta["line"], max(meta["col"] - len(identifiers[-1].name) + 1, 1))
        try:
            leaf, version, moment = moments.split(name[-1])
        except ParseError as error:
            error.position = position
            raise
        optional = len(name) == 1 and name[0] in ctes
        yield Reference(name, (*name[:-1], leaf), version, position, optional, moment)


def _folded(identifier: exp.Identifier) -> str:
    name, folded = identifier.name, identifier.name.lower()
    # a Kelvin sign is no k: nothing outside ASCII may become the name of a dataset
    return name if identifier.quoted or (folded.isascii() and not name.isascii()) else folded
