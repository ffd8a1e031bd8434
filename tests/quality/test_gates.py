"""Gates: what a broken rule does to those who read, and who may check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.reader import AuditReader, Filter
from gateway.errors import AccessDenied, DatasetUnfit, GatewayError, Unauthenticated
from gateway.memory.quality_results import Verdict, latest, results
from gateway.model import Principal, Request
from gateway.notices import Severity
from gateway.pipeline import Gateway
from tests.catalogue.meshes import custom
from tests.quality.world import (
    ANA,
    ROWS,
    Clock,
    ask,
    by_name,
    lines,
    mesh,
    opened,
    parquet,
    quality_of,
    sqlite,
    view,
)

COUNT = "SELECT count(*) AS n FROM sales.orders.lines"
NULLS = {"metric": "nullValues", "mustBe": 0}
FEW = {"metric": "rowCount", "mustBeLessThan": 8}
"""A rule that eight rows break."""


def gated(**properties: Any) -> dict[str, Any]:
    return {**FEW, "customProperties": custom(**properties)}


def codes(gateway: Gateway, sql: str = COUNT) -> list[tuple[str, str]]:
    return [(n.code, n.message) for n in gateway.prepare(Request(ANA, sql)).notices]


def test_readers_are_told_of_a_broken_rule_without_its_number(tmp_path: Path) -> None:
    gateway = opened(mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [FEW]))
    try:
        assert codes(gateway) == []
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.check(lines(gateway))
        said = "the quality rule rowCount does not hold: must be less than 8"
        assert codes(gateway) == [("QUALITY_FAILED", said)]
        result = gateway.execute(gateway.prepare(Request(ANA, COUNT)))
        assert [batch.to_pylist() for batch in result.batches] == [[{"n": 8}]]
        assert [notice.message for notice in result.report.notices] == [said]
    finally:
        gateway.close()


def test_who_may_not_know_a_column_is_not_told_its_name(tmp_path: Path) -> None:
    policies = {
        "access.csv": "p,user:ana,sales,*,read,*,*,*,allow\n"
        "p,user:ana,sales,mesh://sales/orders/lines#name,read,*,*,*,deny\n"
        "p,user:bob,sales,*,read,*,*,*,allow\n"
    }
    rules = {"name": [NULLS]}
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), (), rules, policies)
    gateway = opened(folder)
    try:
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.check(lines(gateway))
        assert codes(gateway) == []
        bob = gateway.prepare(Request(Principal("user:bob"), COUNT))
        assert "nullValues(name)" in bob.notices[0].message
    finally:
        gateway.close()


def test_a_gate_that_denies_is_checked_before_the_first_answer(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [gated(gate="deny")])
    gateway = opened(folder)
    try:
        for sql in (COUNT, f"EXPLAIN {COUNT}", "SELECT id FROM lines WHERE id = 1"):
            with pytest.raises(DatasetUnfit, match="the quality rule rowCount does not hold"):
                ask(gateway, sql)
        sqlite(tmp_path / "data", ROWS[:3])
        assert gateway.mesh.quality is not None
        (result,) = gateway.mesh.quality.check(lines(gateway))
        assert result.verdict is Verdict.PASS
        assert ask(gateway, COUNT).to_pylist() == [{"n": 3}]
    finally:
        gateway.close()


def test_a_severity_alone_does_not_deny(tmp_path: Path) -> None:
    gateway = opened(
        mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [{**FEW, "severity": "error"}])
    )
    try:
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.check(lines(gateway))
        assert ask(gateway, COUNT).to_pylist() == [{"n": 8}]
    finally:
        gateway.close()


def test_a_denial_survives_a_restart(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [gated(gate="deny")])
    gateway = opened(folder)
    with pytest.raises(DatasetUnfit):
        ask(gateway, COUNT)
    gateway.close()
    (tmp_path / "data/lines.db").rename(tmp_path / "gone.db")  # nothing can be checked now
    gateway = opened(folder)
    try:
        with pytest.raises(DatasetUnfit, match="does not hold"):
            ask(gateway, COUNT)
    finally:
        gateway.close()


def test_what_can_not_be_checked_is_denied_with_the_reason(tmp_path: Path) -> None:
    rule = {"type": "sql", "query": "SELECT count(nothing) FROM {object}", "mustBe": 0}
    deny = {**rule, "customProperties": custom(gate="deny")}
    gateway = opened(mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [deny]))
    try:
        with pytest.raises(DatasetUnfit, match=r"sql could not be checked \(UNKNOWN_COLUMN\)"):
            ask(gateway, COUNT)
    finally:
        gateway.close()
    gateway = opened(mesh(tmp_path / "warning", sqlite(tmp_path / "data"), [rule]))
    try:
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.check(lines(gateway))
        said = "the quality rule sql could not be checked (UNKNOWN_COLUMN)"
        assert codes(gateway) == [("QUALITY_UNKNOWN", said)]
    finally:
        gateway.close()


def test_one_rule_that_can_not_be_checked_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All library rules are one query: where that fails, each is asked by itself."""
    rules = {"name": [NULLS], "price": [NULLS]}
    gateway = opened(mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [FEW], rules))
    try:
        assert gateway.mesh.quality is not None
        prepare = gateway.prepare_check

        def broken(request: Request, domain: str) -> Any:
            if '"price"' in request.text:
                raise GatewayError("no", code="SOURCE_REJECTED")
            return prepare(request, domain)

        monkeypatch.setattr(gateway, "prepare_check", broken)
        found = by_name(gateway.mesh.quality.check(lines(gateway)))
        assert found["rowCount"].value == 8
        assert found["nullValues(name)"].value == 1
        assert found["nullValues(price)"].reason == "SOURCE_REJECTED"
    finally:
        gateway.close()


