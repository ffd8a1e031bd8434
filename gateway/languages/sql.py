"""SQL requests: one statement that reads, and the datasets it names.

The engine gets the client's own text wherever it can: no rewriting, no drift, and positions in
errors are those of the client's text. Only a version clause makes the text be written anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from connectors.marks import unmarked
from gateway.errors import (
    GatewayError,
    InvalidQuery,
    LimitExceeded,
    ParseError,
    Position,
    Unsupported,
)
from gateway.languages import edits, membership, placeholders, remote
from gateway.languages.byte_literals import hexadecimal
from gateway.languages.placeholders import Placeholders
from gateway.languages.trimming import blanks

DIALECT = "postgres"
"""The sqlglot dialect nearest to what clients write and the engine reads: unquoted names in lower
case, integer division, the same casts and operators."""

MAX_NESTING = 128
"""How deep parentheses and sub-queries may go: parsers are recursive, stacks are not endless."""

MAX_CHAIN = 1000
"""How many operators may follow each other at one level (a AND b AND c ...): each makes the tree
one level deeper, in every parser and optimiser it passes."""

MAX_EXPANSION = 2000
"""How many tables a query may read once its common table expressions are written out: each one
that reads its predecessor twice doubles them, and the optimiser writes them all out."""

MAX_TOKENS = 250_000
"""How many words a statement may have."""

REMEMBERED_LENGTH = 16_384
"""Texts up to this many characters are parsed once and remembered."""

_BACKTICK = 'names are quoted with "; for MySQL, Spark or BigQuery SQL set the dialect'

_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+EXPLAIN\b(?:\s+(?P<option>ANALYZE|VERBOSE)\b)?",
    re.IGNORECASE | re.DOTALL,
)
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_OPERATORS = {
    *(TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IS, TokenType.BETWEEN),
    *(TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH, TokenType.MOD),
    *(TokenType.DPIPE, TokenType.DCOLON, TokenType.CARET, TokenType.AMP, TokenType.PIPE),
    *(TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT, TokenType.TILDE, TokenType.INTERVAL),
    *(TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.GT, TokenType.LTE, TokenType.GTE),
    *(TokenType.JOIN, TokenType.CROSS, TokenType.DOT, TokenType.ARROW, TokenType.DARROW),
}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_NO_LIST = (exp.Parameter, exp.Literal)


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


def _same(position: Position) -> Position:
    return position


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed request. `text` is for the engine; `tree` the same, parsed: copy it to change it.

    `normalised` is equal for texts that differ only in blanks, comments and letter case where
    these mean nothing. `placeholders` are given values by `bound`; only then it can be run.
    `original` leads from a place in `text` to that in the client's own.
    """

    text: str
    tree: exp.Query | exp.Values
    references: tuple[Reference, ...]
    explain: bool = False
    normalised: str = ""
    remote: tuple[remote.RemoteCall, ...] = ()
    placeholders: Placeholders = placeholders.NONE
    original: Callable[[Position], Position] = field(default=_same, compare=False, repr=False)

    def declaring(self, types: Sequence[pa.DataType | None]) -> Statement:
        """The statement whose placeholders are of these types where it does not say itself."""
        declared = {n: kind for n, kind in enumerate(types, start=1) if kind is not None}
        return replace(self, placeholders=replace(self.placeholders, declared=declared))

    def bound(self, literals: Sequence[str]) -> Statement:
        """The statement with values in SQL in place of its placeholders."""
        made = self.placeholders.edits(literals)
        text = edits.edited(self.text, made)
        words = _tokenize(text)
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


Nodes = Sequence[exp.Expr]
"""All nodes of a tree, from the top: it is walked once for all that is looked for in it."""

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


def _read(text: str) -> Statement:
    query = without_explain(text)
    explain = query is not text
    spacing = placeholders.spacing(query) if "$" in query else ()
    if not spacing:
        return _numbered(query, explain=explain)
    return _remade(query, spacing, lambda spaced: _numbered(spaced, explain=explain))


