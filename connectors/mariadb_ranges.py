"""One large MariaDB table read in ranges of its primary key, by one connection in one snapshot.

The ODBC driver takes a whole answer into memory before its first row is to be had. So the table is
asked for in ranges of the key's first column, an integer, and while one range is decoded and
consumed the next is already asked for: at most two are held. How wide a range is follows from how
many rows the ones before had; one that turns out too large is thrown away and cut at a key that
the server finds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
from sqlglot import exp

from connectors.casting import cast_batches
from connectors.interface import BatchStream, SourceError
from connectors.plain_scans import PlainScan
from connectors.pool import Session, SessionPool
from connectors.streams import CANCEL_INTERVAL, SplitStream, cancel_quietly, execute

RANGE_BYTES = 8 << 20
"""What the rows of one range should have in the table."""

FEWEST_ROWS = 1024
MOST_ROWS = 65_536
"""Between them is the number of rows that a range should have."""

FIRST_ROWS = 16_384
"""The first range is smaller: its rows are waited for."""

GROWTH = 4
"""A range is at most so many times as wide as the one before it."""

CROWDED = 2
"""So many times the rows a range should have are read of it: then it is cut and read again."""

_BEGIN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",  # under another there is no snapshot
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)

FACTS = """
SELECT s.COLUMN_NAME AS `key`, CAST(t.DATA_LENGTH AS CHAR) AS `bytes`,
  CAST(t.AVG_ROW_LENGTH AS CHAR) AS `row`, o.COLUMN_NAME AS `column`,
  CAST(COALESCE(o.CHARACTER_OCTET_LENGTH, 64) AS CHAR) AS `room`
FROM information_schema.TABLES AS t
JOIN information_schema.STATISTICS AS s ON s.TABLE_SCHEMA = t.TABLE_SCHEMA
  AND BINARY s.TABLE_NAME = BINARY t.TABLE_NAME AND s.INDEX_NAME = 'PRIMARY'
  AND s.SEQ_IN_INDEX = 1 AND s.SUB_PART IS NULL
JOIN information_schema.COLUMNS AS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA
  AND BINARY c.TABLE_NAME = BINARY t.TABLE_NAME AND BINARY c.COLUMN_NAME = BINARY s.COLUMN_NAME
JOIN information_schema.COLUMNS AS o ON o.TABLE_SCHEMA = t.TABLE_SCHEMA
  AND BINARY o.TABLE_NAME = BINARY t.TABLE_NAME
WHERE t.TABLE_SCHEMA = DATABASE() AND BINARY t.TABLE_NAME = BINARY {table}
  AND t.TABLE_TYPE = 'BASE TABLE' AND t.ENGINE = 'InnoDB'
  AND c.DATA_TYPE IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')
"""
"""The integer that leads the primary key of an InnoDB table, with the room each of the table's
columns may need; no row of any other object."""

WIDEST_ROW = 2048
"""Bytes for which there may have to be room in a row: the room is made anew for each range, and
for long texts that costs more than the range itself."""

KeyRange = tuple[int, int]
"""The least and the greatest key, both in it."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a table is read by, and the sizes that decide whether and how.

    `key` leads its primary key; `bytes` and `row` are those of the table and of its average row,
    `room` the most that a value of each column, by its name in lower case, may have.
    """

    key: str
    bytes: int
    row: int
    room: Mapping[str, int]

    @property
    def target(self) -> int:
        """The rows one range should have."""
        return max(FEWEST_ROWS, min(RANGE_BYTES // max(self.row, 1), MOST_ROWS))

    def suits(self, tree: exp.Select) -> bool:
        """Whether the outputs of a scan need little room."""
        read = (column for output in tree.expressions for column in output.find_all(exp.Column))
        return sum(self.room.get(c.name.lower(), WIDEST_ROW + 1) for c in read) <= WIDEST_ROW


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows a range had, as far as they were read; `crowded` if that was not its end."""

    range: KeyRange
    rows: int
    crowded: bool


