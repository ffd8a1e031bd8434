"""A client's text in its own dialect: read, with the place of everything in it.

Functions are kept by the names they were written with. What sqlglot makes of a name differs from
dialect to dialect and is not always what the name means there, so that it never gets to see any:
each call is given a number before the text is parsed, and `calls` leads back to its word.
Parameters likewise become numbers, in the order in which they were written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import LimitExceeded, ParseError, Position, Unsupported
from gateway.languages.dialects.dialect import Dialect
from gateway.languages.words import tokenize

CALL = "__call_"
PARAMETER = "__parameter_"

_STRINGS = {TokenType.STRING, TokenType.NATIONAL_STRING}
_KNOWN_ESCAPES = frozenset("\\'\"nrt")
_SPECIAL = {"EXTRACT", "SUBSTRING", "SUBSTR", "TRIM", "POSITION", "CEIL", "FLOOR", "OVERLAY"}
"""Functions whose arguments may be parted by words."""
_PARTING = {"FROM", "IN", "FOR", "TO", "PLACING", "BOTH", "LEADING", "TRAILING"}
_NO_CALL_AFTER = {
    *(TokenType.DOT, TokenType.ALIAS, TokenType.DCOLON, TokenType.STAR),
    *(TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.WITH),
}
"""Behind these no function is called: a name of columns, of a type, or a word of the grammar."""
_GRAMMAR = {
    *("CAST", "TRY_CAST", "SAFE_CAST", "CONVERT", "TRY_CONVERT", "GROUP_CONCAT", "FILTER"),
    *("VALUES", "STRUCT", "ARRAY", "MAP", "ROW", "ANY", "ALL", "SOME", "EXISTS"),
}
"""Words before a bracket that are read by the grammar."""
_OPERANDS = {
    *(TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET),
    *(TokenType.NUMBER, TokenType.STRING),
}


@dataclass(frozen=True, slots=True)
class Client:
    """The text with its words. `parameters` are the numbers of the parameters by their marks."""

    text: str
    dialect: Dialect
    words: tuple[Token, ...]
    calls: Mapping[str, Token]

    def position(self, offset: int) -> Position:
        before = self.text[:offset]
        return Position(before.count("\n") + 1, offset - before.rfind("\n"))

    def at(self, node: exp.Expr | None) -> Position | None:
        """Where a part of the tree begins, or what it stands in."""
        while node is not None:
            offset = min(self._offsets(node), default=None)
            if offset is not None:
                return self.position(offset)
            node = node.parent
        return None

    def called(self, node: exp.Expr) -> str:
        """The function that was called, in capitals; "" for what is no call."""
        word = self.calls.get(node.name) if isinstance(node, exp.Anonymous) else None
        return "" if word is None else word.text.upper()

    def _offsets(self, node: exp.Expr) -> Iterator[int]:
        for part in node.walk():
            word = self.calls.get(part.name) if isinstance(part, exp.Anonymous) else None
            if word is not None:
                yield word.start
            elif "start" in part.meta:
                yield part.meta["start"]

    def written(self, node: exp.Expr) -> str:
        """The text of a part of the tree, as sqlglot writes it in this dialect."""
        copy = node.copy()
        for part in copy.find_all(exp.Anonymous):
            if word := self.calls.get(part.name):
                part.set("this", word.text)
        for name in copy.find_all(exp.Identifier):
            if name.name.startswith(PARAMETER):
                name.set("this", "?")
                name.set("quoted", False)
        return copy.sql(self.dialect.sqlglot)


def read(text: str, dialect: Dialect, functions: Collection[str]) -> tuple[Client, exp.Expr]:
    """The text of one statement that reads, as words and tree. Raises GatewayError."""
    grammar = Grammar.get_or_raise(dialect.sqlglot)
    words = tokenize(text, grammar)
    if not words:
        raise ParseError("the query is empty", hint="send a SELECT")
    client = Client(text, dialect, tuple(words), {})
    _check_words(client)
    marked, calls = _marked(client, functions)
    client = Client(text, dialect, tuple(words), calls)
    try:
        read_trees = grammar.parser().parse(marked, text)
        trees = [t for t in read_trees if t is not None and not isinstance(t, exp.Semicolon)]
    except SqlglotError as error:
        raise _parse_error(error, client) from None
    except RecursionError:
        raise LimitExceeded("the query is nested too deeply") from None
    if len(trees) > 1:
        raise Unsupported("one statement at a time", hint="send the statements one by one")
    if not trees:
        raise ParseError("the query is empty", hint="send a SELECT")
    tree = trees[0]
    if not isinstance(tree, (exp.Query, exp.Values)) or tree.find(exp.Into, exp.Lock):
        raise Unsupported(
            f"{words[0].text.upper()} is refused: a request may only read",
            position=client.position(words[0].start),
            hint="send a SELECT",
        )
    _check_parameters(client, tree)
    _drop(tree, dialect)
    return client, tree


def _check_parameters(client: Client, tree: exp.Expr) -> None:
    """Refuse a parameter that the grammar has taken for a name: `FROM sales@v1` has no alias."""
    for name in tree.find_all(exp.Identifier):
        if name.name.startswith(PARAMETER):
            column = name.parent
            if not isinstance(column, exp.Column) or len(column.parts) > 1:
                raise ParseError(
                    "a parameter stands where a name belongs", position=client.at(name)
                )


def _drop(tree: exp.Expr, dialect: Dialect) -> None:
    """Take out advice to an optimiser, and the table of no columns that MySQL knows."""
    for hint in list(tree.find_all(exp.Hint)):
        hint.pop()
    for source in list(tree.find_all(exp.From)) if dialect.name in {"mysql", "snowflake"} else ():
        table = source.this
        if isinstance(table, exp.Table) and len(table.parts) == 1 and table.name.lower() == "dual":
            source.pop()


def _check_words(client: Client) -> None:
    """Refuse words that sqlglot would read as less than what they are."""
    dialect, end = client.dialect, 0
    for word in client.words:
        _check_comment(client, end, word.start)
        if word.token_type is TokenType.SESSION_PARAMETER:
            raise _no_variable(client, word)
        if word.token_type in _STRINGS and dialect.escapes:
            _check_escapes(client, word)
        end = word.end + 1
    _check_comment(client, end, len(client.text))


def _no_variable(client: Client, word: Token) -> Unsupported:
    return Unsupported(
        "variables of a server are not offered here",
        position=client.position(word.start),
        hint="the gateway has no such settings; see GetSqlInfo for what it is",
    )


def _check_comment(client: Client, start: int, end: int) -> None:
    """MySQL runs what is in a comment that begins with ``/*!``."""
    found = (
        re.search(r"/\*M?!", client.text[start:end]) if client.dialect.executed_comments else None
    )
    if found is not None:
        raise Unsupported(
            "a comment that is run, /*! ... */, is not offered",
            position=client.position(start + found.start()),
            hint="take it out, or write what is in it",
        )