def test_a_denial_below_a_view_keeps_the_view_from_being_read(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [gated(gate="deny")])
    schema = [{"name": "id", "physicalType": "bigint"}]
    view(folder, "SELECT id FROM sales.orders.lines", "ids", "sales", schema)
    gateway = opened(folder)
    try:
        with pytest.raises(DatasetUnfit):
            ask(gateway, "SELECT count(*) FROM sales.views.ids")
    finally:
        gateway.close()


def test_a_prepared_request_is_denied_when_the_gate_has_closed_since(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data", ROWS[:3]), [gated(gate="deny")])
    gateway = opened(folder)
    try:
        prepared = gateway.prepare(Request(ANA, COUNT))
        sqlite(tmp_path / "data")
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.check(lines(gateway))
        with pytest.raises(DatasetUnfit):
            gateway.execute(prepared)
    finally:
        gateway.close()


def test_a_check_at_query_time_is_made_when_the_last_is_too_old(tmp_path: Path) -> None:
    rule = gated(gate="deny", check="query", maxAge=30)
    clock = Clock()
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data", ROWS[:3]), [rule])
    gateway = opened(folder, clock)
    try:
        assert ask(gateway, COUNT).to_pylist() == [{"n": 3}]
        sqlite(tmp_path / "data")
        clock.now += 29
        assert ask(gateway, COUNT).to_pylist() == [{"n": 8}]  # the last result counts
        clock.now += 2
        with pytest.raises(DatasetUnfit):
            ask(gateway, COUNT)
        sqlite(tmp_path / "data", ROWS[:5])
        clock.now += 31
        assert ask(gateway, COUNT).to_pylist() == [{"n": 5}]
        assert gateway.mesh.memory is not None
        assert [r.value for r in results(gateway.mesh.memory.store)] == [5, 8, 3]
    finally:
        gateway.close()


def test_a_warning_at_query_time_comes_with_the_answer(tmp_path: Path) -> None:
    rule = gated(check="query", maxAge=0)
    gateway = opened(mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [rule]))
    try:
        assert [code for code, _ in codes(gateway)] == ["QUALITY_FAILED"]
    finally:
        gateway.close()


def test_nobody_may_come_as_the_one_who_checks(tmp_path: Path) -> None:
    gateway = opened(mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [FEW]))
    try:
        service = Principal("svc:quality", region="EU")
        with pytest.raises(Unauthenticated):
            gateway.prepare(Request(service, COUNT))
        assert gateway.browsing.visible(service) == []
        for name in ("svc:quality2", "user:quality", "user:svc:quality"):
            with pytest.raises(GatewayError) as caught:
                gateway.prepare(Request(Principal(name), COUNT))
            assert caught.value.code == "UNKNOWN_DATASET"
    finally:
        gateway.close()


def test_a_check_sees_rows_and_values_whole_and_is_recorded(tmp_path: Path) -> None:
    policies = {
        "access.csv": "p,user:ana,sales,*,read,*,*,*,allow\n",
        "filters.csv": "p2,user:ana,sales,mesh://sales/orders/lines,*,permissive,few,allow\n",
        "masks.csv": "p3,user:ana,*,*,pii,*,null,allow\n",
    }
    folder = mesh(
        tmp_path / "mesh",
        sqlite(tmp_path / "data"),
        [FEW],
        {"name": [{**NULLS, "name": "names"}]},
        policies,
        properties={"rowFilters": [{"id": "few", "expr": "id < 3"}], "rowPolicy": "required"},
        tags=["pii"],
    )
    gateway = opened(folder)
    try:
        assert ask(gateway, COUNT).to_pylist() == [{"n": 2}]
        assert gateway.mesh.quality is not None
        found = by_name(gateway.mesh.quality.check(lines(gateway)))
        assert (found["rowCount"].value, found["names"].value) == (8, 1)
    finally:
        gateway.close()
    entries = list(AuditReader(folder / "state/audit").entries(Filter(principal="svc:quality")))
    assert len(entries) == 1
    (use,) = entries[0].record.datasets
    assert use.address == "mesh://sales/orders/lines@1.2.0"
    assert (use.row_filters, use.masks) == ((), ())
    assert entries[0].outcome is not None
    assert entries[0].outcome.outcome == "completed"


