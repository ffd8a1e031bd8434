"""LIKE and regular expressions: the patterns of each dialect as the engine's."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    BOOLEAN,
    Operand,
    call,
    is_open,
    is_text,
    paren,
    text,
)
from gateway.languages.dialects.operators import as_value, result

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": " \\t\\n\\r\\f\\v"}
_ALL_SCRIPTS = frozenset({"mysql", "postgres"})
"""Where ``\\w`` is a letter of any script, in a database of UTF-8."""
_ESCAPED = frozenset(".^$*+?()[]{}|\\/-")
_SET = re.compile(r"\[\^?(?:[A-Za-z0-9_ .,;:@/#%&!=<>~'\"*+?()-]|\\[dws]|\\[\]\[\\^.-])+\]")


def like(node: exp.Like | exp.ILike, context: Context, escape: str | None = None) -> Operand:
    """LIKE and ILIKE, with patterns in which the backslash is the escape."""
    value = as_value(context.operand(node.this), context)
    pattern = as_value(context.operand(node.expression), context)
    for operand in (value, pattern):
        if not (is_text(operand.kind) or is_open(operand.kind)):
            raise context.refused(node, "LIKE over what is no text", "cast it to a text")
    own = "\\" if context.dialect.like_escapes else ""
    escape = own if escape is None else escape
    if isinstance(pattern.constant, str):
        meant = text(_engine_pattern(pattern.constant, escape, node, context))
    elif escape not in {"", "\\"} or context.dialect.like_classes:
        raise context.refused(node, "LIKE with a pattern that is computed")
    elif escape:
        meant = pattern.sql
    else:
        meant = call("replace", pattern.sql, text("\\"), text("\\\\"))
    sql: exp.Expr = type(node)(this=paren(value.sql), expression=meant)
    return result(sql, BOOLEAN, value, pattern, computed=True)


def escaped(node: exp.Escape, context: Context) -> Operand:
    """``LIKE ... ESCAPE '!'``."""
    inner, escape = node.this, node.expression
    if not isinstance(inner, (exp.Like, exp.ILike)) or not isinstance(escape, exp.Literal):
        raise context.refused(node, "ESCAPE of this")
    if len(escape.name) > 1:
        raise context.wrong(node, "an escape is one letter")
    made = like(inner, context, escape.name)
    if inner.args.get("negate"):
        made = replace(made, sql=exp.Not(this=paren(made.sql)))
    return made


def _engine_pattern(pattern: str, escape: str, node: exp.Expr, context: Context) -> str:
    parts, letters = [], iter(pattern)
    for letter in letters:
        if escape and letter == escape:
            following = next(letters, None)
            if following is None:
                raise context.wrong(node, "a pattern of LIKE ends with its escape")
            parts.append(f"\\{following}" if following in "%_\\" else following)
        elif letter == "\\":
            parts.append("\\\\")
        elif letter == "[" and context.dialect.like_classes:
            raise context.refused(node, "a set of letters in LIKE", "use OR, or = and < instead")
        else:
            parts.append(letter)
    return "".join(parts)


def regular(node: exp.Expr, context: Context) -> Operand:
    """``REGEXP``, ``RLIKE`` and ``~``: whether a pattern is found."""
    value = as_value(context.operand(node.this), context)
    full = context.dialect.name == "snowflake"
    pattern = engine_regular(context.operand(node.expression), node, context, full=full)
    if isinstance(node, exp.RegexpILike):
        pattern = f"(?i){pattern}"
    return found(value, pattern, node, context)


def found(value: Operand, pattern: str, node: exp.Expr, context: Context) -> Operand:
    """Whether the pattern is found in a text."""
    if not (is_text(value.kind) or is_open(value.kind)):
        raise context.refused(node, "a regular expression over what is no text")
    if pattern == ".*":  # the engine takes this for IS NOT NULL, which is never NULL
        pattern = "(?:.*)"
    sql = call("regexp_like", value.sql, text(pattern))
    return result(sql, BOOLEAN, value, computed=True)


def engine_regular(
    pattern: Operand, node: exp.Expr, context: Context, *, full: bool = False
) -> str:
    """A pattern that means the same to the engine: of letters, sets, and what all agree on."""
    said = pattern.constant
    if not isinstance(said, str):
        raise context.refused(node, "a regular expression that is computed")
    parts, at = [], 0
    while at < len(said):
        letter = said[at]
        if letter == "\\":
            following = said[at + 1 : at + 2]
            if following in _CLASSES and following and context.dialect.name in _ALL_SCRIPTS:
                parts.append(f"\\{following}")  # letters and digits of all scripts
            elif following in _CLASSES and following:
                parts.append(f"[{_CLASSES[following]}]")
            elif following in _ESCAPED and following:
                parts.append(f"\\{following}")
            else:
                raise context.refused(node, f"\\{following} in a regular expression")
            at += 2
            continue
        if letter == "[":
            match = _SET.match(said, at)
            if match is None:
                raise context.refused(node, "such a set in a regular expression")
            inner = match[0]
            for name, meant in _CLASSES.items() if context.dialect.name not in _ALL_SCRIPTS else ():
                inner = inner.replace(f"\\{name}", meant)
            parts.append(inner)
            at = match.end()
            continue
        if letter == "(" and said[at + 1 : at + 2] == "?":
            raise context.refused(node, "(? in a regular expression")
        if (letter == "$" and at != len(said) - 1) or (letter == "^" and at):
            raise context.refused(node, f"{letter} within a regular expression")
        if letter in "{" and not re.compile(r"\{\d{1,3}(,\d{0,3})?\}").match(said, at):
            raise context.refused(node, "a brace in a regular expression", "escape it")
        if letter in "*+?}" and said[at + 1 : at + 2] in {"+", "?"}:
            raise context.refused(node, f"{said[at : at + 2]} in a regular expression")
        if letter == "." and context.dialect.name == "postgres":
            parts.append("(?s:.)")
        elif letter == "$" and context.dialect.name in {"mysql", "spark"}:
            parts.append("\\n?$")
        elif letter in " \t" or letter.isprintable():
            parts.append(letter)
        else:
            raise context.refused(node, "such a letter in a regular expression")
        at += 1
    made = "".join(parts)
    return f"^(?:{made})$" if full else made