def _check_escapes(client: Client, word: Token) -> None:
    own = client.text[word.start : word.end + 1]
    if own[:1] in "rR" or (own[1:2] in "rR" and own[:1] in "bB"):
        return  # a raw one
    for found in re.finditer(r"\\(.)", own, re.DOTALL):
        letter = found[1]
        if letter not in _KNOWN_ESCAPES and not (client.dialect.name == "mysql" and letter in "%_"):
            raise Unsupported(
                f"the escape \\{letter} in a text is not translated",
                position=client.position(word.start + found.start()),
                hint="write the letter itself, or \\\\ for a backslash",
            )


def _marked(client: Client, functions: Collection[str]) -> tuple[list[Token], dict[str, Token]]:
    """The words with a mark for every call and parameter, and what word each call was."""
    calls: dict[str, Token] = {}
    numbers: dict[str, int] = {}
    marked: list[Token] = []
    words, i = client.words, 0
    while i < len(words):
        word = words[i]
        parameter, taken = _parameter(client, i, numbers)
        if parameter:
            name = f"{PARAMETER}{parameter}"
            last = words[i + taken - 1]
            word = Token(
                TokenType.VAR, name, last.line, last.col, word.start, last.end, last.comments
            )
            i += taken - 1
        elif word.text.lower().startswith((CALL, PARAMETER)):
            raise ParseError(
                f"no name may begin with {CALL} or {PARAMETER}",
                position=client.position(word.start),
            )
        elif _is_call(words, i, functions):
            name = f"{CALL}{i}"
            calls[name] = word
            word = Token(
                TokenType.VAR, name, word.line, word.col, word.start, word.end, word.comments
            )
        marked.append(word)
        i += 1
    return marked, calls


