"""Columns of one answer that are called the same: ``SELECT *, a``, ``SELECT 1, 1``.

The engine refuses them. Each one after the first gets a name of its own for the engine, and in the
answer the name it would have had. Where another part of the query may mean the name, it is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from connectors.trees import written_without_casts
from gateway.languages.edits import Edit

_OWN = "__again_"
_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET}
_AFTER_COLUMNS = {
    *(TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.WINDOW),
    *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH, TokenType.SEMICOLON),
    *(TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT),
}
_MEANS_ALIASES = ("order", "group", "having", "qualify", "distinct")

Names = Mapping[str, str | int]
"""What columns with names of their own are called: a name, or that of the column at this place."""


@dataclass(frozen=True, slots=True)
class ToldApart:
    """The edits of a text after which no column has another's name, and what they are called."""

    edits: tuple[Edit, ...] = ()
    names: Names = field(default_factory=dict)


def told_apart(text: str, words: Sequence[Token], tree: exp.Expr) -> ToldApart:
    """Tell the columns of the answer apart, if they need it."""
    selects = list(_selects(tree))
    lists = list(_lists(words))
    if len(selects) != len(lists) or _OWN in text or _sorted_by_names(tree):
        return ToldApart()
    edits: list[Edit] = []
    names: dict[str, str | int] = {}
    for number, (select, items) in enumerate(zip(selects, lists, strict=True)):
        if len(items) != len(select.expressions):
            return ToldApart()
        for own, edit, name in _again(items, select, len(edits)):
            edits.append(edit)
            if number == 0:  # the first branch of a union names its columns
                names[own] = name
    return ToldApart(tuple(edits), names)


def _sorted_by_names(tree: exp.Expr) -> bool:
    """Whether an ORDER BY of a union may mean a name that more than one of its columns has."""
    order = tree.args.get("order") if isinstance(tree, exp.SetOperation) else None
    return order is not None and not all(key.this.is_int for key in order.expressions)


def named(schema: pa.Schema, names: Names) -> pa.Schema:
    """The schema of an answer, its columns called as they are meant to be."""
    if not names:
        return schema
    fields = []
    for column in schema:
        name = names.get(column.name, column.name)
        fields.append(column.with_name(schema.names[name] if isinstance(name, int) else name))
    return pa.schema(fields, schema.metadata)


def _selects(tree: exp.Expr) -> Iterator[exp.Select]:
    """The branches of the query that stand in no parentheses, in the order of their words."""
    if isinstance(tree, exp.SetOperation):
        yield from _selects(tree.left)
        yield from _selects(tree.right)
    elif isinstance(tree, exp.Select):
        yield tree


def _lists(words: Sequence[Token]) -> Iterator[list[Sequence[Token]]]:
    """The columns of each of them, as words."""
    depth, begun = 0, -1
    items: list[Sequence[Token]] = []
    for i, word in enumerate(words):
        kind = word.token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth or (kind in _CLOSING and begun < 0):
            continue
        if kind is TokenType.SELECT:
            items, begun = [], i + 1
        elif begun >= 0 and kind in (TokenType.DISTINCT, TokenType.ALL) and i == begun:
            begun = i + 1
        elif begun >= 0 and kind is TokenType.COMMA:
            items.append(words[begun:i])
            begun = i + 1
        elif begun >= 0 and kind in _AFTER_COLUMNS and not _compares(words, i):
            yield [*items, words[begun:i]]
            begun = -1
    if begun >= 0:
        yield [*items, words[begun:]]


def _compares(words: Sequence[Token], i: int) -> bool:
    """Whether a FROM is that of IS DISTINCT FROM."""
    before = words[i - 1].token_type if i else None
    return words[i].token_type is TokenType.FROM and before is TokenType.DISTINCT


def _again(
    items: Sequence[Sequence[Token]], select: exp.Select, made: int
) -> Iterator[tuple[str, Edit, str | int]]:
    starred = [i for i, column in enumerate(select.expressions) if column.is_star]
    stars, last_star = bool(starred), max(starred, default=-1)
    meant = _meant(select)
    tables: dict[str, set[str]] = {}
    texts: dict[str, int] = {}
    for i, (words, column) in enumerate(zip(items, select.expressions, strict=True)):
        own, end = f"{_OWN}{made}", words[-1].end + 1
        if column.is_star:
            continue
        if isinstance(column, exp.Alias):
            name = _folded(column.args["alias"])
            again = (stars or name in tables) and name not in meant
            edit = Edit(words[-1].start, end, f'"{own}"')
            tables.setdefault(name, set()).add("")
        elif isinstance(inner := _uncast(column), exp.Column):
            name, table = _folded(inner.this), inner.table
            before = tables.setdefault(name, set())
            again = stars or bool({"", table} & before) or (not table and bool(before))
            edit = Edit(end, end, f' AS "{own}"')
            before.add(table)
        else:
            first = texts.setdefault(written_without_casts(inner), i)
            if first < i and first > last_star:
                # behind a star only the places from the end are known
                place = first - len(items) if stars else first
                yield own, Edit(end, end, f' AS "{own}"'), place
                made += 1
            continue
        if again:
            yield own, edit, name
            made += 1


def _meant(select: exp.Select) -> set[str]:
    """The names by which other parts of the query may mean its columns."""
    parts = [part for name in _MEANS_ALIASES if (part := select.args.get(name)) is not None]
    return {
        _folded(column.this)
        for part in parts
        for column in part.find_all(exp.Column)
        if not column.table
    }


def _uncast(column: exp.Expr) -> exp.Expr:
    """What is converted, and perhaps is in parentheses: names are made of that."""
    while isinstance(column, exp.Cast | exp.Paren):
        column = column.this
    return column


def _folded(identifier: exp.Expr) -> str:
    quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
    return identifier.name if quoted else identifier.name.lower()
