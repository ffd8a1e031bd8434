"""Which queries are over the catalogues, and not over datasets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from gateway.postgres_wire.catalogue import functions
from gateway.postgres_wire.catalogue.calls import function_name
from gateway.postgres_wire.catalogue.casts import ENGINE_TYPES, OBJECT_TYPES, kind_name
from gateway.postgres_wire.catalogue.engine import SCHEMAS
from gateway.postgres_wire.catalogue.placeholders import placeholder_types
from gateway.postgres_wire.catalogue.relations import PG_CATALOG, relations
from gateway.postgres_wire.errors import UNSUPPORTED, SqlError
from gateway.postgres_wire.words import NAME, OPERATOR, QUOTED, Word, words

MAY_BE_CATALOGUE = re.compile(
    r"\b(_?pg_|information_schema\b|current_|session_user|user\b|version\b|set_config|has_\w+_priv"
    r"|reg(class|type|proc|namespace|role)\b|obj_desc|col_desc|format_type|quote_|array_(upper|lower)"
    r"|shobj_desc|inet_|getdatabase|to_reg|txid_|parse_ident)",
    re.IGNORECASE,
)
"""A query without any of this is none over the catalogues."""

_RESERVED = {"SELECT", "INSERT", "UPDATE", "DELETE", "TABLE", "FROM", "USER", "ORDER", "GROUP"}
"""Words the parser takes for the beginning of something else, where PostgreSQL takes any."""

_MAX_NESTING = 128
_MAX_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Understood:
    """A query over the catalogues; `parameters` are the oids of its placeholders, in order."""

    tree: exp.Expr
    parameters: tuple[int, ...]


def understood(text: str, types: Sequence[int]) -> Understood | None:
    """The query, if it is one over the catalogues; None if it is one over datasets.

    SqlError for one over both.
    """
    if len(text) > _MAX_TEXT:
        return None
    tree = _parsed(text)
    if tree is None:
        return None
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    ours, others = 0, list[str]()
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if isinstance(table.this, exp.Func | exp.Dot) or (not table.db and name in ctes):
            ours += function_name(table.this) in functions.TABLE_FUNCTIONS
        elif schema_of(table) is not None:
            ours += 1
        else:
            others.append(table.sql("postgres"))
    if others:
        if ours:
            raise SqlError(
                UNSUPPORTED,
                f"a query reads the catalogue or datasets, not both: {others[0][:99]} is one",
                hint="send two queries",
            )
        return None
    if not ours and not any(_is_ours(node) for node in tree.walk()):
        return None
    return Understood(tree, placeholder_types(tree, types))


def _parsed(text: str) -> exp.Expr | None:
    try:
        found, depth = list(words(text)), 0
        for word in found:
            depth += {"(": 1, ")": -1}.get(word.text, 0) if word.kind == OPERATOR else 0
            if depth > _MAX_NESTING:
                return None
        tree = parse_one(_joined(text, _without_decoration(found)), read="postgres")
    except (SqlglotError, SqlError, RecursionError):
        return None  # the gateway says what is wrong with it
    return tree if isinstance(tree, exp.Query) else None


def _joined(text: str, kept: Sequence[Word]) -> str:
    parts: list[str] = []
    before: Word | None = None
    for word in kept:
        if before is not None and text[before.end : word.start].strip() == "":
            parts.append(" " if word.start > before.end else "")
        else:
            parts.append(" ")
        parts.append(word.text)
        before = word
    return "".join(parts).strip()


def _without_decoration(found: list[Word]) -> list[Word]:
    """Without what the parser does not know and nothing here depends on: COLLATE and the like."""
    kept: list[Word] = []
    at = 0
    while at < len(found):
        word = found[at]
        if word.upper == "OPERATOR" and at + 1 < len(found) and found[at + 1].text == "(":
            end = at + 2
            while end < len(found) and found[end].text != ")":
                end += 1
            kept += [w for w in found[at + 2 : end] if w.kind == OPERATOR and w.text != "."]
            at = end + 1
        elif (
            kept
            and kept[-1].text in ("::", ".")
            and word.kind in (NAME, QUOTED)
            and (word.name in ENGINE_TYPES or word.name in OBJECT_TYPES)
            and at + 1 < len(found)
            and found[at + 1].text == "["
        ):  # arrays of types the parser has no word for
            plain = "bigint" if word.name == "oid" or word.name in OBJECT_TYPES else "text"
            kept.append(Word(NAME, plain, word.start, word.end))
            at += 1
        elif word.upper in _RESERVED and kept and kept[-1].upper == "AS":  # names a column
            kept.append(Word(QUOTED, f'"{word.name}"', word.start, word.end))
            at += 1
        elif word.upper == "COLLATE":
            at += 2
            while at + 1 < len(found) and found[at].text == ".":
                at += 2
        else:
            kept.append(word)
            at += 1
    return kept


def schema_of(table: exp.Table) -> str | None:
    """The schema of ours that a table is in; None for a dataset."""
    name, schema = table.name.lower(), table.db.lower()
    known = relations()
    if schema:
        return schema if schema in SCHEMAS else None
    return PG_CATALOG if name in known[PG_CATALOG] else None


def _is_ours(node: exp.Expr) -> bool:
    name = function_name(node)
    if name is not None:
        bare = name in functions.CONSTANTS or name in functions.names()
        return bare or name in functions.TABLE_FUNCTIONS
    return isinstance(node, exp.Cast) and kind_name(node.to) in OBJECT_TYPES
