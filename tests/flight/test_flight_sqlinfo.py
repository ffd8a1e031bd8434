"""What GetSqlInfo and GetXdbcTypeInfo say of the gateway is true: every word of it is tried."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import GatewayError
from gateway.flight import sqlinfo, types
from gateway.pipeline import Gateway
from tests.gateways import ask, gateway, in_memory

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "word": ["a", None, "c"]})

NUMERIC, STRING, SYSTEM, DATETIME, KEYWORDS = 509, 510, 511, 512, 508

_OF_ONE = (
    *("ABS", "ACOS", "ASIN", "ATAN", "CEIL", "COS", "COT", "DEGREES", "EXP", "FLOOR", "LN", "LOG"),
    *("LOG10", "RADIANS", "ROUND", "SIGNUM", "SIN", "SQRT", "TAN", "TRUNC"),
)
_OF_TEXT = (
    *("ASCII", "BTRIM", "CHARACTER_LENGTH", "LENGTH", "LOWER", "LTRIM", "OCTET_LENGTH", "REVERSE"),
    *("RTRIM", "TRIM", "UPPER"),
)
CALLS = {
    **{name: f"{name}(1)" for name in _OF_ONE},
    **{name: f"{name}('ab')" for name in _OF_TEXT},
    "ATAN2": "ATAN2(1, 2)",
    "PI": "PI()",
    "POWER": "POWER(2, 3)",
    "RANDOM": "RANDOM()",
    "CHR": "CHR(65)",
    "CONCAT": "CONCAT('a', 'b')",
    "LEFT": "LEFT('abc', 2)",
    "RIGHT": "RIGHT('abc', 2)",
    "LPAD": "LPAD('a', 3, 'x')",
    "RPAD": "RPAD('a', 3, 'x')",
    "POSITION": "POSITION('b' IN 'abc')",
    "REPEAT": "REPEAT('a', 3)",
    "REPLACE": "REPLACE('abc', 'b', 'x')",
    "SPLIT_PART": "SPLIT_PART('a,b', ',', 2)",
    "STRPOS": "STRPOS('abc', 'b')",
    "SUBSTRING": "SUBSTRING('abc', 2, 1)",
    "TRANSLATE": "TRANSLATE('abc', 'b', 'x')",
    "COALESCE": "COALESCE(NULL, 1)",
    "NULLIF": "NULLIF(1, 2)",
    "CURRENT_DATE": "CURRENT_DATE",
    "CURRENT_TIME": "CURRENT_TIME",
    "CURRENT_TIMESTAMP": "CURRENT_TIMESTAMP",
    "DATE_PART": "DATE_PART('year', DATE '2026-01-01')",
    "DATE_TRUNC": "DATE_TRUNC('month', TIMESTAMP '2026-01-05 00:00:00')",
    "EXTRACT": "EXTRACT(YEAR FROM DATE '2026-01-01')",
    "NOW": "NOW()",
    "TO_TIMESTAMP": "TO_TIMESTAMP('2026-01-01 00:00:00')",
}

USES = {
    "ANTI": "SELECT id FROM t a LEFT ANTI JOIN t b ON a.id = b.id + 1",
    "SEMI": "SELECT id FROM t a LEFT SEMI JOIN t b ON a.id = b.id + 1",
    "EXPLAIN": "EXPLAIN SELECT id FROM t",
    "ILIKE": "SELECT id FROM t WHERE word ILIKE 'A'",
    "LATERAL": "SELECT a.id FROM t a, LATERAL (SELECT b.id AS x FROM t b WHERE b.id = a.id) c",
    "LIMIT": "SELECT id FROM t LIMIT 1",
    "OFFSET": "SELECT id FROM t ORDER BY id LIMIT 1 OFFSET 1",
    "QUALIFY": "SELECT id FROM t QUALIFY row_number() OVER (ORDER BY id) = 1",
    "UNNEST": "SELECT unnest(make_array(1, 2)) AS x",
    "VERSION": "SELECT id FROM t FOR VERSION AS OF '1.0.0'",
}

TRUTHS = {
    515: ["SELECT id AS x FROM t"],
    518: ["SELECT a.id FROM t AS a", "SELECT t.id FROM t AS t"],
    520: ["SELECT id FROM t ORDER BY id * -1"],
    521: ["SELECT id FROM t ORDER BY word"],
    522: ["SELECT count(*) FROM t GROUP BY word", "SELECT id, word FROM t GROUP BY id, word"],
    528: ["SELECT a.id FROM t a FULL JOIN t b ON a.id = b.id + 1"],
    532: ["SELECT id FROM shop.memory.t"],
    538: [
        "SELECT id FROM t WHERE id = (SELECT max(id) FROM t)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t b WHERE b.id = t.id)",
        "SELECT id FROM t WHERE id IN (SELECT id FROM t)",
    ],
    539: ["SELECT id FROM t WHERE id = (SELECT max(b.id) FROM t b WHERE b.word = t.word)"],
    540: ["SELECT id FROM t UNION SELECT id FROM t", "SELECT id FROM t UNION ALL SELECT id FROM t"],
}


@pytest.fixture(scope="module")
def gate() -> Iterator[Gateway]:
    gate = gateway(in_memory({"t": ROWS}, "sqlinfo"))
    yield gate
    gate.close()


def value(number: int) -> object:
    return sqlinfo.VALUES[number][1]


def test_every_function_that_is_listed_has_a_call() -> None:
    listed = [name for n in (NUMERIC, STRING, SYSTEM, DATETIME) for name in value(n)]  # type: ignore[attr-defined]
    assert sorted(listed) == sorted(CALLS)
    assert sorted(value(KEYWORDS)) == sorted(USES)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_function_that_is_listed_works(gate: Gateway, name: str) -> None:
    assert ask(gate, f"SELECT {CALLS[name]} AS x").num_rows == 1
    assert ask(gate, f"SELECT id, {CALLS[name]} AS x FROM t").num_rows == 3


@pytest.mark.parametrize("word", sorted(USES))
def test_a_keyword_that_is_listed_is_understood(gate: Gateway, word: str) -> None:
    ask(gate, USES[word])


@pytest.mark.parametrize("number", sorted(TRUTHS))
def test_what_is_said_to_be_supported_is(gate: Gateway, number: int) -> None:
    assert value(number)
    for text in TRUTHS[number]:
        ask(gate, text)


def test_null_concatenated_is_null_and_nulls_are_high(gate: Gateway) -> None:
    assert value(516)
    assert ask(gate, "SELECT NULL || 'x' AS x").to_pydict() == {"x": [None]}
    assert value(507) == 0  # sorted as if they were the highest values
    assert ask(gate, "SELECT word FROM t ORDER BY word")["word"].to_pylist()[-1] is None
    assert ask(gate, "SELECT word FROM t ORDER BY word DESC")["word"].to_pylist()[0] is None


def test_names_are_folded_unless_they_are_quoted(gate: Gateway) -> None:
    assert value(503) == 3
    assert ask(gate, "SELECT ID FROM T").num_rows == 3
    with pytest.raises(GatewayError):
        ask(gate, f"SELECT {value(504)}ID{value(504)} FROM t")


CONVERTED = {0: "BIGINT", 2: "BOOLEAN", 4: "DATE", 5: "DECIMAL(20, 2)", 6: "REAL", 7: "INTEGER"}
CONVERTED |= {12: "NUMERIC(20, 2)", 13: "REAL", 14: "SMALLINT", 15: "TIME", 16: "TIMESTAMP"}
CONVERTED |= {17: "TINYINT", 19: "VARCHAR"}
SAMPLES = {4: "'2026-01-01'", 16: "'2026-01-01 10:00:00'", 15: "'10:00:00'", 2: "'true'"}


@pytest.mark.parametrize(
    ("source", "target"),
    [(s, t) for s, targets in value(517).items() for t in targets],  # type: ignore[attr-defined]
)
def test_a_conversion_that_is_listed_works(gate: Gateway, source: int, target: int) -> None:
    sample = SAMPLES.get(source, "'1'")
    if source == 19:
        sample = SAMPLES.get(target, "'1'")
    text = f"SELECT CAST(CAST({sample} AS {CONVERTED[source]}) AS {CONVERTED[target]}) AS x"
    assert ask(gate, text).num_rows == 1


@pytest.mark.parametrize("kind", types.DECLARABLE, ids=lambda kind: kind.name)
def test_a_type_that_is_listed_can_be_cast_to(gate: Gateway, kind: types.SqlType) -> None:
    samples = {"BOOLEAN": "true", "DATE": "2026-01-01", "TIME": "10:00:00", "VARBINARY": "x"}
    sample = samples.get(kind.name, "1")
    if kind.name.startswith("TIMESTAMP"):
        sample = "2026-01-01 10:00:00"
    name = "BYTEA" if kind.name == "VARBINARY" else kind.name
    answer = ask(gate, f"SELECT CAST('{sample}' AS {name}) AS x")
    assert types.sql_type(answer.schema.field("x").type).code == kind.code
