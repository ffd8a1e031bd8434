"""Terms of use: a contract's purposes decide at every door, whatever policies grant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import GatewayError, PurposeNotGranted, PurposeRequired
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.quality.world import ANA, ask, mesh, opened, parquet, view

COUNT = "SELECT count(*) AS n FROM sales.orders.lines"
EIGHT = [{"n": 8}]
POLICIES = {
    "access.csv": "p,user:ana,sales,*,read,*,*,*,allow\n"
    "p,user:ana,sales,*,execute,reporting|marketing|fraud,*,*,allow\n"
    "p,user:bob,sales,*,read,*,*,*,allow\n"
    "p,sales/owner,sales,*,admin,*,*,*,allow\n"
    "g2,reporting/monthly,reporting\n"
}


def world(folder: Path) -> Path:
    return mesh(
        folder / "mesh",
        parquet(folder / "data"),
        policies=POLICIES,
        properties={"purposes": ["reporting", "fraud"]},
    )


def refused(
    gateway: Gateway, sql: str, principal: Principal = ANA, purpose: str = ""
) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        ask(gateway, sql, principal, purpose)
    return caught.value


def test_only_for_its_purposes_and_what_is_below_them(tmp_path: Path) -> None:
    gateway = opened(world(tmp_path))
    try:
        for purpose in ("reporting", "reporting/monthly", "fraud"):
            assert ask(gateway, COUNT, purpose=purpose).to_pylist() == EIGHT
        for purpose in ("", "marketing"):
            for sql in (COUNT, f"EXPLAIN {COUNT}"):
                error = refused(gateway, sql, purpose=purpose)
                assert isinstance(error, PurposeRequired)
                assert error.hint is not None
                assert error.hint.endswith("fraud, reporting, reporting/monthly")
        assert isinstance(refused(gateway, COUNT, purpose="other"), PurposeNotGranted)
    finally:
        gateway.close()


def test_who_may_declare_none_of_them_is_told_of_nothing(tmp_path: Path) -> None:
    gateway = opened(world(tmp_path))
    try:
        for principal in (Principal("user:bob"), Principal("user:eve")):
            error = refused(gateway, COUNT, principal)
            assert error.code == "UNKNOWN_DATASET"
        eve = Principal("user:eve")
        missing = refused(gateway, "SELECT count(*) FROM sales.orders.nothing", eve)
        hidden = refused(gateway, COUNT, eve)
        assert hidden.message.replace("lines", "nothing") == missing.message
    finally:
        gateway.close()


def test_it_may_be_discovered_for_what_it_may_be_used(tmp_path: Path) -> None:
    gateway = opened(world(tmp_path))
    try:
        for purpose in ("", "marketing", "reporting"):
            (found,) = gateway.browsing.visible(ANA, purpose)
            assert found.purposes == ("reporting", "fraud")
        assert gateway.browsing.visible(Principal("user:eve")) == []
    finally:
        gateway.close()


def test_below_a_view_they_hold_for_whoever_reads_it(tmp_path: Path) -> None:
    folder = world(tmp_path)
    schema = [{"name": "id", "physicalType": "bigint"}]
    view(folder, "SELECT id FROM sales.orders.lines", "ids", "sales", schema)
    gateway = opened(folder)
    sql = "SELECT count(*) AS n FROM sales.views.ids"
    try:
        assert ask(gateway, sql, purpose="fraud").to_pylist() == EIGHT
        for purpose in ("", "marketing"):
            assert refused(gateway, sql, purpose=purpose).code == "PURPOSE_REQUIRED"
    finally:
        gateway.close()


def test_an_owner_lends_nothing_that_has_purposes(tmp_path: Path) -> None:
    """A view's owner reads for no purpose: what has some is read with the reader's own rights."""
    folder = world(tmp_path)
    schema = [{"name": "id", "physicalType": "bigint"}]
    lent = {"sql": "SELECT id FROM sales.orders.lines", "owner": "sales/owner", "unmask": True}
    view(folder, lent, "ids", "sales", schema)  # type: ignore[arg-type]
    access = folder / "policies/access.csv"
    carl = Principal("user:carl")
    access.write_text(
        f"{access.read_text()}p,user:carl,sales,mesh://sales/views/ids,read,*,*,*,allow\n"
        "p,user:carl,sales,mesh://sales/views/ids,execute,fraud,*,*,allow\n"
    )
    gateway = opened(folder)
    sql = "SELECT count(*) AS n FROM sales.views.ids"
    try:
        assert refused(gateway, sql, carl, "fraud").code == "ACCESS_DENIED"
        assert ask(gateway, sql, purpose="fraud").to_pylist() == EIGHT
    finally:
        gateway.close()


def test_a_remote_query_is_bound_by_them_too(tmp_path: Path) -> None:
    policies = {
        "access.csv": POLICIES["access.csv"] + "p,user:ana,sales,*,remote_query,*,*,*,allow\n"
    }
    folder = mesh(
        tmp_path / "mesh",
        parquet(tmp_path / "data"),
        policies=policies,
        properties={"purposes": ["reporting"]},
    )
    gateway = opened(folder)
    try:
        sql = "SELECT * FROM remote_query('sales.orders', 'SELECT 1 AS one')"
        assert refused(gateway, sql, purpose="marketing").code == "UNKNOWN_DATASET"
        allowed = refused(gateway, sql, purpose="reporting")
        assert allowed.code == "UNSUPPORTED"  # the rights are there; files take no SQL
    finally:
        gateway.close()


def test_a_check_of_quality_needs_none(tmp_path: Path) -> None:
    folder = mesh(
        tmp_path / "mesh",
        parquet(tmp_path / "data"),
        [{"metric": "rowCount", "mustBe": 8}],
        policies=POLICIES,
        properties={"purposes": ["fraud"]},
    )
    gateway = opened(folder)
    try:
        assert gateway.mesh.quality is not None
        (result,) = gateway.mesh.quality.check(gateway.catalogue.datasets[0])
        assert result.verdict == "pass"
        assert gateway.prepare(Request(ANA, COUNT, purpose="fraud")).notices == ()
    finally:
        gateway.close()