def _is_call(words: tuple[Token, ...], i: int, functions: Collection[str]) -> bool:
    word, name = words[i], words[i].text.upper()
    if i + 1 >= len(words) or words[i + 1].token_type is not TokenType.L_PAREN:
        return False
    known = name in functions and word.token_type is not TokenType.IDENTIFIER
    if name in _GRAMMAR or (not known and word.token_type is not TokenType.VAR):
        return False
    if word.token_type in _STRINGS or (i and words[i - 1].token_type in _NO_CALL_AFTER):
        return False
    if not known and _names_columns(words, i):
        return False
    return name not in _SPECIAL or not _parted(words, i + 1)


def _names_columns(words: tuple[Token, ...], i: int) -> bool:
    """Whether ``name (...)`` is something that WITH defines: AS follows."""
    depth = 0
    for at in range(i + 1, len(words)):
        kind = words[at].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if not depth:
            after = words[at + 1 : at + 3]
            return (
                len(after) == 2
                and after[0].token_type is TokenType.ALIAS
                and (after[1].token_type is TokenType.L_PAREN)
            )
    return False


def _parted(words: tuple[Token, ...], opening: int) -> bool:
    """Whether words and not commas stand between the arguments."""
    depth = 0
    for word in words[opening:]:
        if word.token_type is TokenType.L_PAREN:
            depth += 1
        elif word.token_type is TokenType.R_PAREN:
            depth -= 1
            if not depth:
                return False
        elif depth == 1 and word.text.upper() in _PARTING and word.token_type not in _STRINGS:
            return True
    return False


def _parameter(client: Client, i: int, numbers: dict[str, int]) -> tuple[int, int]:
    """The number of the parameter at a word and how many words it takes; 0 where there is none."""
    words, word = client.words, client.words[i]
    following = words[i + 1] if i + 1 < len(words) else None
    adjacent = following is not None and following.start == word.end + 1
    name, taken = "", 2
    if word.token_type is TokenType.PLACEHOLDER:
        name, taken = f"?{len(numbers)}", 1
    elif re.fullmatch(r"\$\d+", word.text) and word.token_type is TokenType.VAR:
        name, taken = word.text, 1
    elif not adjacent or following is None:
        return 0, 0
    elif word.token_type is TokenType.PARAMETER:
        if following.text.startswith("@"):
            raise _no_variable(client, word)
        name = word.text + following.text
    elif word.token_type is TokenType.COLON:
        if i and words[i - 1].token_type in _OPERANDS:
            return 0, 0  # a path or a slice
        name = ":" + following.text
    else:
        return 0, 0
    styles = {known[0] for known in numbers} | {name[0]}
    position = client.position(word.start)
    if len(styles) > 1:
        raise Unsupported("parameters of one style, please: ? or $1", position=position)
    if name[0] == "@" and client.dialect.name in {"mysql", "snowflake", "duckdb"}:
        raise Unsupported(
            "variables are not offered", position=position, hint="parameters are written ?"
        )
    if not re.fullmatch(r".\w*", name):
        return 0, 0
    said = re.fullmatch(r"[$:@]p?(\d{1,4})", name, re.IGNORECASE)
    number = int(said[1]) if said else numbers.get(name.lower(), len(numbers) + 1)
    if not number:
        raise ParseError("parameters are counted from 1", position=position)
    numbers[name.lower()] = number
    return number, taken


def _parse_error(error: SqlglotError, client: Client) -> ParseError:
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    said = (first.get("description") or str(error).splitlines()[0]).strip().rstrip(".")
    near = first.get("highlight")
    place = (first.get("line"), first.get("col"))
    word = next((w for w in client.words if (w.line, w.col) == place), None)
    if "<" in said or "__" in said:
        said = "something is missing"
    return ParseError(
        f"the query can not be read as {client.dialect.title}: {said[:1].lower()}{said[1:]}"
        + (f", near {near!r}" if near else ""),
        position=None if word is None else client.position(word.start),
    )
