"""The places of a statement that are given values later: ``?`` in order, or ``$1``, ``$2``, ...

Inside the gateway all of them are ``$n``; a statement is run with values written in their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import LimitExceeded, ParseError, Position
from gateway.languages import membership
from gateway.languages.edits import Edit
from gateway.languages.membership import Test

MAX_PARAMETERS = 4096
"""How many values a statement may take."""

_MARKS = {TokenType.PLACEHOLDER, TokenType.QDCOLON}
"""The second is ``?::``, one word to the tokenizer."""
_NAMED = "values have no names here"
_HINT = "write ? for each value in its turn, or $1, $2, ..."
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END}
_SETS = {TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}
_AFTER_OUTPUTS = {
    *(TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.QUALIFY),
    *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH, *_SETS),
}
_AROUND = (
    (TokenType.L_PAREN, TokenType.R_PAREN),
    (TokenType.L_BRACKET, TokenType.R_BRACKET),
)
_BEFORE_ONE = {TokenType.SELECT, TokenType.DISTINCT, TokenType.ALL, TokenType.COMMA}
_BEHIND_ONE = {TokenType.COMMA, TokenType.R_PAREN, TokenType.SEMICOLON, *_AFTER_OUTPUTS}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The placeholders of a text: `spans` are (start, end, number), in order.

    `casts` are the SQL types that numbers are cast to where they stand. `limits` are the numbers
    that count rows, `compared` those that are only ever compared with columns. `outputs` are the
    spans that are columns by themselves, or cast, and where these end: they need names, as two
    equal values would have one, whatever they are cast to.
    `lists` are the numbers that are lists of values, `tests` what is tested by the spans of these:
    such a span is the whole test, ``= ANY($1)``.
    `declared` are the types of numbers where nothing in the text says what they are.
    """

    count: int = 0
    spans: tuple[tuple[int, int, int], ...] = ()
    casts: Mapping[int, str] = field(default_factory=dict)
    limits: frozenset[int] = frozenset()
    compared: frozenset[int] = frozenset()
    outputs: Mapping[int, int] = field(default_factory=dict)
    lists: frozenset[int] = frozenset()
    tests: Mapping[int, Test] = field(default_factory=dict)
    declared: Mapping[int, pa.DataType] = field(default_factory=dict)

    def edits(self, texts: Sequence[str]) -> tuple[Edit, ...]:
        """The edits that put a text in the place of each number; a list's are its members."""
        made = []
        for i, (start, end, n) in enumerate(self.spans):
            test, named = self.tests.get(i), self.outputs.get(i, -1)
            text = texts[n - 1] if test is None else test.written(texts[n - 1])
            name = f' AS "${n}_{i}"'
            made.append(Edit(start, end, text + name if named == end else text))
            if named > end:  # behind a cast
                made.append(Edit(named, named, name))
        return tuple(made)


NONE = Placeholders()

