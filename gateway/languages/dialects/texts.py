"""Functions of texts."""

from __future__ import annotations

import re

from sqlglot import exp

from gateway.languages.dialects import patterns
from gateway.languages.dialects.dialect import Start
from gateway.languages.dialects.operands import (
    BOOLEAN,
    INTEGER,
    TEXT,
    Operand,
    binary,
    call,
    case,
    cast,
    is_integer,
    is_text,
    number,
    text,
)
from gateway.languages.dialects.operators import as_text, concatenated, null_if_any
from gateway.languages.dialects.registry import EVERY, Call, but, function

BLANKS = " \t\n\r\f\v\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What is white space in Unicode."""

SPACES = " \xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What is a separator of words in Unicode."""


def _texts(given: Call, *which: int) -> list[exp.Expr]:
    return [given.taken(i, is_text).sql for i in which]


@function("LOWER LCASE", EVERY)
def _lower(given: Call) -> Operand:
    return given.made(call("lower", *_texts(given, 0)), TEXT)


@function("UPPER UCASE", EVERY)
def _upper(given: Call) -> Operand:
    return given.made(call("upper", *_texts(given, 0)), TEXT)


@function("CHAR_LENGTH CHARACTER_LENGTH", but("tsql", "duckdb"))
@function("LENGTH", but("mysql", "tsql"))
@function("LEN", "snowflake duckdb spark")
def _length(given: Call) -> Operand:
    return given.made(cast(call("length", *_texts(given, 0)), "BIGINT"), INTEGER)


@function("LEN", "tsql")
def _length_trimmed(given: Call) -> Operand:
    trimmed = call("rtrim", *_texts(given, 0))
    return given.made(cast(call("length", trimmed), "BIGINT"), INTEGER)


@function("LENGTH OCTET_LENGTH", "mysql")
@function("OCTET_LENGTH", "postgres snowflake spark")
@function("BYTE_LENGTH", "bigquery")
def _bytes(given: Call) -> Operand:
    return given.made(cast(call("octet_length", *_texts(given, 0)), "BIGINT"), INTEGER)


@function("REVERSE", EVERY)
def _reverse(given: Call) -> Operand:
    return given.made(call("reverse", *_texts(given, 0)), TEXT)


@function("REPLACE", EVERY, 3)
def _replace(given: Call) -> Operand:
    if given.value(1).constant == "" or not isinstance(given.value(1).constant, str):
        raise given.refused("of what is not a written-out text")
    return given.made(call("replace", *_texts(given, 0, 1, 2)), TEXT)


@function("REPEAT", but("tsql", "trino"), 2)
@function("REPLICATE", "tsql", 2)
def _repeat(given: Call) -> Operand:
    return given.made(call("repeat", given.taken(0, is_text).sql, number(given.whole(1))), TEXT)


@function("CONCAT", EVERY, 1, 255)
def _concat(given: Call) -> Operand:
    if not given.context.dialect.concat_skips_nulls:
        return concatenated(given.values, given.node, given.context)
    pieces = [as_text(o, given.node, given.context) for o in given.values]
    return given.made(call("concat", *pieces), TEXT)


@function("CONCAT_WS", but("bigquery", "snowflake"), 2, 255)
def _concat_ws(given: Call) -> Operand:
    separator = text(given.said(0))
    pieces = [as_text(o, given.node, given.context) for o in given.values[1:]]
    return given.made(call("concat_ws", separator, *pieces), TEXT)


@function("CONCAT_WS", "snowflake", 2, 255)
def _concat_ws_null(given: Call) -> Operand:
    joined = _concat_ws(given)
    return given.made(null_if_any(joined.sql, given.values[1:]), TEXT)


# --- parts of texts


@function("SUBSTRING SUBSTR", but("tsql"), 2, 3)
@function("MID", "mysql", 3)
@function("SUBSTRING", "tsql", 3)
def _substring(given: Call) -> Operand:
    value, start = given.taken(0, is_text), given.taken(1, is_integer)
    length = given.taken(2, is_integer) if len(given) > 2 else None
    return given.made(part(given, value, start, length), TEXT)