def _numbered(text: str, *, explain: bool) -> Statement:
    words = _tokenize(text)
    if not words:
        raise ParseError("the query is empty", hint="send a SELECT")
    made = [*placeholders.numbering(words), *hexadecimal(words), *blanks(words)]
    if not made:
        return _listed(text, words, explain=explain)
    made.sort(key=lambda edit: edit.start)
    return _remade(text, made, lambda t: _listed(t, _tokenize(t), explain=explain))


def _listed(text: str, words: list[Token], *, explain: bool) -> Statement:
    lists = membership.written_out(text, words)
    if not lists:
        return _understood(text, words, explain=explain)
    return _remade(text, lists, lambda t: _understood(t, _tokenize(t), explain=explain))


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


def _understood(text: str, words: list[Token], *, explain: bool) -> Statement:
    tree = _parse(text, words)
    if any(table.args.get("version") for table in tree.find_all(exp.Table)):
        text = _versions_as_names(text, words)
        words = _tokenize(text)
        tree = _parse(text, words)
    calls: tuple[remote.RemoteCall, ...] = ()
    if count := remote.calls(tree):
        text, calls = remote.named(text, words, count)
        words = _tokenize(text)
        tree = _parse(text, words)
    return _statement(text, words, tree, calls, explain=explain)


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
    words = _tokenize(text)
    statement = _statement(text, words, _parse(text, words), calls, explain=explain)
    return replace(statement, original=original)


def _statement(
    text: str,
    words: list[Token],
    tree: exp.Query | exp.Values,
    calls: tuple[remote.RemoteCall, ...],
    *,
    explain: bool,
) -> Statement:
    nodes = tuple(tree.walk())
    _refuse_unsafe(nodes)
    _check_expansion(nodes)
    ours = {(call.name,) for call in calls}
    references = tuple(r for r in _references(nodes) if r.name not in ours)
    normalised = _normalised(text, words)
    given = placeholders.placeholders(tree, words)
    unmarked(nodes)  # the names have their positions
    return Statement(text, tree, references, explain, normalised, calls, given)


def _normalised(text: str, words: list[Token]) -> str:
    end, parts = -1, []
    for word in words:
        between = text[end + 1 : word.start].lstrip()
        if between and not between.startswith(("--", "/*")):
            return text  # something that is no word: nothing is taken for equal
        parts.append(_spelt(text[word.start : word.end + 1]))
        end = word.end
    return "\n".join(parts)


def _spelt(word: str) -> str:
    """A word in lower case, unless letters matter: in quotes, and outside ASCII."""
    return word if "'" in word or '"' in word or "$" in word or not word.isascii() else word.lower()


def _tokenize(text: str) -> list[Token]:
    if "\x00" in text:
        raise ParseError("the query holds a NUL character")
    try:
        words = _POSTGRES.tokenize(text)
    except SqlglotError:
        raise ParseError("the query can not be read: a text or name is not closed") from None
    if len(words) > MAX_TOKENS:
        raise LimitExceeded(f"the query has {len(words)} words; {MAX_TOKENS} are allowed")
    check_depth(words)
    return words


def check_depth(words: list[Token]) -> None:
    """Refuse what would overflow a stack further down; nothing here is recursive."""
    chains = [0]  # operators seen since the last comma, at each open level
    for i, word in enumerate(words):
        if word.token_type in _OPENING:
            chains.append(0)
            if len(chains) > MAX_NESTING:
                raise LimitExceeded(
                    f"the query nests deeper than {MAX_NESTING} levels", position=_at(word)
                )
        elif word.token_type in _CLOSING and len(chains) > 1:
            chains.pop()
        elif word.token_type is TokenType.COMMA:
            chains[-1] = 0
        elif word.token_type in _OPERATORS:
            first_dot = word.token_type is TokenType.DOT and (
                i < 2 or words[i - 2].token_type is not TokenType.DOT
            )
            chains[-1] += not first_dot  # table.column makes nothing deeper
            if chains[-1] > MAX_CHAIN:
                raise LimitExceeded(
                    f"more than {MAX_CHAIN} operators follow each other",
                    position=_at(word),
                    hint="a list of values is written IN (...)",
                )


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
        hint=_BACKTICK if near == "`" else None,
    )


