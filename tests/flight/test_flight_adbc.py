"""The ADBC Flight SQL driver, as most Python clients will come."""

from __future__ import annotations

from collections.abc import Iterator

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest

from tests.flight.serving import ALICE, BOB, ORDERS, Served


def connect(served: Served, user: tuple[str, str] = ALICE, **options: str) -> adbc.Connection:
    login = {"username": user[0], "password": user[1], **options}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


@pytest.fixture
def connection(served: Served) -> Iterator[adbc.Connection]:
    with connect(served) as connection:
        yield connection


def test_execute_and_fetch(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sales.shop.orders ORDER BY id")
        assert cursor.fetch_arrow_table().equals(ORDERS)
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchall() == [(100,)]


def test_large_rows_fit_into_its_messages(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM texts")
        assert cursor.fetch_arrow_table().num_rows == 4000


def test_the_schema_before_the_rows(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor:
        assert cursor.adbc_execute_schema("SELECT * FROM orders").equals(ORDERS.schema)
        assert cursor.adbc_prepare("SELECT 1") in (None, pa.schema([]))


def test_partitions_can_be_read_from_another_connection(served: Served) -> None:
    with connect(served) as connection, connection.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions("SELECT id FROM orders")
        assert schema.names == ["id"]
        with connect(served) as other, other.cursor() as reader:
            reader.adbc_read_partition(partitions[0])
            assert reader.fetch_arrow_table().num_rows == 100


def test_objects_at_every_depth(connection: adbc.Connection) -> None:
    def objects(depth: str) -> list[dict]:
        return connection.adbc_get_objects(depth=depth).read_all().to_pylist()

    assert [c["catalog_name"] for c in objects("catalogs")] == ["hr", "ops", "sales"]
    (sales,) = [c for c in objects("db_schemas") if c["catalog_name"] == "sales"]
    assert [s["db_schema_name"] for s in sales["catalog_db_schemas"]] == ["shop"]
    (sales,) = [c for c in objects("tables") if c["catalog_name"] == "sales"]
    tables = sales["catalog_db_schemas"][0]["db_schema_tables"]
    assert [(t["table_name"], t["table_type"]) for t in tables] == [
        ("orders", "TABLE"),
        ("texts", "TABLE"),
    ]
    (sales,) = [c for c in objects("all") if c["catalog_name"] == "sales"]
    columns = sales["catalog_db_schemas"][0]["db_schema_tables"][0]["table_columns"]
    assert [(c["column_name"], c["xdbc_type_name"]) for c in columns] == [
        ("id", "BIGINT"),
        ("customer", "VARCHAR"),
        ("amount", "DECIMAL"),
    ]


def test_objects_can_be_filtered(connection: adbc.Connection) -> None:
    found = connection.adbc_get_objects(
        depth="tables", catalog_filter="sales", db_schema_filter="s%", table_name_filter="order_"
    )
    (sales,) = [c for c in found.read_all().to_pylist() if c["catalog_db_schemas"]]
    (schema,) = sales["catalog_db_schemas"]
    assert [t["table_name"] for t in schema["db_schema_tables"]] == ["orders"]


def test_two_users_see_different_catalogues(served: Served) -> None:
    with connect(served, BOB) as connection:
        catalogs = connection.adbc_get_objects(depth="all").read_all()["catalog_name"]
        assert catalogs.to_pylist() == ["sales"]
        with connection.cursor() as cursor, pytest.raises(adbc.Error, match="UNKNOWN_DATASET"):
            cursor.execute("SELECT * FROM hr.staff.people")


def test_the_schema_of_a_table(connection: adbc.Connection) -> None:
    schema = connection.adbc_get_table_schema(
        "orders", catalog_filter="sales", db_schema_filter="shop"
    )
    assert schema.equals(ORDERS.schema)
    assert schema.field("amount").metadata[b"ARROW:FLIGHT:SQL:PRECISION"] == b"12"


def test_table_types_and_info(connection: adbc.Connection) -> None:
    assert connection.adbc_get_table_types() == ["TABLE"]
    assert connection.adbc_get_info()["vendor_name"] == "Meshgate"


def test_a_wrong_password_is_refused(served: Served) -> None:
    with pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"):
        connect(served, (ALICE[0], "guess"))


def test_a_wrong_token_is_refused(served: Served) -> None:
    header = adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value
    with (
        adbc.connect(
            served.uri, db_kwargs={header: "Bearer alice:Z3Vlc3M="}, autocommit=True
        ) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc.ProgrammingError, match="UNAUTHENTICATED"),
    ):
        cursor.execute("SELECT 1")


def test_writing_is_refused_clearly(connection: adbc.Connection) -> None:
    with connection.cursor() as cursor, pytest.raises(adbc.NotSupportedError, match="only reads"):
        cursor.adbc_ingest("orders", ORDERS, mode="append")
    with connection.cursor() as cursor, pytest.raises(adbc.Error, match="UNSUPPORTED"):
        cursor.execute("DELETE FROM orders")


@pytest.mark.filterwarnings("ignore:Cannot disable autocommit")
def test_the_default_without_autocommit_works(served: Served) -> None:
    login = {"username": ALICE[0], "password": ALICE[1]}
    with adbc.connect(served.uri, db_kwargs=login) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
        connection.commit()
