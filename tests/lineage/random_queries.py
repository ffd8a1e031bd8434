"""Random queries of all the shapes that lineage knows, over three small tables of numbers.

Every query is valid for DataFusion, and its answer does not depend on chance: only the order of
rows does, and what a LIMIT leaves is left by an order of all that is there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

TABLES = {
    "t": ("a", "b", "c", "d"),
    "u": ("a", "e", "f"),
    "v": ("g", "h", "i"),
}

Columns = Sequence[str]
"""The columns an expression may name, as it writes them."""


def random_query(seed: int) -> str:
    """The query of this seed."""
    return _Writer(random.Random(seed)).query()


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._names = 0

    def query(self) -> str:
        """A whole query, perhaps with common table expressions."""
        if self._maybe(0.25):
            name, width = self._name("w"), 2
            body = self._of_width(width)
            columns = [f"{name}.k{i}" for i in range(width)]
            listed = ", ".join(f"k{i}" for i in range(width))
            recursive = ""
            if self._maybe(0.4):
                recursive = "RECURSIVE "
                body = (
                    f"SELECT b, c, 0 FROM t UNION ALL SELECT {self._recursion(name)}"
                    f" FROM {name} AS r JOIN u ON u.a = r.k1 WHERE r.n < 2"
                )
                listed += ", n"
            select = self._select(f"{name} {self._join('t', columns)}", [*columns, "t.a", "t.d"])
            return f"WITH {recursive}{name} ({listed}) AS ({body}) {select}"
        return self._set_operation() if self._maybe(0.2) else self._plain()

    def _recursion(self, name: str) -> str:
        return self._chance.choice(
            ("r.k1, u.e, r.n + 1", "u.f, r.k0, r.n + 1", "r.k0, u.e, r.n + 1")
        )

    def _set_operation(self) -> str:
        width = self._chance.randint(1, 3)
        word = self._chance.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT"))
        return f"{self._of_width(width)} {word} {self._of_width(width)}"

    def _of_width(self, width: int) -> str:
        source, columns = self._from()
        listed = ", ".join(f"{self._value(columns, 2)} AS k{i}" for i in range(width))
        return f"SELECT {listed} FROM {source}{self._where(columns)}"

    def _plain(self) -> str:
        source, columns = self._from()
        return self._select(source, columns)

    def _select(self, source: str, columns: Columns) -> str:
        where = self._where(columns)
        shape = self._chance.random()
        if shape < 0.3:
            return self._grouped(source, columns, where)
        if shape < 0.4:
            listed = self._listed([self._value(columns, 2) for _ in range(2)])
            return f"SELECT DISTINCT {listed} FROM {source}{where}"
        if shape < 0.5:
            values = [self._value(columns, 2) for _ in range(2)]
            order = ", ".join(f"{i + 1}" for i in range(2))
            return f"SELECT {self._listed(values)} FROM {source}{where} ORDER BY {order} LIMIT 3"
        if shape < 0.58:
            part, order = self._chance.sample([*columns], 2)
            chosen = self._chance.choice([*columns])
            rank = f"rank() OVER (PARTITION BY {part} ORDER BY {order})"
            return f"SELECT {chosen} AS x0 FROM {source}{where} QUALIFY {rank} = 1"
        values = [self._output(columns) for _ in range(self._chance.randint(1, 4))]
        return f"SELECT {self._listed(values)} FROM {source}{where}"

    def _grouped(self, source: str, columns: Columns, where: str) -> str:
        key = self._value(columns, 1)
        aggregates = [self._aggregate(columns) for _ in range(2)]
        keys = self._chance.choice((key, key, f"ROLLUP ({key})"))
        having = f" HAVING {self._aggregate(columns)} > 1" if self._maybe(0.3) else ""
        listed = self._listed([key, *aggregates])
        return f"SELECT {listed} FROM {source}{where} GROUP BY {keys}{having}"

    def _listed(self, values: Columns) -> str:
        return ", ".join(f"{value} AS x{i}" for i, value in enumerate(values))

    # --- FROM

    def _from(self) -> tuple[str, list[str]]:
        source, columns = self._relation()
        if self._maybe(0.15):
            name, side = self._name("j"), self._chance.choice(("", "LEFT ", "RIGHT ", "FULL "))
            joined = f"SELECT a, t.b, u.e, t.c, u.f FROM t {side}JOIN u USING (a)"
            return f"({joined}) AS {name}", [f"{name}.{c}" for c in "abecf"]
        if self._maybe(0.15):
            name = self._name("l")
            inner = (
                f"SELECT max({self._value(['v.g', 'v.h'], 1)}) AS m FROM v WHERE v.i = {columns[0]}"
            )
            return f"{source} CROSS JOIN LATERAL ({inner}) AS {name}", [*columns, f"{name}.m"]
        if self._maybe(0.5):
            other, more = self._relation()
            if self._maybe(0.3):
                return f"{source}, {other}", [*columns, *more]
            word = self._chance.choice(("JOIN", "LEFT JOIN", "FULL JOIN", "LEFT SEMI JOIN"))
            on = f"{self._chance.choice(columns)} = {self._chance.choice(more)}"
            if self._maybe(0.3):
                on += f" AND {self._chance.choice(more)} > 0"
            visible = columns if "SEMI" in word else [*columns, *more]
            return f"{source} {word} {other} ON {on}", visible
        return source, columns

    def _join(self, table: str, columns: Columns) -> str:
        return f"JOIN {table} ON {table}.a = {self._chance.choice(columns)}"

    def _relation(self) -> tuple[str, list[str]]:
        table = self._chance.choice([*TABLES])
        alias = self._name("r")
        if self._maybe(0.3):
            columns = [f"{table}.{c}" for c in TABLES[table]]
            values = [self._output(columns) for _ in range(2)]
            inner = f"SELECT {self._listed(values)} FROM {table}{self._where(columns)}"
            return f"({inner}) AS {alias} (p, q)", [f"{alias}.p", f"{alias}.q"]
        return f"{table} AS {alias}", [f"{alias}.{c}" for c in TABLES[table]]

    def _where(self, columns: Columns) -> str:
        if self._maybe(0.5):
            return ""
        parts = [self._condition(columns) for _ in range(self._chance.randint(1, 2))]
        return f" WHERE {' AND '.join(parts)}"

    # --- expressions

    def _condition(self, columns: Columns) -> str:
        column = self._chance.choice(columns)
        shape = self._chance.random()
        table = self._chance.choice([*TABLES])
        alias = self._name("s")
        inner = [f"{alias}.{c}" for c in TABLES[table]]
        where = f"{self._chance.choice(inner)} > 0"
        if shape < 0.12:
            values = f"SELECT {self._chance.choice(inner)} FROM {table} AS {alias} WHERE {where}"
            return f"{column} IN ({values})"
        if shape < 0.24:
            word = self._chance.choice(("EXISTS", "NOT EXISTS"))
            linked = f"{self._chance.choice(inner)} = {column}"
            return f"{word} (SELECT 1 FROM {table} AS {alias} WHERE {linked} AND {where})"
        if shape < 0.34:
            linked = f"{self._chance.choice(inner)} = {self._chance.choice(columns)}"
            value = f"max({self._chance.choice(inner)})"
            return f"{column} <= (SELECT {value} FROM {table} AS {alias} WHERE {linked})"
        if shape < 0.44:
            return f"({self._condition(columns)} OR {column} = 1)"
        if shape < 0.54:
            return f"{column} IS NOT NULL"
        return f"{column} {self._chance.choice(('<', '>', '=', '<>'))} {self._value(columns, 1)}"

    def _output(self, columns: Columns) -> str:
        shape = self._chance.random()
        if shape < 0.2:
            return self._window(columns)
        if shape < 0.3:
            table = self._chance.choice([*TABLES])
            alias = self._name("s")
            inner = [f"{alias}.{c}" for c in TABLES[table]]
            linked = f"{self._chance.choice(inner)} = {self._chance.choice(columns)}"
            value = self._aggregate(inner)
            return f"(SELECT {value} FROM {table} AS {alias} WHERE {linked})"
        return self._value(columns, 2)

    def _window(self, columns: Columns) -> str:
        part, order = self._chance.choice(columns), self._chance.choice(columns)
        call = self._chance.choice(
            (
                f"sum({self._chance.choice(columns)})",
                f"max({self._chance.choice(columns)})",
                "rank()",
                "dense_rank()",
                f"count({self._chance.choice(columns)})",
            )
        )
        return f"{call} OVER (PARTITION BY {part} ORDER BY {order})"

    def _aggregate(self, columns: Columns) -> str:
        name = self._chance.choice(("sum", "max", "min", "count", "count(DISTINCT "))
        opening = name if "(" in name else f"{name}("
        filtered = ""
        if self._maybe(0.2):
            filtered = f" FILTER (WHERE {self._chance.choice(columns)} > 0)"
        return f"{opening}{self._value(columns, 1)}){filtered}"

    def _value(self, columns: Columns, depth: int) -> str:
        column = self._chance.choice(columns)
        if not depth or self._maybe(0.4):
            return column
        inner = self._value(columns, depth - 1)
        return self._chance.choice(
            (
                f"{column} + {inner}",
                f"coalesce({column}, {inner})",
                f"nullif({column}, {inner})",
                f"CASE WHEN {column} > 1 THEN {inner} ELSE {self._chance.choice(columns)} END",
                f"CASE {column} WHEN 1 THEN {inner} END",
                f"greatest({column}, {inner})",
                "1",
                f"CAST({column} > {inner} AS bigint)",
            )
        )

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability
