"""What a client may ask for in one statement: queries, and the commands around them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.postgres_wire.errors import SqlError


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


def query_of(command: Command | None) -> Query | None:
    """The query that gives a command its rows."""
    match command:
        case Query():
            return command
        case Declare() | Copy():
            return command.query
        case _:
            return None


def query_text(command: Command | None) -> str:
    query = query_of(command)
    return query.text if query else ""
