"""Row filters: the texts of a contract, read into trees that can not fail on any row.

A row filter runs over every row, also those it hides, so an expression that can fail would tell
what is in them. Only this grammar is read, by a parser of its own that builds every node anew:

    filter     = condition of columns, joined by AND, OR, NOT and parentheses
    condition  = TRUE | FALSE | boolean column | value (= <> < > <= >=) value
               | value [NOT] IN (constants) | value [NOT] BETWEEN value AND value
               | text column [NOT] LIKE 'pattern' | column IS [NOT] NULL
               | (boolean column | parenthesised condition) IS [NOT] (TRUE | FALSE)
    value      = column | constant
    constant   = 'text' | number | TRUE | FALSE | DATE '...' | TIMESTAMP '...' | TIMESTAMPTZ '...'
               | :user | :principal | :region | :purpose

Values that meet are of one kind, so no engine has to convert a column. A row for which the filter
is NULL is hidden, as WHERE does. An attribute the session lacks is NULL, and IS TRUE can not be
asked of a condition with attributes: what depends on a missing attribute is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from policies.filter_values import FilterError, Value, alike, is_text_type, read_moment, read_number

__all__ = [
    "ATTRIBUTES",
    "FilterError",
    "attributes_of",
    "bind",
    "columns_of",
    "parse_row_filter",
    "session_attributes",
]

ATTRIBUTES = frozenset({"user", "principal", "region", "purpose"})
"""What a filter may ask of the session, written ``:region``."""

MAX_LENGTH = 16_384
"""Characters of one filter."""

MAX_NESTING = 16
"""How deep parentheses and NOT may go."""

MAX_TERMS = 200
"""Conditions in one filter: AND and OR make a tree one level deeper each."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_COMPARISONS: Mapping[str, type[exp.Expr]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_WORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "NULL", "TRUE", "FALSE"})
_LITERAL_TYPES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMPTZ"})
_QUOTED = frozenset(t for t in TokenType if t.name.endswith("STRING") or t.name == "IDENTIFIER")
_SYNTAX = frozenset({"ALL", "ANY", "CASE", "EXISTS", "INTERVAL", "ROW", "SOME"})
_NAMES = frozenset(
    token
    for token in (TokenType.VAR, *Postgres.Parser.ID_VAR_TOKENS)
    if token.name not in _SYNTAX and not token.name.startswith("CURRENT_")
)
"""Words that may be a column without quotes."""


def parse_row_filter(text: str, columns: Mapping[str, pa.DataType]) -> exp.Expr:
    """The filter over a dataset's columns; attributes are Placeholders until `bind`.

    The tree is one closed expression (it can stand beside AND), with quoted column names and no
    table. Unquoted names mean the column of exactly that name, or else the only one that is equal
    without letter case. Raises FilterError and nothing else.
    """
    tree = _Parser(_tokenize(text), columns).read()
    return exp.Paren(this=tree) if isinstance(tree, exp.Connector | exp.Not) else tree


def bind(tree: exp.Expr, attributes: Mapping[str, str]) -> exp.Expr:
    """A copy with the session's attributes as text constants; one that is empty is NULL."""
    bound = tree.copy()
    for place in list(bound.find_all(exp.Placeholder)):
        value = attributes.get(place.name, "")
        place.replace(exp.Literal.string(value) if _is_text(value) and value else exp.Null())
    return bound


def session_attributes(principal: str, region: str = "", purpose: str = "") -> dict[str, str]:
    """What `bind` needs for ``user:alice``; `user` is empty for principals of another kind.

    (Otherwise a service called ``svc:alice`` would see the rows of alice.)
    """
    kind, _, name = principal.partition(":")
    user = name if kind == "user" else ""
    return {"user": user, "principal": principal, "region": region, "purpose": purpose}


def attributes_of(tree: exp.Expr) -> frozenset[str]:
    """The session attributes a filter depends on."""
    return frozenset(place.name for place in tree.find_all(exp.Placeholder))


def columns_of(tree: exp.Expr) -> frozenset[str]:
    """The columns a filter reads."""
    return frozenset(column.name for column in tree.find_all(exp.Column))


def _tokenize(text: str) -> list[Token]:
    if not isinstance(text, str) or not _is_text(text):
        raise FilterError("a row filter is text without NUL characters")
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the filter is longer than {MAX_LENGTH} characters")
    try:
        words = Postgres().tokenize(text)
    except SqlglotError:
        raise FilterError("a text, name or comment is not closed") from None
    if not words:
        raise FilterError("the filter is empty; all rows are TRUE, none are FALSE")
    for word in words:
        if word.comments:
            raise FilterError("comments are not allowed", word.start + 1)
    return words


