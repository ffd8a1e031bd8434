"""Notices over Flight SQL: in FlightInfo, schema and report, and in no client's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import duckdb
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.cli import main
from gateway.errors import GatewayError
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.serving.notices import KEY, notices_in
from tests.flight.serving import Served, descriptor
from tests.lives import MAKER, READER, ROWS, STRANGER, living_mesh

OLD = "SELECT * FROM sales.orders.lines FOR VERSION AS OF '1.1.0'"
MESSAGE = (
    "it is deprecated; its ids are not unique; it ends on 2999-01-31;"
    " read mesh://sales/orders/lines@2.0.0 instead"
)
NOTICE = {
    "dataset": "mesh://sales/orders/lines@1.1.0",
    "code": "DEPRECATED",
    "message": MESSAGE,
    "severity": "warn",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with living_mesh(tmp_path_factory.mktemp("lives")) as mesh:
        served = Served(mesh)
        yield served
        served.close()


def connect(served: Served) -> adbc.Connection:
    login = {"username": READER[0], "password": READER[1]}
    return adbc.connect(served.uri, db_kwargs=login, autocommit=True)


def test_a_flight_says_what_its_reader_should_know(served: Served) -> None:
    client, options = served.raw(READER)
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=OLD)), options)
    about = json.loads(info.app_metadata)
    assert about["notices"] == [NOTICE] and about["query_id"]
    assert notices_in(info.schema) == [NOTICE]
    reader = client.do_get(info.endpoints[0].ticket, options)
    assert reader.schema.equals(info.schema, check_metadata=True)
    assert reader.read_all().equals(ROWS)
    schema = client.get_schema(descriptor(sql.CommandStatementQuery(query=OLD)), options).schema
    assert schema.equals(info.schema, check_metadata=True)
    with served.client(READER) as other:
        other.query(OLD)
        assert other.report()["notices"] == [{**NOTICE, "columns": []}]


def test_an_answer_without_notices_is_as_it_was(served: Served) -> None:
    client, options = served.raw(READER)
    query = sql.CommandStatementQuery(query="SELECT * FROM sales.orders.lines")
    info = client.get_flight_info(descriptor(query), options)
    assert list(json.loads(info.app_metadata)) == ["query_id"]
    assert KEY not in (info.schema.metadata or {})
    tables = client.get_flight_info(descriptor(sql.CommandGetTables()), options)
    assert not tables.app_metadata


def test_adbc_reads_them_and_is_not_disturbed(served: Served) -> None:
    with connect(served) as connection, connection.cursor() as cursor:
        cursor.execute(OLD)
        table = cursor.fetch_arrow_table()
        assert table.equals(ROWS)
        assert notices_in(table.schema) == [NOTICE]
        cursor.execute(f"{OLD} WHERE id = ?", (2,))
        assert cursor.fetchall() == [(2, "b")]
        cursor.execute(f"{OLD} WHERE id = ?", pa.record_batch({"1": pa.array([1, 3])}))
        assert cursor.fetchall() == [(1, "a"), (3, "c")]
        cursor.adbc_prepare(OLD)
        cursor.execute(OLD)
        prepared = cursor.fetch_arrow_table()
        assert prepared.equals(ROWS) and notices_in(prepared.schema) == [NOTICE]
        assert cursor.adbc_execute_schema(OLD).equals(ROWS.schema)
        partitions, schema = cursor.adbc_execute_partitions(OLD)
        assert notices_in(schema) == [NOTICE]
        info = fl.FlightInfo.deserialize(partitions[0])
        assert json.loads(info.app_metadata)["notices"] == [NOTICE]
        cursor.adbc_read_partition(partitions[0])
        assert cursor.fetch_arrow_table().equals(ROWS)
        cursor.execute(OLD)
        assert list(cursor.fetch_df()["name"]) == ["a", "b", "c"]
        cursor.execute(OLD)
        with duckdb.connect() as engine:
            engine.register("answer", cursor.fetch_record_batch())
            assert engine.sql("SELECT sum(id) FROM answer").fetchall() == [(6,)]


def test_a_path_says_it_too(served: Served) -> None:
    client, options = served.raw(READER)
    path = fl.FlightDescriptor.for_path("sales", "orders", "old")
    info = client.get_flight_info(path, options)
    (notice,) = notices_in(info.schema)
    assert notice["message"] == "it is deprecated"
    assert client.do_get(info.endpoints[0].ticket, options).read_all().equals(ROWS)


def test_a_successor_is_named_to_those_who_may_know_of_it(served: Served) -> None:
    old = "SELECT id FROM sales.orders.old"
    with served.client(MAKER) as client, client.stream(old) as rows:
        (notice,) = rows.notices
    assert notice["message"] == "it is deprecated; read mesh://hr/people/pay instead"
    with served.client(READER) as client, client.stream(old) as rows:
        (notice,) = rows.notices
    assert notice["message"] == "it is deprecated"


def test_nothing_is_told_of_what_is_below_lent_views(served: Served) -> None:
    with served.client(STRANGER) as client:
        with client.stream("SELECT * FROM views.all.lent") as rows:
            assert "sales" not in str(rows.notices)  # the view's own health may be told
            assert rows.read_all().equals(ROWS)
        explained = client.query("EXPLAIN SELECT * FROM views.all.lent").to_pylist()
        assert {row["item"] for row in explained} <= {"view", "notice"}
        assert "sales" not in str(explained)
    with served.client(READER) as client, client.stream("SELECT * FROM views.all.plain") as rows:
        assert NOTICE in rows.notices


def test_a_notice_is_told_once_for_a_statement(served: Served) -> None:
    both = f"{OLD} UNION ALL SELECT * FROM views.all.plain"
    with served.client(READER) as client, client.stream(both) as rows:
        assert rows.notices.count(NOTICE) == 1
        assert rows.read_all().num_rows == 6


def test_commands_say_it_on_the_error_stream(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", READER[1])
    where = ("--connect", served.uri, "--user", READER[0])
    assert main(["query", OLD, *where, "--format", "csv"]) == 0
    done = capsys.readouterr()
    assert done.out == "id,name\n1,a\n2,b\n3,c\n"
    said = f"{NOTICE['dataset']}: {MESSAGE} (DEPRECATED)"
    assert done.err == f"meshgate: notice: {said}\n"
    assert main(["explain", OLD, *where]) == 0
    assert f"notice\n    {said}\n" in capsys.readouterr().out


def test_explain_on_a_folder_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with living_mesh(tmp_path) as mesh:
        assert main(["explain", OLD, "--mesh", str(mesh), "--user", READER[0]]) == 0
    assert f"notice\n    {NOTICE['dataset']}: {MESSAGE}" in capsys.readouterr().out


def refused(served: Served, text: str, user: tuple[str, str]) -> GatewayError:
    with served.client(user) as client, pytest.raises(GatewayError) as caught:
        client.query(text)
    return caught.value


def test_what_is_retired_is_refused_and_its_successor_told(served: Served) -> None:
    retired = "SELECT * FROM sales.orders.lines FOR VERSION AS OF '1.0.0'"
    error = refused(served, retired, READER)
    assert (error.code, error.message) == (
        "DATASET_RETIRED",
        "mesh://sales/orders/lines@1.0.0 is retired: its ids are not unique",
    )
    assert error.hint == "read mesh://sales/orders/lines@2.0.0 instead"
    hidden, known = "SELECT * FROM sales.orders.older", "SELECT * FROM sales.orders.oldest"
    assert refused(served, hidden, READER).hint == "ask its owner what to read instead"
    assert refused(served, hidden, MAKER).hint == "read mesh://hr/people/pay instead"
    assert refused(served, known, READER).hint == "read mesh://hr/people/staff instead"
    assert refused(served, retired, STRANGER).code == "UNKNOWN_DATASET"
    below = refused(served, "SELECT * FROM views.all.broken", STRANGER)
    assert below.code in ("INVALID_QUERY", "DATASET_UNFIT")  # before its health is known, and then
    assert "sales" not in str(below)


def test_a_draft_is_there_for_its_makers_only(served: Served) -> None:
    draft = "SELECT * FROM sales.orders.{} FOR VERSION AS OF '{}'"
    with served.client(MAKER) as client:
        assert client.query(draft.format("lines", "3.0.0")).equals(ROWS)
        assert "sales.orders.lines@3.0.0" in client.datasets()
        with client.stream("SELECT * FROM sales.orders.lines") as rows:
            assert rows.notices == []  # of the active version
    there = refused(served, draft.format("lines", "3.0.0"), READER)
    missing = refused(served, draft.format("lines", "4.0.0"), READER)
    assert there.code == missing.code == "UNKNOWN_DATASET"
    assert str(there).replace("3.0.0", "4.0.0") == str(missing)
    with served.client(READER) as client:
        listed = client.datasets()
    assert "sales.orders.lines@3.0.0" not in listed
    assert {"sales.orders.lines", "sales.orders.lines@1.1.0"} <= set(listed)
    assert not any("older" in name for name in listed)  # nobody can read it


def test_types_of_other_clients_keep_the_notices(served: Served) -> None:
    client, options = served.raw(READER)
    headers = [*options.headers, (b"user-agent", b"grpc-java/1.60")]
    java = fl.FlightCallOptions(headers=headers, timeout=20)
    text = f"SELECT arrow_cast(id, 'UInt32') AS id FROM ({OLD}) AS o"
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), java)
    assert notices_in(info.schema) == [NOTICE]
    table = client.do_get(info.endpoints[0].ticket, java).read_all()
    assert table.column("id").to_pylist() == [1, 2, 3]
    assert pa.types.is_integer(table.schema.field("id").type)
