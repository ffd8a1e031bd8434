"""What a client asks for, statement by statement: queries, and the commands around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.postgres_wire.errors import READ_ONLY, SYNTAX_ERROR, UNSUPPORTED, SqlError
from gateway.postgres_wire.words import NAME, NUMBER, QUOTED, STRING, Word, statements

MAX_STATEMENTS = 1000
"""How many statements one message may hold."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and where its text stands in the client's message."""

    text: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Transaction:
    """`verb` is BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE or ROLLBACK TO."""

    verb: str
    savepoint: str = ""
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    value: str | None
    """None is the default."""
    local: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    name: str
    """"" is everything."""


@dataclass(frozen=True, slots=True)
class Show:
    name: str
    """"" is everything."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A command that has nothing to do here."""

    tag: str


@dataclass(frozen=True, slots=True)
class Discard:
    what: str


@dataclass(frozen=True, slots=True)
class Deallocate:
    name: str
    """"" is all."""


@dataclass(frozen=True, slots=True)
class PrepareStatement:
    name: str
    types: tuple[str, ...]
    query: Query


@dataclass(frozen=True, slots=True)
class ExecuteStatement:
    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Declare:
    name: str
    query: Query
    hold: bool
    binary: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """`count` None is all there are; with `move` they are passed over."""

    name: str
    count: int | None
    move: bool


@dataclass(frozen=True, slots=True)
class CloseCursor:
    name: str
    """"" is all."""


@dataclass(frozen=True, slots=True)
class Copy:
    """`kind` is text, csv or binary."""

    query: Query
    kind: str = "text"
    header: bool = False
    delimiter: str = "\t"
    null: str = "\\N"
    quote: str = '"'


@dataclass(frozen=True, slots=True)
class Refused:
    """Understood, and not done: other statements before it in the same message are."""

    error: SqlError


Command = (
    Query
    | Refused
    | Transaction
    | Set
    | Reset
    | Show
    | Nothing
    | Discard
    | Deallocate
    | PrepareStatement
    | ExecuteStatement
    | Declare
    | Fetch
    | CloseCursor
    | Copy
)

_WRITES = """ALTER ANALYZE CALL CHECKPOINT CLUSTER COMMENT CREATE DELETE DO DROP GRANT IMPORT INSERT
    LOAD MERGE REASSIGN REFRESH REINDEX REVOKE SECURITY TRUNCATE UPDATE VACUUM"""
WRITES = frozenset(_WRITES.split())
_READS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "(", "FROM"})


class Words:
    """Reads the words of one statement from the left."""

    def __init__(self, words: Sequence[Word], text: str) -> None:
        self._words = words
        self._text = text
        self._at = 0

    @property
    def here(self) -> Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def next(self) -> Word:
        word = self.here
        if word is None:
            raise SqlError(SYNTAX_ERROR, "the command ends too early", at=self._words[-1].end + 1)
        self._at += 1
        return word

    def skip(self, *keywords: str) -> str:
        """The next word if it is one of these, otherwise ""."""
        word = self.here
        if word is not None and word.upper in keywords:
            self._at += 1
            return word.upper
        return ""

    def name(self) -> str:
        word = self.next()
        if word.kind not in (NAME, QUOTED):
            raise self.wrong(word)
        return word.name

    def end(self) -> None:
        if self.here is not None:
            raise self.wrong(self.here)

    def rest(self) -> Query:
        """What is left, as a query."""
        word = self.next()
        return Query(self._text[word.start : self._words[-1].end], word.start)

    def between(self, words: Sequence[Word]) -> Query:
        """The text of some words, as a query."""
        return Query(self.text_between(words[0], words[-1]), words[0].start)

    def text_between(self, first: Word, last: Word) -> str:
        return self._text[first.start : last.end]

    def wrong(self, word: Word) -> SqlError:
        return SqlError(SYNTAX_ERROR, f"{word.text[:40]} is not expected here", at=word.start + 1)

    def parenthesised(self) -> list[Word]:
        """The words up to the parenthesis that closes the one just read."""
        depth, found = 1, list[Word]()
        while True:
            word = self.next()
            depth += {"(": 1, ")": -1}.get(word.upper, 0)
            if not depth:
                return found
            found.append(word)


