"""A gateway that asks another: rows, rights, errors, cancellation, certificates, circles."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from connectors import open_connector
from connectors.flightsql import FlightSqlConnector
from connectors.interface import Binding, RunsSql, SourceError, SourceErrorCode
from gateway.errors import GatewayError
from gateway.model import Dataset, Request
from tests import services
from tests.gateways import ANA, ask, dataset, gateway, in_memory
from tests.peers import EVERYTHING, PASSWORD, USER, Peer, peer

ORDERS = pa.table(
    {
        "id": pa.array(range(1000), pa.int64()),
        "customer": pa.array([f"c{i % 7}" for i in range(1000)]),
        "region": pa.array([("eu", "us")[i % 2] for i in range(1000)]),
    }
)
NAMES = pa.table({"customer": ["c0", "c1"], "name": ["Ada", "Bo"]})

FILTER = ("p2", f"user:{USER}", "*", "mesh://shop/memory/orders", "*", "permissive", "eu", "allow")
MASK = ("p3", f"user:{USER}", "*", "mesh://shop/memory/orders", "pii", "*", "null", "allow")


def ours(uri: str, *names: str, **options: str) -> list[Dataset]:
    """Datasets of this gateway that live at the other."""
    found = []
    for name in names:
        binding = Binding("flightsql", uri, f"shop.memory.{name}", options)
        connector = open_connector(binding)
        found.append(dataset("far", name, binding, connector.schema(binding.object)))
        connector.close()
    return found


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    datasets = in_memory({"orders": ORDERS, "names": NAMES}, "chained")
    with peer(tmp_path_factory.mktemp("far"), datasets) as served:
        yield served


def test_other_gateway_is_recognised_and_its_tables_listed(far: Peer) -> None:
    connector = open_connector(Binding("flightsql", far.uri, ""))
    assert isinstance(connector, FlightSqlConnector)
    assert isinstance(connector, RunsSql)
    found = {o.name: o.schema for o in connector.objects("shop.*")}
    assert {"shop.memory.names", "shop.memory.orders"} <= set(found)
    assert found["shop.memory.orders"].field("id").type == pa.int64()
    assert PASSWORD not in repr(connector.source_key)
    connector.close()


def test_whole_queries_go_to_the_other_gateway(far: Peer) -> None:
    near = gateway(ours(far.uri, "orders", "names"))
    far.texts.clear()
    text = (
        "SELECT n.name, count(*) AS n FROM orders o JOIN names n ON n.customer = o.customer "
        "WHERE o.region = 'eu' AND o.id < 500 GROUP BY n.name ORDER BY n DESC, n.name LIMIT 5"
    )
    expected = gateway(in_memory({"orders": ORDERS, "names": NAMES}, "chained-reference"))
    assert ask(near, text).to_pylist() == ask(expected, text).to_pylist()
    (sent,) = (t for t in far.texts if t != "SELECT 1")  # which asks whether it is there
    assert "JOIN" in sent and "GROUP BY" in sent
    near.close()
    expected.close()


def test_rights_there_are_those_of_the_login(tmp_path: Path) -> None:
    (orders, *rest) = in_memory({"orders": ORDERS, "names": NAMES}, "chained-governed")
    governed = Dataset(
        orders.address,
        orders.schema,
        orders.binding,
        row_filters={"eu": "region = 'eu'"},
        column_tags={"customer": ("pii",)},
    )
    with peer(tmp_path, [governed, *rest], (*EVERYTHING, FILTER, MASK)) as served:
        near = gateway(ours(served.uri, "orders"))
        found = ask(
            near, "SELECT count(*) AS n, count(customer) AS c, min(region) AS r FROM orders"
        )
        assert found.to_pylist() == [{"n": 500, "c": 0, "r": "eu"}]
        near.close()


def test_dataset_that_is_denied_there_is_not_found(far: Peer) -> None:
    connector = open_connector(Binding("flightsql", far.uri, "shop.memory.nothing"))
    with pytest.raises(SourceError) as caught:
        connector.schema("shop.memory.nothing")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    connector.close()


def test_wrong_password_is_refused_and_not_shown(far: Peer) -> None:
    uri = f"grpc://{USER}:not-the-password@127.0.0.1:{far.port}"
    with pytest.raises(SourceError) as caught:
        open_connector(Binding("flightsql", uri, "")).schema("shop.memory.orders")
    assert caught.value.code is SourceErrorCode.REJECTED
    assert "not-the-password" not in str(caught.value)
    token = Binding("flightsql", f"grpc://127.0.0.1:{far.port}", "", {"token": "not-a-token"})
    with pytest.raises(SourceError) as caught:
        open_connector(token).schema("shop.memory.orders")
    assert caught.value.code is SourceErrorCode.REJECTED
    assert "not-a-token" not in str(caught.value)


def test_gateway_that_is_down_is_unavailable() -> None:
    uri = f"grpc://someone:s3cret@127.0.0.1:{services.free_port()}"
    with pytest.raises(SourceError) as caught:
        open_connector(Binding("flightsql", uri, "")).schema("shop.memory.orders")
    assert caught.value.code is SourceErrorCode.UNAVAILABLE
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("uri", ["http://x:1", "grpc://x", "grpc://:5", "x"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_connector(Binding("flightsql", uri, ""))
    assert caught.value.code is SourceErrorCode.BINDING_INVALID


def test_cancel_reaches_the_other_gateway(far: Peer) -> None:
    near = gateway(ours(far.uri, "orders"))
    text = (
        "SELECT count(*) AS n FROM orders a, orders b, orders c, orders d "
        "WHERE (a.id * 7 + b.id + c.id + d.id) % 11 = 3"
    )
    stop = threading.Event()
    prepared = near.prepare(Request(ANA, text))
    result = near.execute(prepared, stop.is_set)
    failures: list[GatewayError] = []

    def drain() -> None:
        try:
            list(result.batches)
        except GatewayError as error:
            failures.append(error)

    reader = threading.Thread(target=drain)
    far.texts.clear()
    reader.start()
    deadline = time.monotonic() + 30
    while not far.texts and time.monotonic() < deadline:
        time.sleep(0.02)
    assert far.texts, "the other gateway was never asked"
    stop.set()
    reader.join(30)
    assert not reader.is_alive()
    assert [error.code for error in failures] == ["CANCELLED"]
    assert ask(near, "SELECT count(*) AS n FROM orders").to_pylist() == [{"n": 1000}]
    near.close()


def test_gateways_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    """Each turn holds a connection of the pool, and the pool has an end."""
    port = services.free_port()
    uri = f"grpc://{USER}:{PASSWORD}@127.0.0.1:{port}"
    options = {"pool_size": "2", "pool_wait": "1"}
    binding = Binding("flightsql", uri, "shop.far.orders", options)
    itself = dataset("far", "orders", binding, pa.schema([("id", pa.int64())]))
    with peer(tmp_path, [itself], EVERYTHING, port=port) as served:
        connector = open_connector(Binding("flightsql", served.uri, "shop.far.orders"))
        connector.schema("shop.far.orders")
        stream = connector.query(  # type: ignore[attr-defined]
            'SELECT id FROM "shop"."far"."orders"', pa.schema([("id", pa.int64())])
        )
        with pytest.raises(SourceError):
            list(stream)
        connector.close()
