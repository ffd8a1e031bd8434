"""Random policies and requests: ours against stock Casbin, and against a slow reading of the rules.

Stock Casbin holds every row at once, parses its matcher for every question with its own evaluator
and follows roles by itself. The slow reading shares nothing with the code but the row grammar.
"""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Iterator

import casbin
import pytest

from policies import Authoriser, Context, Decision, PolicyRows, Resource, Row, Snapshot, Subject
from policies.masks import parse_mask, strength
from policies.model import FUNCTIONS, MODEL, Asked
from policies.rows import ALL_ROWS

NOW = 1_000.0
USERS = [f"user:u{n}" for n in range(5)]
ROLES = [f"r{n}" for n in range(7)]
PURPOSES = ["x", "y", "z", "x1", "x2"]
TAGS = ["t", "s", "doc"]
FILTERS = ["f1", "f2", "f3", ALL_ROWS]
MASKS = ["none", "null", "hash", "last4", "year", "partial:2"]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def random_rows(rng: random.Random, count: int) -> PolicyRows:
    rows = [Row("g", (rng.choice(USERS), rng.choice(ROLES))) for _ in range(8)]
    rows += [Row("g", (ROLES[i], ROLES[rng.randrange(i)])) for i in range(1, 6)]
    rows += [Row("g2", ("x1", "x")), Row("g2", ("x2", rng.choice(["x1", "y"])))]
    for _ in range(count):
        names = [rng.choice(["a", "a", "b", "*"]) for _ in range(4)]
        pattern = rng.choice(["*", "mesh://{}/{}/{}@{}".format(*names)])
        column = "" if pattern == "*" else rng.choice(["", "", "#c1", "#*"])
        subject = rng.choice([*USERS, *ROLES, "*", "*"])
        domain = rng.choice(["a", "a|b", "*", "*"])
        purpose = rng.choice(["*", "*", "x", "y|z", "x1"])
        effect = rng.choice(["allow", "allow", "allow", "deny"])
        ptype = rng.choice(["p", "p", "p", "p2", "p3"])
        head = (subject, domain, pattern if ptype == "p2" else pattern + column)
        if ptype == "p":
            action = rng.choice(["read", "read", "discover", "read|write", "admin"])
            region, tag = rng.choice(["*", "*", "EU"]), rng.choice(["*", "*", "*", "t", "s|doc"])
            columns = (*head, action, purpose, region, tag, effect)
        elif ptype == "p2":
            kind = rng.choice(["permissive", "restrictive"])
            columns = (*head, purpose, kind, rng.choice(FILTERS), rng.choice(["allow", effect]))
        else:
            columns = (*head, rng.choice(["t", "s", "t|s"]), purpose, rng.choice(MASKS), effect)
        limits = rng.choice([()] * 6 + [("until=1970-01-01T00:10:00",), ("from=1970-01-02",)])
        rows.append(Row(ptype, (*columns, *limits)))
    return PolicyRows.checked(rows)


def random_request(rng: random.Random) -> tuple[Subject, Resource, str, Context]:
    domain, product, name, version = (rng.choice("ab") for _ in range(4))
    columns = tuple(
        (f"c{n}", frozenset(tag for tag in TAGS if rng.random() < 0.35)) for n in range(4)
    )
    served = rng.random() < 0.3
    resource = Resource(
        f"mesh://{domain}/{product}/{name}@{version}",
        domain,
        frozenset(tag for tag in TAGS if rng.random() < 0.2),
        columns,
        frozenset(f for f in FILTERS[:3] if rng.random() < 0.85),
        rng.random() < 0.2,
        rng.random() < 0.2,
        purposes=frozenset(p for p in PURPOSES if served and rng.random() < 0.3),
    )
    roles = tuple(rng.sample(ROLES, rng.choice([0, 0, 1, 2])))
    bound = rng.choice([None, None, None, ("x",), ("y", "z")])
    purpose = rng.choice(["", "", *PURPOSES])
    subject = Subject(f"user:u{rng.randrange(6)}", roles, bound)
    action = rng.choice(["read", "read", "read", "discover", "write", "publish"])
    return subject, resource, action, Context(purpose, rng.choice(["", "EU", "US"]))


