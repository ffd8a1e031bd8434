"""The table of dialects: how each differs from the gateway's own SQL. Adding one is one entry.

What functions a dialect has is said where the functions are (`texts`, `numbers`, `dates`,
`aggregates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from gateway.errors import UserError, did_you_mean


class Quotient(Enum):
    """What ``/`` gives over numbers that are exact."""

    INTEGER = auto()
    """Whole numbers give whole ones; decimals as many places as the operand that has more."""
    LONG = auto()
    """Whole numbers give whole ones; decimals 16 places."""
    WHOLE = auto()
    """Whole numbers give whole ones; decimals are refused: T-SQL cuts their quotients off, where
    its manual has them rounded."""
    FOUR = auto()
    """A decimal of four places more than the first operand has."""
    SIX = auto()
    """A decimal of at most six places more, and no more than twelve."""
    FLOAT = auto()
    """A float."""
    FLOAT_OR_WIDE = auto()
    """A float over whole numbers; over decimals so many places that none is lost, six at least."""
    FLOAT_OR_NINE = auto()
    """A float over whole numbers; over decimals one of nine places."""


class Zero(Enum):
    """What division by zero gives."""

    ERROR = auto()
    NULL = auto()
    INFINITE = auto()
    """No error, for floats: infinity, or not a number."""


class Rounding(Enum):
    """How a number becomes a whole one in a CAST."""

    TRUNCATED = auto()
    AWAY = auto()
    """Halves away from zero."""
    EVEN = auto()
    """Halves of floats to the even number, of decimals away from zero."""


class Start(Enum):
    """What a SUBSTRING from position 0 or from a negative one is."""

    BEFORE = auto()
    """Counted on, to the left of the first letter."""
    EMPTY = auto()
    """0 gives the empty text; negative ones count from the end."""
    FIRST = auto()
    """0 is read as 1; negative ones count from the end."""


ALL_ALIASES = frozenset({"where", "select", "group", "having"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect. `sqlglot` is the name of its grammar there.

    `aliases` are the clauses in which an output may be named; ORDER BY always is one.
    `escapes` says that a backslash in a text means something, `like_escapes` in a LIKE pattern.
    With `exact_sums` the sum of 64-bit numbers is a decimal, and no whole number to divide; with
    `short_integers` what has 32 bits there is known to have them, as the size of quotients asks.
    """

    name: str
    title: str
    sqlglot: str
    names: tuple[str, ...] = ()
    quotient: Quotient = Quotient.INTEGER
    zero: Zero = Zero.ERROR
    rounding: Rounding = Rounding.AWAY
    start: Start = Start.BEFORE
    exact_fractions: bool = True
    exact_exponents: bool = False
    escapes: bool = False
    like_escapes: bool = False
    like_classes: bool = False
    quoted_case: bool = False
    aliases: frozenset[str] = frozenset()
    ordinal_groups: bool = True
    numbers_are_booleans: bool = False
    texts_are_numbers: bool = True
    plus_concatenates: bool = False
    concat_skips_nulls: bool = False
    greatest_skips_nulls: bool = False
    date_plus_number: bool = False
    dates_stay_dates: bool = True
    whole_window_values: bool = False
    decimal: tuple[int, int] | None = (38, 0)
    cut_texts: bool = True
    text_length: int | None = None
    float_rounds_even: bool = False
    executed_comments: bool = False
    exact_sums: bool = False
    short_integers: bool = False


_GROUP = frozenset({"group"})
_GROUP_HAVING = frozenset({"group", "having"})

_ALL = (
    Dialect(
        "postgres",
        "PostgreSQL",
        "postgres",
        ("postgresql",),
        quotient=Quotient.LONG,
        rounding=Rounding.EVEN,
        exact_exponents=True,
        like_escapes=True,
        quoted_case=True,
        aliases=_GROUP,
        concat_skips_nulls=True,
        greatest_skips_nulls=True,
        date_plus_number=True,
        dates_stay_dates=False,
        decimal=None,
        float_rounds_even=True,
        exact_sums=True,
        short_integers=True,
    ),
    Dialect(
        "mysql",
        "MySQL and MariaDB",
        "mysql",
        ("mariadb",),
        quotient=Quotient.FOUR,
        zero=Zero.NULL,
        rounding=Rounding.EVEN,
        start=Start.EMPTY,
        escapes=True,
        like_escapes=True,
        aliases=_GROUP_HAVING,
        numbers_are_booleans=True,
        decimal=(10, 0),
        float_rounds_even=True,
        executed_comments=True,
    ),
    Dialect(
        "trino",
        "Trino",
        "trino",
        ("presto",),
        zero=Zero.INFINITE,
        start=Start.EMPTY,
        texts_are_numbers=False,
    ),
    Dialect(
        "spark",
        "Spark SQL",
        "spark",
        ("databricks",),
        quotient=Quotient.FLOAT_OR_WIDE,
        rounding=Rounding.TRUNCATED,
        start=Start.FIRST,
        escapes=True,
        like_escapes=True,
        aliases=frozenset({"select", "group", "having"}),
        greatest_skips_nulls=True,
        decimal=(10, 0),
        cut_texts=False,
        short_integers=True,
    ),
    Dialect(
        "snowflake",
        "Snowflake",
        "snowflake",
        quotient=Quotient.SIX,
        start=Start.FIRST,
        escapes=True,
        quoted_case=True,
        aliases=ALL_ALIASES,
        date_plus_number=True,
        whole_window_values=True,
    ),
    Dialect(
        "bigquery",
        "BigQuery",
        "bigquery",
        quotient=Quotient.FLOAT_OR_NINE,
        start=Start.FIRST,
        exact_fractions=False,
        escapes=True,
        like_escapes=True,
        aliases=_GROUP_HAVING,
        texts_are_numbers=False,
        dates_stay_dates=False,
        decimal=(38, 9),
    ),
    Dialect(
        "tsql",
        "T-SQL (SQL Server)",
        "tsql",
        ("sqlserver", "mssql"),
        quotient=Quotient.WHOLE,
        rounding=Rounding.TRUNCATED,
        like_classes=True,
        ordinal_groups=False,
        plus_concatenates=True,
        concat_skips_nulls=True,
        greatest_skips_nulls=True,
        decimal=(18, 0),
        text_length=30,
    ),
    Dialect(
        "duckdb",
        "DuckDB",
        "duckdb",
        quotient=Quotient.FLOAT,
        zero=Zero.INFINITE,
        rounding=Rounding.EVEN,
        aliases=ALL_ALIASES,
        concat_skips_nulls=True,
        greatest_skips_nulls=True,
        date_plus_number=True,
        dates_stay_dates=False,
        decimal=(18, 3),
        cut_texts=False,
    ),
)

DIALECTS = {name: d for d in _ALL for name in (d.name, *d.names)}
"""Every dialect by each of its names."""

DIALECT_NAMES = tuple(d.name for d in _ALL)

OWN = "meshgate"
"""How the gateway's own SQL may be called; "" is the same."""

NAMES = (OWN, *DIALECT_NAMES)
"""What a client may choose from."""


def dialect_named(name: str) -> Dialect | None:
    """The dialect of a name; None for the gateway's own. Raises UserError."""
    said = name.strip().lower()
    if said in {"", OWN}:
        return None
    found = DIALECTS.get(said)
    if found is None:
        raise UserError(
            f"there is no SQL dialect {name!r} here",
            hint=did_you_mean(said, DIALECTS) or f"there are {', '.join(NAMES)}",
        )
    return found
