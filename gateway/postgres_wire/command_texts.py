"""The commands of a text: which there are, statement by statement, and what each of them says."""

from __future__ import annotations

from gateway.postgres_wire.commands import (
    CloseCursor,
    Command,
    Deallocate,
    Declare,
    Discard,
    ExecuteStatement,
    Fetch,
    Nothing,
    PrepareStatement,
    Query,
    Refused,
    Reset,
    Set,
    Show,
    Transaction,
)
from gateway.postgres_wire.copying import read_copy
from gateway.postgres_wire.errors import READ_ONLY, SYNTAX_ERROR, UNSUPPORTED, SqlError
from gateway.postgres_wire.statement_reader import StatementReader
from gateway.postgres_wire.words import NAME, NUMBER, QUOTED, STRING, Word, statements

MAX_STATEMENTS = 1000
"""How many statements one message may hold."""

_WRITING = """ALTER ANALYZE CALL CHECKPOINT CLUSTER COMMENT CREATE DELETE DO DROP GRANT IMPORT
    INSERT LOAD MERGE REASSIGN REFRESH REINDEX REVOKE SECURITY TRUNCATE UPDATE VACUUM"""
_WRITES = frozenset(_WRITING.split())
_READS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "(", "FROM"})


def read_commands(text: str) -> list[Command]:
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
    words = StatementReader(all_words, text)
    first = words.next()
    verb = first.upper
    if verb in _READS:
        return Query(text[first.start : all_words[-1].end], first.start)
    if verb in _WRITES:
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


def _transaction(words: StatementReader, verb: str) -> Command:
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


def _savepoint(words: StatementReader, verb: str) -> Command:
    if verb == "RELEASE":
        words.skip("SAVEPOINT")
    name = words.name()
    words.end()
    return Transaction(verb, name)


def _set(words: StatementReader, _: str) -> Command:
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


def _setting(words: StatementReader) -> str:
    name = words.name()
    while words.skip("."):
        name += "." + words.name()
    return name


def _value(words: StatementReader) -> str | None:
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


def _show(words: StatementReader, _: str) -> Command:
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


def _reset(words: StatementReader, _: str) -> Command:
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


def _discard(words: StatementReader, _: str) -> Command:
    what = words.skip("ALL", "PLANS", "SEQUENCES", "TEMP", "TEMPORARY")
    if not what:
        raise words.wrong(words.next())
    words.end()
    return Discard("TEMP" if what == "TEMPORARY" else what)


def _deallocate(words: StatementReader, _: str) -> Command:
    words.skip("PREPARE")
    if words.skip("ALL"):
        return Deallocate("")
    return Deallocate(words.name())


def _prepare(words: StatementReader, verb: str) -> Command:
    if words.skip("TRANSACTION"):
        return _transaction(words, verb)
    name = words.name()
    types: list[str] = []
    if words.skip("("):
        types = [" ".join(group) for group in _groups(words.parenthesised())]
    if not words.skip("AS"):
        raise words.wrong(words.next())
    return PrepareStatement(name, tuple(types), words.rest())


def _execute(words: StatementReader, _: str) -> Command:
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


def _declare(words: StatementReader, _: str) -> Command:
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


_MAX_COUNT_DIGITS = 18


def _fetch(words: StatementReader, verb: str) -> Command:
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
            number = words.next()
            if not number.text.isdigit() or len(number.text) > _MAX_COUNT_DIGITS:
                raise words.wrong(number)
            count = int(number.text)
        elif words.skip("ALL"):
            count = None
        elif words.here is not None and words.here.text == "-":
            raise SqlError("55000", f"{verb} backward is not offered: a cursor only goes forward")
    words.skip("FROM", "IN")
    name = words.name()
    words.end()
    return Fetch(name, count, verb == "MOVE")


def _close(words: StatementReader, _: str) -> Command:
    name = "" if words.skip("ALL") else words.name()
    words.end()
    return CloseCursor(name)


def _unlisten(words: StatementReader, _: str) -> Command:
    words.next()
    return Nothing("UNLISTEN")


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
    "COPY": read_copy,
}
