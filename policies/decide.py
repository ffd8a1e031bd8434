"""Decisions: may this subject do this to that dataset, and what does it owe?

Nobody may do anything unless rows say so, and whatever goes wrong on the way is a denial.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from policies.estate import Estate
from policies.judgement import Decision, granted_purposes, judge
from policies.memory import Memory
from policies.outlook import Outlook
from policies.request import Context, Resource, Subject
from policies.snapshot import Snapshot

__all__ = ["Authoriser", "Context", "Decision", "Pinned", "Resource", "Subject", "probe"]

MAX_DECISIONS = 65_536
"""Decisions remembered; those not used for long go first."""

MAX_OUTLOOKS = 256
"""Callers' outlooks remembered: each has some bytes for each dataset of the mesh."""

_log = logging.getLogger(__name__)

Key = tuple[Subject, Resource, str, Context]
ResourceAt = Callable[[int], Resource]


class Pinned:
    """The policies of one moment: whoever asks several things here has one answer to them all.

    A snapshot, a moment of it, and what was decided in it. They are replaced together.
    """

    __slots__ = ("begins", "decisions", "ends", "moment", "outlooks", "snapshot")

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        self.snapshot = snapshot
        self.moment = snapshot.at(now)
        self.begins = self.moment.begins
        self.ends = self.moment.ends
        self.decisions: Memory[Key, Decision] = Memory(MAX_DECISIONS)
        self.outlooks: Memory[tuple[Subject, Context], Outlook] = Memory(MAX_OUTLOOKS)

    @property
    def version(self) -> str:
        """As `Authoriser.version`."""
        version = self.snapshot.version
        return f"{version}+{self.begins:.6f}" if self.snapshot.changes else version

    def pinned(self) -> Pinned:
        """Itself."""
        return self

    def decide(
        self, subject: Subject, resource: Resource, action: str, context: Context
    ) -> Decision:
        """As `Authoriser.decide`."""
        try:
            key = (subject, resource, action, context)
            known = self.decisions.get(key)
            if known is not None:
                return known
            decision = judge(self.moment, subject, resource, action, context)
            self.decisions.put(key, decision)
            return decision
        except Exception:
            _log.exception("a decision failed and was turned into a denial")
            return _failed(self)

    def granted_purposes(self, subject: Subject) -> frozenset[str]:
        """The purposes the subject may declare."""
        return granted_purposes(self.moment, subject)

    def outlook(
        self, subject: Subject, context: Context, estate: Estate, resource: ResourceAt
    ) -> Outlook:
        """What the subject may do with every dataset of an estate: just what `decide` says of each.

        `resource` gives what policies know of the dataset at a position, should that be needed.
        """
        known = self.outlooks.get((subject, context))
        if known is not None and known.estate is estate:
            return known

        def decide(position: int, action: str, purpose: str) -> bool:
            asked = Context(purpose, context.region)
            return self.decide(subject, resource(position), action, asked).allowed

        made = Outlook(estate, self.moment, subject, context, decide)
        self.outlooks.put((subject, context), made)
        return made


def _failed(current: Pinned) -> Decision:
    return Decision(False, "the decision failed", (), current.snapshot.version)


class Authoriser:
    """Answers from the current snapshot. Safe to use from many threads, also during `swap`.

    `clock` gives seconds since 1970: by it rows with limits begin and end.
    """

    def __init__(self, snapshot: Snapshot, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._current = Pinned(snapshot, clock())

    @property
    def snapshot(self) -> Snapshot:
        """The policies decisions are made from at this moment."""
        return self._current.snapshot

    @property
    def version(self) -> str:
        """Changes whenever a decision could change: with the snapshot, and when a row's time comes.

        The part before ``+`` is the version of the snapshot.
        """
        return self._now().version

    def swap(self, snapshot: Snapshot) -> None:
        """Decide from another snapshot from now on; decisions under way keep theirs."""
        following = Pinned(snapshot, self._clock())
        with self._lock:
            self._current = following

    def decide(
        self, subject: Subject, resource: Resource, action: str, context: Context
    ) -> Decision:
        """Whether the subject may do `action` to the dataset, and what it owes. Never raises."""
        try:
            current = self._now()
        except Exception:
            _log.exception("a decision failed and was turned into a denial")
            return _failed(self._current)
        return current.decide(subject, resource, action, context)

    def granted_purposes(self, subject: Subject) -> frozenset[str]:
        """The purposes the subject may declare."""
        return self._now().granted_purposes(subject)

    def outlook(
        self, subject: Subject, context: Context, estate: Estate, resource: ResourceAt
    ) -> Outlook:
        """As `Pinned.outlook`, with the policies of this instant."""
        return self._now().outlook(subject, context, estate, resource)

    def pinned(self) -> Pinned:
        """The policies of this instant, for all that one request asks: no swap comes between."""
        return self._now()

    def _now(self) -> Pinned:
        """The current snapshot with the rows that hold at this instant."""
        current = self._current
        now = self._clock()
        while not current.begins <= now < current.ends:
            following = Pinned(current.snapshot, now)
            with self._lock:
                # Not if it was swapped meanwhile: the older snapshot must not come back.
                if self._current is current:
                    self._current = following
                current = self._current
        return current


def probe(name: str) -> Subject:
    """Somebody to ask about: a principal as it is, or a holder of nothing but the role."""
    return Subject(name) if ":" in name else Subject(f"role:{name}", (name,))
