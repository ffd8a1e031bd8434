"""Reading one statement, word by word."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.postgres_wire.commands import Query
from gateway.postgres_wire.errors import SYNTAX_ERROR, SqlError
from gateway.postgres_wire.words import NAME, QUOTED, Word


class StatementReader:
    """Reads the words of one statement from the left."""

    def __init__(self, words: Sequence[Word], text: str) -> None:
        self._words = words
        self._text = text
        self._at = 0

    @property
    def here(self) -> Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def next(self) -> Word:
        word = self.here
        if word is None:
            raise SqlError(SYNTAX_ERROR, "the command ends too early", at=self._words[-1].end + 1)
        self._at += 1
        return word

    def skip(self, *keywords: str) -> str:
        """The next word if it is one of these, otherwise ""."""
        word = self.here
        if word is not None and word.upper in keywords:
            self._at += 1
            return word.upper
        return ""

    def name(self) -> str:
        word = self.next()
        if word.kind not in (NAME, QUOTED):
            raise self.wrong(word)
        return word.name

    def end(self) -> None:
        if self.here is not None:
            raise self.wrong(self.here)

    def rest(self) -> Query:
        """What is left, as a query."""
        word = self.next()
        return Query(self._text[word.start : self._words[-1].end], word.start)

    def between(self, words: Sequence[Word]) -> Query:
        """The text of some words, as a query."""
        return Query(self.text_between(words[0], words[-1]), words[0].start)

    def text_between(self, first: Word, last: Word) -> str:
        return self._text[first.start : last.end]

    def wrong(self, word: Word) -> SqlError:
        return SqlError(SYNTAX_ERROR, f"{word.text[:40]} is not expected here", at=word.start + 1)

    def parenthesised(self) -> list[Word]:
        """The words up to the parenthesis that closes the one just read."""
        depth, found = 1, list[Word]()
        while True:
            word = self.next()
            depth += {"(": 1, ")": -1}.get(word.upper, 0)
            if not depth:
                return found
            found.append(word)
