"""Decisions: the rules of policies, and each proven hazard of Casbin that could touch us."""

from __future__ import annotations

import logging
import random
import threading

import pytest

from policies import Authoriser, Context, PolicyRows, Row, Snapshot
from policies.matching import act_match, any_tag, mesh_match, one_of
from policies.snapshot import _MODEL, build_enforcer

LINES = "mesh://sales/orders/lines@1.2.0"
ANYONE = Context()


def authoriser(*texts: str) -> Authoriser:
    rows = [Row(*_split(text)) for text in texts]
    return Authoriser(Snapshot(PolicyRows.checked(rows)))


def _split(text: str) -> tuple[str, tuple[str, ...]]:
    ptype, *columns = text.split(",")
    return ptype, tuple(columns)


def allow(subject: str, pattern: str, action: str = "read", tags: str = "*") -> str:
    return f"p,{subject},*,{pattern},{action},*,*,{tags},allow"


def deny(subject: str, pattern: str, action: str = "read", tags: str = "*") -> str:
    return f"p,{subject},*,{pattern},{action},*,*,{tags},deny"


def may(
    policies: Authoriser,
    subject: str,
    resource: str = LINES,
    action: str = "read",
    roles: tuple[str, ...] = (),
    context: Context = ANYONE,
) -> bool:
    return policies.decide(subject, roles, resource, "sales", action, context).allowed


def test_nothing_is_allowed_without_a_row() -> None:
    assert not may(authoriser(), "user:alice")
    assert not may(authoriser(allow("user:bob", "*")), "user:alice")


def test_no_rows_and_empty_names_are_a_denial() -> None:  # H1
    policies = authoriser()
    decision = policies.decide("", (), "", "", "", ANYONE)
    assert not decision.allowed


@pytest.mark.parametrize("subject", ["", "*", "alice", "user:", "user: alice", "sales/analyst"])
def test_only_a_principal_can_be_allowed(subject: str) -> None:
    policies = authoriser(allow("*", "*"), allow("sales/analyst", "*"))
    assert not may(policies, subject)
    assert may(policies, "user:alice")


def test_a_deny_row_alone_allows_nobody() -> None:  # H2
    policies = authoriser(deny("user:bob", "*"))
    assert not may(policies, "user:alice")


def test_deny_overrides_allow_whatever_the_order() -> None:
    rows = [allow("user:alice", "*"), deny("user:alice", "mesh://sales/orders/lines")]
    for order in (rows, rows[::-1]):
        policies = authoriser(*order)
        assert not may(policies, "user:alice")
        assert may(policies, "user:alice", "mesh://sales/orders/other@1")


def test_a_denial_reaches_through_roles_of_roles() -> None:  # H10 in its static form
    chain = [f"g,team{i},team{i + 1}" for i in range(15)]
    policies = authoriser(allow("*", "*"), deny("team15", LINES), "g,user:alice,team0", *chain)
    assert not may(policies, "user:alice")
    assert may(policies, "user:bob")


def test_roles_in_a_circle_end() -> None:
    policies = authoriser("g,a,b", "g,b,a", "g,user:alice,a", allow("b", "*"))
    assert may(policies, "user:alice")


def test_roles_of_the_user_file_count_like_rows() -> None:
    policies = authoriser(allow("sales/analyst", "*"), "g,sales/lead,sales/analyst")
    assert may(policies, "user:alice", roles=("sales/analyst",))
    assert may(policies, "user:alice", roles=("sales/lead",))
    assert not may(policies, "user:alice", roles=("hr/lead",))


@pytest.mark.parametrize("role", ["user:bob", "*", "", "a b"])
def test_a_role_can_not_be_spelt_like_somebody_else(role: str) -> None:
    policies = authoriser(allow("user:bob", "*"), allow("*", "*"))
    assert not may(policies, "user:alice", roles=(role,))


def test_read_covers_discover_and_admin_covers_everything() -> None:
    policies = authoriser(allow("user:reader", "*"), allow("user:root", "*", "admin"))
    assert may(policies, "user:reader", action="discover")
    assert not may(policies, "user:reader", action="write")
    assert all(may(policies, "user:root", action=a) for a in ("discover", "read", "publish"))
    policies = authoriser(allow("user:a", "*", "admin"), deny("user:a", "*", "read"))
    assert not may(policies, "user:a", action="discover")