class Slow:
    """The rules as docs/policies.md puts them, every row looked at every time."""

    def __init__(self, rows: PolicyRows) -> None:
        self.all = rows.rows
        self.rows = [row for row in rows.rows if row.starts <= NOW < row.ends]

    def above(self, start: str, ptype: str) -> set[str]:
        found = {start}
        for _ in range(20):
            found |= {r.columns[1] for r in self.rows if r.ptype == ptype and r.columns[0] in found}
        return found

    def granted(self, subject: Subject, names: set[str]) -> set[str]:
        found: set[str] = set()
        for row in self.rows:
            named = row.columns[{"p": 4, "p2": 3, "p3": 4}.get(row.ptype, 0)]
            if row.ptype[0] == "p" and row.columns[0] in names and row.columns[-1] == "allow":
                found |= {p for p in PURPOSES if self.above(p, "g2") & set(named.split("|"))}
        if subject.purposes is not None:
            found = {p for p in found if self.above(p, "g2") & set(subject.purposes)}
        return found

    def matching(
        self,
        ptype: str,
        names: set[str],
        resource: Resource,
        column: str,
        purpose: str,
        **more: object,
    ) -> list[Row]:
        segments = resource.address.removeprefix("mesh://").replace("@", "/").split("/")
        purposes = self.above(purpose, "g2") if purpose else set()
        found = []
        for row in self.rows:
            if row.ptype != ptype or row.columns[0] not in {*names, "*"}:
                continue
            said = dict(zip(COLUMNS[ptype], row.columns, strict=True))
            pattern, _, wanted = said["obj"].partition("#")
            parts = (pattern if pattern != "*" else "mesh://*/*/*@*").removeprefix("mesh://")
            fits = all(
                b in ("*", a)
                for a, b in zip(segments, parts.replace("@", "/").split("/"), strict=True)
            )
            strict = said["eft"] == "deny" or said.get("kind") == "restrictive"
            if (
                fits
                and wanted in ("", "*", column)
                and (said["dom"] == "*" or segments[0] in said["dom"].split("|"))
                and (
                    said["purpose"] == "*"
                    or purposes & set(said["purpose"].split("|"))
                    or (strict and not purpose)
                )
                and self.fits(said, more)
            ):
                found.append(row)
        return found

    def owes(self, names: set[str], resource: Resource) -> bool:
        """Whether some rows of the dataset were ever granted by a filter."""
        asked = resource.address.removeprefix("mesh://").replace("@", "/").split("/")
        for row in self.all:
            if row.ptype != "p2" or row.columns[4] != "permissive" or row.columns[-1] != "allow":
                continue
            said = dict(zip(COLUMNS["p2"], row.columns, strict=True))
            pattern = said["obj"] if said["obj"] != "*" else "mesh://*/*/*@*"
            parts = pattern.removeprefix("mesh://").replace("@", "/").split("/")
            if (
                said["sub"] in {*names, "*"}
                and row.starts <= NOW
                and (said["dom"] == "*" or asked[0] in said["dom"].split("|"))
                and all(b in ("*", a) for a, b in zip(asked, parts, strict=True))
            ):
                return True
        return False

    def fits(self, said: dict[str, str], more: dict[str, object]) -> bool:
        if "act" in said:
            covered = set(said["act"].split("|"))
            covered |= {"discover"} if "read" in covered else set()
            region, tags = more["region"], set(said["tags"].split("|"))
            return (
                ("admin" in covered or more["action"] in covered)
                and (said["region"] in ("*", region) or (said["eft"] == "deny" and region == ""))
                and (said["tags"] == "*" or bool(tags & set(more["tags"])))  # type: ignore[call-overload]
            )
        return "tag" not in said or more["tag"] in said["tag"].split("|")

    def verdict(self, found: list[Row]) -> bool:
        effects = [row.columns[-1] for row in found]
        return "allow" in effects and "deny" not in effects

    def decide(
        self, subject: Subject, resource: Resource, action: str, context: Context
    ) -> tuple[object, ...]:
        names = {subject.name, *subject.roles}
        for name in tuple(names):
            names |= self.above(name, "g")
        granted = self.granted(subject, names)
        if not context.purpose or context.purpose in granted:
            answer = self.under(context.purpose, names, resource, action, context)
            if answer is not None:
                return (True, *answer, ())
        helpful = [
            purpose
            for purpose in sorted(granted - {context.purpose})
            if self.under(purpose, names, resource, action, context) is not None
        ]
        return (False, frozenset(), (), (), (), tuple(helpful))

    def under(
        self, purpose: str, names: set[str], resource: Resource, action: str, context: Context
    ) -> tuple[object, ...] | None:
        asked = {"action": action, "region": context.region}
        if not self.verdict(
            self.matching("p", names, resource, "", purpose, tags=resource.tags, **asked)
        ):
            return None
        if resource.requires_purpose and not purpose:
            return None
        served = resource.purposes
        if served and action == "read" and not self.above(purpose, "g2") & served:
            return None
        filters = self.matching("p2", names, resource, "", purpose)
        if any(row.columns[-1] == "deny" for row in filters):
            return None
        if action not in ("read", "discover"):
            return (frozenset(), (), (), ())
        denied = {
            name
            for name, tags in resource.columns
            if not self.verdict(
                self.matching("p", names, resource, name, purpose, tags=tags, **asked)
            )
        }
        if len(denied) == len(resource.columns):
            return None
        if action == "discover":
            return (denied, (), (), ())
        permissive = {row.columns[5] for row in filters if row.columns[4] == "permissive"}
        restrictive = {row.columns[5] for row in filters if row.columns[4] == "restrictive"}
        if (permissive | restrictive) - {ALL_ROWS} - resource.row_filters:
            return None
        if resource.requires_row_filter and not permissive:
            return None
        if not permissive and self.owes(names, resource):
            return None
        masks = []
        sensitive = {t for r in self.all if r.ptype == "p3" for t in r.columns[3].split("|")}
        for name, tags in resource.columns:
            needed = []
            for tag in tags & sensitive:
                found = self.matching("p3", names, resource, name, purpose, tag=tag)
                ids = [row.columns[5] for row in found]
                pinned = not found or any(row.columns[-1] == "deny" for row in found)
                needed.append("null" if pinned else min(ids, key=rank))
            mask = max(needed, key=rank, default="none")
            if name not in denied and mask != "none":
                masks.append((name, mask))
        return (
            denied,
            () if ALL_ROWS in permissive else tuple(sorted(permissive)),
            tuple(sorted(restrictive - {ALL_ROWS})),
            tuple(masks),
        )


