"""The chain that holds the records together.

    hash(n) = SHA-256(hash(n - 1) ‖ body(n))        anybody can follow it
    seal(n) = HMAC-SHA-256(key, "record" ‖ hash(n))  only who has the key can continue it

Changing, removing, adding or moving a record breaks a hash; computing all hashes anew from there
breaks the seals. Both are written as hexadecimal text.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field, replace

BEFORE_ALL = bytes(32)
"""What stands for the hash before the first record."""

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Link:
    """One record as it is stored, and in which of the logs of its mesh."""

    seq: int
    body: str
    hash: str
    seal: str
    log: int = 1


@dataclass(frozen=True, slots=True)
class Seals:
    """The keys made from the one in the key file. Without one there are no seals, only hashes."""

    sealing: bool
    _seals: hmac.HMAC = field(repr=False)
    _statements: hmac.HMAC = field(repr=False)

    @classmethod
    def of(cls, key: bytes | None, number: int = 1) -> Seals:
        """Those of log `number` of a mesh: no record of one log can be passed off in another."""
        secret = key or os.urandom(32)  # statements are never to be guessed from fingerprints
        purposes = (
            b"meshgate audit seal" + (b" %d" % number if number > 1 else b""),
            b"meshgate audit statement",
        )
        keys = (hmac.digest(secret, purpose, "sha256") for purpose in purposes)
        return cls(key is not None, *(hmac.new(one, digestmod="sha256") for one in keys))

    def record(self, digest: bytes) -> str:
        """The seal of the record with this hash; "" without a key."""
        return _continued(self._seals, b"record" + digest) if self.sealing else ""

    def head(self, seq: int, hash_: str) -> str:
        """The seal of the head; of another kind than a record's, so that none can be made of it."""
        return _continued(self._seals, f"head {seq} {hash_}".encode())

    def fingerprint(self, text: str) -> str:
        """Equal for equal texts of this log; tells nothing else about them."""
        return _continued(self._statements, text.encode("utf-8", "replace"))[:32]


def _continued(begun: hmac.HMAC, message: bytes) -> str:
    """Unlike `hmac.digest` it keeps the interpreter lock, which costs more to get back."""
    code = begun.copy()
    code.update(message)
    return code.hexdigest()


def next_hash(previous: bytes, body: bytes) -> bytes:
    """The hash of the record that follows `previous`."""
    return hashlib.sha256(previous + body).digest()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with record `seq`: broken, missing, truncated, head, index, shape."""

    kind: str
    seq: int
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the chain found: records `first` to `last`, ending in `hash`.

    `sealed` tells whether the seals could be checked. `problems` are the first MAX_PROBLEMS.
    """

    records: int = 0
    first: int = 0
    last: int = 0
    hash: str = ""
    sealed: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def broken(self) -> int | None:
        """The first record that is not what was written."""
        return min((p.seq for p in self.problems if p.kind == "broken"), default=None)

    def with_problems(self, *more: Problem) -> Verification:
        return replace(self, problems=(*self.problems, *more)[:MAX_PROBLEMS])


class Walk:
    """Follows the chain link by link, in constant memory.

    After a problem it goes on from the hash as it is stored, so that one change is one problem.
    """

    def __init__(self, seals: Seals, after: int = 0, previous: bytes | None = BEFORE_ALL) -> None:
        """`previous` is the hash of record `after`; None takes the first link's word for it."""
        self._seals = seals
        self._last = after
        self._previous = previous
        self._found = Verification(sealed=seals.sealing)
        self._records = 0
        self._first = 0

    def follow(self, link: Link, claimed: str | None = None) -> None:
        """Check the next link; `claimed` is what it says its predecessor's hash is."""
        if link.seq > self._last + 1 and (self._previous is not None or self._records):
            missing = f"{self._last + 1} to {link.seq - 1}"
            self._say("missing", self._last + 1, f"records {missing} are missing")
            self._previous = None  # not known: what follows the gap is checked by itself
        wrong = self._wrong(link, claimed)
        if wrong:
            self._say("broken", link.seq, f"record {link.seq} {wrong}")
        self._records += 1
        self._first = self._first or link.seq
        self._last = link.seq
        self._previous = _bytes(link.hash)

    def _wrong(self, link: Link, claimed: str | None) -> str | None:
        if not all(isinstance(part, str) for part in (link.body, link.hash, link.seal)):
            return "is not text"
        digest, before = _bytes(link.hash), _bytes(claimed) if claimed else None
        if digest is None or (claimed and before is None):
            return "has a hash that is none"
        if link.seq <= self._last and self._records:
            return f"comes after record {self._last}"
        if claimed and self._previous is not None and before != self._previous:
            return "does not follow the one before it"
        previous = self._previous if self._previous is not None else before
        body = link.body.encode("utf-8", "replace")
        if previous is not None and next_hash(previous, body) != digest:
            return "is not what was written: its hash does not fit"
        if self._seals.sealing and not hmac.compare_digest(
            self._seals.record(digest).encode(), link.seal.encode("utf-8", "replace")
        ):
            return "has a seal that does not fit"
        return None if _number(link.body) == link.seq else "was written under another number"

    def end(self) -> Verification:
        """What was found."""
        return replace(
            self._found,
            records=self._records,
            first=self._first,
            last=self._last,
            hash=self._previous.hex() if self._previous else "",
        )

    def _say(self, kind: str, seq: int, text: str) -> None:
        self._found = self._found.with_problems(Problem(kind, seq, text))


def _bytes(text: object) -> bytes | None:
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return value if len(value) == 32 else None


def _number(body: str) -> object:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content.get("seq") if isinstance(content, dict) else None
