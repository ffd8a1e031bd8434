"""Decisions: who may do what, by subject, role, action, address and tag."""

from __future__ import annotations

import logging

import pytest

from policies import Authoriser, Context, PolicyRows, Resource, Row, Snapshot, Subject, probe
from policies.matching import act_match, any_of, mesh_match, one_of
from tests.policies.asking import (
    ANYONE,
    COLUMNS,
    LINES,
    PEOPLE,
    READ_ALL,
    allow,
    ask,
    authoriser,
    deny,
    lines,
    may,
    resource,
)


def test_nothing_is_allowed_without_a_row() -> None:
    assert not may(authoriser())
    assert not may(authoriser(allow("user:bob")))


@pytest.mark.parametrize("subject", ["", "*", "alice", "user:", "user: alice", "sales/analyst"])
def test_only_a_principal_can_be_allowed(subject: str) -> None:
    policies = authoriser(allow("*"), allow("sales/analyst"))
    assert not may(policies, subject)
    assert may(policies, "user:alice")
    assert may(policies, "svc:loader")


def test_deny_overrides_allow_whatever_the_order() -> None:
    both = [allow("user:alice"), deny("user:alice", "mesh://sales/orders/lines")]
    for order in (both, both[::-1]):
        policies = authoriser(*order)
        assert not may(policies)
        assert may(policies, dataset="mesh://sales/orders/other@1")


def test_a_denial_reaches_through_roles_of_roles() -> None:
    chain = [f"g,team{i},team{i + 1}" for i in range(15)]
    policies = authoriser(allow("*"), deny("team15", LINES), "g,user:alice,team0", *chain)
    assert not may(policies)
    assert may(policies, "user:bob")


def test_roles_in_a_circle_end() -> None:
    assert may(authoriser("g,a,b", "g,b,a", "g,user:alice,a", allow("b")))


def test_roles_of_the_identity_count_like_rows() -> None:
    policies = authoriser(allow("sales/analyst"), "g,sales/lead,sales/analyst")
    assert may(policies, roles=("sales/analyst",))
    assert may(policies, roles=("sales/lead",))
    assert not may(policies, roles=("hr/lead",))


@pytest.mark.parametrize("role", ["user:bob", "*", "", "a b"])
def test_a_role_can_not_be_spelt_like_somebody_else(role: str) -> None:
    policies = authoriser(allow("user:bob"), allow("*"))
    assert not may(policies, roles=(role,))


def test_read_covers_discover_and_admin_covers_everything() -> None:
    policies = authoriser(allow("user:reader"), allow("user:root", action="admin"))
    assert may(policies, "user:reader", action="discover")
    assert not may(policies, "user:reader", action="write")
    assert all(may(policies, "user:root", action=a) for a in ("discover", "read", "publish"))
    policies = authoriser(allow("user:a", action="admin"), deny("user:a", action="read"))
    assert not may(policies, "user:a", action="discover")
    assert may(policies, "user:a", action="write")


def test_remote_query_is_covered_by_nothing_else() -> None:
    policies = authoriser(
        allow("user:root", action="admin"), allow("user:own", action="remote_query")
    )
    assert not may(policies, "user:root", action="remote_query")
    assert may(policies, "user:own", action="remote_query")
    assert not may(policies, "user:own", action="read")
    denied = authoriser(
        allow("user:a", action="remote_query"), deny("user:a", action="remote_query")
    )
    assert not may(denied, "user:a", action="remote_query")


@pytest.mark.parametrize("action", ["read", "discover"])
def test_what_is_not_published_is_there_for_its_makers_only(action: str) -> None:
    draft = resource(columns=COLUMNS, unpublished=True)
    reader = authoriser("p,*,*,*,read,*,*,*,allow", "p,*,*,*,read,fraud,*,*,allow")
    assert ask(reader, dataset=PEOPLE, action=action).allowed
    refused = ask(reader, dataset=draft, action=action)
    assert not refused.allowed and refused.purposes == ()
    for maker in ("read|publish", "admin"):
        granted = authoriser(allow("user:alice", action=maker))
        assert ask(granted, dataset=draft, action=action).allowed
        assert not ask(granted, "user:bob", dataset=draft, action=action).allowed
    only_publish = authoriser(allow("user:alice", action="publish"))
    assert not ask(only_publish, dataset=draft, action="read").allowed
    denied = authoriser(
        allow("user:alice", action="read|publish"),
        "p,user:alice,*,*,publish,*,*,*,deny",
    )
    assert not ask(denied, dataset=draft, action=action).allowed