def _at(word: Token) -> Position:
    return Position(word.line, max(word.col - len(word.text) + 1, 1))


def _versions_as_names(text: str, words: list[Token]) -> str:
    """``dataset FOR VERSION AS OF '1.2'`` as ``"dataset@1.2"``; all else stays as it is written."""
    clause = ("FOR", "VERSION", "AS", "OF")
    end, parts = 0, []
    for i in range(1, len(words) - 4):
        if tuple(w.text.upper() for w in words[i : i + 4]) != clause:
            continue
        name, version = words[i - 1], words[i + 4]
        if version.token_type is not TokenType.STRING:
            raise Unsupported(
                "a version of another form is not offered",
                position=_at(version),
                hint="a version of the contract: FOR VERSION AS OF '1.2'",
            )
        quoted = name.token_type is TokenType.IDENTIFIER
        leaf = (name.text if quoted else name.text.lower()).replace('"', '""')
        number = version.text.replace('"', '""')
        following = words[i + 5].token_type if i + 5 < len(words) else None
        named = following in {TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER}
        alias = "" if named else f' AS "{leaf}"'
        parts += [text[end : name.start], f'"{leaf}@{number}"{alias}']
        end = version.end + 1
    if not parts:
        raise Unsupported(
            "time travel is not offered",
            hint="a version of the contract: FOR VERSION AS OF '1.2'",
        )
    return "".join([*parts, text[end:]])


def _refuse_unsafe(nodes: Nodes) -> None:
    """What the engine would read as something else, or answer wrongly."""
    if any(isinstance(node, exp.TableSample) for node in nodes):
        raise Unsupported("TABLESAMPLE is not offered", hint="use LIMIT, or filter by a hash")
    if any(isinstance(node, exp.Select) and not node.expressions for node in nodes):
        raise Unsupported("a SELECT without columns is not offered", hint="write SELECT * FROM ...")
    for node in nodes:
        if isinstance(node, exp.In) and isinstance(node.args.get("field"), _NO_LIST):
            raise InvalidQuery(
                "IN takes a list in parentheses",
                hint="for a list that is bound write = ANY(?), and <> ALL(?) in place of NOT IN",
            )
    for test in (node for node in nodes if isinstance(node, (exp.Any, exp.All))):
        inner = {t.alias_or_name for t in test.find_all(exp.Table)}
        scope = test.find_ancestor(exp.Select)
        outer = set()
        while scope is not None:
            sources = [scope.args.get("from_"), *(scope.args.get("joins") or [])]
            outer |= {s.this.alias_or_name for s in sources if s is not None}
            scope = scope.find_ancestor(exp.Select)
        if inner & outer:
            raise Unsupported(
                "ANY and ALL over a dataset that the query reads outside as well are not offered",
                hint="give the datasets inside and outside different aliases, or use IN",
            )


def _check_expansion(nodes: Nodes) -> None:
    tables: dict[str, int] = {}
    for clause in (node for node in nodes if isinstance(node, exp.With)):
        for cte in clause.expressions:
            read = sum(tables.get(t.name.lower(), 1) for t in cte.this.find_all(exp.Table))
            if read > MAX_EXPANSION:
                raise LimitExceeded(
                    f"written out, {cte.alias} reads more than {MAX_EXPANSION} tables",
                    hint="read each common table expression once, or join less often",
                )
            tables[cte.alias.lower()] = max(read, 1)


def _references(nodes: Nodes) -> Iterator[Reference]:
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
        leaf, _, version = name[-1].partition("@")
        meta = identifiers[-1].meta
        position = None
        if meta.get("line"):
            position = Position(meta["line"], max(meta["col"] - len(identifiers[-1].name) + 1, 1))
        optional = len(name) == 1 and name[0] in ctes
        yield Reference(name, (*name[:-1], leaf), version or None, position, optional)


def _folded(identifier: exp.Identifier) -> str:
    name, folded = identifier.name, identifier.name.lower()
    # a Kelvin sign is no k: nothing outside ASCII may become the name of a dataset
    return name if identifier.quoted or (folded.isascii() and not name.isascii()) else folded