_SCANNED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
    | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$
    | (?<![\w$])(?P<placeholder>\$\d+)(?=[^\s\d])""",
    re.VERBOSE | re.DOTALL,
)


def spacing(text: str) -> tuple[Edit, ...]:
    """The edits that put a blank behind each ``$n``: the tokenizer takes ``$1,$`` for a quote."""
    return tuple(
        Edit(match.end(), match.end(), " ")
        for match in _SCANNED.finditer(text)
        if match["placeholder"]
    )


def numbering(words: Sequence[Token]) -> tuple[Edit, ...]:
    """The edits that make every ``?`` a ``$n``. Raises ParseError, LimitExceeded."""
    marks = [word for word in words if word.token_type in _MARKS]
    if len(marks) > MAX_PARAMETERS:
        raise LimitExceeded(
            f"the statement takes {len(marks)} values; {MAX_PARAMETERS} are allowed",
            hint="join with a dataset instead of listing values",
        )
    if marks and any(_number(words, i) for i in range(len(words))):
        raise ParseError("? and $1 do not go together", position=_at(marks[0]), hint=_HINT)
    return tuple(Edit(w.start, w.start + 1, f"${n} ") for n, w in enumerate(marks, start=1))


def placeholders(tree: exp.Expr, words: Sequence[Token]) -> Placeholders:
    """The placeholders of a parsed text whose words are given. Raises ParseError, LimitExceeded."""
    spans: list[tuple[int, int, int]] = []
    listed = {test.inner[0]: test for test in membership.tests(words) if test.inner}
    tests: dict[int, Test] = {}
    for i, word in enumerate(words):
        if word.token_type is TokenType.PARAMETER:
            number = _number(words, i)
            if number is None:
                raise ParseError(_NAMED, position=_at(word), hint=_HINT)
            if i in listed:
                tests[len(spans)] = listed[i]
                spans.append((listed[i].start, listed[i].end, number))
            else:
                spans.append((word.start, words[i + 1].end + 1, number))
    if not spans:
        if named := tree.find(exp.Placeholder):
            raise _foreign(named, words)
        return NONE
    numbers = {number for *_, number in spans}
    count = max(numbers)
    if count > MAX_PARAMETERS:
        raise LimitExceeded(f"there is a ${count}; {MAX_PARAMETERS} values are allowed")
    if missing := next((n for n in range(1, count + 1) if n not in numbers), None):
        raise ParseError(f"there is a ${count} but no ${missing}", hint=_HINT)
    lists = frozenset(spans[i][2] for i in tests)
    for i, (start, _, number) in enumerate(spans):
        if number in lists and i not in tests:
            raise ParseError(
                f"${number} is a list in one place and a value in another",
                position=next(_at(word) for word in words if word.start == start),
                hint="give the list a number of its own",
            )
    casts = {spans[i][2]: test.casts[0] for i, test in tests.items() if test.casts}
    limits, free = set(), set()
    for node in tree.find_all(exp.Parameter, exp.Placeholder):
        if not isinstance(node, exp.Parameter):
            raise _foreign(node, words)
        number = int(node.name)
        parent = node.parent
        if isinstance(parent, exp.Cast) and number not in lists:
            casts.setdefault(number, parent.to.sql("postgres"))
        if isinstance(parent, (exp.Limit, exp.Offset, exp.Fetch)):
            limits.add(number)
        if not _compared(node):
            free.add(number)
    compared = frozenset(numbers - free)
    outputs = dict(_outputs(words))
    return Placeholders(
        count, tuple(spans), casts, frozenset(limits), compared, outputs, lists, tests
    )


def _foreign(found: exp.Expr, words: Sequence[Token]) -> ParseError:
    """What to say of ``%s``, ``%(name)s`` and ``:name``, which a driver should have replaced."""
    for word, following, last in zip(words, words[1:], [*words[2:], None], strict=False):
        if word.token_type is TokenType.MOD and following.start == word.end + 1:
            if following.text == "s" and found.name == "?":
                return ParseError("%s is no place of a value here", position=_at(word), hint=_HINT)
            if following.token_type is TokenType.L_PAREN and last and last.text == found.name:
                said = f"{_NAMED}: %({found.name})s"
                return ParseError(said, position=_at(word), hint=_HINT)
    return ParseError(f"{_NAMED}: :{found.name}", hint=_HINT)


def _outputs(words: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Which of the placeholders, in their order, stand by themselves or cast in a list of outputs,
    and where these end."""
    lists = [False]  # whether a list of outputs is being read, at each open level
    seen = -1
    for i, word in enumerate(words):
        kind = word.token_type
        if kind in _OPENING:
            lists.append(False)
        elif kind in _CLOSING and len(lists) > 1:
            lists.pop()
        elif kind is TokenType.SELECT:
            lists[-1] = True
        elif kind in _AFTER_OUTPUTS:
            lists[-1] = False
        elif _number(words, i) is not None:
            seen += 1
            first, behind = i, i + 2
            if (
                i > 1
                and words[i - 2].text.upper() == "CAST"
                and _is(words, behind, TokenType.ALIAS)
            ):
                first, behind = i - 2, _behind_type(words, behind + 1)
                behind = behind + 1 if _is(words, behind, TokenType.R_PAREN) else len(words) + 1
            while _is(words, behind, TokenType.DCOLON):
                behind = _behind_type(words, behind + 1)
            before = words[first - 1].token_type if first else None
            level = -1 if first == i else -2  # the parenthesis of CAST has been opened
            ends = behind == len(words) or (
                behind < len(words) and words[behind].token_type in _BEHIND_ONE
            )
            if len(lists) >= -level and lists[level] and before in _BEFORE_ONE and ends:
                yield seen, words[behind - 1].end + 1


def _behind_type(words: Sequence[Token], i: int) -> int:
    """Behind the name of a type: ``numeric(10, 2)``, ``pg_catalog.int8[]``, ``time with time
    zone``.

    Of two names that follow each other, the second is that of a column.
    """
    i += 1
    while _is(words, i, TokenType.DOT):
        i += 2
    if i < len(words) and words[i].text.upper() in ("WITH", "WITHOUT"):
        i += 3
    for opening, closing in _AROUND:
        if _is(words, i, opening):
            while i < len(words) and words[i].token_type is not closing:
                i += 1
            i += 1
    return i


def _is(words: Sequence[Token], i: int, kind: TokenType) -> bool:
    return i < len(words) and words[i].token_type is kind


def _compared(node: exp.Parameter) -> bool:
    """Whether it is an operand of a comparison whose other operand holds a column."""
    parent = node.parent
    return (
        isinstance(parent, _COMPARISONS)
        and parent.this is not node
        and parent.this.find(exp.Column) is not None
    ) or (
        isinstance(parent, exp.Binary)
        and isinstance(parent, _COMPARISONS)
        and parent.this is node
        and parent.expression.find(exp.Column) is not None
    )


def _number(words: Sequence[Token], i: int) -> int | None:
    """The number of the ``$n`` that begins at a word, if one does."""
    if words[i].token_type is not TokenType.PARAMETER or words[i].text != "$":
        return None
    following = words[i + 1] if i + 1 < len(words) else None
    if following is None or following.start != words[i].end + 1:
        return None
    digits = following.text
    return int(digits) if digits.isdecimal() and len(digits) < 8 and int(digits) else None


def _at(word: Token) -> Position:
    return Position(word.line, max(word.col - len(word.text) + 1, 1))
