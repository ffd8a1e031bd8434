"""Random queries over the test tables: valid, deterministic, the same for the same seed.

A query is built from typed expressions, so that it plans; where an engine may choose freely
(order of rows, ties under a LIMIT) the query leaves it no choice that the comparison would see.
Tables are written ``{name}``; an integer division is written ``{div}``, since DuckDB spells it
differently.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

INTEGER, DECIMAL, DOUBLE, TEXT, DATE, TIME = "integer", "decimal", "double", "text", "date", "time"

COLUMNS: dict[str, dict[str, str]] = {
    "people": {
        "id": INTEGER,
        "name": TEXT,
        "city": TEXT,
        "born": DATE,
        "salary": DECIMAL,
        "score": DOUBLE,
        "boss": INTEGER,
    },
    "orders": {
        "person": INTEGER,
        "placed": TIME,
        "amount": DECIMAL,
        "status": TEXT,
        "qty": INTEGER,
    },
    "items": {"line": INTEGER, "product": TEXT, "qty": INTEGER, "price": DECIMAL},
    "words": {"id": INTEGER, "word": TEXT},
    "numbers": {"id": INTEGER, "a": INTEGER, "b": INTEGER, "d": DECIMAL},
    "days": {"id": INTEGER, "day": DATE, "moment": TIME},
    "nulls": {"id": INTEGER, "n": INTEGER, "t": TEXT, "d": DECIMAL, "day": DATE, "x": DOUBLE},
    "nothing": {"id": INTEGER, "name": TEXT, "amount": DECIMAL},
}
WEIGHTS = {"people": 6, "orders": 6, "numbers": 4, "words": 3, "days": 3, "items": 2, "nulls": 2}
LITERALS: dict[str, Sequence[str]] = {
    INTEGER: ("-3", "0", "1", "2", "5", "7", "10", "33", "NULL"),
    DECIMAL: ("0", "0.5", "-2.5", "100", "1234.56", "5000.00"),
    DOUBLE: ("0.5", "-1.5", "3"),
    TEXT: ("'a'", "'A'", "'a '", "''", "'Berlin'", "'berlin'", "'open'", "'ä'", "'Z'", "'Ann 3'"),
    DATE: ("DATE '2024-02-29'", "DATE '1970-01-01'", "DATE '1985-06-15'"),
    TIME: ("TIMESTAMP '2024-01-20 12:00:00'", "TIMESTAMP '1970-01-01 00:00:00'"),
}
PATTERNS = ("'a%'", "'A%'", "'%e%'", "'_n%'", "'B_rlin'", "'%'", "''", "'% '", "'%1'")
JOINS = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


@dataclass(frozen=True, slots=True)
class Expression:
    """A piece of SQL and its type."""

    sql: str
    type: str


@dataclass(slots=True)
class Scope:
    """The columns an expression may use."""

    columns: list[Expression] = field(default_factory=list)

    def of(self, kind: str) -> list[Expression]:
        """Those of one type."""
        return [column for column in self.columns if column.type == kind]

    def kinds(self) -> list[str]:
        """The types there are."""
        return sorted({column.type for column in self.columns})


@dataclass(frozen=True, slots=True)
class RandomQuery:
    """A query; `ordered` when it says in full how its rows are sorted."""

    sql: str
    ordered: bool

    @property
    def for_duckdb(self) -> str:
        """In DuckDB's words."""
        return self.sql.replace("{div}", "//")

    @property
    def for_datafusion(self) -> str:
        """In DataFusion's and the gateway's words."""
        return self.sql.replace("{div}", "/")


