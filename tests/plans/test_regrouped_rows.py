"""Regrouped plans give the rows of the plans they come from: both run by the engine, in memory.

Every tree of joins that can be put in another order is, whatever that is expected to cost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from gateway.plan import join_order
from tests.plans.in_memory import PLACES, regrouped, rows, session

COLUMNS = {
    "people": {"id": "i", "name": "t", "city": "t", "born": "d", "boss": "i"},
    "orders": {"person": "i", "status": "t", "qty": "i", "amount": "n"},
    "items": {"line": "i", "product": "t", "qty": "i", "price": "n"},
    "words": {"id": "i", "word": "t"},
    "numbers": {"id": "i", "a": "i", "b": "i", "d": "n"},
    "nulls": {"id": "i", "n": "i", "t": "t", "day": "d", "x": "f"},
    "days": {"id": "i", "day": "d"},
}
RANDOM = 150

WRITTEN = {
    "implied equality": """SELECT p.id, s.id, o.qty FROM postgres_people p, sqlite_numbers s,
        postgres_nulls n, memory_orders o
        WHERE p.id = s.id AND s.id = n.id AND o.person = s.id""",
    "equal columns in one table": """SELECT p.name, m.id FROM postgres_people p, memory_numbers m,
        sqlite_people s WHERE p.id = m.id AND p.boss = m.id AND s.id = p.boss""",
    "self joins": """SELECT a.id, b.id, c.id, d.boss FROM postgres_people a, memory_people b,
        postgres_people c, memory_people d
        WHERE a.boss = b.id AND c.id = b.boss AND d.id = c.id""",
    "both equal columns leave": """SELECT p.id, n.id, s.id, p.id AS again, s.id + n.id
        FROM postgres_people p, sqlite_nulls n, postgres_numbers s
        WHERE p.id = n.id AND n.id = s.id""",
    "semi and anti": """SELECT p.id, n.n FROM postgres_people p JOIN memory_nulls n ON n.id = p.id
        WHERE EXISTS (SELECT 1 FROM postgres_orders o WHERE o.person = p.id AND o.qty > 2)
        AND NOT EXISTS (SELECT 1 FROM sqlite_orders o WHERE o.person = n.id AND o.qty < p.id)""",
    "not in over nulls": """SELECT p.id, o.qty FROM postgres_people p
        JOIN sqlite_orders o ON o.person = p.id JOIN postgres_numbers m ON m.id = o.person
        WHERE p.id NOT IN (SELECT n.n FROM memory_nulls n WHERE n.n IS NOT NULL)""",
    "computed key": """SELECT p.id, w.word FROM postgres_people p JOIN memory_words w
        ON lower(p.name) = lower(w.word) JOIN postgres_numbers m ON m.id = w.id""",
    "decimal and float keys": """SELECT m.id, n.id, i.line FROM postgres_numbers m
        JOIN memory_nulls n ON m.d = n.d JOIN postgres_nulls x ON x.x = n.x
        JOIN sqlite_items i ON i.price = x.d""",
    "condition over three": """SELECT p.id, o.qty, m.a FROM postgres_people p, memory_orders o,
        postgres_numbers m WHERE p.id = o.person AND (p.id < m.id OR o.qty = m.a OR p.boss = m.b)
        AND m.id < 12""",
    "product": """SELECT p.id, m.id, o.status FROM postgres_people p, sqlite_numbers m,
        postgres_orders o WHERE p.id = o.person AND p.id < 6 AND m.id < 4""",
    "what may fail stays": """SELECT q.r, m.id FROM (SELECT p.id, 100 / p.id AS r
        FROM postgres_people p JOIN memory_orders o ON o.person = p.id WHERE p.id > 0) q
        JOIN postgres_numbers m ON m.id = q.id JOIN sqlite_words w ON w.id = m.id""",
    "aggregate below": """SELECT p.name, t.c, m.a FROM postgres_people p
        JOIN (SELECT o.person, count(*) AS c FROM memory_orders o JOIN sqlite_items i
        ON i.qty = o.qty JOIN memory_numbers k ON k.id = i.line GROUP BY o.person) t
        ON t.person = p.id JOIN postgres_numbers m ON m.id = t.person""",
    "outer join below": """SELECT p.id, o.qty, m.a FROM postgres_people p
        LEFT JOIN memory_orders o ON o.person = p.id AND o.qty > 3
        JOIN postgres_numbers m ON m.id = p.id JOIN sqlite_nulls n ON n.id = m.id""",
    "in a sub-query": """SELECT p.id FROM postgres_people p JOIN memory_orders o ON o.person = p.id
        JOIN postgres_numbers m ON m.id = o.qty
        WHERE p.id > (SELECT min(x.id) FROM sqlite_people x JOIN memory_orders y
        ON y.person = x.id JOIN sqlite_numbers z ON z.id = x.id)""",
    "one column twice": """SELECT count(*) FROM postgres_people p JOIN memory_people m
        ON p.id = m.id AND p.name = m.name
        JOIN postgres_people q ON q.id = m.id AND q.name = m.name""",
}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join_order.Ordering, "worthwhile", lambda *_: True)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", WRITTEN)
def test_written_query_keeps_its_rows(name: str) -> None:
    assert regrouped(WRITTEN[name]) is not None, "nothing was regrouped"


@pytest.mark.usefixtures("always")
def test_random_joins_keep_their_rows() -> None:
    changed = sum(
        regrouped(_random_join(random.Random(seed))) is not None for seed in range(RANDOM)
    )
    assert changed > RANDOM / 2


def test_rows_of_the_written_queries_are_not_all_none() -> None:
    empty = [name for name, sql in WRITTEN.items() if not rows(session().sql(sql).collect())]
    assert len(empty) <= 4, empty


def _random_join(chance: random.Random) -> str:
    names = [chance.choice(list(COLUMNS)) for _ in range(chance.randint(3, 5))]
    relations = [f"{chance.choice(PLACES)}_{name} t{n}" for n, name in enumerate(names)]
    conditions: list[str] = []
    for n in range(1, len(names)):
        for _ in range(chance.choice((1, 1, 2))):
            conditions += _equality(chance, names, n)
    for n, name in enumerate(names):
        conditions += [f"t{n}.{c} IS NOT NULL" for c in COLUMNS[name] if chance.random() < 0.1]
        if chance.random() < 0.3:
            conditions.append(_sub_query(chance, name, n))
    if chance.random() < 0.3:
        a, b = (f"t{n}.{_column(chance, names[n], 'i')}" for n in chance.sample(range(2), 2))
        conditions.append(f"({a} < {b} OR {a} > 7)")
    outputs = list(_outputs(chance, names))
    keys = ", ".join(outputs)
    return (
        f"SELECT {keys}, count(*) FROM {', '.join(relations)}"
        f" WHERE {' AND '.join(conditions) or 'true'} GROUP BY {keys}"
    )


def _equality(chance: random.Random, names: list[str], n: int) -> Iterator[str]:
    other = chance.randrange(n)
    kinds = set(COLUMNS[names[n]].values()) & set(COLUMNS[names[other]].values())
    kind = "i" if chance.random() < 0.7 else chance.choice(sorted(kinds))
    yield f"t{other}.{_column(chance, names[other], kind)} = t{n}.{_column(chance, names[n], kind)}"


def _column(chance: random.Random, name: str, kind: str) -> str:
    return chance.choice([c for c, k in COLUMNS[name].items() if k == kind])


def _sub_query(chance: random.Random, name: str, n: int) -> str:
    other = chance.choice(list(COLUMNS))
    word = chance.choice(("EXISTS", "NOT EXISTS"))
    inner, outer = _column(chance, other, "i"), _column(chance, name, "i")
    more = f" AND s.{_column(chance, other, 'i')} < t{n}.{outer}" if chance.random() < 0.3 else ""
    place = chance.choice(PLACES)
    return f"{word} (SELECT 1 FROM {place}_{other} s WHERE s.{inner} = t{n}.{outer}{more})"


def _outputs(chance: random.Random, names: list[str]) -> Iterator[str]:
    for n, name in enumerate(names):
        yield f"t{n}.{chance.choice(list(COLUMNS[name]))}"
