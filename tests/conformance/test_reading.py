"""What is in a source is what is read: schema and rows, exactly, or an error that says why."""

from __future__ import annotations

import string

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some
from sqlglot import exp

from connectors import open_connector
from connectors.capabilities import NotPushable
from connectors.interface import (
    PHYSICAL_TYPE,
    Binding,
    Connector,
    ListsObjects,
    RunsSql,
    SourceError,
    SourceErrorCode,
)
from tests.conformance.reference import TABLE, by_id, column, constant, from_table, rows_of, run
from tests.conformance.reference import run_text as read_text
from tests.conformance.specs import ODD_NAMES, Source


def test_connector_has_what_its_protocols_ask(source: Source) -> None:
    for protocol in (Connector, RunsSql, ListsObjects):
        assert isinstance(source.connector, protocol)


def test_schema_is_the_sources_own(source: Source) -> None:
    schema = source.connector.schema(TABLE)
    assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in source.rows.schema]
    assert [f.nullable for f in schema] == [f.nullable for f in source.rows.schema]
    assert all(f.metadata[PHYSICAL_TYPE] for f in schema)


def test_rows_are_read_exactly(source: Source) -> None:
    names = source.rows.schema.names
    query = by_id(source, from_table(source, *(column(source, name).sql for name in names)))
    assert run(source, query, source.rows.schema.types) == rows_of(source.rows)


def test_listing_has_the_table_with_its_key(source: Source) -> None:
    name = "shop.memory.canonical" if source.name == "flightsql" else TABLE
    (found,) = source.connector.objects(f"{name[:-4]}*")
    assert found.name == name
    # the driver of Flight SQL lists no keys
    assert found.primary_key == (() if source.name == "flightsql" else ("id",))
    assert found.schema.equals(source.connector.schema(TABLE))
    assert not list(source.connector.objects("other*"))


def test_missing_object_is_named(source: Source) -> None:
    with pytest.raises(SourceError) as caught:
        source.connector.schema("no_such_table")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    assert "no_such_table" in caught.value.message


def test_same_address_and_credential_are_one_source(source: Source) -> None:
    other = open_connector(source.binding)
    assert other.source_key == source.connector.source_key
    other.close()


def test_source_key_does_not_show_the_password(source: Source) -> None:
    secret = source.binding.uri.partition("://")[2].partition("@")[0].partition(":")[2]
    if not secret:  # a file: nobody logs in to it
        assert source.connector.source_key.credential == ""
        return
    assert secret not in repr(source.connector.source_key)
    other = open_connector(
        Binding(source.binding.connector, source.binding.uri.replace(secret, "x"), TABLE)
    )
    assert other.source_key != source.connector.source_key


@pytest.mark.parametrize(
    ("text", "data_type"),
    [
        ("1.5", pa.int64()),
        ("3000000000", pa.int32()),
        ("1.25", pa.decimal128(5, 1)),
        ("123.45", pa.decimal128(4, 2)),
        ("'x'", pa.int64()),
    ],
)
def test_value_that_does_not_fit_is_an_error(
    source: Source, text: str, data_type: pa.DataType
) -> None:
    with pytest.raises(SourceError) as caught:
        read_text(source, f"SELECT {text}", pa.schema([("c0", data_type)]))
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
    assert "c0" in caught.value.message


def test_null_where_none_is_planned_is_an_error(source: Source) -> None:
    schema = pa.schema([pa.field("c0", pa.int64(), nullable=False)])
    with pytest.raises(SourceError) as caught:
        read_text(source, "SELECT NULL", schema)
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED


def test_other_number_of_columns_is_an_error(source: Source) -> None:
    with pytest.raises(SourceError) as caught:
        read_text(source, "SELECT 1, 2", pa.schema([("c0", pa.int64())]))
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED


def test_statement_the_source_refuses_is_one_line_without_a_dump(source: Source) -> None:
    with pytest.raises(SourceError) as caught:
        read_text(source, "SELEC 1", pa.schema([("c0", pa.int64())]))
    assert caught.value.code is SourceErrorCode.REJECTED
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500


def test_source_refuses_to_be_written_to(source: Source) -> None:
    with pytest.raises(SourceError):
        read_text(source, "CREATE TABLE written (a int)", pa.schema([("c0", pa.int64())]))
    assert not list(source.connector.objects("written"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_any_kind_can_be_read(source: Source, name: str) -> None:
    (listed,) = (o for o in source.connector.objects() if o.schema.names == [name])
    read = source.connector.dialect.read(
        exp.column(name, "t0", quoted=True), listed.schema.field(0)
    )
    table = exp.alias_(source.connector.table(listed.name), "t0", table=True)
    query = exp.select(exp.alias_(read, "c0")).from_(table)
    assert run(source, query, [pa.int64()]) == [(1,)]
    assert source.connector.schema(listed.name).names == [name]


TEXTS = some.text(
    alphabet=some.one_of(
        some.sampled_from(string.printable),
        some.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=12,
)


@given(value=TEXTS)
@hypothesis_settings(max_examples=60)
def test_text_constant_arrives_as_it_was_written(source: Source, value: str) -> None:
    assert _round_trip(source, value, pa.string()) in ([(value,)], None)


@given(value=some.integers(-(2**63) + 1, 2**63 - 1))
@hypothesis_settings(max_examples=30)
def test_integer_constant_arrives_as_it_was_written(source: Source, value: int) -> None:
    assert _round_trip(source, value, pa.int64()) == [(value,)]


@given(value=some.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**20))
@hypothesis_settings(max_examples=30)
def test_decimal_constant_arrives_or_is_refused(source: Source, value: object) -> None:
    if source.name != "sqlite":  # it has no decimals of its own, and nothing on them is asked
        assert _round_trip(source, value, pa.decimal128(38, 4)) in ([(value,)], None)


@given(value=some.dates())
@hypothesis_settings(max_examples=30)
def test_date_constant_arrives_as_it_was_written(source: Source, value: object) -> None:
    assert _round_trip(source, value, pa.date32()) == [(value,)]


def _round_trip(source: Source, value: object, data_type: pa.DataType) -> object:
    try:
        tree = constant(source, value, data_type).sql
    except NotPushable:
        return None
    return run(source, exp.select(exp.alias_(tree, "c0")), [data_type])