def read(text: str) -> list[Command]:
    """The commands of a text, in order. Raises SqlError."""
    found = statements(text)
    if len(found) > MAX_STATEMENTS:
        raise SqlError("54000", f"there are {len(found)} statements; {MAX_STATEMENTS} are allowed")
    return [_or_refused(words, text) for words in found]


def _or_refused(words: list[Word], text: str) -> Command:
    try:
        return _command(words, text)
    except SqlError as error:
        if error.sqlstate == SYNTAX_ERROR:
            raise
        return Refused(error)


def _command(all_words: list[Word], text: str) -> Command:
    words = Words(all_words, text)
    first = words.next()
    verb = first.upper
    if verb in _READS:
        return Query(text[first.start : all_words[-1].end], first.start)
    if verb in WRITES:
        raise SqlError(
            READ_ONLY,
            f"{verb} is refused: the gateway only reads",
            hint="change the data in its source",
            at=first.start + 1,
        )
    read_rest = _READERS.get(verb)
    if read_rest is None:
        if verb in ("LISTEN", "NOTIFY", "LOCK"):
            raise SqlError(UNSUPPORTED, f"{verb} is not offered", at=first.start + 1)
        raise SqlError(
            SYNTAX_ERROR,
            f"{first.text[:40]!r} does not begin a statement",
            hint="send a SELECT",
            at=first.start + 1,
        )
    return read_rest(words, verb)


def _transaction(words: Words, verb: str) -> Command:
    if verb == "START" and not words.skip("TRANSACTION"):
        raise words.wrong(words.next())
    if verb in ("BEGIN", "START"):
        return Transaction("BEGIN")  # isolation and access say nothing to who only reads
    words.skip("WORK", "TRANSACTION")
    if verb == "PREPARE":
        raise SqlError(UNSUPPORTED, "two-phase commit is not offered")
    if words.skip("PREPARED"):
        raise SqlError(UNSUPPORTED, "two-phase commit is not offered")
    if words.skip("TO"):
        words.skip("SAVEPOINT")
        return Transaction("ROLLBACK TO", words.name())
    chain = False
    if words.skip("AND"):
        chain = not words.skip("NO")
        words.skip("CHAIN")
    words.end()
    return Transaction("COMMIT" if verb in ("COMMIT", "END") else "ROLLBACK", chain=chain)


def _savepoint(words: Words, verb: str) -> Command:
    if verb == "RELEASE":
        words.skip("SAVEPOINT")
    name = words.name()
    words.end()
    return Transaction(verb, name)


def _set(words: Words, _: str) -> Command:
    scope = words.skip("SESSION", "LOCAL")
    if scope == "SESSION" and words.skip("CHARACTERISTICS"):
        return Nothing("SET")
    if words.skip("TRANSACTION", "CONSTRAINTS"):
        return Nothing("SET")
    if words.skip("TIME"):
        if not words.skip("ZONE"):
            raise words.wrong(words.next())
        return Set("timezone", _value(words), scope == "LOCAL")
    name = _setting(words)
    if name in ("names", "schema"):
        return Set(name, _value(words), scope == "LOCAL")
    if name in ("role", "session_authorization", "session authorization"):
        raise SqlError(
            "42501", "nobody can become somebody else here", hint="log in as whom you are"
        )
    if not words.skip("TO", "="):
        raise words.wrong(words.next())
    return Set(name, _value(words), scope == "LOCAL")


def _setting(words: Words) -> str:
    name = words.name()
    while words.skip("."):
        name += "." + words.name()
    return name


def _value(words: Words) -> str | None:
    parts: list[str] = []
    while True:
        sign = "-" if words.skip("-") else ""
        word = words.next()
        if word.kind not in (NAME, QUOTED, STRING, NUMBER):
            raise words.wrong(word)
        if word.upper == "DEFAULT" and not parts:
            words.end()
            return None
        parts.append(sign + word.value)
        if not words.skip(","):
            words.end()
            return ", ".join(parts)


def _show(words: Words, _: str) -> Command:
    if words.skip("ALL"):
        name = ""
    elif words.skip("TIME"):
        words.skip("ZONE")
        name = "timezone"
    elif words.skip("TRANSACTION"):
        words.skip("ISOLATION")
        words.skip("LEVEL")
        name = "transaction_isolation"
    elif words.skip("SESSION"):
        words.skip("AUTHORIZATION")
        name = "session_authorization"
    else:
        name = _setting(words)
    words.end()
    return Show(name)