def part(given: Call, value: Operand, start: Operand, length: Operand | None) -> exp.Expr:
    """``SUBSTRING``: what positions below 1 are, each dialect says itself."""
    rule, at = given.context.dialect.start, start.constant
    if length is not None and not isinstance(length.constant, int):
        if given.context.dialect.name in {"mysql", "trino", "spark"}:
            floor = case((binary(exp.LT, length.sql.copy(), number(0)), number(0)),
                         otherwise=length.sql)  # fmt: skip
            length = Operand(floor, INTEGER)
    elif length is not None and length.constant < 0:  # type: ignore[operator]
        if given.context.dialect.name != "mysql":
            raise given.refused("of a negative length")
        length = Operand(number(0), INTEGER, 0)
    tail = [] if length is None else [length.sql]
    if given.context.dialect.name == "duckdb" and not (isinstance(at, int) and at > 0):
        raise given.refused("from a position that is not a number from 1 on")
    if rule is Start.BEFORE or (isinstance(at, int) and at > 0):
        return call("substr", value.sql, start.sql, *tail)
    size = cast(call("length", value.sql.copy()), "BIGINT")
    end = binary(exp.Add, binary(exp.Add, size.copy(), start.sql.copy()), number(1))
    first = (
        text("")
        if rule is Start.EMPTY
        else call("substr", value.sql.copy(), number(1), *(t.copy() for t in tail))
    )
    if given.context.dialect.name not in {"mysql", "trino"} and not isinstance(at, int):
        raise given.refused("from a position that is computed")
    if isinstance(at, int) and at < 0 and rule is Start.FIRST:
        raise given.refused("from a negative position")
    nothing = case((exp.Is(this=value.sql.copy(), expression=exp.null()), exp.null()),
                   otherwise=first)  # fmt: skip
    if at == 0:
        return nothing
    back = case(
        (binary(exp.LT, end.copy(), number(1)), text("")),
        otherwise=call("substr", value.sql.copy(), end, *(t.copy() for t in tail)),
    )
    return case(
        (binary(exp.GT, start.sql.copy(), number(0)), call("substr", value.sql, start.sql, *tail)),
        (binary(exp.EQ, start.sql.copy(), number(0)), nothing),
        (binary(exp.LT, start.sql.copy(), number(0)), back),
    )


@function("LEFT", but("trino"), 2)
def _left(given: Call) -> Operand:
    return given.made(call("left", given.taken(0, is_text).sql, number(given.whole(1))), TEXT)


@function("RIGHT", but("trino"), 2)
def _right(given: Call) -> Operand:
    return given.made(call("right", given.taken(0, is_text).sql, number(given.whole(1))), TEXT)


@function("LPAD RPAD", but("tsql", "duckdb"), 2, 3)
@function("LPAD RPAD", "duckdb mysql trino", 3)
def _pad(given: Call) -> Operand:
    fill = given.said(2) if len(given) > 2 else " "
    if not fill:
        raise given.refused("with nothing to fill up with")
    value = given.taken(0, is_text).sql
    return given.made(call(given.name.lower(), value, number(given.whole(1)), text(fill)), TEXT)


@function("TRIM BTRIM", "postgres", 1, 2)
@function("TRIM", "snowflake duckdb bigquery", 1, 2)
@function("TRIM", EVERY)
def _trim(given: Call) -> Operand:
    return _trimmed(given, "btrim")


@function("LTRIM", "postgres snowflake duckdb bigquery", 1, 2)
@function("LTRIM", EVERY)
def _ltrim(given: Call) -> Operand:
    return _trimmed(given, "ltrim")


@function("RTRIM", "postgres snowflake duckdb bigquery", 1, 2)
@function("RTRIM", EVERY)
def _rtrim(given: Call) -> Operand:
    return _trimmed(given, "rtrim")


def _trimmed(given: Call, own: str) -> Operand:
    letters = given.said(1) if len(given) > 1 else " "
    if len(given) == 1 and given.context.dialect.name in {"bigquery", "trino"}:
        letters = BLANKS
    if len(given) == 1 and given.context.dialect.name == "duckdb":
        letters = SPACES
    return given.made(call(own, given.taken(0, is_text).sql, text(letters)), TEXT)


