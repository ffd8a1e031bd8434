"""Purposes: who may declare which, what lies below a purpose, and what a denial suggests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import PolicyError, Subject
from policies.purposes import PurposeTree
from tests.policies.asking import PEOPLE, READ_ALL, allow, ask, authoriser, may, resource, rows

TREE = ("g2,research/clinical,research", "g2,trial-7,research/clinical", "g2,fraud,security")


def test_the_tree_knows_what_is_above_and_below() -> None:
    tree = PurposeTree([("c", "b"), ("b", "a"), ("d", "b"), ("d", "x")])
    assert tree.ancestors("d") == {"d", "b", "a", "x"}
    assert tree.ancestors("a") == {"a"}
    assert tree.ancestors("") == frozenset()
    assert tree.descendants(["b", "other"]) == {"b", "c", "d", "other"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_circle_of_purposes_is_refused_with_its_place(order: tuple[int, ...]) -> None:
    circle = ["g2,a,b", "g2,b,c,until=2020-01-01", "g2,c,a"]
    with pytest.raises(PolicyError, match=r"t\.csv:5: the purpose .* its own ancestor"):
        rows("g2,z,a", "g2,y,a", *(circle[i] for i in order))
    with pytest.raises(PolicyError, match=r"t\.csv:1: the purpose 'a' would be its own"):
        rows("g2,a,a")


def test_a_right_for_a_purpose_is_one_for_everything_below_it() -> None:
    policies = authoriser(*TREE, "p,user:alice,*,*,read,research,*,*,allow")
    for purpose in ("research", "research/clinical", "trial-7"):
        assert may(policies, purpose=purpose)
    for purpose in ("", "security", "fraud", "other"):
        assert not may(policies, purpose=purpose)
    policies = authoriser(*TREE, "p,user:alice,*,*,read,research/clinical,*,*,allow")
    assert not may(policies, purpose="research")


def test_a_slash_alone_is_no_relation() -> None:
    policies = authoriser("p,user:alice,*,*,read,research,*,*,allow")
    assert not may(policies, purpose="research/clinical")


def test_a_denial_for_a_purpose_reaches_everything_below_it() -> None:
    policies = authoriser(
        *TREE,
        READ_ALL,
        "p,user:alice,*,*,execute,research|fraud,*,*,allow",
        "p,*,*,*,read,research,*,*,deny",
    )
    assert not may(policies, purpose="trial-7")
    assert not may(policies)
    assert may(policies, purpose="fraud")


def test_filters_and_masks_follow_the_tree_too() -> None:
    policies = authoriser(
        *TREE,
        READ_ALL,
        "p2,user:alice,*,*,research,permissive,eu_only,allow",
        "p3,user:alice,*,*,pii,research,hash,allow",
        "p3,*,*,*,pii,research/clinical,null,deny",
    )
    decision = ask(policies, purpose="research")
    assert decision.permissive == ("eu_only",)
    assert dict(decision.masks)["email"] == "hash"
    assert dict(ask(policies, purpose="trial-7").masks)["email"] == "null"


def test_the_purposes_a_subject_may_declare() -> None:
    policies = authoriser(
        *TREE,
        "p,user:alice,*,*,read,fraud,*,*,allow",
        "p2,analyst,*,*,audit|research/clinical,permissive,eu_only,allow",
        "p3,lead,*,*,pii,marketing,hash,allow",
        "p,*,*,*,read,everybody,*,*,allow",
        "p,user:alice,*,*,read,denied,*,*,deny",
        "p,user:bob,*,*,read,other,*,*,allow",
        "g,user:alice,lead",
        "g,lead,analyst",
    )
    granted = policies.granted_purposes
    full = {"fraud", "audit", "research/clinical", "trial-7", "marketing"}
    assert granted(Subject("user:alice")) == full
    assert granted(Subject("user:eve")) == frozenset()
    assert granted(Subject("user:eve", ("analyst",))) == {"audit", "research/clinical", "trial-7"}
    # What the identity allows is a bound: with what is below it, and never more than granted.
    assert granted(Subject("user:alice", purposes=())) == frozenset()
    assert granted(Subject("user:alice", purposes=("research", "security", "other"))) == {
        *("research/clinical", "trial-7", "fraud")
    }


@pytest.mark.parametrize("purpose", ["everybody", "denied", "other", "*", "fraud|audit", " "])
def test_a_purpose_that_is_not_granted_is_a_denial(purpose: str) -> None:
    policies = authoriser(
        READ_ALL,
        "p,*,*,*,read,everybody,*,*,allow",
        "p,user:alice,*,*,read,denied,*,*,deny",
        "p,user:alice,*,*,read,fraud,*,*,allow",
    )
    decision = ask(policies, purpose=purpose)
    assert not decision.allowed
    assert decision.reason == f"the purpose {purpose!r} is not granted"


def test_a_bound_of_the_identity_counts_when_deciding() -> None:
    policies = authoriser("p,user:alice,*,*,read,fraud|audit,*,*,allow")
    assert ask(policies, purpose="audit", purposes=None).allowed
    assert not ask(policies, purpose="audit", purposes=("fraud",)).allowed
    assert ask(policies, purposes=("fraud",)).purposes == ("fraud",)


def test_a_dataset_may_require_a_purpose() -> None:
    policies = authoriser(*TREE, READ_ALL, "p,user:alice,*,*,execute,security,*,*,allow")
    strict = resource(requires_purpose=True)
    decision = ask(policies, dataset=strict)
    assert not decision.allowed
    assert decision.reason == "a purpose is required"
    assert decision.purposes == ("fraud", "security")
    assert may(policies, dataset=strict, purpose="fraud")
    assert ask(policies, "user:bob", strict).purposes == ()


def test_a_denial_names_the_purposes_that_would_do() -> None:
    policies = authoriser(
        *TREE,
        "p,user:alice,*,*,read,research|audit,*,*,allow",
        "p,user:alice,hr,*,read,payroll,*,*,allow",
        "p,*,*,*,read,research/clinical,*,*,deny",
    )
    for purpose in ("", "unheard-of", "payroll", "trial-7"):
        decision = ask(policies, purpose=purpose)
        assert not decision.allowed
        assert decision.purposes == ("audit", "research")
    assert ask(policies, purpose="audit").purposes == ()
    # Where no purpose helps, none is named.
    assert ask(policies, action="write").purposes == ()
    assert ask(policies, "user:bob").purposes == ()


def test_a_purpose_can_be_wanting_for_a_filter_only() -> None:
    policies = authoriser(allow("user:alice"), "p2,user:alice,*,*,fraud,permissive,eu_only,allow")
    strict = resource(requires_row_filter=True)
    assert ask(policies, dataset=strict).purposes == ("fraud",)
    assert ask(policies, dataset=strict, purpose="fraud").permissive == ("eu_only",)
    undeclared = resource(requires_row_filter=True, filters="")
    assert ask(policies, dataset=undeclared).purposes == ()


def test_what_would_do_is_what_does() -> None:
    policies = authoriser(
        *TREE,
        "p,user:alice,*,*,read,security|research|m1|m2,*,*,allow",
        "p,user:alice,*,*,read,m2|trial-7,*,*,deny",
        "p2,user:alice,*,*,m1,restrictive,unknown,allow",
    )
    granted = policies.granted_purposes(Subject("user:alice"))
    works = {purpose for purpose in granted if ask(policies, purpose=purpose).allowed}
    assert set(ask(policies, dataset=PEOPLE).purposes) == works
    assert works == {"security", "fraud", "research", "research/clinical"}


SERVED = replace(PEOPLE, purposes=frozenset({"research", "security"}))
"""A dataset that its contract lets be read for two purposes."""


def test_terms_of_use_hold_whatever_the_policies_grant() -> None:
    policies = authoriser(
        *TREE,
        "p,user:alice,*,*,read|admin,*,*,*,allow",
        "p,user:alice,*,*,execute,research|security|marketing,*,*,allow",
    )
    for purpose in ("research", "research/clinical", "trial-7", "security", "fraud"):
        assert may(policies, dataset=SERVED, purpose=purpose)
    for purpose in ("", "marketing"):
        denied = ask(policies, dataset=SERVED, purpose=purpose)
        assert not denied.allowed
        assert denied.reason == "its contract allows read for research or security only"
        assert denied.purposes == (
            "fraud",
            "research",
            "research/clinical",
            "security",
            "trial-7",
        )
    assert may(policies, purpose="marketing")


def test_terms_of_use_lie_below_a_purpose_not_above_it() -> None:
    policies = authoriser(*TREE, "p,user:alice,*,*,read,research,*,*,allow")
    narrow = replace(PEOPLE, purposes=frozenset({"research/clinical"}))
    assert not may(policies, dataset=narrow, purpose="research")
    assert may(policies, dataset=narrow, purpose="trial-7")


def test_terms_of_use_grant_nothing() -> None:
    policies = authoriser(*TREE, "p,user:alice,*,*,read,security,*,*,allow")
    assert not may(policies, dataset=SERVED, purpose="research")
    assert ask(policies, dataset=SERVED, purpose="research").purposes == ("fraud", "security")
    nobody = ask(policies, "user:bob", SERVED, purpose="research")
    assert (nobody.allowed, nobody.purposes) == (False, ())


def test_that_a_dataset_is_there_may_be_known_for_any_purpose() -> None:
    policies = authoriser(READ_ALL, "p,user:alice,*,*,publish,*,*,*,allow")
    assert may(policies, dataset=SERVED, action="discover")
    assert may(policies, dataset=SERVED, action="publish")
    assert not may(policies, dataset=SERVED, action="read")
    policies = authoriser("p,user:alice,*,*,remote_query,*,*,*,allow")
    assert not may(policies, dataset=SERVED, action="remote_query")
