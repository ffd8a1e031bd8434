"""From PostgreSQL's SQL over its catalogues to the engine's: names, casts, operators, functions.

Whatever is not known here is refused: the engine must not do what nobody has thought of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from gateway.postgres_wire.array_texts import array_items
from gateway.postgres_wire.catalogue import functions
from gateway.postgres_wire.catalogue.engine import SCHEMAS
from gateway.postgres_wire.catalogue.pg_catalog import FIXED_OIDS
from gateway.postgres_wire.catalogue.relations import (
    PG_CATALOG,
    SESSION,
    column_types,
    relations,
)
from gateway.postgres_wire.errors import SYNTAX_ERROR, UNSUPPORTED, SqlError
from gateway.postgres_wire.parameters import ARROW, UNSPECIFIED, oid_of
from gateway.postgres_wire.types import BY_ARRAY
from gateway.postgres_wire.words import NAME, OPERATOR, QUOTED, Word, words

MAY_BE_CATALOGUE = re.compile(
    r"\b(_?pg_|information_schema\b|current_|session_user|user\b|version\b|set_config|has_\w+_priv"
    r"|reg(class|type|proc|namespace|role)\b|obj_desc|col_desc|format_type|quote_|array_(upper|lower)"
    r"|shobj_desc|inet_|getdatabase|to_reg|txid_)",
    re.IGNORECASE,
)
"""A query without any of this is none over the catalogues."""

UNKNOWN_FUNCTION = "42883"
UNKNOWN_RELATION = "42P01"
_OBJECTS = {"regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"}
_VECTORS = {"indkey", "indclass", "indcollation", "indoption", "proargtypes"}
_OID = exp.DataType.build("UINTEGER", "duckdb")
_TEXT = exp.DataType.build("VARCHAR", "duckdb")
_KINDS = {
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
_MAX_NESTING = 128
_MAX_TEXT = 200_000

_WITHOUT_PARENTHESES: dict[type[exp.Expr], str] = {
    kind: name
    for class_name, name in (
        ("CurrentSchema", "current_schema"),
        ("CurrentSchemas", "current_schemas"),
        ("CurrentUser", "current_user"),
        ("SessionUser", "session_user"),
        ("CurrentRole", "current_role"),
        ("CurrentCatalog", "current_catalog"),
        ("CurrentDatabase", "current_database"),
        ("CurrentVersion", "version"),
        ("PgTypeof", "pg_typeof"),
    )
    if (kind := getattr(exp, class_name, None)) is not None
}


@dataclass(frozen=True, slots=True)
class Understood:
    """A query over the catalogues; `parameters` are the oids of its placeholders, in order."""

    tree: exp.Expr
    parameters: tuple[int, ...]


@dataclass(slots=True)
class SessionFacts:
    """What functions and relations say of the session itself."""

    constants: Mapping[str, str | None]
    search_path: Sequence[str]
    setting: Callable[[str, bool], str | None]
    find: Callable[[str], int | None]
    """The oid of a relation by its name as it is written."""
    settings_set: list[tuple[str, str, bool]] = field(default_factory=list)


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
            ours += _function_name(table.this) in functions.TABLE_FUNCTIONS
        elif _schema_of(table) is not None:
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
    return Understood(tree, _parameters(tree, types))


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
            and word.name in _KINDS
            and at + 1 < len(found)
            and found[at + 1].text == "["
        ):  # arrays of types the parser has no word for
            plain = "bigint" if word.name == "oid" else "text"
            kept.append(Word(NAME, plain, word.start, word.end))
            at += 1
        elif word.upper == "COLLATE":
            at += 2
            while at + 1 < len(found) and found[at].text == ".":
                at += 2
        else:
            kept.append(word)
            at += 1
    return kept


def _schema_of(table: exp.Table) -> str | None:
    """The schema of ours that a table is in; None for a dataset."""
    name, schema = table.name.lower(), table.db.lower()
    known = relations()
    if schema:
        return schema if schema in SCHEMAS else None
    return PG_CATALOG if name in known[PG_CATALOG] else None


def _is_ours(node: exp.Expr) -> bool:
    name = _function_name(node)
    if name is not None:
        bare = name in functions.CONSTANTS or name in functions.names()
        return bare or name in functions.TABLE_FUNCTIONS
    return isinstance(node, exp.Cast) and _kind_name(node.to) in _OBJECTS


def _function_name(node: exp.Expr) -> str | None:
    """What a node calls, without a schema; None for what calls nothing."""
    if isinstance(node, exp.Dot):
        return _function_name(node.expression)
    if type(node) in _WITHOUT_PARENTHESES:
        return _WITHOUT_PARENTHESES[type(node)]
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    if isinstance(node, exp.Column) and not node.table and not node.this.quoted:
        name = str(node.name).lower()
        return name if name in ("user", "session_user", "current_role", "current_catalog") else None
    return None


def _kind_name(kind: exp.DataType | None) -> str:
    return kind.sql("postgres").lower().rpartition(".")[2].strip('"') if kind is not None else ""


def _parameters(tree: exp.Expr, declared: Sequence[int]) -> tuple[int, ...]:
    """The oids of $1, $2, ...: as declared, as they are cast, or as what they are compared with."""
    found: dict[int, int] = {}
    for node in tree.find_all(exp.Parameter, exp.Placeholder):
        number = _number(node)
        oid = declared[number - 1] if number <= len(declared) else UNSPECIFIED
        found[number] = found.get(number) or oid or _inferred(node)
    count = max([*found, len(declared)], default=0)
    return tuple(found.get(n) or 25 for n in range(1, count + 1))


def _number(node: exp.Expr) -> int:
    try:
        return max(int(node.name), 1)
    except ValueError:
        raise SqlError(SYNTAX_ERROR, "placeholders of the catalogue are $1, $2, ...") from None


def _inferred(node: exp.Expr) -> int:
    parent = node.parent
    if isinstance(parent, exp.Cast):
        kind = _kind_name(parent.to)
        if kind in _KINDS or kind in _OBJECTS:
            return {"oid": 26}.get(kind, 25)
        if kind in ("oid[]", "bigint[]"):  # the second stands for the first
            return 1028
        names = {"int": 23, "bigint": 20, "smallint": 21, "boolean": 16, "text[]": 1009}
        return names.get(kind, 25)
    if isinstance(parent, exp.Binary):
        other = parent.expression if parent.this is node else parent.this
        if isinstance(other, exp.Column) and (beside := column_types().get(other.name)) is not None:
            return 26 if pa.types.is_uint32(beside) else oid_of(beside)
    return 25


def rewritten(
    query: Understood, values: Sequence[pa.Scalar] | None, facts: SessionFacts
) -> tuple[str, frozenset[str]]:
    """The query in the engine's SQL, and the relations of the session it reads.

    Without `values` every placeholder is null: that says what the columns are.
    """
    tree = query.tree.copy()
    read: set[str] = set()
    for table in list(tree.find_all(exp.Table)):
        _table(table, read)
    meant = {table.alias: table.name.lower() for table in tree.find_all(exp.Table)}
    for column in list(tree.find_all(exp.Column)):
        column.set("db", None)
        column.set("catalog", None)
        if column.name == "tableoid" and meant.get(column.table) in FIXED_OIDS:
            oid = exp.cast(exp.Literal.number(FIXED_OIDS[meant[column.table]]), _OID)
            column.replace(
                exp.alias_(oid, "tableoid") if isinstance(column.parent, exp.Select) else oid
            )
    _shown_vectors(tree)
    for node in reversed(list(tree.walk(bfs=False))):  # what is inside goes first
        instead = _rewrite(node, query, values, facts)
        if instead is not node and node is not tree:
            node.replace(instead)
    return tree.sql("duckdb"), frozenset(read)


def _table(table: exp.Table, read: set[str]) -> None:
    function = _function_name(table.this)
    if function is not None:
        instead = functions.TABLE_FUNCTIONS.get(function)
        if instead is not None:
            schema, _, name = instead.rpartition(".")
            if not schema:
                read.add(name)
            table.set("this", exp.to_identifier(name))
            table.set("ordinality", None)
            table.set("db", exp.to_identifier(schema) if schema else None)
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(function)))
        return
    if isinstance(table.this, exp.Func):
        table.set("db", None)  # pg_catalog.generate_series
        return
    within = _schema_of(table)
    if within is None:
        return  # a common table expression
    name = table.name.lower()
    if name not in relations()[within]:
        raise SqlError(UNKNOWN_RELATION, f"there is no relation {within}.{name[:60]} here")
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    table.set("catalog", None)
    table.set("this", exp.to_identifier(name))
    if within == PG_CATALOG and name in SESSION:
        read.add(name)
        table.set("db", None)
    else:
        table.set("db", exp.to_identifier(SCHEMAS[within]))


def _shown_vectors(tree: exp.Expr) -> None:
    """``indkey`` and its like are shown as ``1 2``, unlike arrays."""
    outer = tree
    while isinstance(outer, exp.SetOperation):
        outer = outer.this
    if not isinstance(outer, exp.Select):
        return
    for selected in list(outer.selects):
        column = selected.this if isinstance(selected, exp.Alias) else selected
        if isinstance(column, exp.Column) and column.name in _VECTORS:
            shown = exp.func("array_to_string", column.copy(), exp.Literal.string(" "))
            name = selected.alias_or_name
            selected.replace(exp.alias_(shown, name))


def _rewrite(
    node: exp.Expr, query: Understood, values: Sequence[pa.Scalar] | None, facts: SessionFacts
) -> exp.Expr:
    if isinstance(node, exp.Parameter | exp.Placeholder):
        return _value(_number(node), query, values)
    if isinstance(node, exp.Cast):
        return _cast(node, facts)
    if isinstance(node, exp.Like | exp.ILike) and not isinstance(node.parent, exp.Escape):
        return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
    if isinstance(node, exp.Collate):
        inner: exp.Expr = node.this
        return inner
    if isinstance(node, exp.Dot) and _function_name(node) is not None:
        return _call(node.expression, facts)
    name = _function_name(node)
    if name is not None and not isinstance(node.parent, exp.Dot):
        return _call(node, facts)
    if isinstance(node, exp.Bracket) and node.this.name in _VECTORS:  # which count from 0
        place = exp.Add(
            this=exp.paren(node.expressions[0].copy()), expression=exp.Literal.number(1)
        )
        return exp.Bracket(this=node.this.copy(), expressions=[place])
    if isinstance(node, exp.EQ | exp.NEQ) and _is_array_text(node.expression):
        items = array_items(node.expression.name)
        return type(node)(this=node.this.copy(), expression=_literal(items))
    if isinstance(node, exp.Func) and type(node).__name__.startswith("Read"):
        raise _unknown(type(node).__name__)
    return node


def _is_array_text(node: exp.Expr) -> bool:
    """Whether it is an array of numbers, as PostgreSQL writes it in text."""
    return isinstance(node, exp.Literal) and bool(re.fullmatch(r"\{[\d,]*\}", node.name))


def _value(number: int, query: Understood, values: Sequence[pa.Scalar] | None) -> exp.Expr:
    oid = query.parameters[number - 1]
    kind = _engine_type(oid)
    if values is None:
        return exp.cast(exp.null(), kind)
    return exp.cast(_literal(values[number - 1].as_py()), kind)


def _engine_type(oid: int) -> exp.DataType:
    if oid in BY_ARRAY:
        return exp.DataType.build(f"{_engine_type(BY_ARRAY[oid].oid).sql('duckdb')}[]", "duckdb")
    names = {26: "UINTEGER", 16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER"}
    names |= {700: "FLOAT", 701: "DOUBLE", 1700: "DECIMAL(38, 6)"}
    known = names.get(oid)
    if known is None and oid in ARROW and oid != 17:
        known = {1082: "DATE", 1083: "TIME", 1114: "TIMESTAMP", 1184: "TIMESTAMPTZ"}.get(oid)
    return exp.DataType.build(known or "VARCHAR", "duckdb")


def _literal(value: object) -> exp.Expr:
    if value is None:
        return exp.null()
    if isinstance(value, list):
        return exp.Array(expressions=[_literal(item) for item in value])
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value)
    return exp.Literal.string(str(value))


def _cast(node: exp.Cast, facts: SessionFacts) -> exp.Expr:
    kind = _kind_name(node.to)
    inner: exp.Expr = node.this
    if kind in _OBJECTS:
        return _object(node, "regproc" if kind == "regprocedure" else kind, facts)
    base = kind.removesuffix("[]")
    known = _KINDS.get(base)
    if isinstance(inner, exp.Literal) and inner.is_string and inner.name.startswith("{"):
        try:
            inner = _literal(array_items(inner.name))
        except ValueError:
            raise SqlError("22P02", "an array is malformed") from None
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
        oid = _oid_of(inner.name, kind, facts)
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
        isinstance(parent, exp.Cast) and _kind_name(parent.to) in ("text", "name", "varchar")
    )
    if shown:
        return exp.func(f"{functions.PREFIX}{kind}_out", inner)
    return inner


def _oid_of(text: str, kind: str, facts: SessionFacts, *, missing: bool = False) -> exp.Expr:
    if text.isdigit():
        return exp.cast(exp.Literal.number(text), _OID)
    if kind == "regclass":
        oid = facts.find(text)
        if oid is None and not missing:
            raise SqlError(UNKNOWN_RELATION, f"there is no relation {text[:100]} here")
        return exp.cast(exp.null() if oid is None else exp.Literal.number(oid), _OID)
    name = text.lower().removeprefix("pg_catalog.").strip('"')
    return exp.func(f"{functions.PREFIX}{kind}_in", exp.Literal.string(name))


def _call(node: exp.Expr, facts: SessionFacts) -> exp.Expr:
    name = _function_name(node)
    arguments = list(node.expressions) if isinstance(node, exp.Anonymous) else []
    assert name is not None
    if name in functions.CONSTANTS:
        return _constant(name, node, arguments, facts)
    if name == "pg_typeof" and not arguments:
        arguments = [node.this]
    if name == "pg_table_is_visible":
        path = [exp.Literal.string(schema) for schema in facts.search_path]
        arguments = [
            *arguments,
            exp.cast(exp.Array(expressions=path), exp.DataType.build("VARCHAR[]", "duckdb")),
        ]
    if name in ("json_build_object", "jsonb_build_object"):
        return _object_of(arguments)
    if name in functions.names():
        return exp.Anonymous(this=f"{functions.PREFIX}{name}", expressions=arguments)
    if name in functions.PLAIN:
        return exp.Anonymous(this=name, expressions=arguments)
    raise _unknown(name)


def _object_of(arguments: list[exp.Expr]) -> exp.Expr:
    """A structure, which is shown as JSON."""
    pairs = [
        exp.PropertyEQ(
            this=exp.to_identifier(_text_of(arguments[i]) or f"key{i}", quoted=True),
            expression=arguments[i + 1],
        )
        for i in range(0, len(arguments) - 1, 2)
    ]
    return exp.Struct(expressions=pairs)


def _constant(
    name: str, node: exp.Expr, arguments: list[exp.Expr], facts: SessionFacts
) -> exp.Expr:
    if name == "current_schemas":
        given = arguments or [node.this]
        implicit = isinstance(given[0], exp.Boolean) and bool(given[0].this)
        path = [*(["pg_catalog"] if implicit else []), *facts.search_path]
        listed = exp.Array(expressions=[exp.Literal.string(schema) for schema in path])
        return exp.cast(listed, exp.DataType.build("VARCHAR[]", "duckdb"))
    if name in ("current_setting", "set_config", "to_regclass", "to_regtype"):
        texts = [_text_of(argument) for argument in arguments]
        if not texts:
            raise _unknown(name)
        if texts[0] is None and name.startswith("to_"):
            return exp.func(f"{functions.PREFIX}{name.removeprefix('to_')}_in", arguments[0])
        if texts[0] is None and any(argument.find(exp.Column) for argument in arguments):
            raise SqlError(UNSUPPORTED, f"{name} takes a plain text here")
        if texts[0] is None:  # a parameter that has no value yet
            return _text(None)
        if name == "current_setting":
            return _text(facts.setting(texts[0], len(texts) > 1))
        if name == "to_regtype":
            return _oid_of(texts[0], "regtype", facts)
        if name == "to_regclass":
            return _oid_of(texts[0], "regclass", facts, missing=True)
        local = len(arguments) > 2 and isinstance(arguments[2], exp.Boolean) and arguments[2].this
        facts.settings_set.append((texts[0], texts[1] or "", bool(local)))
        return _text(texts[1])
    value = facts.constants[name]
    if name == "pg_backend_pid":
        return exp.cast(exp.Literal.number(value or "0"), exp.DataType.build("INTEGER", "duckdb"))
    return _text(value)


def _text_of(node: exp.Expr) -> str | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return str(node.name) if isinstance(node, exp.Literal) else None


def _text(value: str | None) -> exp.Expr:
    return exp.cast(exp.null() if value is None else exp.Literal.string(value), _TEXT)


def _unknown(name: str) -> SqlError:
    return SqlError(UNKNOWN_FUNCTION, f"there is no function {name[:60]} in the catalogue")
