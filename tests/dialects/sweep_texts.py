"""Expressions of the sweep over texts, and over patterns."""

# ruff: noqa: E501  (expressions of one kind a line)

from __future__ import annotations

from collections.abc import Iterator
from itertools import product


def texts(dialect: str) -> Iterator[str]:
    """Parts of texts, what is found in them and put together."""
    for at in (-10, -3, -1, 0, 1, 2, 4, 20):
        for name in ("SUBSTR", "SUBSTRING"):
            yield f"{name}(t, {at})"
            for length in (-1, 0, 1, 3, 100):
                yield f"{name}(t, {at}, {length})"
        yield f"SUBSTRING(t FROM {at} FOR 2)"
    for at in ("i", "n", "k - 4"):
        yield f"SUBSTR(t, {at if at != 'n' else 'k'})"
        yield f"SUBSTR(t, {at if at != 'n' else 'k'}, 2)"
        yield f"SUBSTR(t, 2, {at if at != 'n' else 'k'})"
    for name, size in product(("LEFT", "RIGHT", "REPEAT"), ("-1", "0", "1", "3", "100", "k - 4")):
        yield f"{name}(t, {size})" if (name, size) != ("REPEAT", "100") else "REPEAT(t, 2)"
    for name, size in product(("LPAD", "RPAD"), (-1, 0, 1, 3, 7)):
        yield f"{name}(t, {size})"
        for fill in ("", "x", "xyz", "é"):
            yield f"{name}(t, {size}, '{fill}')"
    for name in ("UPPER", "LOWER", "LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "OCTET_LENGTH", "BIT_LENGTH",
                 "REVERSE", "TRIM", "LTRIM", "RTRIM", "INITCAP", "ASCII", "MD5", "SHA1", "HEX", "SOUNDEX",
                 "UNICODE", "LEN", "QUOTE", "CRC32"):  # fmt: skip
        yield f"{name}(t)"
        yield f"{name}('Straße İıß ǅ')"
        yield f"{name}(' \t\n x \u00a0')"
        yield f"{name}('')"
        yield f"{name}(n)"
        yield f"{name}(d)"
    for said in ("'x'", "'xy'", "' '", "''", "t"):
        yield f"TRIM(BOTH {said} FROM 'xyyx axyx')"
        yield f"TRIM(LEADING {said} FROM 'xyyx axyx')"
        yield f"TRIM(TRAILING {said} FROM 'xyyx axyx')"
        yield f"TRIM('xyyx axyx', {said})"
        yield f"LTRIM('xyyx axyx', {said})"
        yield f"LTRIM({said}, 'xyyx axyx')"
    for name, needle in product(
        ("STRPOS", "INSTR", "CHARINDEX", "LOCATE", "POSITION"), ("''", "'a'", "'c'", "t")
    ):
        yield f"{name}(t, {needle})"
        yield f"{name}({needle}, t)"
        yield f"{name}(t, {needle}, 2)"
        yield f"{name}({needle}, t, 2)"
        yield f"{name}({needle}, t, 0)"
    for needle in ("''", "'b'", "NULL"):
        yield f"POSITION({needle} IN t)"
    for old, new in product(("''", "'X'", "'b'", "NULL", "t"), ("''", "'XX'", "NULL")):
        yield f"REPLACE(t, {old}, {new})"
    yield "REPLACE(t, 'X')"
    for which, separator in product((-3, -1, 0, 1, 2, 4), ("X", "", "bX", "%")):
        yield f"SPLIT_PART(t, '{separator}', {which})"
        yield f"SUBSTRING_INDEX(t, '{separator}', {which})"
    yield from ("t || 'x'", "t || NULL", "t || n", "t || d", "t || f", "t || dt", "t || ts", "n || t", "'' || t",
                "t || (n = 1)", "n || n", "CONCAT(t)", "CONCAT()", "CONCAT(t, NULL, 'x')", "CONCAT(t, n)",
                "CONCAT(t, d)", "CONCAT(t, f)", "CONCAT(t, dt)", "CONCAT(t, ts)", "CONCAT(t, n = 1)",
                "CONCAT(n, d)", "CONCAT_WS(',', t, NULL, 'x')", "CONCAT_WS(',', NULL)", "CONCAT_WS(NULL, t, 'x')",
                "CONCAT_WS(t, 'x', 'y')", "CONCAT_WS(',', n, d)", "CONCAT_WS(',')", "CONCAT_WS('', t, 'x')",
                "CHR(65)", "CHR(0)", "CHR(256)", "CHR(8364)", "CHAR(65)", "TRANSLATE(t, 'abX', 'xy')",
                "STARTS_WITH(t, '')", "STARTS_WITH(t, 'a')", "STARTSWITH(t, 'a')", "ENDSWITH(t, 'c')",
                "CONTAINS(t, '')", "CONTAINS(t, 'b')", "CONTAINS(t, NULL)", "ELT(2, t, 'x')", "FIELD(t, 'abc', 'ABC')",
                "SPACE(3)", "LEVENSHTEIN_DISTANCE(t, 'abc')", "LEVENSHTEIN(t, 'abc')", "OVERLAY(t PLACING 'zz' FROM 2)",
                "t + 'x'", "t + 1", "t * 2", "'3' + 4", "'3' * '4'", "n + '1'", "-t", "t = n", "t < 5", "n = '7'", "d = '2.5'",
                "f = '0.5'", "n = '7.0'", "n > 'abc'", "t < 'b'", "t > 'abc'", "t = 'abc '", "t = 'ABC'", "'a' < 'B'",
                "'é' > 'z'", "t IN ('abc', 'ABC')", "n IN (1, '7')", "t BETWEEN 'a' AND 'b'", "n BETWEEN '0' AND '9'",
                "t IS NULL", "t = ''", "t <> NULL", "LENGTH('a''b')", "'a''b'", "'a\\nb'", "'a\\\\b'", "LENGTH('a\\tb')",
                '"t"', "'it' 's'", "E'a\\nb'", "r'a\\nb'", "U&'\\00e9'", "X'41'", "N'abc'", "`t`")  # fmt: skip