def _is_text(text: str) -> bool:
    """Text every engine and source can hold: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


class _Parser:
    """Recursive descent over the words; what no rule consumes is an error."""

    def __init__(self, words: list[Token], columns: Mapping[str, pa.DataType]) -> None:
        self._words = words
        self._columns = columns
        self._next = 0
        self._depth = 0
        self._terms = 0

    def read(self) -> exp.Expr:
        tree = self._any_of()
        if (word := self._peek()) is not None:
            raise FilterError(f"{_shown(word)} is not allowed here", word.start + 1)
        return tree

    # Words

    def _peek(self, ahead: int = 0) -> Token | None:
        index = self._next + ahead
        return self._words[index] if index < len(self._words) else None

    def _take(self) -> Token:
        word = self._peek()
        if word is None:
            raise FilterError("the filter ends too early", self._words[-1].end + 2)
        self._next += 1
        return word

    def _is_word(self, word: Token | None, *texts: str) -> bool:
        """Whether it is one of these keywords or signs, written as such."""
        return word is not None and word.token_type not in _QUOTED and word.text.upper() in texts

    def _accept(self, *texts: str) -> Token | None:
        return self._take() if self._is_word(self._peek(), *texts) else None

    def _expect(self, text: str) -> Token:
        word = self._take()
        if not self._is_word(word, text):
            raise FilterError(f"{text} is expected, not {_shown(word)}", word.start + 1)
        return word

    # Conditions

    def _any_of(self) -> exp.Expr:
        tree = self._all_of()
        while self._accept("OR"):
            left = tree if isinstance(tree, exp.Or) else _closed(tree)
            tree = exp.Or(this=left, expression=_closed(self._all_of()))
        return tree

    def _all_of(self) -> exp.Expr:
        tree = self._negated()
        while self._accept("AND"):
            left = tree if isinstance(tree, exp.And) else _closed(tree)
            tree = exp.And(this=left, expression=_closed(self._negated()))
        return tree

    def _negated(self) -> exp.Expr:
        if (word := self._accept("NOT")) is None:
            return self._condition()
        self._deeper(word)
        tree = exp.Not(this=_closed(self._negated(), always=True))
        self._depth -= 1
        return tree

    def _deeper(self, word: Token) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise FilterError(f"nested deeper than {MAX_NESTING} levels", word.start + 1)

    def _condition(self) -> exp.Expr:
        self._terms += 1
        if (word := self._accept("(")) is not None:
            self._deeper(word)
            inner = exp.Paren(this=self._any_of())
            self._expect(")")
            self._depth -= 1
            return self._truth(inner, word) if self._accept("IS") else inner
        word = self._take()
        if self._terms > MAX_TERMS:
            raise FilterError(f"more than {MAX_TERMS} conditions", word.start + 1)
        value = self._value(word)
        if self._accept("IS"):
            return self._is_test(value, word)
        sign = self._peek()
        if sign is not None and sign.text in _COMPARISONS and self._is_word(sign, sign.text):
            self._take()
            return self._compared(_COMPARISONS[sign.text], value, self._value(self._take()))
        negated = self._accept("NOT") is not None
        if self._accept("IN"):
            return _negate(self._in(value), negated)
        if self._accept("BETWEEN"):
            return _negate(self._between(value), negated)
        if self._accept("LIKE"):
            return self._like(value, negated)
        if negated:
            raise FilterError("IN, BETWEEN or LIKE is expected after NOT", word.start + 1)
        return self._bare(value, word)

    def _bare(self, value: Value, word: Token) -> exp.Expr:
        if isinstance(value.constant, bool):
            return exp.Boolean(this=value.constant)
        if value.tree is None or value.type is None or not pa.types.is_boolean(value.type):
            following = self._peek()
            if following is not None and not self._is_word(following, "AND", "OR", ")"):
                raise FilterError(f"{_shown(following)} is not allowed here", following.start + 1)
            raise FilterError(f"{_shown(word)} alone is no condition", word.start + 1)
        return value.tree

    def _is_test(self, value: Value, word: Token) -> exp.Expr:
        if not isinstance(value.tree, exp.Column):
            raise FilterError("IS is asked of a column or a parenthesis", word.start + 1)
        ahead = self._peek(1 if self._is_word(self._peek(), "NOT") else 0)
        if self._is_word(ahead, "TRUE", "FALSE"):
            return self._truth(self._bare(value, word), word)
        negated = self._accept("NOT") is not None
        self._expect("NULL")
        test = exp.Is(this=value.tree, expression=exp.Null())
        if negated:
            test.set("negate", True)
        return test

    def _truth(self, tree: exp.Expr, word: Token) -> exp.Expr:
        negated = self._accept("NOT") is not None
        said = self._take()
        if not self._is_word(said, "TRUE", "FALSE"):
            raise FilterError(f"TRUE or FALSE is expected, not {_shown(said)}", said.start + 1)
        if attributes_of(tree):
            reason = "IS TRUE and IS FALSE can not be asked of a condition with attributes"
            raise FilterError(f"{reason}: one that is missing would show rows", word.start + 1)
        answer = exp.Boolean(this=said.text.upper() == "TRUE")
        return _negate(exp.Is(this=tree, expression=answer), negated)

    def _compared(self, node: type[exp.Expr], left: Value, right: Value) -> exp.Expr:
        one, other = alike(left, right)
        anchor = left.type if left.type is not None else right.type
        if pa.types.is_boolean(anchor) and node not in {exp.EQ, exp.NEQ}:
            raise FilterError("booleans are compared with = and <>", right.position)
        return node(this=one, expression=other)

    def _in(self, value: Value) -> exp.Expr:
        self._expect("(")
        options = [self._constant()]
        while self._accept(","):
            options.append(self._constant())
        self._expect(")")
        tree, first = alike(value, options[0])
        rest = [alike(value, option)[1] for option in options[1:]]
        return exp.In(this=tree, expressions=[first, *rest])

    def _constant(self) -> Value:
        word = self._take()
        value = self._value(word)
        if isinstance(value.tree, exp.Column):
            raise FilterError("IN takes constants and attributes", word.start + 1)
        return value

    def _between(self, value: Value) -> exp.Expr:
        low = self._value(self._take())
        self._expect("AND")
        high = self._value(self._take())
        if value.type is None:
            raise FilterError("BETWEEN is asked of a column or an attribute", value.position)
        if pa.types.is_boolean(value.type):
            raise FilterError("booleans are compared with = and <>", value.position)
        tree, lowest = alike(value, low)
        return exp.Between(this=tree, low=lowest, high=alike(value, high)[1])

    def _like(self, value: Value, negated: bool) -> exp.Expr:
        word = self._take()
        if word.token_type is not TokenType.STRING or "\\" in word.text:
            raise FilterError("LIKE takes a text without backslashes", word.start + 1)
        if not isinstance(value.tree, exp.Column) or not is_text_type(value.type):
            raise FilterError("LIKE is asked of a text column", value.position)
        like = exp.Like(this=value.tree, expression=exp.Literal.string(word.text))
        if negated:
            like.set("negate", True)
        return like

    # Values

    def _value(self, word: Token) -> Value:
        position = word.start + 1
        if word.token_type is TokenType.STRING:
            return Value(position, constant=word.text)
        if word.token_type is TokenType.NUMBER:
            return Value(position, constant=read_number(word))
        if self._is_word(word, "-"):
            number = self._take()
            if number.token_type is not TokenType.NUMBER:
                raise FilterError("there is no arithmetic in row filters", position)
            return Value(position, constant=read_number(number).copy_negate())
        if self._is_word(word, "TRUE", "FALSE"):
            return Value(position, constant=word.text.upper() == "TRUE")
        if self._is_word(word, "NULL"):
            raise FilterError("NULL equals nothing; write IS NULL", position)
        if self._is_word(word, ":"):
            return self._attribute(word)
        following = self._peek()
        written = following is not None and following.token_type is TokenType.STRING
        if written and self._is_word(word, *_LITERAL_TYPES):
            return Value(position, constant=read_moment(word.text.upper(), self._take()))
        return self._column(word)

    def _attribute(self, colon: Token) -> Value:
        word = self._take()
        written = word.token_type not in _QUOTED and word.start == colon.end + 1
        if not written or word.text not in ATTRIBUTES:
            known = ", ".join(f":{name}" for name in sorted(ATTRIBUTES))
            raise FilterError(f"an attribute is one of {known}", colon.start + 1)
        place = exp.Placeholder(this=word.text)
        return Value(colon.start + 1, place, pa.string())

    def _column(self, word: Token) -> Value:
        position = word.start + 1
        quoted = word.token_type is TokenType.IDENTIFIER
        if not quoted and (
            word.token_type not in _NAMES
            or word.text.upper() in _WORDS
            or not _PLAIN.match(word.text)
        ):
            raise FilterError(f"{_shown(word)} is not allowed in a row filter", position)
        if self._is_word(self._peek(), "("):
            raise FilterError("there are no functions in row filters", position)
        if self._is_word(self._peek(), "."):
            raise FilterError("a column is written without its table", position)
        name = self._named(word.text, quoted, position)
        return Value(position, exp.column(name, quoted=True), self._columns[name])

    def _named(self, text: str, quoted: bool, position: int) -> str:
        if text in self._columns:
            return text
        folded = text.lower()
        found = [] if quoted else [n for n in self._columns if n.isascii() and n.lower() == folded]
        if not found:
            raise FilterError(f"the dataset has no column {text!r}", position)
        if len(found) > 1:
            raise FilterError(f"{text} may be {' or '.join(map(repr, sorted(found)))}", position)
        return found[0]


def _shown(word: Token) -> str:
    return repr(word.text[:40]) if word.text else "this"


def _closed(tree: exp.Expr, *, always: bool = False) -> exp.Expr:
    """In parentheses unless every parser reads it as one part beside AND, OR and NOT."""
    if isinstance(tree, exp.Paren | exp.Column | exp.Boolean):
        return tree
    if always or isinstance(tree, exp.Connector | exp.Not | exp.Between):
        return exp.Paren(this=tree)
    return tree


def _negate(tree: exp.Expr, negated: bool) -> exp.Expr:
    return exp.Not(this=exp.Paren(this=tree)) if negated else tree
