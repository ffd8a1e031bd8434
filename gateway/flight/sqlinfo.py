"""The answers to GetSqlInfo: every id of the specification, because clients ask for any."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

import pyarrow as pa

from gateway.flight.commands import MAX_SQL_BYTES
from gateway.serving.plain_types import Types

SCHEMA = pa.schema(
    [
        pa.field("info_name", pa.uint32(), False),
        pa.field(
            "value",
            pa.dense_union(
                [
                    pa.field("string_value", pa.utf8()),
                    pa.field("bool_value", pa.bool_()),
                    pa.field("bigint_value", pa.int64()),
                    pa.field("int32_bitmask", pa.int32()),
                    pa.field("string_list", pa.list_(pa.field("item", pa.utf8()))),
                    pa.field(
                        "int32_to_int32_list_map",
                        pa.map_(pa.int32(), pa.list_(pa.field("item", pa.int32()))),
                    ),
                ]
            ),
            False,
        ),
    ]
)

Value = str | bool | int | list[str] | dict[int, list[int]] | None

STRING, BOOL, BIGINT, INT32, STRINGS, MAP = range(6)

OLDEST_SUBSTRAIT, NEWEST_SUBSTRAIT = "0.56.0", "0.85.0"
"""The versions of plans that are tested: ibis-substrait's and the engine's own."""

PREPARED_STATEMENT_TIMEOUT_MS = 3_600_000

_NO_LIMIT = 0
_NONE = 0
_LOWERCASE = 3
_UNKNOWN = 0  # the protocol has no word for "quoted names are case-sensitive"
_NULLS_ARE_HIGH = 0
_FULL_OUTER_JOINS = 2

_BIGINT, _BIT, _DATE, _TIMESTAMP, _VARCHAR = 0, 2, 4, 16, 19
_DECIMALS = [5, 12]
_BINARY = [_BIGINT, 6, 7, 13, 14, 17]  # float, integer, real, smallint, tinyint
_NUMBERS = [*_DECIMALS, *_BINARY]
_CONVERSIONS = {
    **{number: [*_NUMBERS, _VARCHAR] for number in _DECIMALS},
    **{number: [*_NUMBERS, _BIT, _VARCHAR] for number in _BINARY},
    _BIT: [*_BINARY, _BIT, _VARCHAR],
    _DATE: [_DATE, _TIMESTAMP, _VARCHAR],
    _TIMESTAMP: [_DATE, 15, _TIMESTAMP, _VARCHAR],
    _VARCHAR: [*_NUMBERS, _BIT, _DATE, 15, _TIMESTAMP, _VARCHAR],
}

_KEYWORDS = "ANTI EXPLAIN ILIKE LATERAL LIMIT OFFSET QUALIFY SEMI UNNEST VERSION"
_NUMERIC = (
    "ABS ACOS ASIN ATAN ATAN2 CEIL COS COT DEGREES EXP FLOOR LN LOG LOG10 PI POWER RADIANS RANDOM "
    "ROUND SIGNUM SIN SQRT TAN TRUNC"
)
_STRING = (
    "ASCII BTRIM CHARACTER_LENGTH CHR CONCAT LEFT LENGTH LOWER LPAD LTRIM OCTET_LENGTH POSITION "
    "REPEAT REPLACE REVERSE RIGHT RPAD RTRIM SPLIT_PART STRPOS SUBSTRING TRANSLATE TRIM UPPER"
)
_DATETIME = (
    "CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATE_PART DATE_TRUNC EXTRACT NOW TO_TIMESTAMP"
)

SERVER: dict[int, tuple[int, Value]] = {
    0: (STRING, "Meshgate"),
    1: (STRING, version("meshgate")),
    2: (STRING, pa.__version__),
    3: (BOOL, True),  # read only
    4: (BOOL, True),  # SQL
    5: (BOOL, True),  # Substrait
    6: (STRING, OLDEST_SUBSTRAIT),
    7: (STRING, NEWEST_SUBSTRAIT),
    8: (INT32, _NONE),  # transactions
    9: (BOOL, True),  # CancelQuery
    10: (BOOL, False),  # bulk ingestion
    11: (BOOL, False),
    100: (INT32, PREPARED_STATEMENT_TIMEOUT_MS),
    101: (INT32, _NO_LIMIT),
}

SYNTAX: dict[int, tuple[int, Value]] = {
    500: (BOOL, False),  # CREATE and DROP of catalogs, schemas, tables
    501: (BOOL, False),
    502: (BOOL, False),
    503: (BIGINT, _LOWERCASE),  # bigint as in the reference servers
    504: (STRING, '"'),
    505: (BIGINT, _UNKNOWN),
    506: (BOOL, False),  # a table may be discovered and yet not be read
    507: (INT32, _NULLS_ARE_HIGH),
    508: (STRINGS, _KEYWORDS.split()),
    509: (STRINGS, _NUMERIC.split()),
    510: (STRINGS, _STRING.split()),
    511: (STRINGS, ["COALESCE", "NULLIF"]),
    512: (STRINGS, _DATETIME.split()),
    513: (STRING, "\\"),
    514: (STRING, ""),
    515: (BOOL, True),  # column aliases
    516: (BOOL, True),  # NULL || 'x' is NULL
    517: (MAP, _CONVERSIONS),
    518: (BOOL, True),  # table aliases, of any name
    519: (BOOL, False),
    520: (BOOL, True),  # ORDER BY expressions, and columns not selected
    521: (BOOL, True),
    522: (INT32, 0b11),
    523: (BOOL, False),  # LIKE ... ESCAPE with another character than the backslash
    524: (BOOL, True),  # columns that are never NULL
    525: (INT32, 0b11),  # ODBC minimum and core grammar
    526: (INT32, 0b1),  # SQL-92 entry level
    527: (BOOL, False),
    528: (INT32, _FULL_OUTER_JOINS),
    529: (STRING, "product"),
    530: (STRING, ""),
    531: (STRING, "domain"),
    532: (BOOL, True),  # domain.product.dataset
    533: (INT32, _NONE),
    534: (INT32, _NONE),
    535: (INT32, _NONE),
    536: (BOOL, False),
    537: (BOOL, False),
    538: (INT32, 0b0111),  # subqueries in comparisons, EXISTS, IN
    539: (BOOL, True),  # correlated ones
    540: (INT32, 0b11),  # UNION and UNION ALL
    **dict.fromkeys(range(541, 556), (BIGINT, _NO_LIMIT)),
    556: (BOOL, True),
    557: (BIGINT, MAX_SQL_BYTES),
    **dict.fromkeys(range(558, 562), (BIGINT, _NO_LIMIT)),
    562: (INT32, _NONE),  # isolation: TRANSACTION_NONE
    563: (BOOL, False),
    564: (INT32, 0b1),
    565: (BOOL, False),
    566: (BOOL, False),
    567: (INT32, 0b10),  # forward-only, read-only results
    568: (INT32, _NONE),
    569: (INT32, 0b10),
    570: (INT32, _NONE),
    571: (INT32, _NONE),
    **dict.fromkeys(range(572, 577), (BOOL, False)),
}

VALUES = SERVER | SYNTAX

JDBC: dict[int, tuple[int, Value]] = {
    528: (INT32, 0b110),  # a bitmask of limited and full outer joins
    562: (BIGINT, _NONE),
}
"""What the JDBC driver reads in another way than the protocol says."""

UNKNOWN_TO_JDBC = frozenset({10, 11})
"""One id that is younger than a driver makes everything it asks for fail."""


def table(ids: Iterable[int], of_client: Types = Types.PLAIN) -> pa.Table:
    """One row an id, in the order asked for; all of them when `ids` is empty.

    Ids nobody defined are left out, as the protocol has no word for "unknown".
    """
    said = VALUES
    if of_client is Types.JAVA:
        said = {n: value for n, value in (VALUES | JDBC).items() if n not in UNKNOWN_TO_JDBC}
    wanted = [number for number in ids if number in said] if (ids := list(ids)) else [*said]
    kinds, offsets = [], []
    children: list[list[object]] = [[] for _ in range(6)]
    for number in wanted:
        kind, value = said[number]
        kinds.append(kind)
        offsets.append(len(children[kind]))
        children[kind].append(list(value.items()) if isinstance(value, dict) else value)
    union = SCHEMA.field("value").type
    values = pa.UnionArray.from_dense(
        pa.array(kinds, pa.int8()),
        pa.array(offsets, pa.int32()),
        [pa.array(child, union.field(i).type) for i, child in enumerate(children)],
        [union.field(i).name for i in range(6)],
    )
    return pa.Table.from_arrays([pa.array(wanted, pa.uint32()), values], schema=SCHEMA)
