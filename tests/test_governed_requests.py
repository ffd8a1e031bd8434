"""A governed request from end to end: obligations, purposes, the record, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.audit.log import AuditLog
from gateway.audit.reader import AuditReader, Entry, Filter
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.mesh import Mesh
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row
from tests.gateways import KEY, ask, in_memory

STAFF = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["EU", "US", "EU"],
        "mail": ["anna@x.example", "bob@x.example", "carl@x.example"],
        "pay": pa.array([10, 20, 30], pa.int64()),
    }
)
ANA, EVE = Principal("user:ana", ("analyst",)), Principal("user:eve", ("auditor",))
ADMIN, NOBODY = Principal("user:root", ("admin",)), Principal("user:nobody")
RULES = (
    "p,analyst,*,*,read,*,*,*,allow",
    "p,analyst,shop,mesh://shop/memory/staff#pay,read,*,*,*,deny",
    "p2,analyst,shop,mesh://shop/memory/staff,*,permissive,eu_only,allow",
    "p3,analyst,*,*,pii,*,last4,allow",
    "p3,analyst,*,*,pii,fraud,none,allow",
    "g2,card-fraud,fraud",
    "p,auditor,shop,mesh://shop/memory/staff,read,audit,*,*,allow",
    "p,admin,*,*,admin,*,*,*,allow",
    "p3,admin,*,*,pii,*,none,allow",
)


def snapshot(*rules: str) -> Snapshot:
    rows = [Row(ptype, tuple(columns)) for ptype, *columns in (r.split(",") for r in rules)]
    return Snapshot(PolicyRows.checked(rows))


class World:
    """A gateway over STAFF whose policies can be changed, and its audit log."""

    def __init__(self, folder: Path) -> None:
        (staff,) = in_memory({"staff": STAFF}, "governed")
        staff = replace(
            staff, column_tags={"mail": ("pii",)}, row_filters={"eu_only": "region = 'EU'"}
        )
        self.policies = Authoriser(snapshot(*RULES))
        access = Access(self.policies, lambda *_: KEY)
        self.log = AuditLog.open(folder / "audit", b"s" * 32)
        self.folder = folder / "audit"
        self.gateway = Gateway(Mesh(Catalogue([staff], "test"), access, Config(), self.log))

    def records(self, count: int) -> list[Entry]:
        """The records, oldest first, once there are so many with their outcomes written."""
        deadline = time.monotonic() + 10
        while True:
            found = list(AuditReader(self.folder).entries(Filter()))
            found.sort(key=lambda entry: entry.seq)
            settled = all(e.outcome or e.record.verdict == "denied" for e in found)
            if (len(found) >= count and settled) or time.monotonic() > deadline:
                return found
            time.sleep(0.02)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.gateway.close()


def failure(world: World, who: Principal, sql: str, purpose: str = "") -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        world.gateway.prepare(Request(who, sql, purpose=purpose))
    return caught.value


def rows(world: World, who: Principal, sql: str, purpose: str = "") -> list[tuple[object, ...]]:
    result = world.gateway.execute(world.gateway.prepare(Request(who, sql, purpose=purpose)))
    table = pa.Table.from_batches(list(result.batches), result.schema)
    return [tuple(row.values()) for row in table.to_pylist()]


def test_rows_columns_and_values_are_those_of_the_caller(world: World) -> None:
    sql = "SELECT * FROM staff ORDER BY id"
    assert rows(world, ANA, sql) == [(1, "EU", "****mple"), (3, "EU", "****mple")]
    assert rows(world, ADMIN, sql) == [tuple(r.values()) for r in STAFF.to_pylist()]
    assert rows(world, ANA, sql) == [(1, "EU", "****mple"), (3, "EU", "****mple")]
    assert failure(world, ANA, "SELECT pay FROM staff").code == "UNKNOWN_COLUMN"


def test_a_purpose_opens_what_it_is_for_and_what_is_below_it(world: World) -> None:
    sql = "SELECT mail FROM staff WHERE id = 1"
    for purpose in ("fraud", "card-fraud"):
        assert rows(world, ANA, sql, purpose) == [("anna@x.example",)]
    assert rows(world, ANA, sql) == [("****mple",)]
    assert world.gateway.browsing.purposes(ANA) == {"fraud", "card-fraud"}
    assert failure(world, ANA, sql, "marketing").code == "PURPOSE_NOT_GRANTED"
    assert failure(world, ANA, "SELECT 1", "marketing").code == "PURPOSE_NOT_GRANTED"


def test_a_purpose_that_is_wanting_is_named_to_whom_it_is_granted(world: World) -> None:
    error = failure(world, EVE, "SELECT id FROM staff")
    assert error.code == "PURPOSE_REQUIRED"
    assert "audit" in str(error.hint)
    assert failure(world, NOBODY, "SELECT id FROM staff").code == "UNKNOWN_DATASET"
    assert len(rows(world, EVE, "SELECT id FROM staff", "audit")) == 3


def test_unknown_and_forbidden_are_one(world: World) -> None:
    denied = failure(world, NOBODY, "SELECT id FROM shop.memory.staff")
    unknown = failure(world, NOBODY, "SELECT id FROM shop.memory.stuff")
    assert denied.code == unknown.code
    assert denied.message.replace("staff", "stuff") == unknown.message
    assert denied.hint == unknown.hint


def test_changed_policies_count_at_once_for_what_is_prepared(world: World) -> None:
    prepared = world.gateway.prepare(Request(ANA, "SELECT count(*) FROM staff"))
    world.policies.swap(snapshot(*RULES, "p,user:ana,*,*,read,*,*,*,deny"))
    with pytest.raises(GatewayError) as caught:
        world.gateway.execute(prepared)
    assert caught.value.code == "UNKNOWN_DATASET"
    world.policies.swap(snapshot(*RULES, "p2,analyst,*,*,*,permissive,all_rows,allow"))
    result = world.gateway.execute(prepared)
    assert pa.Table.from_batches(list(result.batches)).column(0).to_pylist() == [3]


def test_what_was_read_is_on_record(world: World) -> None:
    rows(world, ANA, "SELECT id FROM staff WHERE mail LIKE '%x%'", "fraud")
    (entry,) = world.records(1)
    record = entry.record
    assert (record.principal, record.purpose, record.verdict) == ("user:ana", "fraud", "allowed")
    (use,) = record.datasets
    assert use.address == "mesh://shop/memory/staff@1.0.0"
    assert set(use.columns) == {"id", "mail"}
    assert use.row_filters == ("eu_only",)
    assert use.masks == ()
    assert "%x%" not in record.text
    assert entry.outcome is not None and (entry.outcome.outcome, entry.outcome.rows) == (
        "completed",
        2,
    )


def test_a_denial_is_on_record_before_it_is_told(world: World) -> None:
    failure(world, NOBODY, "SELECT id FROM staff WHERE mail = 'secret'")
    entry = next(iter(AuditReader(world.folder).entries(Filter())))
    record = entry.record
    assert (record.verdict, record.code) == ("denied", "UNKNOWN_DATASET")
    assert {use.address for use in record.datasets} & {"mesh://shop/memory/staff@1.0.0", "staff"}
    assert "secret" not in record.text + record.reason


def test_a_decision_is_durable_before_the_first_batch(world: World) -> None:
    result = world.gateway.execute(world.gateway.prepare(Request(ANA, "SELECT id FROM staff")))
    first = next(iter(result.batches))
    assert first.num_rows == 2
    (entry,) = AuditReader(world.folder).entries(Filter())
    assert entry.record.verdict == "allowed"


def test_every_execution_has_a_decision_of_its_own(world: World) -> None:
    prepared = world.gateway.prepare(Request(ANA, "SELECT id FROM staff"))
    for _ in range(3):
        list(world.gateway.execute(prepared).batches)
    assert len(world.records(3)) == 3


@pytest.mark.parametrize("sql", ["SELECT id FROM staff", "EXPLAIN SELECT id FROM staff"])
def test_nothing_is_answered_that_can_not_be_recorded(world: World, sql: str) -> None:
    world.log.close()
    with pytest.raises(GatewayError) as caught:
        result = world.gateway.execute(world.gateway.prepare(Request(ANA, sql)))
        assert list(result.batches) == []
    assert caught.value.code == "AUDIT_UNAVAILABLE"
    assert caught.value.retryable


def test_explain_shows_policies_only_to_whom_they_are_theirs(world: World) -> None:
    def text(who: Principal) -> str:
        return str(
            ask(world.gateway, "EXPLAIN SELECT mail FROM staff WHERE id = 1", who).to_pylist()
        )

    assert "EU" not in text(ANA)
    assert "secured by policies" in text(ANA)
    world.policies.swap(snapshot(*RULES, "p,analyst,*,*,publish,*,*,*,allow"))
    assert "EU" in text(ANA)
