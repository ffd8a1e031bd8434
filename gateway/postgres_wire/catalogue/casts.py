"""Casts to the types of PostgreSQL's catalogues: names, oids, and oids that are shown as names."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.languages.array_texts import array_items
from gateway.postgres_wire.catalogue import functions
from gateway.postgres_wire.catalogue.literals import literal
from gateway.postgres_wire.catalogue.session_facts import SessionFacts
from gateway.postgres_wire.errors import UNKNOWN_RELATION, SqlError
from gateway.postgres_wire.text_forms import ARRAY

OID = exp.DataType.build("UINTEGER", "duckdb")

OBJECT_TYPES = {"regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"}
"""Types whose values are oids, written and shown as names."""

ENGINE_TYPES = {
    "oid": "UINTEGER",
    "xid": "BIGINT",
    "cid": "BIGINT",
    "cardinal_number": "INTEGER",
    "int2vector": "SMALLINT[]",
    "oidvector": "UINTEGER[]",
    **dict.fromkeys(
        ("name", "cstring", "sql_identifier", "character_data", "yes_or_no", "aclitem", "char"),
        "VARCHAR",
    ),
    **dict.fromkeys(("pg_node_tree", "refcursor", "unknown", "bpchar", "regconfig"), "VARCHAR"),
}
"""What the engine has for types that only PostgreSQL knows."""


def cast(node: exp.Cast, facts: SessionFacts) -> exp.Expr:
    """The same as a cast the engine can do. SqlError for a type nobody knows."""
    kind = kind_name(node.to)
    inner: exp.Expr = node.this
    if kind in OBJECT_TYPES:
        return _object(node, "regproc" if kind == "regprocedure" else kind, facts)
    base = kind.removesuffix("[]")
    known = ENGINE_TYPES.get(base)
    if isinstance(inner, exp.Literal) and inner.is_string and inner.name.startswith("{"):
        try:
            inner = literal(array_items(inner.name))
        except ValueError:
            raise SqlError("22P02", "an array is malformed", hint=ARRAY) from None
    if known is None and "." in node.to.sql("postgres"):  # pg_catalog.text
        try:
            return exp.cast(inner, exp.DataType.build(kind, "postgres"))
        except SqlglotError:
            raise SqlError("42704", f"there is no type {kind[:60]} in the catalogue") from None
    if known is None:
        return exp.cast(inner, node.to) if inner is not node.this else node
    return exp.cast(inner, exp.DataType.build(known + kind[len(base) :], "duckdb"))


def _object(node: exp.Cast, kind: str, facts: SessionFacts) -> exp.Expr:
    """``'name'::regclass`` is an oid; ``oid::regclass`` is shown as a name."""
    inner: exp.Expr = node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if isinstance(inner, exp.Literal) and inner.is_string:
        oid = object_oid(inner.name, kind, facts)
        if not isinstance(node.parent, exp.Select | exp.Alias):
            return oid
        return exp.func(f"{functions.PREFIX}{kind}_out", oid)
    textual = isinstance(inner, exp.DPipe | exp.Concat) or (
        isinstance(inner, exp.Cast) and inner.is_type("text", "varchar")
    )
    if textual:
        return exp.func(f"{functions.PREFIX}{kind}_in", inner)
    parent = node.parent
    shown = isinstance(parent, exp.Select | exp.Alias | exp.DPipe) or (
        isinstance(parent, exp.Cast) and kind_name(parent.to) in ("text", "name", "varchar")
    )
    if shown:
        return exp.func(f"{functions.PREFIX}{kind}_out", inner)
    return inner


def object_oid(text: str, kind: str, facts: SessionFacts, *, missing: bool = False) -> exp.Expr:
    """The oid of what a text names; with `missing`, null for a relation that is not there."""
    if text.isdigit():
        return exp.cast(exp.Literal.number(text), OID)
    if kind == "regclass":
        oid = facts.find(text)
        if oid is None and not missing:
            raise SqlError(UNKNOWN_RELATION, f"there is no relation {text[:100]} here")
        return exp.cast(exp.null() if oid is None else exp.Literal.number(oid), OID)
    name = text.lower().removeprefix("pg_catalog.").strip('"')
    return exp.func(f"{functions.PREFIX}{kind}_in", exp.Literal.string(name))


def kind_name(kind: exp.DataType | None) -> str:
    """What PostgreSQL calls a type, without a schema."""
    return kind.sql("postgres").lower().rpartition(".")[2].strip('"') if kind is not None else ""