def rank(mask: str) -> object:
    return strength(parse_mask(mask))


COLUMNS = {
    "p": ("sub", "dom", "obj", "act", "purpose", "region", "tags", "eft"),
    "p2": ("sub", "dom", "obj", "purpose", "kind", "filter_id", "eft"),
    "p3": ("sub", "dom", "obj", "tag", "purpose", "mask_id", "eft"),
}


def outcome(decision: Decision) -> tuple[object, ...]:
    return (
        decision.allowed,
        decision.denied_columns,
        decision.permissive,
        decision.restrictive,
        decision.masks,
        decision.purposes,
    )


@pytest.mark.parametrize("count", [4, 12, 30, 80])
def test_decisions_are_those_of_a_slow_reading_of_the_rules(count: int) -> None:
    rng = random.Random(count)
    seen: set[str] = set()
    for _ in range(25):
        rows = random_rows(rng, count)
        policies, slow = Authoriser(Snapshot(rows), lambda: NOW), Slow(rows)
        for _ in range(60):
            request = random_request(rng)
            got = policies.decide(*request)
            assert outcome(got) == slow.decide(*request), (request, got.reason)
            fields = ("allowed", "denied_columns", "permissive", "restrictive", "masks", "purposes")
            seen |= {name for name in fields if getattr(got, name)}
            seen |= set() if got.allowed else {"denied"}
            assert got.reason != "the decision failed"
    assert {"allowed", "denied", "denied_columns", "masks"} <= seen
    if count >= 12:
        assert {"permissive", "restrictive", "purposes"} <= seen