def test_whoever_may_only_discover_may_not_read() -> None:
    policies = authoriser(allow("user:alice", "*", "discover"))
    assert may(policies, "user:alice", action="discover")
    assert not may(policies, "user:alice")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("mesh://*/*/*@*", True),
        ("mesh://sales/orders/lines", True),
        ("mesh://sales/orders/lines@*", True),
        ("mesh://sales/orders/lines@1.2.0", True),
        ("mesh://sales/orders/lines@1.2", False),
        ("mesh://sales/orders/lines@1x2x0", False),  # H6: a dot is a dot
        ("mesh://sales/orders/line", False),
        ("mesh://*/orders/other", False),  # H5: text after a star counts
        ("mesh://sales/orders/lines#id", False),
        ("mesh://sales/orders/lines#*", True),
    ],
)
def test_patterns_match_segment_by_segment(pattern: str, matches: bool) -> None:
    assert mesh_match(LINES, pattern) is matches
    assert may(authoriser(allow("user:alice", pattern)), "user:alice") is matches


def test_a_name_that_begins_like_another_is_another() -> None:  # H5
    policies = authoriser(allow("user:alice", "mesh://sales/orders/lines"))
    assert not may(policies, "user:alice", "mesh://sales/orders/lines_secret@1")


@pytest.mark.parametrize(
    "resource",
    [
        f"{LINES}\n",
        "mesh://sales/orders/lines",
        "mesh://*/*/*@*",
        "sales.orders.lines",
        "",
        LINES[:-1],
    ],
)  # H6: the end of an address is its end
def test_a_malformed_address_is_denied(resource: str) -> None:
    policies = authoriser(allow("user:alice", "mesh://sales/orders/lines@1.2.0"))
    assert not may(policies, "user:alice", resource)


def test_column_rows_reach_their_column_only() -> None:
    policies = authoriser(
        allow("user:alice", "*"),
        deny("user:alice", "mesh://sales/orders/lines#email"),
        deny("*", "*", tags="pii"),
    )
    columns = {"id": (), "email": (), "ssn": ("secret", "pii"), "email2": ()}
    denied = policies.denied_columns("user:alice", (), LINES, "sales", "read", ANYONE, columns)
    assert denied == {"email", "ssn"}
    assert may(policies, "user:alice")


def test_purpose_region_and_tags_are_matched_exactly() -> None:
    policies = authoriser("p,user:a,sales|hr,*,read,reporting|fraud,EU,*,allow")
    right = Context(purpose="fraud", region="EU")
    assert may(policies, "user:a", context=right)
    assert not may(policies, "user:a", context=Context(purpose="fraud"))
    assert not may(policies, "user:a", context=Context(purpose="reporting|fraud", region="EU"))
    assert not policies.decide("user:a", (), LINES, "it", "read", right).allowed
    assert one_of("*", "a") is False
    assert any_tag(frozenset({"pii"}), "phi|pii") is True
    assert act_match("write", "read|discover") is False


def test_an_exception_is_a_denial(caplog: pytest.LogCaptureFixture) -> None:  # H7
    policies = authoriser(allow("user:alice", "*"))
    broken: Context = None  # type: ignore[assignment]
    with caplog.at_level(logging.CRITICAL):
        assert not may(policies, "user:alice", context=broken)
        unhashable: tuple[str, ...] = ["sales/analyst"]  # type: ignore[assignment]
        assert not may(policies, "user:alice", roles=unhashable)


def test_the_matchers_hold_nothing_casbin_would_rewrite() -> None:  # H8, H9
    matchers = [line for line in _MODEL.splitlines() if line.startswith("m")]
    assert len(matchers) == 3
    for line in matchers:
        assert "#" not in line
        quoted = line.split('"')[1::2]
        assert all(text in {"", "*", "deny"} for text in quoted)