def random_query(seed: int) -> RandomQuery:
    """The query of this seed."""
    writer = _Writer(random.Random(seed))
    return RandomQuery(writer.query(), writer.ordered)


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A query, and the three parts its rows fall into: where a condition is TRUE, FALSE or NULL."""

    whole: str
    parts: tuple[str, str, str]


def random_partition(seed: int) -> Partitioned:
    """The query of this seed, without order: its parts, put together, have the same rows."""
    return _Writer(random.Random(seed)).partitioned()


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._aliases = 0
        self.ordered = False

    def query(self) -> str:
        """A whole query: a set operation, a grouping, a window or a plain selection."""
        shape = self._chance.random()
        if shape < 0.12:
            return self._set_operation()
        if shape < 0.4:
            return self._grouping()
        if shape < 0.55:
            return self._windowed()
        if shape < 0.62:
            return self._first_rows()
        return self._selection()

    def partitioned(self) -> Partitioned:
        """A selection from a join, and the same with each outcome of a condition."""
        source, scope = self._from()
        outputs = [self._expression(scope, 2) for _ in range(self._chance.randint(1, 4))]
        listed = ", ".join(f"{e.sql} AS c{i}" for i, e in enumerate(outputs))
        sql = f"SELECT {listed} FROM {source}"
        condition = self._condition(scope, 2)
        tests = (f"({condition})", f"NOT ({condition})", f"({condition}) IS NULL")
        true, false, unknown = (f"{sql} WHERE {test}" for test in tests)
        return Partitioned(sql, (true, false, unknown))

    # --- whole queries -------------------------------------------------------------------------

    def _selection(self) -> str:
        source, scope = self._from()
        outputs = [self._expression(scope, 2) for _ in range(self._chance.randint(1, 4))]
        distinct = "DISTINCT " if self._maybe(0.2) else ""
        listed = ", ".join(f"{e.sql} AS c{i}" for i, e in enumerate(outputs))
        sql = f"SELECT {distinct}{listed} FROM {source}{self._where(scope)}"
        return sql + self._order(len(outputs), exact=all(e.type != DOUBLE for e in outputs))

    def _grouping(self) -> str:
        source, scope = self._from()
        keys = [self._key(scope) for _ in range(self._chance.choice((0, 1, 1, 2)))]
        measures = [self._aggregate(scope) for _ in range(self._chance.randint(1, 3))]
        outputs = [*keys, *measures]
        listed = ", ".join(f"{e.sql} AS c{i}" for i, e in enumerate(outputs))
        sql = f"SELECT {listed} FROM {source}{self._where(scope)}"
        if keys:
            sql += f" GROUP BY {self._groups(sorted({key.sql for key in keys}))}"
        if self._maybe(0.25):
            sql += f" HAVING count(*) {self._comparison()} {self._chance.randint(0, 6)}"
        return sql + self._order(len(outputs), exact=all(e.type != DOUBLE for e in outputs))

    def _groups(self, keys: Sequence[str]) -> str:
        """The keys themselves, or several groupings of them."""
        listed = ", ".join(keys)
        if not self._maybe(0.25):
            return listed
        others = ["()"] + [f"({key})" for key in keys if len(keys) > 1]
        chosen = self._chance.sample(others, self._chance.randint(0, len(others)))
        some = ", ".join([f"({listed})", *chosen])  # a key in no set could not be selected
        return self._chance.choice(
            (f"ROLLUP({listed})", f"CUBE({listed})", f"GROUPING SETS ({some})")
        )

    def _windowed(self) -> str:
        """Windows whose answer no tie leaves open: rows that tie in the whole order are equal."""
        source, scope = self._from()
        columns = [c for c in scope.columns if c.type != DOUBLE]
        exact = Scope(columns)
        outputs = self._chance.sample(columns, min(len(columns), self._chance.randint(1, 3)))
        windows = [self._window(exact) for _ in range(self._chance.randint(1, 2))]
        listed = ", ".join(f"{e.sql} AS c{i}" for i, e in enumerate((*outputs, *windows)))
        sql = f"SELECT {listed} FROM {source}{self._where(scope)}"
        counted = [i for i, e in enumerate((*outputs, *windows)) if e.type == INTEGER]
        if counted and self._maybe(0.5):
            column = self._chance.choice(counted)
            number = self._chance.randint(0, 9)
            sql = f"SELECT * FROM ({sql}) AS w WHERE w.c{column} {self._comparison()} {number}"
        types = [e.type for e in (*outputs, *windows)]
        return sql + self._order(len(types), exact=DOUBLE not in types)

    def _window(self, scope: Scope) -> Expression:
        total = self._ordering([c.sql for c in scope.columns])
        partition = self._chance.choice(scope.columns).sql
        partition = f"PARTITION BY {partition} " if self._maybe(0.7) else ""
        choice = self._chance.random()
        column = self._chance.choice(scope.columns)
        if choice < 0.35:
            rank = self._chance.choice(("row_number()", "rank()", "dense_rank()", "ntile(3)"))
            order = total if rank in {"row_number()", "ntile(3)"} else self._ordering([column.sql])
            return Expression(f"{rank} OVER ({partition}ORDER BY {order})", INTEGER)
        if choice < 0.55:
            word = self._chance.choice(("lag", "lead"))
            call = f"{word}({column.sql}, {self._chance.randint(1, 3)})"
            return Expression(f"{call} OVER ({partition}ORDER BY {total})", column.type)
        frame = self._chance.choice(
            (
                "",
                "",
                "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
                "ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING",
                "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
            )
        )
        over = f"OVER ({partition}ORDER BY {total} {frame})"
        if choice < 0.7:
            word = self._chance.choice(("first_value", "last_value"))
            return Expression(f"{word}({column.sql}) {over}", column.type)
        word = self._chance.choice(("count", "min", "max", "sum", "avg"))
        if word in {"sum", "avg"} and column.type not in {INTEGER, DECIMAL}:
            word = "count"
        kind = {"count": INTEGER, "avg": DOUBLE}.get(word, column.type)
        return Expression(f"{word}({column.sql}) {over}", kind)

    def _ordering(self, columns: Sequence[str]) -> str:
        directions = ("", " DESC", " NULLS FIRST", " DESC NULLS LAST")
        keys = list(columns)
        self._chance.shuffle(keys)
        return ", ".join(f"{key}{self._chance.choice(directions)}" for key in keys)

    def _first_rows(self) -> str:
        """The first rows of an outer join by the side it keeps, or of a union."""
        if self._maybe(0.4):
            kinds = [self._chance.choice((INTEGER, TEXT)) for _ in range(2)]
            parts = [self._typed(kinds) for _ in range(self._chance.randint(2, 3))]
            sql = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS u"
            return sql + self._order(2, exact=True)
        left, kept = self._relation()
        sql = left
        for _ in range(self._chance.randint(1, 2)):
            other, columns = self._relation()
            sql += f" LEFT JOIN {other} ON {self._join_condition(kept, columns)}"
        columns = [c for c in kept.columns if c.type != DOUBLE]
        outputs = [self._of(Scope(columns), c.type, 1) for c in columns[:3]]
        listed = ", ".join(f"{e.sql} AS c{i}" for i, e in enumerate(outputs))
        return f"SELECT {listed} FROM {sql}" + self._order(len(outputs), exact=True)

    def _set_operation(self) -> str:
        kinds = [self._chance.choice((INTEGER, TEXT)) for _ in range(self._chance.randint(1, 2))]
        words = ("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
        word = self._chance.choice(words)
        return f"{self._typed(kinds)} {word} {self._typed(kinds)}"

    def _typed(self, kinds: Sequence[str]) -> str:
        source, scope = self._from()
        listed = ", ".join(
            f"{self._of(scope, kind, 1).sql} AS c{i}" for i, kind in enumerate(kinds)
        )
        return f"SELECT {listed} FROM {source}{self._where(scope)}"

    def _order(self, columns: int, *, exact: bool) -> str:
        """ORDER BY all columns, so that rows that tie are equal; perhaps with a LIMIT."""
        if not exact or not self._maybe(0.4):
            return ""
        self.ordered = True
        directions = ("", " DESC", " NULLS FIRST", " DESC NULLS LAST")
        keys = ", ".join(f"{n}{self._chance.choice(directions)}" for n in range(1, columns + 1))
        if self._maybe(0.3):
            return f" ORDER BY {keys}"
        offset = f" OFFSET {self._chance.randint(1, 5)}" if self._maybe(0.3) else ""
        return f" ORDER BY {keys} LIMIT {self._chance.randint(1, 20)}{offset}"

    # --- FROM and WHERE ------------------------------------------------------------------------

    def _from(self) -> tuple[str, Scope]:
        sql, scope = self._relation()
        for _ in range(self._chance.choice((0, 0, 1, 1, 1, 2))):
            other, columns = self._relation()
            join = self._chance.choice(JOINS)
            condition = self._join_condition(scope, columns)
            both = Scope([*scope.columns, *columns.columns])
            if join == "JOIN" and self._maybe(0.3):
                condition += f" AND {self._condition(both, 1, subqueries=False)}"
            sql, scope = f"{sql} {join} {other} ON {condition}", both
        return sql, scope

    def _relation(self) -> tuple[str, Scope]:
        alias = self._alias()
        if self._maybe(0.12):
            return self._derived(alias)
        name = self._chance.choices([*WEIGHTS, "nothing"], [*WEIGHTS.values(), 0.3])[0]
        columns = [Expression(f"{alias}.{c}", kind) for c, kind in COLUMNS[name].items()]
        return f"{{{name}}} AS {alias}", Scope(columns)

    def _derived(self, alias: str) -> tuple[str, Scope]:
        inner, scope = self._relation()
        key = self._chance.choice([c for c in scope.columns if c.type != DOUBLE])
        kinds = [Expression("count(*)", INTEGER), *(_minmax(c) for c in scope.columns[:2])]
        measure = self._chance.choice([e for e in kinds if e.type != DOUBLE])
        sql = (
            f"(SELECT {key.sql} AS k, {measure.sql} AS m FROM {inner}"
            f"{self._where(scope)} GROUP BY {key.sql}) AS {alias}"
        )
        return sql, Scope(
            [Expression(f"{alias}.k", key.type), Expression(f"{alias}.m", measure.type)]
        )

    def _join_condition(self, left: Scope, right: Scope) -> str:
        shared = [k for k in left.kinds() if k in right.kinds() and k != DOUBLE]
        kind = (
            INTEGER
            if INTEGER in shared and self._maybe(0.8)
            else self._chance.choice(shared or [""])
        )
        if not kind:
            return "1 = 1"
        a, b = self._chance.choice(left.of(kind)), self._chance.choice(right.of(kind))
        return f"{a.sql} = {b.sql}"

    def _where(self, scope: Scope) -> str:
        if self._maybe(0.3):
            return ""
        return f" WHERE {self._condition(scope, 2)}"

    # --- conditions ----------------------------------------------------------------------------

    def _condition(self, scope: Scope, depth: int, *, subqueries: bool = True) -> str:
        if depth and self._maybe(0.45):
            left = self._condition(scope, depth - 1, subqueries=subqueries)
            right = self._condition(scope, depth - 1, subqueries=subqueries)
            word = self._chance.choice(("AND", "OR"))
            text = f"({left} {word} {right})"
            return f"NOT {text}" if self._maybe(0.15) else text
        if subqueries and self._maybe(0.15):
            return self._subquery_condition(scope)
        return self._predicate(scope)

    def _predicate(self, scope: Scope) -> str:
        kind = self._chance.choice(scope.kinds())
        left = self._of(scope, kind, 1).sql
        choice = self._chance.random()
        if choice < 0.12:
            return f"{left} IS {self._chance.choice(('', 'NOT '))}NULL"
        if choice < 0.25:
            items = ", ".join(self._chance.sample(LITERALS[kind], 2))
            return f"{left} {self._chance.choice(('', 'NOT '))}IN ({items})"
        if choice < 0.33:
            low, high = self._chance.sample(LITERALS[kind], 2)
            return f"{left} BETWEEN {low} AND {high}"
        if choice < 0.4:
            right = self._of(scope, kind, 1).sql
            return f"({left} IS {self._chance.choice(('', 'NOT '))}DISTINCT FROM {right})"
        if kind == TEXT and choice < 0.6:
            negated = self._chance.choice(("", "NOT "))
            return f"{left} {negated}LIKE {self._chance.choice(PATTERNS)}"
        right = self._literal(kind) if self._maybe(0.6) else self._of(scope, kind, 1).sql
        return f"{left} {self._comparison()} {right}"

    def _subquery_condition(self, scope: Scope) -> str:
        """IN over one column, EXISTS with a correlation, or a comparison with a scalar."""
        inner, columns = self._relation()
        shared = [k for k in scope.kinds() if k in columns.kinds() and k != DOUBLE]
        if not shared:
            return self._predicate(scope)
        kind = self._chance.choice(shared)
        outer = self._chance.choice(scope.of(kind)).sql
        column = self._chance.choice(columns.of(kind)).sql
        where = self._predicate(columns)
        negated = self._chance.choice(("", "NOT "))
        form = self._chance.randint(0, 2)
        if form == 0:
            return f"{outer} {negated}IN (SELECT {column} FROM {inner} WHERE {where})"
        if form == 1:
            return f"{negated}EXISTS (SELECT 1 FROM {inner} WHERE {column} = {outer} AND {where})"
        function = self._chance.choice(("min", "max"))
        scalar = f"(SELECT {function}({column}) FROM {inner} WHERE {where})"
        return f"{outer} {self._comparison()} {scalar}"

    # --- expressions ---------------------------------------------------------------------------

    def _expression(self, scope: Scope, depth: int) -> Expression:
        return self._of(scope, self._chance.choice(scope.kinds()), depth)

    def _of(self, scope: Scope, kind: str, depth: int) -> Expression:
        columns = scope.of(kind)
        if not columns or not depth or self._maybe(0.45):
            sql = self._chance.choice(columns).sql if columns else self._literal(kind, null=False)
            return Expression(sql, kind)
        left, right = (self._of(scope, kind, depth - 1).sql for _ in range(2))
        common = (
            f"coalesce({left}, {right})",
            f"nullif({left}, {right})",
            f"CASE WHEN {self._predicate(scope)} THEN {left} ELSE {right} END",
        )
        return Expression(self._chance.choice((*common, *self._own(kind, left, right))), kind)

    def _own(self, kind: str, left: str, right: str) -> Sequence[str]:
        """What only one type can do."""
        number = self._chance.choice((2, 3, -4, 7))
        if kind == INTEGER:
            return (
                f"({left} + {right})",
                f"({left} - {right})",
                f"({left} * {number})",
                f"({left} {{div}} {number})",
                f"({left} % {number})",
                f"({left} {{div}} nullif({right}, 0))",
                f"abs({left})",
                f"{self._chance.choice(('greatest', 'least'))}({left}, {right})",
            )
        if kind in (DECIMAL, DOUBLE):
            return (
                f"({left} + {right})",
                f"({left} - {right})",
                f"({left} * {number})",
                f"(- {left})",
            )
        if kind == TEXT:
            return (
                f"({left} || {right})",
                f"({left} || '-')",
                f"substring({left} FROM {abs(number)} FOR 2)",
                f"trim({left}, ' ')",
                f"replace({left}, 'n', '{self._chance.choice(('', 'N', '--'))}')",
                f"{self._chance.choice(('left', 'right'))}({left}, {abs(number)})",
                f"concat({left}, {right})",
                f"{self._chance.choice(('greatest', 'least'))}({left}, {right})",
            )
        if kind == TIME:
            part = self._chance.choice(("year", "month", "week", "day", "hour"))
            return (f"date_trunc('{part}', {left})",)
        if kind == DATE:
            return (f"{self._chance.choice(('greatest', 'least'))}({left}, {right})",)
        return ()

    def _key(self, scope: Scope) -> Expression:
        kinds = [k for k in scope.kinds() if k != DOUBLE] or [INTEGER]
        return self._columns_only(scope, self._chance.choice(kinds))

    def _columns_only(self, scope: Scope, kind: str) -> Expression:
        """A grouping key: a constant would be read as a position."""
        column = self._chance.choice(scope.of(kind))
        if kind == INTEGER and self._maybe(0.4):
            return Expression(f"({column.sql} % 4)", INTEGER)
        return column

    def _aggregate(self, scope: Scope) -> Expression:
        kind = self._chance.choice(scope.kinds())
        argument = self._of(scope, kind, 1).sql
        options = [
            Expression("count(*)", INTEGER),
            Expression(f"count({argument})", INTEGER),
            Expression(f"count(DISTINCT {argument})", INTEGER),
        ]
        if kind == DOUBLE:
            options[2] = Expression(f"count({argument})", INTEGER)
        options += [Expression(f"{f}({argument})", kind) for f in ("min", "max")]
        if kind in (INTEGER, DECIMAL, DOUBLE):
            options += [
                Expression(f"sum({argument})", kind),
                Expression(f"avg({argument})", DOUBLE),
                Expression(f"count(*) FILTER (WHERE {self._predicate(scope)})", INTEGER),
            ]
        return self._chance.choice(options)

    def _literal(self, kind: str, *, null: bool = True) -> str:
        choices = [one for one in LITERALS[kind] if null or one != "NULL"]
        return self._chance.choice(choices)

    def _comparison(self) -> str:
        return self._chance.choice(("=", "<>", "<", "<=", ">", ">="))

    def _alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability


def _minmax(column: Expression) -> Expression:
    return Expression(f"max({column.sql})", column.type)