class KeyRanges:
    """What is left of a range of keys, cut into parts of about `target` rows each.

    `width` is how many keys the first part has.
    """

    def __init__(self, whole: KeyRange, target: int, width: int) -> None:
        self._left = deque([whole])
        self._target = target
        self._width = width

    @property
    def left(self) -> KeyRange | None:
        """Where the next part will be taken from, or None at the end."""
        return self._left[0] if self._left else None

    def take(self) -> KeyRange:
        """The next part."""
        first, last = self._left.popleft()
        end = min(first + self._width - 1, last)
        if end < last:
            self._left.appendleft((end + 1, last))
        return first, end

    def read(self, part: KeyRange, rows: int) -> None:
        """A part was read, and had so many rows: the next ones are to come nearer to the target."""
        width = part[1] - part[0] + 1
        fitting = width * self._target // max(rows, 1)
        self._width = max(1, min(fitting, max(width, self._width) * GROWTH))

    def skip_to(self, first: int | None) -> None:
        """There is no key before `first` in what the next part would be taken from."""
        _, last = self._left.popleft()
        if first is not None:
            self._left.appendleft((first, last))

    def put_back(self, part: KeyRange, cut: int) -> None:
        """A part is to be read again, in two: the second begins at `cut`."""
        first, last = part
        cut = max(cut, first + 1)
        if cut <= last:
            self._left.appendleft((cut, last))
        self._left.appendleft((first, min(cut - 1, last)))
        self._width = cut - first