def test_whoever_may_only_discover_may_not_read() -> None:
    policies = authoriser(allow("user:alice", action="discover"))
    assert may(policies, action="discover")
    assert not may(policies)


@pytest.mark.parametrize("action", ["", "*", "Read", "read|write", "drop"])
def test_an_unknown_action_is_denied(action: str) -> None:
    assert not may(authoriser(allow("*", action="admin")), action=action)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("mesh://*/*/*@*", True),
        ("mesh://sales/orders/lines", True),
        ("mesh://sales/orders/lines@*", True),
        ("mesh://sales/orders/lines@1.2.0", True),
        ("mesh://sales/orders/lines@1.2", False),
        ("mesh://sales/orders/lines@1x2x0", False),
        ("mesh://sales/orders/line", False),
        ("mesh://*/orders/other", False),
        ("mesh://sales/orders/lines#id", False),
        ("mesh://sales/orders/lines#*", True),
    ],
)
def test_patterns_match_segment_by_segment(pattern: str, matches: bool) -> None:
    assert mesh_match(LINES, pattern) is matches
    assert may(authoriser(allow("user:alice", pattern))) is matches


@pytest.mark.parametrize(
    "address",
    [
        f"{LINES}\n",
        "mesh://sales/orders/lines",
        "mesh://*/*/*@*",
        "sales.orders.lines",
        "",
        LINES[:-1],
        f"{LINES}#id",
    ],
)
def test_a_malformed_address_is_denied(address: str) -> None:
    policies = authoriser(allow("user:alice", "mesh://sales/orders/lines@1.2.0"))
    decision = policies.decide(Subject("user:alice"), Resource(address, "sales"), "read", ANYONE)
    assert not decision.allowed


def test_an_address_of_another_domain_is_denied() -> None:
    policies = authoriser("p,user:alice,hr,*,read,*,*,*,allow")
    asked = Resource(LINES, "hr")
    assert not policies.decide(Subject("user:alice"), asked, "read", ANYONE).allowed


def test_domain_region_and_tags_are_matched_exactly() -> None:
    policies = authoriser("p,user:alice,sales|hr,*,read,*,EU|US,open|free,allow")
    tagged = resource(tags="open other")
    assert may(policies, dataset=tagged, region="EU")
    assert not may(policies, dataset=tagged, region="eu")
    assert not may(policies, dataset=tagged, region="EU|US")
    assert not may(policies, dataset=tagged)
    assert not may(policies, dataset=resource(tags="opened"), region="EU")
    assert not may(policies, dataset=resource("mesh://it/a/b@1", tags="open"), region="EU")
    assert one_of("*", "a") is False
    assert any_of(frozenset({"pii"}), "phi|pii") is True
    assert act_match("write", "read|discover") is False


def test_a_denial_for_some_purpose_or_region_holds_where_none_is_known() -> None:
    granted = "p,user:alice,*,*,read,audit,*,*,allow"
    for tail in ("marketing,*,*,deny", "*,CN,*,deny"):
        policies = authoriser(READ_ALL, granted, f"p,user:alice,*,*,read,{tail}")
        assert not may(policies)
        assert may(policies, purpose="audit", region="EU")


def test_a_decision_names_its_rows_the_deciding_one_first() -> None:
    policies = authoriser(READ_ALL, allow("user:alice"), deny("user:bob"), deny("user:bob", LINES))
    decision = ask(policies)
    assert decision.reason == "allowed by t.csv:1"
    assert lines(decision) == [1, 2]
    decision = ask(policies, "user:bob")
    assert decision.reason == "denied by t.csv:3"
    assert lines(decision) == [3, 4]
    decision = ask(policies, action="write")
    assert (decision.reason, decision.rules) == ("no policy allows write", ())
    assert decision.policy_version == policies.snapshot.version


def test_a_swap_takes_the_remembered_decisions_with_it() -> None:
    policies = authoriser(allow("user:alice"))
    assert may(policies)
    policies.swap(authoriser().snapshot)
    assert not may(policies)


