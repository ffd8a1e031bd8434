"""The words by which a dataset is found, and how well it fits the words somebody looks for.

A score depends on one dataset alone: how rare a word is in the mesh would tell everybody of
datasets that only some may know of. Scores are whole numbers, so that they add up exactly.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rapidfuzz.distance import OSA

from gateway.errors import LimitExceeded, UserError
from gateway.model import Dataset

MAX_WORDS = 16
"""How many words may be looked for at once."""

MAX_LENGTH = 64
"""How many letters a word has that is looked for; of a longer one in a dataset the first count."""

_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9]+\Z")

_FILLERS = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to")
)
"""Words that say nothing, unless nothing else is said."""


class Field(StrEnum):
    """Where a word stands."""

    NAME = "name"
    TOPIC = "topic"
    COLUMNS = "columns"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Weights:
    """What a word scores that stands there itself, begins one there, or is one or two letters off.

    0 is not found.
    """

    exact: int
    prefix: int
    near: int = 0
    far: int = 0


WEIGHTS: Mapping[Field, Weights] = {
    Field.NAME: Weights(400, 240, 120, 80),
    Field.TOPIC: Weights(100, 60, 30, 20),
    Field.COLUMNS: Weights(50, 30, 15, 10),
    Field.TEXT: Weights(16, 8),  # of texts in prose, nearly every word is near to another
}

WHOLE_NAME = 500
"""What is added where the words are the whole name of the dataset, and nothing else."""

MEMBERSHIP: Mapping[str, float] = {"retired": 0.0001, "deprecated": 0.5, "draft": 0.75}
"""What a score is worth in the other stages of a dataset's life; in the active one, all of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The words of a dataset by where they stand, and its whole name in small letters."""

    whole: str
    words: Mapping[Field, frozenset[str]]


def words_of(dataset: Dataset) -> Found:
    """What a dataset is found by, as far as its reader may know of it."""
    address = dataset.address
    name = split(address.dataset)
    topic = [address.domain, address.product, dataset.title, dataset.owner, *dataset.tags]
    columns: list[str] = list(dataset.schema.names)
    for tags in dataset.column_tags.values():
        columns += tags
    for of, term in dataset.terms.items():
        if not of or of in dataset.schema.names:
            (columns if of else topic).append(term.name)
    texts = [dataset.description]
    for field in dataset.schema:
        comment = (field.metadata or {}).get(b"mesh.comment")
        if comment:
            texts.append(comment.decode(errors="replace"))
    return Found(
        " ".join(name),
        {
            Field.NAME: _together((address.dataset,)),
            Field.TOPIC: _together(topic),
            Field.COLUMNS: _together(columns),
            Field.TEXT: frozenset(split("\n".join(texts))),
        },
    )


def _together(texts: Iterable[str]) -> frozenset[str]:
    """The words of names, and each name that is of several once more in one piece."""
    return frozenset().union(*map(_pieces, texts))


@lru_cache(maxsize=65_536)
def _pieces(text: str) -> frozenset[str]:
    words = split(text)
    runs = ("".join(_split(run)) for run in text.split())
    return frozenset(words).union(run[:MAX_LENGTH] for run in runs if run)


def split(text: str) -> tuple[str, ...]:
    """The words of a text in small letters: of ``order_lines``, ``OrderLines`` and ``order lines``
    the same two."""
    return tuple(word[:MAX_LENGTH] for word in _split(text))


def _split(text: str) -> list[str]:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return [part for run in _RUN.findall(text) for part in _parts(run)]


@lru_cache(maxsize=65_536)
def _parts(run: str) -> tuple[str, ...]:
    # only plain letters change their case where a word begins
    parts = _PART.findall(run) if _PLAIN.match(run) else (run,)
    return tuple(part.casefold() for part in parts)


def asked(text: str) -> tuple[str, ...]:
    """The words of a question, each once. Raises UserError for one without any, LimitExceeded."""
    if len(text) > MAX_WORDS * (MAX_LENGTH + 1) * 4:
        raise LimitExceeded(f"a search may have {MAX_WORDS} words")
    words = tuple(dict.fromkeys(split(text)))
    meaning = tuple(word for word in words if word not in _FILLERS) or words
    if not meaning:
        raise UserError("there is no word to look for", hint="write letters or digits")
    if len(meaning) > MAX_WORDS:
        raise LimitExceeded(f"a search may have {MAX_WORDS} words; this one has {len(meaning)}")
    return meaning


def letters_off(word: str) -> int:
    """How many letters may be wrong, missing, too many or exchanged in a word."""
    return 0 if len(word) < 4 else 1 if len(word) < 6 else 2


def begins(word: str, last: bool) -> bool:
    """Whether a word also means those that begin with it; the last one may still be written."""
    return len(word) >= (2 if last else 3)


def score(found: Found, words: Sequence[str]) -> int:
    """How well a dataset fits: the sum over all words of the best place of each.

    0: one of them is nowhere.
    """
    total = 0
    for number, word in enumerate(words, start=1):
        best = _best(found, word, begins(word, number == len(words)))
        if not best:
            return 0
        total += best
    return total + (WHOLE_NAME if " ".join(words) == found.whole else 0)


def _best(found: Found, word: str, prefix: bool) -> int:
    best = 0
    for field, weights in WEIGHTS.items():
        if weights.exact <= best:
            continue
        words = found.words[field]
        if word in words:
            best = weights.exact
            continue
        if prefix and weights.prefix > best and any(w.startswith(word) for w in words):
            best = weights.prefix
        if weights.near > best or weights.far > best:
            best = max(best, _near(word, words, weights))
    return best


def _near(word: str, words: Iterable[str], weights: Weights) -> int:
    most = letters_off(word)
    if not most:
        return 0
    least = min((OSA.distance(word, other, score_cutoff=most) for other in words), default=most + 1)
    return weights.near if least <= 1 else weights.far if least <= most else 0
