"""Reads fragments before the engine starts, in the order that lets one's keys reduce another.

What is read so is kept, within bounds, and served to the engine from memory. A fragment that turns
out too large is read no further for now: the engine gets what has come of it and then the rest, so
nothing is read twice and nothing is thrown away. Keys are taken of whole answers only.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from gateway.config import Config
from gateway.engines.datafusion import Provider
from gateway.engines.grouping import NotWorthGrouping, grouped
from gateway.engines.unchanged import ReadTwice
from gateway.errors import Cancelled
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.key_paths import Place
from gateway.plan.lazy import LazyDataset, Opener
from gateway.plan.plan import Plan
from gateway.plan.reduced_block import described, reduced
from gateway.plan.reduction import SIDE_BY_SIDE, Course
from gateway.plan.sending import fragment_of

Keys = Mapping[int, pa.Array]
"""The keys a fragment takes, by column."""


@dataclass(slots=True)
class _Begun:
    """A reading that has been interrupted: what has come, and where the rest comes from."""

    batches: deque[pa.RecordBatch]
    rest: Generator[pa.RecordBatch]


class Fetching:
    """The fragments of one execution. `run` reads ahead; `providers` is what the engine reads.

    Rows read ahead may be read by the engine any number of times; a reading that was only begun is
    handed on once, and after that the source is asked again. `close` releases what nobody read.
    """

    def __init__(self, plan: Plan, config: Config, reads: FragmentReads) -> None:
        self._reductions = plan.reductions
        self._config = config
        self._reads = reads
        self._course = Course(plan.reductions, config)
        self._blind = any(table.secured_by_engine for table in plan.tables.values())
        self._probes = plan.reductions.probes
        self.files = ReadTwice()
        self._fragments = {f.number: f for f in plan.fragments} | dict(self._probes)
        for groups in plan.groups:
            fragment = self._fragments[groups.number]
            self._fragments[groups.number] = grouped(fragment, groups, config, reads)
        self._idle = {groups.number for groups in plan.groups}  # have given no keys to anybody
        self._keys: dict[int, Keys] = {}
        self._whole: dict[int, list[pa.RecordBatch]] = {}
        self._begun: dict[int, _Begun] = {}
        self._lock = threading.Lock()
        self._bytes_left = config.reduction_bytes
        self._closed = False

    def run(self, cancelled: Callable[[], bool]) -> None:
        """Read what is small or may give keys, side by side where nothing waits for another.

        Raises SourceError, Cancelled as soon as `cancelled`, and NotWorthGrouping.
        """
        if not self._reductions:
            return
        pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="meshgate-fetch")
        try:
            while batch := self._course.next():
                self._read_all(pool, batch, cancelled)
            rest = self._course.rest()
            for number in rest:
                self._prepare(number)
            if self._idle:
                raise NotWorthGrouping("a grouping has more keys than can be sent")
            alike = self._alike(rest)
            small = set(self._course.small())
            self._read_all(pool, sorted(small | alike.keys() | set(alike.values())), cancelled)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def providers(self) -> dict[int, Provider]:
        """What stands for each fragment.

        Rows at hand are a table whose size the engine knows: it builds its hash table of them, and
        skips what their keys rule out by the statistics of files. Not of files with hidden rows.
        """
        found: dict[int, Provider] = {}
        for number, fragment in self._fragments.items():
            if number in self._probes:
                continue
            if number in self._whole and not self._blind:
                found[number] = pa.Table.from_batches(self._whole[number], fragment.schema)
            else:
                found[number] = LazyDataset(fragment.schema, self._opener(number))
        return found

    def _opener(self, number: int) -> Opener:
        return lambda columns, condition: self.read(number)

    def read(self, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of a fragment; of one that is kept, or begun, those first."""
        if number in self._whole:
            yield from self._whole[number]
            return
        with self._lock:
            begun = self._begun.pop(number, None)
        if begun is None:
            yield from self._reads.read(self._fragments[number])
            return
        try:
            while begun.batches:
                yield begun.batches.popleft()
            yield from begun.rest
        finally:
            begun.rest.close()

    def add(self, fragment: Fragment) -> None:
        """One more fragment for the engine to read: it depends on others, and is not read ahead."""
        self._fragments[fragment.number] = fragment

    def schema(self, number: int) -> pa.Schema:
        """The schema of a fragment's rows."""
        return self._fragments[number].schema

    def close(self) -> None:
        """Release the sources that were begun and never read on."""
        with self._lock:
            self._closed = True
            begun = list(self._begun.values())
            self._begun.clear()
        for reading in begun:
            reading.rest.close()

    def _read_all(
        self, pool: ThreadPoolExecutor, numbers: Sequence[int], cancelled: Callable[[], bool]
    ) -> None:
        for number in numbers:
            self._prepare(number)
        alike = self._alike(numbers)
        running = [pool.submit(self._read_ahead, n) for n in numbers if n not in alike]
        waiting: set[Future[None]] = set(running)
        while waiting:
            done, waiting = wait(waiting, self._config.poll_seconds)
            for future in done:
                future.result()
            if waiting and cancelled():
                raise Cancelled("the request was cancelled")
        for number, other in alike.items():
            self._repeat(number, other)
        for number in numbers:
            self._course.settle(number, self._counted(number))

    def _prepare(self, number: int) -> None:
        """Write the keys that are known by now into a fragment; with none, it has no rows."""
        taken: dict[int, tuple[pa.Array, str]] = {}
        givers: set[int] = set()
        for step in self._course.steps(number):
            keys = self._common(step.givers, self._column_type(step.taker))
            givers |= {place.fragment for place in step.givers}
            names = ", ".join(str(place.fragment) for place in step.givers)
            taken[step.taker.column] = (keys, f"{len(keys)} keys of fragment {names}")
        if not taken:
            return
        keys_only = {column: keys for column, (keys, _) in taken.items()}
        if any(not len(keys) for keys in keys_only.values()):
            self._keys[number] = keys_only
            self._whole[number] = []
            self._idle -= givers
            return
        before = self._fragments[number]
        block = self._reductions.fragments[number].block
        after = reduced(block, keys_only, self._config.reduction_keys)
        if after is None:
            return
        shown = described(block, {column: words for column, (_, words) in taken.items()})
        self._keys[number] = keys_only
        self._idle -= givers
        self._fragments[number] = replace(
            fragment_of(number, after, before.schema),
            shown=fragment_of(number, shown, before.schema).shown,
            keys=sum(map(len, keys_only.values())),
        )

    def _read_ahead(self, number: int) -> None:
        if number in self._whole or number in self._begun:
            return
        if number in self._probes:
            self._probe(number)
            return
        batches: deque[pa.RecordBatch] = deque()
        rows = 0
        source = self._reads.read(self._fragments[number])
        for batch in source:
            batches.append(batch)
            rows += batch.num_rows
            with self._lock:
                self._bytes_left -= batch.nbytes
                enough = rows > self._config.reduction_rows or self._bytes_left < 0
                if enough and not self._closed:
                    self._begun[number] = _Begun(batches, source)
                closed = self._closed
            if closed:
                source.close()
            if enough or closed:
                return
        self._whole[number] = list(batches)

    def _probe(self, number: int) -> None:
        """Read the keys of a scan of files, and forget them if there are too many."""
        block = self._reductions.fragments[number].block
        self.files.note(block)
        batches = list(self._reads.read(self._probes[number]))
        limit = block.limit
        if limit is None or sum(batch.num_rows for batch in batches) < limit:
            self._whole[number] = batches

    def _counted(self, number: int) -> dict[int, int] | None:
        """How many keys each column has that gives some; None for what is not read whole."""
        if number not in self._whole:
            return None
        places = {p.giver for p in self._reductions.paths if p.giver.fragment == number}
        return {place.column: len(self._distinct(place)) for place in places}

    def _distinct(self, place: Place) -> pa.Array:
        batches = self._whole[place.fragment]
        columns = [batch.column(place.column) for batch in batches]
        data_type = self._column_type(place)
        return pc.unique(pa.chunked_array(columns, data_type)).drop_null()

    def _column_type(self, place: Place) -> pa.DataType:
        return self._fragments[place.fragment].schema.field(place.column).type

    def _common(self, givers: Sequence[Place], data_type: pa.DataType) -> pa.Array:
        """The values all givers have, as the taker's type; one it can not hold equals none."""
        found: pa.Array | None = None
        for place in givers:
            keys = _fitting(self._distinct(place), data_type)
            found = keys if found is None else found.filter(pc.is_in(found, value_set=keys))
        assert found is not None
        return found

    def _alike(self, numbers: Sequence[int]) -> dict[int, int]:
        """Which of the fragments ask for the same as another one, which is the value."""
        alike: dict[int, int] = {}
        for i, number in enumerate(numbers):
            if number in self._whole:
                continue
            firsts = [*self._whole, *(n for n in numbers[:i] if n not in alike)]
            same = [other for other in firsts if self._same(number, other)]
            if same:
                alike[number] = same[0]
        return alike

    def _same(self, number: int, other: int) -> bool:
        twins = self._reductions.twins
        if twins.get(number, number) != twins.get(other, other):
            return False
        one, two = self._keys.get(number, {}), self._keys.get(other, {})
        return one.keys() == two.keys() and all(one[c].equals(two[c]) for c in one)

    def _repeat(self, number: int, other: int) -> None:
        """Let a fragment be what another one has brought, if that is known to its end."""
        if other in self._whole:
            schema = self._fragments[number].schema
            self._whole[number] = [
                pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                for batch in self._whole[other]
            ]


def _fitting(keys: pa.Array, data_type: pa.DataType) -> pa.Array:
    """The keys as another type of their kind, without those it has no value for."""
    if keys.type == data_type:
        return keys
    if pa.types.is_integer(data_type) and data_type.bit_width < keys.type.bit_width:
        half = 1 << (data_type.bit_width - 1)
        low, high = pa.scalar(-half, keys.type), pa.scalar(half - 1, keys.type)
        keys = keys.filter(pc.and_(pc.greater_equal(keys, low), pc.less_equal(keys, high)))
    return keys.cast(data_type)
