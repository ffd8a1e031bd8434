"""Words of conditions that no row can make true, such as ``NULL OR ...``: left out of filters.

The optimiser leaves them in, as ``x IN (NULL, 1)`` becomes them, and a table that is read lazily
can not be handed a filter of which one part is constant. A filter lets a row through only where it
is true, so that unknown is as good as false in it: but below AND and OR only, never below NOT.
"""

from __future__ import annotations

from collections.abc import Mapping

from substrait.proto import Expression, Plan

from gateway.plan.relations import function_names, kind, walk


def leave_out_unknown_words(plan: Plan) -> None:
    """Mend every filter of a plan, in place."""
    names = function_names(plan)
    if "or" not in names.values():
        return
    for rel in walk(plan.relations[0].root.input):
        if kind(rel) == "filter":
            _mend(rel.filter.condition, names)
        elif kind(rel) == "read" and rel.read.HasField("filter"):
            _mend(rel.read.filter, names)


def _mend(condition: Expression, names: Mapping[int, str]) -> None:
    name = _name(condition, names)
    if name not in {"and", "or"}:
        return
    words = [argument.value for argument in condition.scalar_function.arguments]
    if name == "or":
        kept = [word for word in words if not _never_true(word, names)]
        if not kept:
            return  # the whole is never true: nothing is left to put in its place
        if len(kept) < len(words):
            _keep(condition, kept)
            _mend(condition, names)
            return
    for argument in condition.scalar_function.arguments:
        _mend(argument.value, names)


def _keep(condition: Expression, kept: list[Expression]) -> None:
    copies = [Expression.FromString(word.SerializeToString()) for word in kept]
    if len(copies) == 1:
        condition.CopyFrom(copies[0])
        return
    del condition.scalar_function.arguments[:]
    for word in copies:
        condition.scalar_function.arguments.add().value.CopyFrom(word)


def _never_true(word: Expression, names: Mapping[int, str]) -> bool:
    if word.WhichOneof("rex_type") == "literal":
        literal = word.literal
        held = literal.WhichOneof("literal_type")
        return held == "null" or (held == "boolean" and not literal.boolean)
    name = _name(word, names)
    if name not in {"and", "or"}:
        return False
    parts = [_never_true(a.value, names) for a in word.scalar_function.arguments]
    return any(parts) if name == "and" else all(parts)


def _name(word: Expression, names: Mapping[int, str]) -> str:
    if word.WhichOneof("rex_type") != "scalar_function":
        return ""
    return names.get(word.scalar_function.function_reference, "")
