"""Decimals as doubles and back in the embedded DuckDB: the engine's, bit for bit, or an error."""

from __future__ import annotations

import decimal
import random
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datafusion import SessionContext
from sqlglot import exp

from connectors.capabilities import NotPushable
from connectors.embedded_dialect import EMBEDDED
from connectors.embedded_duckdb import EmbeddedDuckDb
from connectors.files import FilesConnector
from connectors.interface import SourceError, SourceErrorCode
from connectors.operands import Operand

VALUES = 4000
DIGITS = decimal.Context(prec=60)
DOUBLE = pa.float64()
DECIMALS = [
    *((1, 0), (4, 1), (9, 9), (15, 0), (15, 2), (15, 15), (16, 0), (16, 8), (18, 4), (18, 18)),
    *((19, 6), (25, 2), (25, 4), (28, 9), (30, 7), (31, 0), (31, 7), (22, 11), (23, 15)),
]
"""Precisions and scales whose every value has an exact double in DuckDB."""

LONG = [(32, 2), (36, 2), (38, 0), (38, 4), (38, 9), (30, 10), (38, 14)]
"""Those of which a value may be too long."""


@pytest.fixture
def engine() -> Iterator[EmbeddedDuckDb]:
    engine = EmbeddedDuckDb(1 << 29, 2)
    yield engine
    engine.close()


def drawn(precision: int, scale: int, digits: int) -> list[Decimal | None]:
    """Numbers of all lengths up to `digits`, and those about powers of two, where they round."""
    chance = random.Random(precision * 100 + scale)
    found: list[Decimal | None] = [None, Decimal(0).scaleb(-scale)]
    for _ in range(VALUES):
        number = chance.randint(0, 10 ** chance.randint(1, digits) - 1)
        if chance.random() < 0.3:
            power = chance.randint(50, 60) if chance.random() < 0.5 else chance.randint(0, 105)
            halves = chance.randint(2**52, 2**53) * 2 + 1  # in the middle of two doubles
            number = chance.choice((2**power, halves, halves << 1, 10**digits - 1))
            number += chance.randint(-2, 2)
        number = min(max(number, 0), 10**digits - 1) * chance.choice((1, -1))
        found.append(Decimal(number).scaleb(-scale, DIGITS))
    return found


def answers(
    engine: EmbeddedDuckDb, folder: Path, values: Sequence[object], source: pa.DataType, to: str
) -> tuple[list[object], list[object]]:
    """A cast of values in the embedded DuckDB, and the engine's own."""
    table = pa.table({"i": range(len(values)), "x": pa.array(values, source)})
    pq.write_table(table, folder / "t.parquet")
    files = FilesConnector(str(folder), {})
    offered = engine.offer(files, "t.parquet", table.schema)
    assert offered is not None
    context = SessionContext()
    context.register_record_batches("t", [table.to_batches()])
    frames = context.sql(f"SELECT CAST(x AS {to}) AS r FROM t ORDER BY i").collect()
    expected = pa.Table.from_batches(frames)
    target = expected.schema.field("r").type
    cast = EMBEDDED.cast(Operand(exp.column("x"), source), target)
    query = exp.select(exp.alias_(cast, "r")).from_(offered.table("t.parquet")).order_by("i")
    schema = pa.schema([("r", target)])
    rows = pa.Table.from_batches(offered.query(offered.render(query, schema), schema), schema)
    return rows["r"].to_pylist(), expected["r"].to_pylist()


def bits(values: Sequence[object]) -> list[bytes | None]:
    return [None if v is None else struct.pack("<d", v) for v in values]


@pytest.mark.parametrize(("precision", "scale"), DECIMALS)
def test_double_of_a_decimal(
    engine: EmbeddedDuckDb, tmp_path: Path, precision: int, scale: int
) -> None:
    values = drawn(precision, scale, precision)
    source = pa.decimal128(precision, scale)
    found, expected = answers(engine, tmp_path, values, source, "DOUBLE")
    assert bits(found) == bits(expected)


