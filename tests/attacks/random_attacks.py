"""Random queries over the governed world, with expressions that may fail.

The writer is that of the query tests; the tables, the fallible expressions and the guesses an
attacker would make are added here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.queries.random_sql import (
    DATE,
    DECIMAL,
    DOUBLE,
    INTEGER,
    TEXT,
    TIME,
    Expression,
    RandomQuery,
    Scope,
    _Writer,
)

COLUMNS = {
    "employees": {
        "id": INTEGER,
        "name": TEXT,
        "region": TEXT,
        "department": TEXT,
        "level": INTEGER,
        "manager": INTEGER,
        "salary": INTEGER,
        "code": TEXT,
        "big": INTEGER,
        "amount": DECIMAL,
        "score": DOUBLE,
        "hired": DATE,
        "moment": TIME,
        "ssn": TEXT,
        "tax": INTEGER,
        "email": TEXT,
        "phone": TEXT,
        "born": DATE,
        "bonus": DECIMAL,
        "badge": INTEGER,
        "iban": TEXT,
    },
    "payroll": {
        "id": INTEGER,
        "employee": INTEGER,
        "month": INTEGER,
        "gross": INTEGER,
        "unit": TEXT,
        "note": TEXT,
        "account": TEXT,
    },
    "regions": {"region": TEXT, "country": TEXT, "factor": INTEGER},
}
WEIGHTS = {"employees": 6, "payroll": 3, "regions": 2}
GUESSES = {
    INTEGER: ("7770001", "-1", "5550000003", "6660001"),
    DECIMAL: ("8881123.45", "9999999777.77"),
    TEXT: ("'EU'", "'US'", "'CANARY-SSN-3'", "'CANARY-NAME-3'", "'name 12'"),
    DATE: ("DATE '9999-12-31'", "DATE '1951-03-07'"),
    DOUBLE: ("0", "-7777777.5"),
    TIME: ("TIMESTAMP '9999-12-31 23:59:59'",),
}


def random_attack(chance: random.Random) -> RandomQuery:
    """A query whose answer, or failure, must not depend on what its caller may not see."""
    writer = _Attacker(chance)
    return RandomQuery(writer.query(), writer.ordered)


class _Attacker(_Writer):
    def _relation(self) -> tuple[str, Scope]:
        alias = self._alias()
        if self._maybe(0.12):
            return self._derived(alias)
        name = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        columns = [Expression(f"{alias}.{c}", kind) for c, kind in COLUMNS[name].items()]
        return f"{{{name}}} AS {alias}", Scope(columns)

    def _literal(self, kind: str, *, null: bool = True) -> str:
        if self._maybe(0.3):
            return self._chance.choice(GUESSES[kind])
        return super()._literal(kind, null=null)

    def _own(self, kind: str, left: str, right: str) -> Sequence[str]:
        return (*super()._own(kind, left, right), *_fallible(kind, left, right))


def _fallible(kind: str, left: str, right: str) -> Sequence[str]:
    if kind == INTEGER:
        return (
            f"({left} / ({right} - 7770001))",
            f"({left} / {right})",
            f"({left} % {right})",
            f"({left} * {right})",
            f"CAST(CAST({left} AS VARCHAR) || '{len(left)}' AS INTEGER)",
            f"(CASE WHEN {left} = 7770001 THEN 1 / 0 ELSE {right} END)",
            f"(1 / coalesce({left}, 0))",
        )
    if kind == DECIMAL:
        return (f"({left} / {right})", f"CAST({left} AS DECIMAL(8,2))")
    if kind == DOUBLE:
        return (f"sqrt({left})", f"ln({left})")
    if kind == DATE:
        return (f"CAST(CAST({left} AS VARCHAR) AS DATE)",)
    if kind == TEXT:
        return (
            f"CAST(CAST({left} AS INTEGER) AS VARCHAR)",
            f"substring({left} FROM 1 FOR 3)",
            f"split_part({left}, ' ', 2)",
        )
    return ()