def test_a_remembered_decision_is_that_of_the_same_question() -> None:
    policies = authoriser(allow("user:alice"), deny("*", tags="secret"))
    first = ask(policies)
    assert ask(policies, dataset=resource(columns={"id": "secret"})).allowed is False
    again = resource(columns={name: " ".join(tags) for name, tags in PEOPLE.columns})
    assert again is not PEOPLE
    assert again == PEOPLE
    assert ask(policies, dataset=again) is first


def test_resources_differ_in_every_field() -> None:
    one = resource(columns={"id": ""})
    others = [
        resource("mesh://sales/orders/lines@1", columns={"id": ""}),
        resource(columns={"id": "pii"}),
        resource(columns={"id": ""}, filters=""),
        resource(columns={"id": ""}, tags="pii"),
        resource(columns={"id": ""}, requires_purpose=True),
        resource(columns={"id": ""}, requires_row_filter=True),
        Resource(LINES, "hr", frozenset(), one.columns, one.row_filters),
    ]
    assert len({one, *others}) == 8
    assert all(one != other for other in others)
    assert one != LINES


def test_an_exception_is_a_denial(caplog: pytest.LogCaptureFixture) -> None:
    def no_time() -> float:
        raise OSError("no clock")

    policies = authoriser(READ_ALL)
    unhashable: tuple[str, ...] = ["sales/analyst"]  # type: ignore[assignment]
    with caplog.at_level(logging.CRITICAL):
        assert not may(policies, roles=unhashable)
        policies._clock = no_time
        assert ask(policies).reason == "the decision failed"


def test_rows_with_many_forms_have_one_version() -> None:
    one = authoriser("g,user:a,r,until=2027-01-01").snapshot.version
    assert authoriser("g,user:a,r,until=2027-01-01T01:00:00+01:00").snapshot.version == one
    others = ["g,user:a,r", "g,user:a,r,from=2027-01-01", "g,user:a,r,until=2027-01-02"]
    assert len({one, *(authoriser(text).snapshot.version for text in others)}) == 4


def test_everybody_who_occurs_can_be_listed_and_asked_about() -> None:
    snapshot = authoriser(
        allow("user:alice"),
        allow("sales/analyst"),
        "g,user:bob,sales/lead",
        "g,sales/lead,sales/analyst",
        "p2,svc:loader,*,*,*,restrictive,no_vip,allow",
        "p3,*,*,*,pii,*,hash,allow",
        "g2,fraud,audit",
    ).snapshot
    assert snapshot.subjects() == (
        *("sales/analyst", "sales/lead", "svc:loader", "user:alice", "user:bob"),
    )
    policies = Authoriser(snapshot)
    readers = [
        name
        for name in snapshot.subjects()
        if policies.decide(probe(name), PEOPLE, "read", ANYONE).allowed
    ]
    assert readers == ["sales/analyst", "sales/lead", "user:alice", "user:bob"]


def test_only_rows_that_can_matter_are_looked_at() -> None:
    many = [
        Row("p", (f"role{n % 100}", "*", f"mesh://sales/p{n}/t", "read", "*", "*", "*", "allow"))
        for n in range(5_000)
    ]
    few = rows_of("role1", "mesh://sales/p1/t", "mesh://sales/*/t", "mesh://sales/p2/t", "*")
    moment = Snapshot(PolicyRows.checked([*many, *few])).at(0)
    holder = moment.holder("user:alice", ("role1",))
    found = moment.candidates(holder, ("sales", "p1", "t", "1", None)).plain
    assert [row.columns[2] for row in found] == [
        *("mesh://sales/p1/t", "mesh://sales/p1/t", "mesh://sales/*/t", "*"),
    ]


def rows_of(role: str, *patterns: str) -> list[Row]:
    return [Row("p", (role, "*", p, "read", "*", "*", "*", "allow")) for p in patterns]


def test_memory_of_decisions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.decide.MAX_DECISIONS", 100)
    policies = authoriser(READ_ALL)
    for number in range(1_000):
        assert policies.decide(Subject(f"user:u{number}"), PEOPLE, "read", Context()).allowed
    assert 50 <= len(policies._current.decisions) <= 100