def test_rows_bound_to_a_region_are_checked_there_only(tmp_path: Path) -> None:
    policies = {"access.csv": "p,user:ana,*,*,read,*,*,*,allow\n"}
    folder = mesh(
        tmp_path / "mesh",
        sqlite(tmp_path / "data", ROWS[:3]),
        [gated(gate="deny")],
        policies=policies,
        properties={"residency": "EU"},
    )
    elsewhere, inside = opened(folder), opened(folder, region="EU")
    ana = replace(ANA, region="EU")
    try:
        assert elsewhere.mesh.quality is not None
        assert inside.mesh.quality is not None
        elsewhere.mesh.quality.ensure([lines(elsewhere)])
        (notice,) = elsewhere.mesh.standing.of("mesh://sales/orders/lines@1.2.0")
        assert notice.severity is Severity.DENY
        assert "may not come to this gateway" in notice.message
        assert elsewhere.mesh.memory is not None
        assert latest(elsewhere.mesh.memory.store) == []  # nothing for others to go by
        assert ask(inside, COUNT, ana).to_pylist() == [{"n": 3}]
        elsewhere.mesh.quality.load()
        assert elsewhere.mesh.standing.of("mesh://sales/orders/lines@1.2.0") == ()
    finally:
        elsewhere.close()
        inside.close()


def test_text_and_custom_rules_are_told_of_as_not_checked(tmp_path: Path) -> None:
    rules = [
        {"type": "text", "description": "looked at"},
        {"type": "custom", "engine": "soda", "implementation": "x"},
    ]
    promises = [{"property": "timeToRepair", "value": 3, "unit": "h"}]
    gateway = opened(
        mesh(tmp_path / "mesh", parquet(tmp_path / "data"), rules, slaProperties=promises)
    )
    try:
        assert gateway.mesh.quality is not None
        found = gateway.mesh.quality.check(lines(gateway))
        assert {r.verdict for r in found} == {Verdict.SKIPPED}
        assert [r.reason for r in found] == [
            "not checked: it is a text for people",
            "not checked: it is for the engine soda",
            "not checked: nothing is known of how to check timeToRepair without a column",
        ]
        assert codes(gateway) == []
    finally:
        gateway.close()


def test_a_changed_rule_forgets_what_was_found_of_the_old_one(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [gated(gate="deny")])
    gateway = opened(folder)
    with pytest.raises(DatasetUnfit):
        ask(gateway, COUNT)
    gateway.close()
    mesh(folder, sqlite(tmp_path / "data"), [{**gated(gate="deny"), "mustBeLessThan": 9}])
    gateway = opened(folder)
    try:
        assert ask(gateway, COUNT).to_pylist() == [{"n": 8}]
    finally:
        gateway.close()


def test_without_a_store_nothing_is_checked_and_nothing_stands(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [FEW])
    gateway = Gateway.open(folder, audited=False)
    try:
        assert gateway.mesh.quality is None
    finally:
        gateway.close()


def test_what_is_found_while_the_gateway_closes_is_not_kept(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [FEW])
    gateway = opened(folder)
    try:
        quality = quality_of(gateway, Clock())
        quality.close()
        with pytest.raises(GatewayError) as caught:
            quality.check(lines(gateway))
        assert caught.value.code == "CANCELLED"
        assert gateway.mesh.memory is not None
        assert latest(gateway.mesh.memory.store) == []
        assert gateway.mesh.memory.store.rows("SELECT * FROM quality_claim") == []
        assert gateway.mesh.standing.of(str(lines(gateway).address)) == ()
    finally:
        gateway.close()


def test_rights_are_asked_before_anything_is_checked(tmp_path: Path) -> None:
    """Who may not read a dataset can not have it checked either."""
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), [gated(gate="deny")])
    gateway = opened(folder)
    try:
        with pytest.raises(GatewayError) as caught:
            ask(gateway, COUNT, Principal("user:eve"))
        assert caught.value.code == "UNKNOWN_DATASET"
        assert not isinstance(caught.value, DatasetUnfit | AccessDenied)
        assert gateway.mesh.memory is not None
        assert latest(gateway.mesh.memory.store) == []
    finally:
        gateway.close()