def stock(rows: PolicyRows) -> casbin.Enforcer:
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    enforcer = casbin.Enforcer(model)
    for name, function in FUNCTIONS.items():
        enforcer.add_function(name, function)
    for row in rows.rows:
        if row.ptype != "g2" and row.starts <= NOW < row.ends:
            enforcer.model[row.ptype[0]][row.ptype].policy.append(list(row.columns))
    enforcer.build_role_links()
    return enforcer


@pytest.mark.parametrize("count", [4, 15, 50])
def test_access_is_that_of_stock_casbin_with_all_rows(count: int) -> None:
    rng = random.Random(count)
    verdicts = []
    for _ in range(8):
        rows = random_rows(rng, count)
        full, moment = stock(rows), Snapshot(rows).at(NOW)
        for _ in range(25):
            subject, resource, action, context = random_request(rng)
            column = rng.choice(["", "", "#c1", "#c2"])
            tags = frozenset(rng.sample(TAGS, rng.randrange(3)))
            purposes = moment.tree.ancestors(context.purpose)
            asked = Asked(context.purpose, purposes, context.region, tags)
            request = (subject.name, resource.domain, resource.address + column, action, asked)
            holder = moment.holder(subject.name, ())
            segments = (*resource.address[7:].replace("@", "/").split("/"), None)
            candidates = moment.candidates(holder, segments)  # type: ignore[arg-type]
            pool = candidates.plain + candidates.special
            found = moment.model.access.matching(request, pool, holder.is_member)
            got = moment.model.allows(found)
            expected = full.enforce(*request) if full.model["p"]["p"].policy else False
            assert got is expected
            verdicts.append(got)
    assert 0 < sum(verdicts) < len(verdicts)


@pytest.mark.parametrize("suffix", ["2", "3"])
def test_obligation_rows_are_found_as_stock_casbin_finds_them(suffix: str) -> None:
    """One row at a time: stock Casbin only ever names one of those that match."""
    rng = random.Random(int(suffix))
    matched = []
    for _ in range(6):
        rows = random_rows(rng, 40)
        moment = Snapshot(rows).at(NOW)
        alone = []
        links = [row for row in rows.rows if row.ptype == "g"]
        for row in rows.rows:
            if row.ptype == f"p{suffix}" and row.starts <= NOW < row.ends:
                allowing = Row(row.ptype, (*row.columns[:-1], "allow"))
                alone.append((row, stock(PolicyRows.checked([*links, allowing]))))
        section = moment.model.filters if suffix == "2" else moment.model.masks
        for subject, resource, action, context in itertools.islice(requests(rng), 10):
            purposes = moment.tree.ancestors(context.purpose)
            asked = Asked(context.purpose, purposes, context.region)
            what = action if suffix == "2" else rng.choice(TAGS)
            address = resource.address + ("" if suffix == "2" else "#c1")
            request = (subject.name, resource.domain, address, what, asked)
            holder = moment.holder(subject.name, ())
            segments = (*resource.address[7:].replace("@", "/").split("/"), None)
            candidates = moment.candidates(holder, segments)  # type: ignore[arg-type]
            pool = candidates.filters if suffix == "2" else candidates.masks
            found = section.matching(request, pool, holder.is_member)
            for row, enforcer in alone:
                if row.columns[-1] == "deny":
                    continue  # the effect is part of the matcher: only allow rows can be asked so
                context_of = enforcer.new_enforce_context(suffix)
                expected = enforcer.enforce(context_of, *request)
                assert (row in found) is expected
                matched.append(expected)
    assert 0 < sum(matched) < len(matched)


def requests(rng: random.Random) -> Iterator[tuple[Subject, Resource, str, Context]]:
    while True:
        yield random_request(rng)