def test_a_decision_names_its_row() -> None:
    row = Row("p", ("user:a", "*", "*", "read", "*", "*", "*", "allow"), "demo.csv", 7)
    decision = Authoriser(Snapshot(PolicyRows.checked([row]))).decide(
        "user:a", (), LINES, "sales", "read", ANYONE
    )
    assert decision.reason == "allowed by demo.csv:7"
    assert decision.rule == row.columns


def test_a_swap_takes_the_remembered_decisions_with_it() -> None:
    policies = authoriser(allow("user:alice", "*"))
    assert may(policies, "user:alice")
    policies.swap(authoriser().snapshot)
    assert not may(policies, "user:alice")


def random_rows(rng: random.Random, count: int) -> list[Row]:
    roles = [f"r{i}" for i in range(12)]
    users = [f"user:u{i}" for i in range(8)]
    rows = [Row("g", (rng.choice(users), rng.choice(roles))) for _ in range(20)]
    rows += [Row("g", (roles[i], roles[rng.randrange(i)])) for i in range(1, 9)]
    names = ["a", "b", "*"]
    for _ in range(count):
        pattern = "mesh://{}/{}/{}@{}".format(*(rng.choice(names) for _ in range(4)))
        pattern += rng.choice(["", "", "#c", "#*"])
        rows.append(
            Row(
                "p",
                (
                    rng.choice([*users, *roles, "*"]),
                    rng.choice(["a", "b", "a|b", "*"]),
                    rng.choice([pattern, pattern, "*"]),
                    rng.choice(["read", "discover", "read|write", "admin"]),
                    rng.choice(["*", "*", "x", "x|y"]),
                    "*",
                    rng.choice(["*", "*", "*", "t"]),
                    rng.choice(["allow", "allow", "allow", "deny"]),
                ),
            )
        )
    return rows


@pytest.mark.parametrize("count", [3, 12, 60])
def test_the_small_enforcers_agree_with_the_full_one(count: int) -> None:
    rng = random.Random(count)
    verdicts = []
    for _ in range(12):
        snapshot = Snapshot(PolicyRows.checked(random_rows(rng, count)))
        full, policies = build_enforcer(snapshot.rows), Authoriser(snapshot)
        for _ in range(80):
            subject = f"user:u{rng.randrange(9)}"
            domain, product, name, version = (rng.choice("ab") for _ in range(4))
            resource = f"mesh://{domain}/{product}/{name}@{version}" + rng.choice(["", "#c"])
            action = rng.choice(["read", "write", "discover", "publish"])
            tags = frozenset(rng.choice([(), ("t",)]))
            context = Context(purpose=rng.choice(["", "x"]), tags=tags)
            expected = full.enforce(subject, domain, resource, action, context)
            got = policies.decide(subject, (), resource, domain, action, context).allowed
            assert got is expected
            verdicts.append(got)
    assert 0 < sum(verdicts) < len(verdicts)


def test_decisions_are_right_while_snapshots_are_swapped() -> None:  # H10, H11, H12
    rows = [allow("*", "*"), deny("banned", "*"), "g,user:alice,banned"]
    snapshots = [authoriser(*rows, allow(f"x{i}", "*")).snapshot for i in range(8)]
    policies = Authoriser(snapshots[0])
    wrong: list[str] = []
    stop = threading.Event()

    def ask(seed: int) -> None:
        rng = random.Random(seed)
        while not stop.is_set():
            resource = f"mesh://sales/orders/t{rng.randrange(50)}@1"
            if may(policies, "user:alice", resource) or not may(policies, "user:bob", resource):
                wrong.append(resource)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(150):
        policies.swap(Snapshot(PolicyRows(snapshots[turn % 8].rows)))
        stop.wait(0.002)
    stop.set()
    for thread in threads:
        thread.join(timeout=10)
    assert wrong == []


def test_a_denial_for_some_purpose_or_region_holds_where_none_is_known() -> None:
    for row in ("*,marketing,*,*,deny", "*,*,CN,*,deny"):
        tail = row.split(",", 1)[1]
        policies = authoriser(allow("user:alice", "*"), f"p,user:alice,*,*,read,{tail}")
        assert not may(policies, "user:alice")
        assert may(policies, "user:alice", context=Context(purpose="audit", region="EU"))
    assert not may(authoriser("p,user:alice,*,*,read,audit,*,*,allow"), "user:alice")