@runtime_checkable
class AsksAhead(Session, Protocol):
    """A session whose answers can wait in the client."""

    def ask(self, text: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Send the text and take in the answer; decoded only as its batches are asked for.

        Another text can be sent before that, and from another thread.
        """
        ...

    def look(self, text: str) -> list[dict[str, Any]]:
        """The rows of a small answer, in little memory."""
        ...


class KnowsKeys(Protocol):
    """What a key stream needs of its connector."""

    def facts(self, table: str) -> KeyFacts | None:
        """What leads the table's key, maybe of some seconds ago; None if it is read whole."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A range whose answer is there. With a `limit`, so many rows mean that there are more."""

    range: KeyRange
    limit: int | None
    batches: Iterator[pa.RecordBatch]


class KeyStream(SplitStream):
    """The rows of a plain scan: read in ranges of the primary key, or whole."""

    def __init__(
        self,
        scan: PlainScan,
        text: str,
        schema: pa.Schema,
        pool: SessionPool,
        explain: Callable[[Exception], SourceError],
        source: KnowsKeys,
        whole: Callable[[], BatchStream],
    ) -> None:
        super().__init__(pool, schema, explain, whole)
        self._scan = scan
        self._text = text
        self._source = source
        self._facts: KeyFacts | None = None
        self._ranges: KeyRanges | None = None

    def _is_candidate(self) -> bool:
        self._facts = self._source.facts(self._scan.name)
        return self._facts is not None and self._facts.suits(self._scan.tree)

    def _is_worthwhile(self, session: Session) -> bool:
        return reads_all(_rows(session, f"EXPLAIN {self._text}"))

    def _begin(self, session: Session) -> bool:
        """Open the snapshot. The first look at the table locks its definition; then it is known."""
        assert self._facts is not None
        for statement in _BEGIN:
            execute(session, statement)
        first, last = self._end(session, "MIN"), self._end(session, "MAX")
        found = _rows(session, facts_query(self._scan.name))
        if {row["key"] for row in found} != {self._facts.key}:
            return False  # another table or a view has taken its name
        if first is None or last is None:
            first, last = 0, 0  # no row: one look tells
        cut = self._cut(session, (first, last), min(FIRST_ROWS, self._facts.target))
        self._ranges = KeyRanges((first, last), self._facts.target, max(cut - first, 1))
        return True

    def _parts(self, session: Session) -> Iterator[pa.RecordBatch]:
        worker = ThreadPoolExecutor(1, "mariadb-range")
        finished = False
        asked: Future[_Asked | None] | None = None
        try:
            with self._translated():
                outcome: Outcome | None = None
                asked = worker.submit(self._ask, session, outcome)
                while (part := asked.result()) is not None or outcome is not None:
                    self._check_cancelled()
                    # What comes after it is asked for while this part is read and consumed.
                    asked = worker.submit(self._ask, session, outcome)
                    outcome = None
                    if part is None:
                        continue
                    batches = deque(cast_batches(part.batches, self._schema))
                    rows = sum(batch.num_rows for batch in batches)
                    outcome = Outcome(part.range, rows, rows == part.limit)
                    del part
                    while batches and not outcome.crowded:
                        self._started = True
                        yield batches.popleft()
                        self._check_cancelled()
                with suppress(Exception):  # every row is there: only the session may be of no use
                    execute(session, "COMMIT")
                    finished = True
        finally:
            while asked is not None and not asked.done():
                cancel_quietly(session)
                wait([asked], CANCEL_INTERVAL)
            worker.shutdown()
            if not finished:  # an answer that somebody still holds would keep the table's lock
                with suppress(Exception):
                    execute(session, "ROLLBACK")
            self._release(session, healthy=finished)
        self._check_cancelled()

    def _ask(self, session: Session, before: Outcome | None) -> _Asked | None:
        """Ask for the next range, in the light of what the last one but one had; None at the end.

        One call at a time: between the calls nobody uses the session or the ranges.
        """
        ranges, facts = self._ranges, self._facts
        assert ranges is not None and facts is not None
        self._check_cancelled()
        if before is not None and before.crowded:
            ranges.put_back(before.range, self._cut(session, before.range, facts.target))
        elif before is not None:
            ranges.read(before.range, before.rows)
            if not before.rows and ranges.left is not None:
                ranges.skip_to(self._end(session, "MIN", ranges.left))
        if ranges.left is None:
            return None
        first, last = ranges.take()
        text = f"{self._scan.statement('PRIMARY')} {self._within((first, last))}"
        limit = None if first == last else CROWDED * facts.target
        if limit is not None:
            text += f" LIMIT {limit}"
        assert isinstance(session, AsksAhead)
        return _Asked((first, last), limit, session.ask(text, self._schema))

    def _within(self, keys: KeyRange) -> str:
        return f"{self._scan.alias}.{self._column} BETWEEN {keys[0]} AND {keys[1]}"

    @property
    def _column(self) -> str:
        assert self._facts is not None
        return exp.to_identifier(self._facts.key, quoted=True).sql(dialect="mysql")

    @property
    def _from(self) -> str:
        return f"FROM {self._scan.table} AS {self._scan.alias} FORCE INDEX (PRIMARY)"

    def _end(self, session: Session, function: str, keys: KeyRange | None = None) -> int | None:
        """The least or the greatest key of the table or of a part of it, if there is any."""
        condition = "" if keys is None else f" WHERE {self._within(keys)}"
        text = (
            f"SELECT CAST({function}({self._scan.alias}.{self._column}) AS CHAR) AS k {self._from}"
        )
        (row,) = _rows(session, text + condition)
        return None if row["k"] is None else int(row["k"])

    def _cut(self, session: Session, keys: KeyRange, rows: int) -> int:
        """The key before which a part has at most so many rows; beyond its end if all are."""
        column = f"{self._scan.alias}.{self._column}"
        found = _rows(
            session,
            f"SELECT CAST({column} AS CHAR) AS k {self._from} WHERE {self._within(keys)} "
            f"ORDER BY {column} LIMIT 1 OFFSET {rows}",
        )
        return int(found[0]["k"]) if found else keys[1] + 1


def facts_query(table: str) -> str:
    """The query that `KeyFacts` of the table of this name come from."""
    return FACTS.format(table=exp.Literal.string(table).sql(dialect="mysql"))


def facts_of(rows: Sequence[Mapping[str, Any]]) -> KeyFacts | None:
    """The facts, from the rows of the query; None when there are none."""
    for row in rows:
        room = {str(r["column"]).lower(): int(r["room"]) for r in rows}
        return KeyFacts(row["key"], int(row["bytes"] or 0), int(row["row"] or 0), room)
    return None


def reads_all(plan: list[dict[str, Any]]) -> bool:
    """Whether an EXPLAIN shows one table that is read from end to end, by no secondary index."""
    if len(plan) != 1 or plan[0]["select_type"] != "SIMPLE":
        return False
    way, key = plan[0]["type"], plan[0]["key"]
    return bool(way == "ALL" or (way == "index" and key == "PRIMARY"))


def _rows(session: Session, text: str) -> list[dict[str, Any]]:
    assert isinstance(session, AsksAhead)
    return session.look(text)