def patterns(dialect: str) -> Iterator[str]:
    """LIKE and regular expressions."""
    for pattern in ("a%", "%c", "_b_", "", "%", "a\\%b%", "%\\_c%", "%\\\\d", "%\\d", "a%b_c\\\\\\\\d", "ABC", "\\a%",
                    "%\\", "ü%", "___", "[ab]%"):  # fmt: skip
        yield f"t LIKE '{pattern}'"
        yield f"t ILIKE '{pattern}'"
        yield f"t NOT LIKE '{pattern}'"
        yield f"t LIKE '{pattern}' ESCAPE '!'"
    yield from (
        "t LIKE t",
        "t LIKE 'a!%b%' ESCAPE '!'",
        "t LIKE 'a!b%' ESCAPE '!'",
        "n LIKE '1%'",
        "t LIKE NULL",
        "t LIKE '' || t || '%'",
        "t LIKE 'ab' || '_'",
        "t LIKE 'a%' ESCAPE ''",
        "t LIKE ANY ('a%', '%c')",
    )
    for pattern in ("a", "^a", "c$", "^abc$", "[a-c]+", "[^a]", "a.c", "a|b", "(a)(b)", "\\d", "\\\\d", "\\\\w+", "\\\\s",
                    "^$", "", ".*", "a{2}", "[[:alpha:]]", "(?i)abc", "\\\\bA", "ü", "X.*X", "[a", "x*", "\\\\.", "%"):  # fmt: skip
        for call in ("REGEXP_LIKE(t, {})", "REGEXP_REPLACE(t, {}, 'Z')", "t RLIKE {}", "t REGEXP {}", "t ~ {}",
                     "t ~* {}", "REGEXP_MATCHES(t, {})", "REGEXP_REPLACE(t, {}, 'Z', 'g')", "REGEXP_EXTRACT(t, {})",
                     "REGEXP_COUNT(t, {})", "REGEXP_FULL_MATCH(t, {})"):  # fmt: skip
            yield call.format(f"'{pattern}'")
    for pattern in ("\\w+", "\\s", "[\\w]", "\\W", "\\."):
        yield f"REGEXP_REPLACE(t, '{pattern}', 'Z')"
        yield f"REGEXP_LIKE(t, '{pattern}')"
        yield f"t ~ '{pattern}'"
    yield from ("REGEXP_REPLACE(t, '(a)', '$1x')", "REGEXP_REPLACE(t, '(a)', '\\\\1x')", "REGEXP_REPLACE(t, 'X')",
                "REGEXP_LIKE('a' || CHR(10), 'a$')", "REGEXP_LIKE('a' || CHR(10) || 'b', 'a.b')",
                "REGEXP_REPLACE('aaa', 'a*', 'x')", "REGEXP_REPLACE('abc', '', '-')", "REGEXP_REPLACE(t, '[a-c]', '')")  # fmt: skip