def _reset(words: Words, _: str) -> Command:
    if words.skip("ALL"):
        name = ""
    elif words.skip("TIME"):
        words.skip("ZONE")
        name = "timezone"
    elif words.skip("SESSION"):
        words.skip("AUTHORIZATION")
        return Nothing("RESET")
    else:
        name = _setting(words)
        if name == "role":
            return Nothing("RESET")
    words.end()
    return Reset(name)


def _discard(words: Words, _: str) -> Command:
    what = words.skip("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY")
    if not what:
        raise words.wrong(words.next())
    words.end()
    return Discard("TEMP" if what == "TEMPORARY" else what)


def _deallocate(words: Words, _: str) -> Command:
    words.skip("PREPARE")
    if words.skip("ALL"):
        return Deallocate("")
    return Deallocate(words.name())


def _prepare(words: Words, verb: str) -> Command:
    if words.skip("TRANSACTION"):
        return _transaction(words, verb)
    name = words.name()
    types: list[str] = []
    if words.skip("("):
        types = [" ".join(group) for group in _groups(words.parenthesised())]
    if not words.skip("AS"):
        raise words.wrong(words.next())
    return PrepareStatement(name, tuple(types), words.rest())


def _execute(words: Words, _: str) -> Command:
    name = words.name()
    values: list[str | None] = []
    if words.skip("("):
        for group in _split(words.parenthesised()):
            sign = "-" if group and group[0].text == "-" else ""
            left = [w for w in group if w.text not in ("-", "+")][:1]
            if not left or left[0].kind not in (STRING, NUMBER, NAME):
                raise SqlError(UNSUPPORTED, "EXECUTE takes plain values only")
            null = left[0].upper == "NULL"
            values.append(None if null else sign + left[0].value)
    words.end()
    return ExecuteStatement(name, tuple(values))


def _split(words: list[Word]) -> list[list[Word]]:
    groups: list[list[Word]] = [[]]
    for word in words:
        if word.upper == ",":
            groups.append([])
        else:
            groups[-1].append(word)
    return groups


def _groups(words: list[Word]) -> list[list[str]]:
    return [[word.value for word in group] for group in _split(words)]


def _declare(words: Words, _: str) -> Command:
    name = words.name()
    binary = hold = False
    while (word := words.next()).upper != "CURSOR":
        if word.upper == "BINARY":
            binary = True
        elif word.upper not in ("INSENSITIVE", "ASENSITIVE", "NO", "SCROLL"):
            raise words.wrong(word)
    while said := words.skip("WITH", "WITHOUT", "HOLD"):
        hold = said == "WITH" or (hold and said == "HOLD")
    if not words.skip("FOR"):
        raise words.wrong(words.next())
    return Declare(name, words.rest(), hold, binary)


def _fetch(words: Words, verb: str) -> Command:
    count: int | None = 1
    direction = words.skip(
        *("NEXT", "PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "ALL", "FORWARD", "BACKWARD")
    )
    if direction in ("PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"):
        raise SqlError("55000", f"{verb} {direction} is not offered: a cursor only goes forward")
    if direction == "ALL" or (direction == "FORWARD" and words.skip("ALL")):
        count = None
    elif direction in ("", "FORWARD"):
        if words.here is not None and words.here.kind == NUMBER:
            count = int(words.next().text)
        elif words.skip("ALL"):
            count = None
        elif words.here is not None and words.here.text == "-":
            raise SqlError("55000", f"{verb} backward is not offered: a cursor only goes forward")
    words.skip("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, count, verb == "MOVE")


def _close(words: Words, _: str) -> Command:
    name = "" if words.skip("ALL") else words.name()
    words.end()
    return CloseCursor(name)


def _unlisten(words: Words, _: str) -> Command:
    words.next()
    return Nothing("UNLISTEN")


def _copy(words: Words, verb: str) -> Command:
    from gateway.postgres_wire.copying import read_copy

    return read_copy(words, verb)


_READERS = {
    **dict.fromkeys(("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"), _transaction),
    **dict.fromkeys(("SAVEPOINT", "RELEASE"), _savepoint),
    "SET": _set,
    "SHOW": _show,
    "RESET": _reset,
    "DISCARD": _discard,
    "DEALLOCATE": _deallocate,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DECLARE": _declare,
    "FETCH": _fetch,
    "MOVE": _fetch,
    "CLOSE": _close,
    "UNLISTEN": _unlisten,
    "COPY": _copy,
}
