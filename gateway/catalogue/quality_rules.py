"""The quality rules of a contract: ODCS ``quality`` of a schema object and of its properties.

A rule that can not be understood is a problem, never silence: what looks checked must be checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.catalogue.document import Document
from gateway.catalogue.older_rules import modern
from gateway.catalogue.problems import Path, Problem
from gateway.catalogue.timing import Levels, Malformed, is_number
from gateway.errors import did_you_mean
from gateway.model import QualityRule, Threshold

OPERATORS = (
    *("mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan"),
    *("mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"),
)
INTERVALS = ("mustBeBetween", "mustNotBeBetween")
METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
ARGUMENTS = {
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
}
UNITS = ("rows", "percent")
NAME_LENGTH = 120

OBJECT = re.compile(r'"?\$?\{\s*(?:object|table|model|schema|dataset)\s*\}"?')
"""What stands for the dataset in the query of an sql rule."""

PROPERTY = re.compile(r'"?\$?\{\s*(?:property|column|field)\s*\}"?')
"""What stands for the column there."""

Entry = Mapping[str, Any]


def read_quality(
    contract: Document, path: Path, schema: pa.Schema
) -> tuple[tuple[QualityRule, ...], list[Problem]]:
    """The rules of the schema object at `path`, in the order they are declared in.

    Those of its columns come after its own. `schema` are its columns.
    """
    levels = Levels(contract, path)
    levels.check()
    rules: list[QualityRule] = []
    names: set[str] = set()
    for place, column, nested in _places(contract, path):
        entry = modern(_at(contract.content, place))
        try:
            rule = _read(levels, place, entry, schema, column, nested=nested)
        except Malformed as error:
            where = f"the quality rule {_name(entry, '', column)}"
            problem = contract.problem((*place, *error.path), f"{where}: {error}")
            levels.problems.append(problem)
            continue
        name, number = rule.name, 2
        while name.casefold() in names:
            name, number = f"{rule.name} {number}", number + 1
        names.add(name.casefold())
        rules.append(replace(rule, name=name))
    return tuple(rules), list(dict.fromkeys(levels.problems))


def _places(contract: Document, path: Path) -> Iterator[tuple[Path, str, bool]]:
    """Where the rules are, the top column each is about, and whether it is nested in that."""
    waiting: list[tuple[Path, str, int]] = [(path, "", 0)]
    while waiting:
        at, column, depth = waiting.pop(0)
        element = _at(contract.content, at)
        for index, _ in enumerate(element.get("quality") or ()):
            yield (*at, "quality", index), column, depth > 1
        for index, nested in enumerate(element.get("properties") or ()):
            name = column or str(nested["name"])
            waiting.append(((*at, "properties", index), name, depth + 1))
        if element.get("items"):
            waiting.append(((*at, "items"), column, depth + 1))


def _at(content: Any, path: Path) -> Any:
    for step in path:
        content = content[step]
    return content


def _read(
    levels: Levels, place: Path, entry: Entry, schema: pa.Schema, column: str, *, nested: bool
) -> QualityRule:
    """Raises Malformed."""
    kind = entry.get("type") or ("library" if "metric" in entry else "")
    if not kind:
        raise Malformed("is required: library, sql, text or custom", "type")
    rule = QualityRule(_name(entry, str(kind), column), entry, column, "nested" if nested else kind)
    if rule.kind == "custom":
        rule = replace(rule, engine=str(entry.get("engine") or ""))
    if not rule.checked:
        gate = levels.own_gate(place)
        if gate is not None and gate[0] == "deny":
            raise Malformed(
                "nothing checks it, so it can not deny",
                *gate[1][len(place) :],
            )
        return rule
    rule = replace(
        rule,
        threshold=_threshold(entry, booleans=kind == "sql"),
        timing=levels.timing(place, entry, scheduled=True),
    )
    rule = _sql(rule, entry) if kind == "sql" else _library(rule, entry, schema)
    return replace(rule, fingerprint=_fingerprint(rule))


def _name(entry: Entry, kind: str, column: str) -> str:
    given = entry.get("name") or entry.get("id")
    if given:
        return " ".join(str(given).split())[:NAME_LENGTH]
    made = str(entry.get("metric") or entry.get("rule") or kind or entry.get("type") or "")
    return f"{made}({column})" if column else made


def _threshold(entry: Entry, *, booleans: bool) -> Threshold:
    given = [name for name in OPERATORS if name in entry]
    if len(given) != 1:
        raise Malformed(f"needs one of {', '.join(OPERATORS)}")
    (operator,) = given
    value = entry[operator]
    if operator not in INTERVALS:
        if booleans and isinstance(value, bool) and operator in ("mustBe", "mustNotBe"):
            return Threshold(operator, int(value))
        if not is_number(value):
            either = ", or true or false" if booleans else ""
            raise Malformed(f"must be a number{either}", operator)
        return Threshold(operator, value)
    if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
        raise Malformed("must be two numbers", operator)
    least, most = value
    if least > most:
        raise Malformed("must have the smaller number first", operator)
    return Threshold(operator, least, most)


def _sql(rule: QualityRule, entry: Entry) -> QualityRule:
    query = entry.get("query")
    if not isinstance(query, str) or not query.strip():
        raise Malformed("is required and must be text", "query")
    if PROPERTY.search(query) and not rule.column:
        raise Malformed("names a property, and the rule is of none", "query")
    try:
        trees = sqlglot.parse(PROPERTY.sub('"c"', OBJECT.sub('"o"', query)), read="postgres")
    except (SqlglotError, RecursionError):
        raise Malformed("can not be read as SQL", "query") from None
    trees = [tree for tree in trees if tree is not None]
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise Malformed("must be one SELECT", "query")
    return replace(rule, query=query.strip().rstrip("; \n"))


def _library(rule: QualityRule, entry: Entry, schema: pa.Schema) -> QualityRule:
    metric = entry.get("metric")
    if metric not in METRICS:
        hint = did_you_mean(str(metric), METRICS) or f"there are {', '.join(METRICS)}"
        raise Malformed(f"{metric!r} is no metric; {hint}", "metric")
    unit = entry.get("unit") or "rows"
    if unit not in UNITS or (unit == "percent" and metric == "rowCount"):
        raise Malformed("must be rows" + (" or percent" if metric != "rowCount" else ""), "unit")
    arguments = entry.get("arguments") or {}
    for name in arguments:
        if name not in ARGUMENTS.get(metric, ()):
            raise Malformed(f"is no argument of {metric}", "arguments", name)
    if metric == "rowCount" and rule.column:
        raise Malformed("rowCount is of a whole object, not of a property", "metric")
    if metric not in ("rowCount", "duplicateValues") and not rule.column:
        raise Malformed(f"{metric} is of a property, not of a whole object", "metric")
    rule = replace(rule, metric=metric, percent=unit == "percent")
    if metric == "duplicateValues":
        return replace(rule, columns=_columns(rule, arguments, schema))
    if metric == "missingValues":
        values = _listed(arguments, "missingValues", None)
        known = values if values is not None else (None, "")
        # A text can not be in a column of numbers: it is missing from none.
        return replace(rule, values=tuple(v for v in known if _fits(v, schema, rule.column)))
    if metric == "invalidValues":
        return _valid(rule, arguments, schema)
    return rule


def _columns(rule: QualityRule, arguments: Entry, schema: pa.Schema) -> tuple[str, ...]:
    if rule.column:
        if arguments:
            raise Malformed("belongs to a rule of the whole object", "arguments", "properties")
        return (rule.column,)
    columns = arguments.get("properties")
    if not isinstance(columns, list) or not columns:
        raise Malformed("is required: the columns that together are unique", "arguments")
    for index, name in enumerate(columns):
        if name not in schema.names:
            hint = did_you_mean(str(name), schema.names)
            rest = f"; {hint}" if hint else ""
            raise Malformed(f"there is no column {name!r}{rest}", "arguments", "properties", index)
    return tuple(dict.fromkeys(columns))


def _valid(rule: QualityRule, arguments: Entry, schema: pa.Schema) -> QualityRule:
    values = _listed(arguments, "validValues", ())
    pattern = arguments.get("pattern") or ""
    if not values and not pattern:
        raise Malformed("needs validValues or a pattern", "arguments")
    for index, value in enumerate(values or ()):
        if not _fits(value, schema, rule.column):
            kind = schema.field(rule.column).type
            rule_broken = f"{value!r} is no value of a column of the type {kind}"
            raise Malformed(rule_broken, "arguments", "validValues", index)
    if pattern:
        if not isinstance(pattern, str) or not _is_text(schema.field(rule.column).type):
            raise Malformed("is a regular expression for a column of texts", "arguments", "pattern")
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid:
            broken = "can not be read as a regular expression"
            raise Malformed(broken, "arguments", "pattern") from None
    return replace(rule, values=values or (), pattern=pattern)


def _listed(arguments: Entry, name: str, otherwise: Any) -> Any:
    if name not in arguments:
        return otherwise
    values = arguments[name]
    if not isinstance(values, list) or not values:
        raise Malformed("must be a list of values", "arguments", name)
    for index, value in enumerate(values):
        if not (value is None or isinstance(value, str | bool) or is_number(value)):
            raise Malformed("must be a value", "arguments", name, index)
    return tuple(values)


def _fits(value: Any, schema: pa.Schema, column: str) -> bool:
    """Whether a column of the type may hold the value; NULL may be in every column."""
    kind = schema.field(column).type
    types = pa.types
    if value is None:
        return True
    if isinstance(value, bool):
        return bool(types.is_boolean(kind))
    if isinstance(value, str):
        if _is_text(kind):
            return True
        if not types.is_temporal(kind) or types.is_duration(kind) or types.is_interval(kind):
            return False
        try:
            return pa.scalar(value).cast(kind) is not None
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return False
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _fingerprint(rule: QualityRule) -> str:
    known = (
        *(rule.column, rule.kind, rule.metric, rule.threshold, rule.percent, rule.values),
        *(rule.pattern, rule.columns, rule.query),
    )
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]