@function("SPLIT_PART", "postgres snowflake duckdb", 3)
def _split_part(given: Call) -> Operand:
    separator, which = given.said(1), given.whole(2, 1)
    if not separator:
        raise given.refused("with an empty separator")
    return given.made(
        call("split_part", given.taken(0, is_text).sql, text(separator), number(which)), TEXT
    )


@function("ASCII", "postgres")
@function("UNICODE", "snowflake duckdb")
def _ascii(given: Call) -> Operand:
    value = given.taken(0, is_text).sql
    code = cast(call("ascii", value.copy()), "BIGINT")
    if given.context.dialect.name == "duckdb":  # the empty text has -1
        code = case((binary(exp.EQ, value, text("")), number(-1)), otherwise=code)
    return given.made(code, INTEGER)


@function("MD5", "postgres mysql duckdb snowflake spark")
def _md5(given: Call) -> Operand:
    return given.made(cast(call("md5", *_texts(given, 0)), "VARCHAR"), TEXT)


# --- searching


def _found_at(given: Call, haystack: int, needle: int) -> Operand:
    sql = cast(call("strpos", *_texts(given, haystack, needle)), "BIGINT")
    return given.made(sql, INTEGER)


@function("STRPOS", "postgres trino bigquery duckdb", 2)
@function("INSTR", "mysql spark bigquery duckdb", 2)
def _strpos(given: Call) -> Operand:
    return _found_at(given, 0, 1)


@function("LOCATE", "mysql spark", 2)
@function("POSITION", "mysql snowflake spark", 2)
@function("CHARINDEX", "tsql snowflake spark", 2)
def _locate(given: Call) -> Operand:
    if given.value(0).constant == "" and given.name == "CHARINDEX":
        raise given.refused("of nothing")
    return _found_at(given, 1, 0)


@function("STARTS_WITH", "postgres trino bigquery duckdb", 2)
@function("STARTSWITH", "snowflake spark", 2)
def _starts(given: Call) -> Operand:
    return given.made(call("starts_with", *_texts(given, 0, 1)), BOOLEAN, computed=True)


@function("ENDS_WITH", "bigquery duckdb", 2)
@function("ENDSWITH", "snowflake spark", 2)
def _ends(given: Call) -> Operand:
    return given.made(call("ends_with", *_texts(given, 0, 1)), BOOLEAN, computed=True)


@function("CONTAINS", "snowflake spark duckdb", 2)
def _contains(given: Call) -> Operand:
    sql = binary(exp.GT, call("strpos", *_texts(given, 0, 1)), number(0))
    return given.made(sql, BOOLEAN, computed=True)


@function("REGEXP_LIKE", "postgres mysql trino spark snowflake", 2)
@function("RLIKE", "spark snowflake", 2)
@function("REGEXP_CONTAINS", "bigquery", 2)
@function("REGEXP_MATCHES", "duckdb", 2)
@function("REGEXP_FULL_MATCH", "duckdb", 2)
def _regexp(given: Call) -> Operand:
    full = given.context.dialect.name == "snowflake" or given.name == "REGEXP_FULL_MATCH"
    pattern = patterns.engine_regular(given.raw(1), given.node, given.context, full=full)
    return patterns.found(given.value(0), pattern, given.node, given.context)


@function("REGEXP_REPLACE", EVERY.replace("tsql", ""), 3)
def _regexp_replace(given: Call) -> Operand:
    pattern = patterns.engine_regular(given.raw(1), given.node, given.context)
    by = given.said(2)
    if "\\" in by or "$" in by:
        raise given.refused("by what was found")
    if re.search(pattern, ""):  # engines differ in how often they find nothing
        raise given.refused("of what may be an empty text")
    every = [] if given.context.dialect.name in {"postgres", "duckdb"} else [text("g")]
    value = given.taken(0, is_text).sql
    return given.made(call("regexp_replace", value, text(pattern), text(by), *every), TEXT)
