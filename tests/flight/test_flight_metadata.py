"""The metadata commands, without a transport: exact schemas, patterns, rights."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from google.protobuf.message import Message

from connectors.interface import COMMENT, Binding
from gateway.flight import metadata, sqlinfo, types
from gateway.flight.metadata import like
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Address, Dataset, ForeignKey
from gateway.serving.table_names import table_names


def dataset(
    address: str, schema: pa.Schema, key: tuple[str, ...] = (), status: str = "active"
) -> Dataset:
    binding = Binding("memory", "memory://x", "x")
    return Dataset(Address.parse(address), schema, binding, primary_key=key, status=status)


PEOPLE = dataset("mesh://hr/staff/people@1.0", pa.schema({"id": pa.int32()}), ("id",))
LINES = dataset(
    "mesh://sales/shop/lines@2.0",
    pa.schema(
        [
            pa.field("order", pa.int64(), False, {COMMENT: b"the order it is of"}),
            pa.field("line", pa.int16(), False),
            pa.field("text", pa.dictionary(pa.int32(), pa.string_view())),
            pa.field("price", pa.decimal128(12, 2)),
            pa.field("at", pa.timestamp("us", "UTC")),
        ]
    ),
    ("order", "line"),
)
OLD = dataset("mesh://sales/shop/lines@1.0", pa.schema({"id": pa.int32()}))
MESH = [PEOPLE, OLD, LINES]


def rows(command: Message) -> list[dict]:
    table = metadata.answer(command, MESH)
    assert table.schema.equals(metadata.schema(command))
    return table.to_pylist()


def test_domains_are_catalogs_and_products_schemas() -> None:
    assert rows(sql.CommandGetCatalogs()) == [{"catalog_name": "hr"}, {"catalog_name": "sales"}]
    assert rows(sql.CommandGetDbSchemas()) == [
        {"catalog_name": "hr", "db_schema_name": "staff"},
        {"catalog_name": "sales", "db_schema_name": "shop"},
    ]


def test_the_newest_version_has_the_plain_name() -> None:
    names = [row["table_name"] for row in rows(sql.CommandGetTables(catalog="sales"))]
    assert names == ["lines", "lines@1.0"]


def test_without_an_active_version_every_version_is_named() -> None:
    draft = dataset("mesh://a/b/c@1.0", pa.schema({"id": pa.int32()}), status="draft")
    assert [name for name, _ in table_names([draft])] == ["c@1.0"]


def test_what_is_retired_is_no_table() -> None:
    gone = dataset("mesh://a/b/c@1.0", pa.schema({"id": pa.int32()}), status="retired")
    assert list(table_names([gone])) == []


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (sql.CommandGetTables(catalog=""), []),
        (sql.CommandGetTables(db_schema_filter_pattern="st%"), ["people"]),
        (sql.CommandGetTables(table_name_filter_pattern="line_"), ["lines"]),
        (sql.CommandGetTables(table_name_filter_pattern=""), []),
        (sql.CommandGetTables(table_types=["VIEW"]), []),
        (sql.CommandGetTables(table_types=["VIEW", "TABLE"], catalog="hr"), ["people"]),
    ],
)
def test_tables_are_filtered(command: sql.CommandGetTables, found: list[str]) -> None:
    assert [row["table_name"] for row in rows(command)] == found


def test_columns_carry_what_clients_ask_for() -> None:
    command = sql.CommandGetTables(table_name_filter_pattern="lines", include_schema=True)
    (row,) = rows(command)
    schema = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
    names = [f.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode() for f in schema]
    assert names == ["BIGINT", "SMALLINT", "VARCHAR", "DECIMAL", "TIMESTAMP WITH TIME ZONE"]
    assert schema.field("text").type == pa.string()
    price, order = schema.field("price").metadata, schema.field("order")
    assert price[b"ARROW:FLIGHT:SQL:PRECISION"] == b"12"
    assert price[b"ARROW:FLIGHT:SQL:SCALE"] == b"2"
    assert order.metadata[b"ARROW:FLIGHT:SQL:REMARKS"] == b"the order it is of"
    assert not order.nullable


def test_primary_keys_come_in_order() -> None:
    found = rows(sql.CommandGetPrimaryKeys(table="lines"))
    assert [(r["column_name"], r["key_sequence"]) for r in found] == [("order", 1), ("line", 2)]
    assert {r["key_name"] for r in found} == {"lines_pkey"}
    assert rows(sql.CommandGetPrimaryKeys(table="lines", catalog="hr")) == []


BOTH = ForeignKey(("order", "line"), PEOPLE.address, ("id", "boss"))
KEYED = replace(PEOPLE, schema=pa.schema({"id": pa.int32(), "boss": pa.int32()}))
SELF = ForeignKey(("boss",), PEOPLE.address, ("id",), "boss_is_one")
STAFF = replace(KEYED, foreign_keys=(SELF,))
SOLD = replace(LINES, foreign_keys=(BOTH, ForeignKey(("line",), PEOPLE.address, ("id",))))
Ends = list[tuple[str, str, int, str, str | None]]


def ends(command: Message, datasets: list[Dataset]) -> Ends:
    table = metadata.answer(command, datasets)
    assert table.schema.equals(metadata.schema(command))
    assert {(r["update_rule"], r["delete_rule"]) for r in table.to_pylist()} <= {(3, 3)}
    return [
        (
            "{fk_catalog_name}.{fk_db_schema_name}.{fk_table_name}.{fk_column_name}".format(**row),
            "{pk_catalog_name}.{pk_db_schema_name}.{pk_table_name}.{pk_column_name}".format(**row),
            row["key_sequence"],
            row["fk_key_name"],
            row["pk_key_name"],
        )
        for row in table.to_pylist()
    ]


OF_BOSS = ("hr.staff.people.boss", "hr.staff.people.id", 1, "boss_is_one", "people_pkey")
OF_LINE = ("sales.shop.lines.line", "hr.staff.people.id", 1, "lines_line_fkey", "people_pkey")
OF_BOTH = [
    ("sales.shop.lines.order", "hr.staff.people.id", 1, "lines_order_line_fkey", None),
    ("sales.shop.lines.line", "hr.staff.people.boss", 2, "lines_order_line_fkey", None),
]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (sql.CommandGetExportedKeys(table="people"), [OF_BOSS, OF_LINE, *OF_BOTH]),
        (sql.CommandGetExportedKeys(table="people", catalog="sales"), []),
        (sql.CommandGetExportedKeys(table="peo%"), []),
        (sql.CommandGetImportedKeys(table="lines"), [*OF_BOTH, OF_LINE]),
        (sql.CommandGetImportedKeys(table="lines", db_schema="shop"), [*OF_BOTH, OF_LINE]),
        (sql.CommandGetImportedKeys(table="lines", db_schema=""), []),
        (sql.CommandGetImportedKeys(table="lines@1.0"), []),
        (sql.CommandGetCrossReference(pk_table="people", fk_table="people"), [OF_BOSS]),
        (sql.CommandGetCrossReference(pk_table="lines", fk_table="people"), []),
        (
            sql.CommandGetCrossReference(
                pk_table="people", pk_catalog="hr", fk_table="lines", fk_db_schema="shop"
            ),
            [*OF_BOTH, OF_LINE],
        ),
    ],
)
def test_foreign_keys_are_found_from_both_ends(command: Message, found: Ends) -> None:
    assert ends(command, [STAFF, OLD, SOLD]) == found


def test_a_foreign_key_is_shown_only_with_both_its_ends() -> None:
    imported = sql.CommandGetImportedKeys(table="lines")
    assert ends(imported, [OLD, SOLD]) == []  # the target is hidden
    assert ends(imported, [PEOPLE, SOLD]) == [OF_LINE]  # a column of the target is
    narrow = replace(SOLD, schema=SOLD.schema.remove(0))
    assert ends(imported, [STAFF, narrow]) == [OF_LINE]  # a column of its own is
    assert ends(sql.CommandGetExportedKeys(table="people"), [STAFF]) == [OF_BOSS]


def test_types_can_be_listed_and_looked_up() -> None:
    everything = rows(sql.CommandGetXdbcTypeInfo())
    order = [(row["data_type"], row["type_name"]) for row in everything]
    assert order == sorted(order)
    assert {"BIGINT", "VARCHAR", "DECIMAL", "TIMESTAMP"} <= {name for _, name in order}
    bigint, unsigned = rows(sql.CommandGetXdbcTypeInfo(data_type=-5))
    assert unsigned["unsigned_attribute"]
    assert (bigint["column_size"], bigint["num_prec_radix"]) == (19, 10)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.bool_(), "BOOLEAN"),
        (pa.uint64(), "BIGINT UNSIGNED"),
        (pa.large_string(), "VARCHAR"),
        (pa.binary(16), "VARBINARY"),
        (pa.date32(), "DATE"),
        (pa.time64("us"), "TIME"),
        (pa.timestamp("ns"), "TIMESTAMP"),
        (pa.list_(pa.int8()), "ARRAY"),
        (pa.struct({"a": pa.int8()}), "STRUCT"),
        (pa.map_(pa.string(), pa.int8()), "MAP"),
        (pa.month_day_nano_interval(), "INTERVAL"),
        (pa.null(), "OTHER"),
    ],
)
def test_every_arrow_type_has_a_sql_name(kind: pa.DataType, name: str) -> None:
    assert types.sql_type(kind).name == name


SPECIFIED = [*range(12), 100, 101, *range(500, 577)]


def test_every_info_of_the_specification_is_answered() -> None:
    table = sqlinfo.table([])
    assert table["info_name"].to_pylist() == SPECIFIED
    values = dict(zip(SPECIFIED, table["value"].to_pylist(), strict=True))
    assert values[0] == "Meshgate"
    assert values[3] is True
    assert values[8] == 0
    assert values[504] == '"'
    assert isinstance(values[508], list)
    assert dict(values[517])[19]


def test_infos_are_answered_as_asked_and_unknown_ones_left_out() -> None:
    assert sqlinfo.table([504, 99_999, 0])["info_name"].to_pylist() == [504, 0]
    assert sqlinfo.table([99_999]).num_rows == 0


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("a%", "abc", True),
        ("%c", "abc", True),
        ("%b%", "abc", True),
        ("a_c", "abc", True),
        ("a_c", "ac", False),
        ("a%b%c", "a1b2b3c", True),
        ("%ab", "aab", True),
        ("%ab%b", "xabb", True),
        ("%ab%b", "xab", False),
        ("a\\%", "a%", True),
        ("a\\%", "ab", False),
        ("a\\_b", "a_b", True),
        ("a\\\\", "a\\", True),
        ("a.c", "abc", False),
        ("A", "a", False),
        ("a", "a\n", False),
    ],
)
def test_patterns(pattern: str, text: str, matches: bool) -> None:
    assert bool(like(pattern).match(text)) is matches


def test_a_vicious_pattern_takes_no_time() -> None:
    assert not like("%a" * 500 + "%b").match("a" * 5000)  # or it would take years