@pytest.mark.parametrize(("precision", "scale"), LONG)
def test_double_of_a_long_decimal_or_an_error(
    engine: EmbeddedDuckDb, tmp_path: Path, precision: int, scale: int
) -> None:
    source = pa.decimal128(precision, scale)
    values = drawn(precision, scale, min(31, 38 - scale))
    found, expected = answers(engine, tmp_path, values, source, "DOUBLE")
    assert bits(found) == bits(expected)
    longest = Decimal(10**precision - 1).scaleb(-scale, DIGITS)
    with pytest.raises(SourceError) as caught:
        answers(engine, tmp_path, [longest], source, "DOUBLE")
    assert caught.value.code is SourceErrorCode.ARITHMETIC


def test_the_drawn_decimals_tell_duckdbs_own_cast_from_the_engines(
    engine: EmbeddedDuckDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        EMBEDDED.casts,  # type: ignore[arg-type]
        next(pair for pair in EMBEDDED.casts if pair[0].value == "decimal"),
        lambda args, to: exp.cast(args[0].sql, "DOUBLE"),
    )
    values = drawn(25, 4, 25)
    found, expected = answers(engine, tmp_path, values, pa.decimal128(25, 4), "DOUBLE")
    assert bits(found) != bits(expected)


@pytest.mark.parametrize(("precision", "scale"), [(30, 15), (38, 15), (33, 17), (20, 15), (38, 20)])
def test_decimal_of_a_double(
    engine: EmbeddedDuckDb, tmp_path: Path, precision: int, scale: int
) -> None:
    chance = random.Random(precision)
    unit = 10.0**-scale
    values: list[object] = [None, 0.0, -0.0, 1e-300, unit / 2, -unit / 2, unit * 0.4999999999999999]
    for _ in range(VALUES):
        values += [
            chance.uniform(-100, 100),
            0.2 * chance.randint(-(10**9), 10**9) / 10**6,
            chance.randint(-(10**6), 10**6) / 2 ** chance.randint(1, 60),
            chance.uniform(-1, 1) * 10.0 ** chance.randint(-20, precision - scale - 1),
            (chance.randint(-(10**6), 10**6) + 0.5) * unit,
        ]
    largest = 10.0 ** (precision - scale)
    values = [v for v in values if v is None or abs(v) < largest]  # type: ignore[arg-type]
    to = f"DECIMAL({precision}, {scale})"
    found, expected = answers(engine, tmp_path, values, DOUBLE, to)
    assert found == expected


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e15", "-1e15", "1e40"])
def test_a_double_that_is_no_decimal_is_an_error(
    engine: EmbeddedDuckDb, tmp_path: Path, value: str
) -> None:
    table = pa.table({"x": [float(value)]})
    pq.write_table(table, tmp_path / "t.parquet")
    offered = engine.offer(FilesConnector(str(tmp_path), {}), "t.parquet", table.schema)
    assert offered is not None
    target = pa.decimal128(30, 15)
    cast = EMBEDDED.cast(Operand(exp.column("x"), DOUBLE), target)
    query = exp.select(exp.alias_(cast, "r")).from_(offered.table("t.parquet"))
    schema = pa.schema([("r", target)])
    with pytest.raises(SourceError) as caught:
        list(offered.query(offered.render(query, schema), schema))
    assert caught.value.code is SourceErrorCode.ARITHMETIC


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (pa.decimal128(38, 20), DOUBLE),
        (pa.decimal256(40, 2), DOUBLE),
        (pa.decimal128(10, 2), pa.float32()),
        (pa.float32(), pa.decimal128(30, 15)),
        (DOUBLE, pa.decimal128(30, 2)),
        (DOUBLE, pa.decimal128(38, 30)),
    ],
)
def test_other_casts_are_refused(source: pa.DataType, target: pa.DataType) -> None:
    with pytest.raises(NotPushable):
        EMBEDDED.cast(Operand(exp.column("x"), source), target)
