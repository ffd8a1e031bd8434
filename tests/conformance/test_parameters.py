"""A statement with values bound to it answers what the engine answers with them written in.

Each statement is run for many values, one after the other: by value at first, then from a template
where there is one, and by value again where a value does not go into it.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from gateway.languages.literals import literal
from gateway.model import Request
from gateway.pipeline import Gateway
from tests.conformance.reference import Reference, rows_of, schema_of
from tests.conformance.specs import Source
from tests.gateways import ANA, dataset, gateway

RUNS = 8
NAME = "shop.conformance.canonical"

STATEMENTS = (
    ("SELECT id, {c} FROM {t} WHERE {c} = ?", ("c",)),
    ("SELECT id FROM {t} WHERE {c} <> ? AND id > ?", ("c", "id")),
    ("SELECT id FROM {t} WHERE {c} >= ? AND {c} < ?", ("c", "c")),
    ("SELECT id FROM {t} WHERE {c} BETWEEN ? AND ? OR id = ?", ("c", "c", "id")),
    ("SELECT id FROM {t} WHERE {c} IN (?, ?, ?)", ("c", "c", "c")),
    ("SELECT id FROM {t} WHERE NOT ({c} IN (?, ?, ?, ?, ?))", ("c",) * 5),
    ("SELECT count(*) AS n FROM {t} WHERE {c} = ? AND {c} = ?", ("c", "c")),
    ("SELECT id FROM {t} WHERE ? = {c} ORDER BY id", ("c",)),
    ("SELECT a.id, b.id FROM {t} a JOIN {t} b ON a.{c} = b.{c} WHERE a.{c} = ?", ("c",)),
    ("SELECT id FROM {t} WHERE {c} > ? AND id IN (SELECT id FROM {t} WHERE id < ?)", ("c", "id")),
    ("SELECT {c} IS NULL OR {c} = ? AS x, count(*) AS n FROM {t} GROUP BY 1", ("c",)),
    ("SELECT id FROM {t} WHERE {c} = ? ORDER BY id LIMIT ?", ("c", "limit")),
)


@pytest.fixture(scope="module")
def served(source: Source) -> Gateway:
    schema = schema_of(source)
    return gateway([dataset("conformance", "canonical", source.binding, schema)])


def _values(source: Source, name: str, count: int, chance: random.Random) -> list[pa.Scalar]:
    kind = schema_of(source).field(name).type
    # no zeros: to a list of the engine's -0.0 is not 0.0, as to sources it is
    held = [
        v for v in source.rows.column(name).to_pylist() if not (isinstance(v, float) and v == 0)
    ]
    written = source.rows.schema.field(name).type
    drawn = chance.choices([*held, None], k=count)
    return [pa.scalar(value, written).cast(kind) for value in drawn]


def _drawn(source: Source, kinds: tuple[str, ...], column: str, seed: str) -> list[pa.Scalar]:
    chance = random.Random(seed)
    names = {"c": column, "id": "id"}
    return [
        pa.scalar(chance.choice([1, 3, 1000]), pa.int64())
        if kind == "limit"
        else _values(source, names[kind], 1, chance)[0]
        for kind in kinds
    ]


@pytest.mark.parametrize("column", ["i", "k", "d", "w", "f", "s", "u", "x", "q", "m", "b", "z"])
@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_bound_values_are_as_good_as_written_ones(
    source: Source, reference: Reference, served: Gateway, number: int, column: str
) -> None:
    if column not in source.rows.schema.names:
        return  # no such type in this source
    text, kinds = STATEMENTS[number]
    described = served.prepare(Request(ANA, text.format(c=column, t=NAME)))
    assert described.parameters.names == [str(n) for n in range(1, len(kinds) + 1)]
    for run in range(RUNS):
        values = _drawn(source, kinds, column, f"{number} {column} {run}")
        prepared = served.bind(described, values)
        result = served.execute(prepared)
        assert result.schema.equals(described.schema)
        rows = rows_of(pa.Table.from_batches(list(result.batches), result.schema))
        written = text.format(c=column, t="canonical")
        for value in values:
            written = written.replace("?", literal(value).replace("?", "�"), 1)
        expected = rows_of(reference.answer(written.replace("�", "?")))
        key = lambda row: [(v is None, str(v)) for v in row]  # noqa: E731
        assert sorted(rows, key=key) == sorted(expected, key=key), [literal(v) for v in values]


@pytest.mark.parametrize("column", ["i", "k", "d", "w", "f", "s", "u", "x", "q", "m", "b", "z"])
def test_bound_lists_are_as_good_as_written_ones(
    source: Source, reference: Reference, served: Gateway, column: str
) -> None:
    if column not in source.rows.schema.names:
        return
    chance = random.Random(column)
    for test, written in (
        (f"{column} = ANY(?)", f"{column} IN (LIST)"),
        (f"NOT {column} = ANY(?)", f"NOT {column} IN (LIST)"),
        (f"{column} <> ALL(?) AND id > 2", f"{column} NOT IN (LIST) AND id > 2"),
    ):
        described = served.prepare(Request(ANA, f"SELECT id FROM {NAME} WHERE {test}"))
        kind = described.parameters.field(0).type.value_type
        for count in (1, 1, 2, 5):
            values = _values(source, column, count, chance)
            held = pa.scalar([value.as_py() for value in values], pa.list_(values[0].type))
            result = served.execute(served.bind(described, [held]))
            rows = [row[0] for row in rows_of(pa.Table.from_batches(result.batches, result.schema))]
            texts = ", ".join(literal(value.cast(kind)) for value in values)
            query = f"SELECT id FROM canonical WHERE {written.replace('LIST', texts)}"
            expected = [row[0] for row in rows_of(reference.answer(query))]
            assert sorted(rows) == sorted(expected), (test, texts)


def test_what_can_be_a_template_is_one(source: Source, served: Gateway) -> None:
    """The tests above would pass without any template."""
    columns = {"i", "k", "s", "u"} & set(source.rows.schema.names)
    for column in columns:
        described = served.prepare(Request(ANA, f"SELECT id FROM {NAME} WHERE {column} = ?"))
        kind = described.parameters.field(0).type
        for value in {"s": ["a", "b", "z"], "u": [1, 2, 3]}.get(column, [1, 2, 3]):
            scalar = pa.scalar(value, pa.int32() if column == "u" else kind).cast(kind)
            served.execute(served.bind(described, [scalar]))
    forms = served.plans._prepared._forms
    assert sum(form.template is not None for form in forms.values()) >= len(columns)


def test_values_are_checked(source: Source, served: Gateway) -> None:
    described = served.prepare(Request(ANA, f"SELECT id FROM {NAME} WHERE id = $1 OR s = $2"))
    for values in ([1], [1, "a", 2], ["no number", "a"], [None, b"\xff"]):
        with pytest.raises(Exception) as caught:
            served.bind(described, [pa.scalar(value) for value in values])
        assert getattr(caught.value, "code", "") == "INVALID_QUERY"
    with pytest.raises(Exception, match="given: none"):
        served.execute(replace(described))
