"""What an allowed request owes: columns that are not there, row filters and masks."""

from __future__ import annotations

import pytest

from policies import Authoriser, Decision
from policies.request import Context, Resource, Subject
from tests.policies.asking import (
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

FRAUD = "p,user:alice,*,*,read,fraud|audit,*,*,allow"  # grants purposes


def obligations(decision: Decision) -> tuple[object, ...]:
    assert decision.allowed, decision.reason
    return (decision.permissive, decision.restrictive, dict(decision.masks))


def test_column_rows_reach_their_column_only() -> None:
    policies = authoriser(
        allow("user:alice"),
        deny("user:alice", "mesh://sales/orders/lines#email"),
        deny("*", tags="secret"),
        deny("user:alice", "mesh://sales/orders/lines#emai"),
    )
    decision = ask(policies)
    assert decision.allowed
    assert decision.denied_columns == {"email", "ssn"}
    assert lines(decision) == [1, 2, 3]


def test_a_dataset_without_a_usable_column_is_denied() -> None:
    policies = authoriser(allow("user:alice"), deny("*", tags="pii"))
    decision = ask(policies, dataset=resource(columns={"a": "pii", "b": "pii x"}))
    assert not decision.allowed
    assert decision.reason == "every column is denied"
    assert lines(decision)[0] == 2
    assert may(policies, dataset=resource(columns={"a": "pii", "b": "x"}))
    assert not may(policies, dataset=resource(columns={"a": "pii", "b": "pii"}), action="discover")


def test_a_row_for_a_column_does_not_open_the_dataset() -> None:
    assert not may(authoriser(allow("user:alice", "mesh://sales/orders/lines#id")), dataset=PEOPLE)


def test_discover_lists_the_columns_denied_to_it_and_owes_nothing_else() -> None:
    policies = authoriser(
        allow("user:alice"),
        deny("*", action="discover", tags="secret"),
        deny("*", "mesh://sales/orders/lines#amount"),
        "p2,*,*,*,*,permissive,eu_only,allow",
        "p3,*,*,*,pii,*,hash,allow",
    )
    decision = ask(policies, action="discover")
    assert decision.denied_columns == {"ssn", "amount"}
    assert obligations(decision) == ((), (), {})
    assert ask(policies).denied_columns == {"amount"}


def test_other_actions_owe_nothing() -> None:
    policies = authoriser(
        allow("user:alice", action="admin"),
        deny("*", tags="secret"),
        "p2,*,*,*,*,permissive,eu_only,allow",
        "p3,*,*,*,pii,*,hash,allow",
    )
    decision = ask(policies, action="publish")
    assert obligations(decision) == ((), (), {})
    assert decision.denied_columns == frozenset()


@pytest.mark.parametrize("name", ["", "bad\nname", "x\x00"])
def test_a_column_no_address_can_hold_is_denied(name: str) -> None:
    policies = authoriser(READ_ALL)
    decision = ask(policies, dataset=resource(columns={"id": "", name: "", "*": ""}))
    assert decision.denied_columns == {name}


def test_equal_tags_do_not_share_what_a_row_says_of_one_column() -> None:
    policies = authoriser(
        READ_ALL,
        deny("*", "mesh://sales/orders/lines#c7"),
        "p3,*,*,mesh://sales/orders/lines#c3,pii,*,none,allow",
        "p3,*,*,*,pii,*,hash,allow",
    )
    columns = {f"c{n}": "pii" for n in range(10)}
    decision = ask(policies, dataset=resource(columns=columns))
    assert decision.denied_columns == {"c7"}
    assert decision.masks == tuple((c, "hash") for c in columns if c not in {"c3", "c7"})


# Row filters


def filtered(*texts: str) -> Authoriser:
    return authoriser(READ_ALL, FRAUD, *(f"p2,{text}" for text in texts))


def test_permissive_filters_widen_and_restrictive_ones_narrow() -> None:
    policies = filtered(
        "user:alice,*,*,*,permissive,us_only,allow",
        "user:alice,sales,mesh://sales/*/*,*,permissive,eu_only,allow",
        "*,*,*,*,restrictive,no_vip,allow",
        "user:bob,*,*,*,restrictive,eu_only,allow",
        "user:alice,hr,*,*,restrictive,eu_only,allow",
    )
    assert obligations(ask(policies)) == (("eu_only", "us_only"), ("no_vip",), {})
    assert lines(ask(policies)) == [1, 3, 4, 5]


def test_all_rows_lifts_the_permissive_filters_only() -> None:
    policies = filtered(
        "*,*,*,*,permissive,eu_only,allow",
        "*,*,*,*,restrictive,no_vip,allow",
        "*,*,*,*,restrictive,all_rows,allow",
        "user:bob,*,*,*,permissive,all_rows,allow",
    )
    bare = resource(filters="eu_only no_vip")
    assert obligations(ask(policies, dataset=bare)) == (("eu_only",), ("no_vip",), {})
    assert obligations(ask(policies, "user:bob", bare)) == ((), ("no_vip",), {})


def test_a_filter_row_that_denies_denies_the_dataset() -> None:
    policies = filtered("user:alice,*,mesh://sales/orders/*,*,permissive,all_rows,deny")
    for action in ("read", "discover"):
        decision = ask(policies, action=action)
        assert decision.reason == "denied by t.csv:3"
        assert lines(decision) == [3]
    assert may(policies, "user:bob")


def test_a_filter_the_dataset_does_not_declare_is_a_denial() -> None:
    policies = filtered("user:alice,*,*,*,restrictive,no_vip,allow")
    decision = ask(policies, dataset=resource(filters="eu_only"))
    assert not decision.allowed
    assert "t.csv:3" in decision.reason
    assert "'no_vip'" in decision.reason
    assert decision.permissive == decision.restrictive == ()
    assert may(policies, "user:bob", resource(filters="eu_only"))


def test_a_dataset_may_require_a_row_filter() -> None:
    policies = filtered(
        "user:alice,*,*,*,permissive,eu_only,allow",
        "user:bob,*,*,*,restrictive,no_vip,allow",
        "user:carol,*,*,*,permissive,all_rows,allow",
    )
    strict = resource(requires_row_filter=True)
    assert obligations(ask(policies, dataset=strict)) == (("eu_only",), (), {})
    assert not may(policies, "user:bob", strict)
    assert not may(policies, "user:dan", strict)
    assert obligations(ask(policies, "user:carol", strict)) == ((), (), {})


def test_filters_for_a_purpose() -> None:
    policies = filtered(
        "*,*,*,fraud,permissive,eu_only,allow", "*,*,*,fraud,restrictive,no_vip,allow"
    )
    assert obligations(ask(policies, purpose="fraud")) == (("eu_only",), ("no_vip",), {})
    # Some rows for one purpose are not all rows for another, nor for none.
    assert not may(policies, purpose="audit")
    assert ask(policies).purposes == ("fraud",)
    policies = filtered("*,*,*,fraud,restrictive,no_vip,allow")
    assert obligations(ask(policies, purpose="audit")) == ((), (), {})
    # Not known for what: the restriction holds.
    assert obligations(ask(policies)) == ((), ("no_vip",), {})
    policies = filtered("*,*,*,fraud,permissive,all_rows,deny")
    assert not may(policies)
    assert not may(policies, purpose="fraud")
    assert may(policies, purpose="audit")


# Masks


def masked(*texts: str, **asked: str) -> dict[str, str]:
    policies = authoriser(READ_ALL, FRAUD, *(f"p3,{text}" for text in texts))
    decision = ask(policies, **asked)  # type: ignore[arg-type]
    assert decision.allowed
    return dict(decision.masks)


def test_tags_that_no_mask_row_names_mask_nothing() -> None:
    assert masked() == {}


def test_a_sensitive_tag_hides_the_value_unless_a_row_relaxes_it() -> None:
    assert masked("user:bob,*,*,pii,*,hash,allow") == {"email": "null", "ssn": "null"}
    assert masked("user:alice,*,*,pii,*,hash,allow") == {"email": "hash", "ssn": "hash"}
    assert masked("user:alice,*,*,pii,*,none,allow") == {}
    assert masked("user:alice,*,mesh://sales/orders/other,pii,*,none,allow") == {
        "email": "null",
        "ssn": "null",
    }


def test_the_weakest_of_the_masks_granted_for_a_tag_is_taken() -> None:
    more = ("*,*,*,pii,*,hash,allow", "user:alice,*,*,pii,*,last4,allow", "*,*,*,pii,*,null,allow")
    assert masked(*more)["email"] == "last4"
    assert masked("*,*,*,pii,*,partial:2,allow", *more)["email"] == "partial:2"


def test_the_strongest_of_the_masks_of_several_tags_is_taken() -> None:
    masks = masked("*,*,*,pii,*,last4,allow", "*,*,*,secret,*,hash,allow")
    assert masks == {"email": "last4", "ssn": "hash"}
    masks = masked("*,*,*,pii,*,none,allow", "user:bob,*,*,secret,*,hash,allow")
    assert masks == {"ssn": "null"}
    assert masked("*,*,*,pii|secret,*,year,allow") == {"email": "year", "ssn": "year"}


def test_a_mask_row_that_denies_hides_the_value_whatever_others_grant() -> None:
    rows = ("*,*,*,pii,*,none,allow", "user:alice,*,*,pii,*,none,deny")
    assert masked(*rows) == {"email": "null", "ssn": "null"}
    assert masked(*rows, subject="user:bob") == {}
    decision = ask(authoriser(READ_ALL, *(f"p3,{row}" for row in rows)))
    assert lines(decision) == [1, 3]


def test_a_mask_row_may_be_for_one_column() -> None:
    masks = masked(
        "*,*,*,pii,*,hash,allow",
        "*,*,mesh://sales/orders/lines#email,pii,*,none,allow",
        "*,*,mesh://sales/orders/lines#ssn,pii,*,null,deny",
    )
    assert masks == {"ssn": "null"}


def test_masks_for_a_purpose() -> None:
    relaxed = ("*,*,*,pii,fraud,none,allow", "*,*,*,pii,*,hash,allow")
    assert masked(*relaxed, purpose="fraud") == {}
    assert masked(*relaxed, purpose="audit")["email"] == "hash"
    assert masked(*relaxed)["email"] == "hash"
    pinned = ("*,*,*,pii,fraud,null,deny", "*,*,*,pii,*,hash,allow")
    assert masked(*pinned, purpose="fraud")["email"] == "null"
    assert masked(*pinned, purpose="audit")["email"] == "hash"
    assert masked(*pinned)["email"] == "null"


def test_to_administer_is_not_to_unmask() -> None:
    policies = authoriser(allow("user:root", action="admin"), "p3,user:bob,*,*,pii,*,none,allow")
    assert dict(ask(policies, "user:root").masks)["email"] == "null"


def test_a_denied_column_is_not_masked_as_well() -> None:
    policies = authoriser(READ_ALL, deny("*", tags="secret"), "p3,*,*,*,pii,*,hash,allow")
    decision = ask(policies)
    assert decision.denied_columns == {"ssn"}
    assert decision.masks == (("email", "hash"),)


def test_masks_come_in_the_order_of_the_columns() -> None:
    columns = dict.fromkeys(["z", "a", "m"], "pii")
    policies = authoriser(READ_ALL, "p3,*,*,*,pii,*,hash,allow")
    decision = ask(policies, dataset=resource(columns=columns))
    assert decision.masks == (("z", "hash"), ("a", "hash"), ("m", "hash"))


def test_the_example_of_the_research_page() -> None:
    rows = (
        "p,sales/analyst-eu,sales,mesh://sales/*/*@*,discover|read,reporting|fraud,EU|US,*,allow",
        "p,fraud/investigator,*,mesh://sales/orders/lines@*,read,fraud,EU,*,allow",
        "p,mesh/admin,*,*,admin,*,*,*,allow",
        "p,contractor,*,*,admin,*,*,pii,deny",
        "p,*,*,*,admin,*,*,secret,deny",
        "p2,sales/analyst-eu,sales,mesh://sales/orders/*@*,*,permissive,eu_only,allow",
        "p2,sales/analyst-eu,sales,mesh://sales/orders/*@*,*,restrictive,no_vip,allow",
        "p2,sales/analyst-us,sales,mesh://sales/orders/*@*,*,permissive,us_only,allow",
        "p3,sales/analyst-eu,*,mesh://sales/*/*@*,pii,*,hash,allow",
        "p3,fraud/investigator,*,mesh://sales/orders/*@*,pii,fraud,none,allow",
        "g,user:alice,sales/analyst-eu",
        "g,user:alice,sales/analyst-us",
        "g,user:bob,sales/analyst-eu",
        "g,user:carol,fraud/investigator",
        "g,user:dan,sales/analyst-eu",
        "g,user:dan,contractor",
        "g,user:root,mesh/admin",
    )
    policies = authoriser(*rows)
    people = resource(LINES, columns={k: v for k, v in COLUMNS.items() if k != "note"})

    def asked(user: str, purpose: str, region: str) -> Decision:
        return ask(policies, f"user:{user}", people, purpose=purpose, region=region)

    alice = asked("alice", "reporting", "EU")
    assert obligations(alice) == (("eu_only", "us_only"), ("no_vip",), {"email": "hash"})
    assert alice.denied_columns == {"ssn"}
    assert obligations(asked("bob", "reporting", "EU")) == (
        *(("eu_only",), ("no_vip",), {"email": "hash"}),
    )
    for user, purpose, region in (
        *(("bob", "marketing", "EU"), ("bob", "reporting", "CN"), ("carol", "fraud", "US")),
        *(("eve", "", ""), ("", "", "")),
    ):
        assert not asked(user, purpose, region).allowed
    assert obligations(asked("carol", "fraud", "EU")) == ((), (), {})
    assert asked("dan", "reporting", "EU").denied_columns == {"email", "ssn"}
    assert obligations(asked("root", "", "x")) == ((), (), {"email": "null"})


def test_a_row_filter_that_has_ended_or_is_for_another_purpose_does_not_open_every_row() -> None:
    """Whoever is shown some rows for a purpose, or until a day, is not shown all of them else."""
    for row in (
        "p2,ana,*,*,*,permissive,eu_only,allow,until=2020-01-01",
        "p2,ana,*,*,fraud,permissive,eu_only,allow",
    ):
        policies = authoriser("p,ana,*,*,read,*,*,*,allow", row)
        subject = Subject("user:ana", ("ana",))
        held = Resource(
            "mesh://sales/orders/lines@1.0.0",
            "sales",
            columns=(("id", frozenset()),),
            row_filters=frozenset({"eu_only"}),
        )
        decision = policies.decide(subject, held, "read", Context())
        assert not decision.allowed
        assert decision.rules
    allowed = policies.decide(subject, held, "read", Context("fraud"))
    assert allowed.permissive == ("eu_only",)
    assert decision.purposes == ("fraud",)
