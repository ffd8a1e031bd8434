"""Calls of the functions of PostgreSQL's catalogues; any other function is refused."""

from __future__ import annotations

from sqlglot import exp

from gateway.postgres_wire.catalogue import functions
from gateway.postgres_wire.catalogue.casts import object_oid
from gateway.postgres_wire.catalogue.literals import text_literal, text_of
from gateway.postgres_wire.catalogue.session_facts import SessionFacts
from gateway.postgres_wire.errors import UNSUPPORTED, SqlError

UNKNOWN_FUNCTION = "42883"

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


def call(node: exp.Expr, facts: SessionFacts) -> exp.Expr:
    """The same as the engine calls it, or what it gives in this session."""
    name = function_name(node)
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
    if name == "all":  # an operator beside ANY, which the parser takes for a function
        return exp.All(this=arguments[0])
    if name in ("json_build_object", "jsonb_build_object"):
        return _object_of(arguments)
    if name in functions.names():
        return exp.Anonymous(this=f"{functions.PREFIX}{name}", expressions=arguments)
    if name in functions.PLAIN:
        return exp.Anonymous(this=name, expressions=arguments)
    raise unknown_function(name)


def _object_of(arguments: list[exp.Expr]) -> exp.Expr:
    """A structure, which is shown as JSON."""
    pairs = [
        exp.PropertyEQ(
            this=exp.to_identifier(text_of(arguments[i]) or f"key{i}", quoted=True),
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
        texts = [text_of(argument) for argument in arguments]
        if not texts:
            raise unknown_function(name)
        if texts[0] is None and name.startswith("to_"):
            return exp.func(f"{functions.PREFIX}{name.removeprefix('to_')}_in", arguments[0])
        if texts[0] is None and any(argument.find(exp.Column) for argument in arguments):
            raise SqlError(UNSUPPORTED, f"{name} takes a plain text here")
        if texts[0] is None:  # a parameter that has no value yet
            return text_literal(None)
        if name == "current_setting":
            return text_literal(facts.setting(texts[0], len(texts) > 1))
        if name == "to_regtype":
            return object_oid(texts[0], "regtype", facts)
        if name == "to_regclass":
            return object_oid(texts[0], "regclass", facts, missing=True)
        local = len(arguments) > 2 and isinstance(arguments[2], exp.Boolean) and arguments[2].this
        facts.settings_set.append((texts[0], texts[1] or "", bool(local)))
        return text_literal(texts[1])
    value = facts.constants[name]
    if name == "pg_backend_pid":
        return exp.cast(exp.Literal.number(value or "0"), exp.DataType.build("INTEGER", "duckdb"))
    return text_literal(value)


def function_name(node: exp.Expr) -> str | None:
    """What a node calls, without a schema; None for what calls nothing."""
    if isinstance(node, exp.Dot):
        return function_name(node.expression)
    if type(node) in _WITHOUT_PARENTHESES:
        return _WITHOUT_PARENTHESES[type(node)]
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    if isinstance(node, exp.Column) and not node.table and not node.this.quoted:
        name = str(node.name).lower()
        return name if name in ("user", "session_user", "current_role", "current_catalog") else None
    return None


def unknown_function(name: str) -> SqlError:
    return SqlError(UNKNOWN_FUNCTION, f"there is no function {name[:60]} in the catalogue")
