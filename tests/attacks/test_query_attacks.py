"""Every attack that is a query, at every door a query may enter by, over every source."""

from __future__ import annotations

import os

import pytest

from gateway.flight.wire import flightsql_pb2 as sql
from tests.attacks.asking import same, tells, written
from tests.attacks.doors import (
    ADBC,
    EXPLAIN,
    PLANS,
    PREPARED,
    Visitor,
    descriptor,
    leaks,
)
from tests.attacks.oracles import CONDITIONS, PLACES, oracle
from tests.attacks.queries import FILTERS, MASKS, SHAPES, Attack
from tests.attacks.world import ALL_SOURCES, SOURCES

EVERYTHING = os.environ.get("MESHGATE_ATTACKS") == "all"
"""Every oracle at every place over every source: some ten thousand queries."""


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("attack", [*SHAPES, *MASKS, *FILTERS], ids=lambda attack: attack.name)
def test_attack(attack: Attack, source: str, rita: Visitor, una: Visitor) -> None:
    query = written(attack.sql, "hr", source)
    governed = rita.ask(query)
    if governed.rows is not None:  # else there is no report, or that of another query
        assert not leaks(rita.report(), query)
    if attack.code:
        assert governed.code == attack.code, governed.message
        assert not leaks(governed, query)
    else:
        calm = rita.ask(written(attack.sql, "calm", source))
        twin = una.ask(written(attack.sql, "twin", source))
        assert not tells(governed, calm, twin, query)
    for door in (PREPARED, ADBC):
        other = rita.ask(query, door)
        assert not leaks(other, query), other.text[:1000]
        assert not same(other, governed), door
    for door in PLANS if EVERYTHING else (EXPLAIN,):
        plan = rita.ask(query, door)
        assert not leaks(plan, query), plan.text[:2000]
    schema = rita.schema(descriptor(sql.CommandStatementQuery(query=query)))
    assert not leaks(schema, query)


CASES = (
    [(c, p, s) for c in CONDITIONS for p in PLACES for s in SOURCES]
    if EVERYTHING
    else sorted(
        {
            *((c, "where", s) for c in CONDITIONS for s in SOURCES),
            *(
                (c, list(PLACES)[(7 * i + 7) % len(PLACES)], SOURCES[i % 3])
                for i, c in enumerate(CONDITIONS)
            ),
        }
    )
)


@pytest.mark.parametrize(("condition", "place", "source"), CASES)
def test_oracle(condition: str, place: str, source: str, rita: Visitor) -> None:
    """A condition that may fail: hidden rows decide neither whether it does nor what comes."""
    attack = oracle(condition, place)
    query = written(attack.sql, "hr", source)
    governed = rita.ask(query)
    calm = rita.ask(written(attack.sql, "calm", source))
    assert not leaks(governed, query), governed.text
    assert not same(governed, calm)


MIXED = [
    ("postgres", "duckdb"),
    ("duckdb", "parquet"),
    ("parquet", "postgres"),
    ("sqlite", "parquet"),
    ("mariadb", "postgres"),
]


JOINING = [a for a in (*SHAPES, *MASKS, *FILTERS) if a.sql.count("{") > 1 and not a.code]


@pytest.mark.parametrize(
    ("attack", "sources"),
    [
        pytest.param(attack, MIXED[(i + step) % len(MIXED)], id=f"{attack.name}-{step}")
        for i, attack in enumerate(JOINING)
        for step in (range(len(MIXED)) if EVERYTHING else (0, 2))
    ],
)
def test_attack_across_sources(
    attack: Attack, sources: tuple[str, str], rita: Visitor, una: Visitor
) -> None:
    query = written(attack.sql, "hr", *sources)
    governed = rita.ask(query)
    calm = rita.ask(written(attack.sql, "calm", *sources))
    twin = una.ask(written(attack.sql, "twin", *sources))
    assert not tells(governed, calm, twin, query)
    plan = rita.ask(query, EXPLAIN)
    assert not leaks(plan, query), plan.text[:2000]


@pytest.mark.parametrize("source", sorted(set(ALL_SOURCES) - set(SOURCES)))
@pytest.mark.parametrize("attack", FILTERS[:24] + MASKS[:24], ids=lambda attack: attack.name)
def test_attack_on_other_sources(attack: Attack, source: str, rita: Visitor, una: Visitor) -> None:
    query = written(attack.sql, "hr", source)
    governed = rita.ask(query)
    if attack.code:
        assert governed.code == attack.code
        return
    calm = rita.ask(written(attack.sql, "calm", source))
    assert not tells(governed, calm, una.ask(written(attack.sql, "twin", source)), query)


def test_there_are_as_many_attacks_as_promised() -> None:
    names = [a.name for a in (*SHAPES, *MASKS, *FILTERS)] + list(CONDITIONS)
    assert len(names) == len(set(names))
    assert len(names) >= 150
