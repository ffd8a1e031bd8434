"""Works around DataFusion answers known to be wrong; each has a regression test.

DataFusion 55 takes ``id / 2 = 4`` as proof that `id` is constant and drops ``ORDER BY id``. The
same comparison ``IS TRUE`` filters the same rows and proves nothing.
"""

from __future__ import annotations

from substrait.proto import Expression, Plan, Rel, Type

from gateway.plan import relations

_COMPARED = {"scalar_function", "cast", "if_then"}


def keep_sorts(plan: Plan) -> None:
    """Wrap equalities between a computed value and a constant, in a plan that sorts."""
    root = plan.relations[0].root.input
    filters = [r for r in relations.walk(root) if relations.kind(r) == "filter"]
    sorts = any(relations.kind(r) == "sort" for r in relations.walk(root))
    if not sorts:
        return
    names = relations.function_names(plan)
    reads = [r for r in relations.walk(root) if relations.kind(r) == "read"]
    conditions = [_condition(r) for r in (*filters, *reads)]
    for condition in conditions:
        if condition is not None:
            _guard(plan, names, condition)


def name_outputs(plan: Plan) -> None:
    """Give the outputs names that no column has: an answer may have two columns of one name."""
    root = plan.relations[0].root
    names = [f"__output_{i}" for i in range(len(root.names))]
    del root.names[:]
    root.names.extend(names)


def _condition(rel: Rel) -> Expression | None:
    if relations.kind(rel) == "filter":
        return rel.filter.condition
    return rel.read.filter if rel.read.HasField("filter") else None


def _guard(plan: Plan, names: dict[int, str], condition: Expression) -> None:
    if condition.WhichOneof("rex_type") != "scalar_function":
        return
    call = condition.scalar_function
    match names[call.function_reference]:
        case "and":
            for argument in call.arguments:
                _guard(plan, names, argument.value)
        case "equal":
            kinds = {a.value.WhichOneof("rex_type") for a in call.arguments}
            if "literal" in kinds and kinds & _COMPARED:
                _wrap(plan, names, condition)


def _wrap(plan: Plan, names: dict[int, str], condition: Expression) -> None:
    anchor = next((a for a, name in names.items() if name == "is_true"), None)
    if anchor is None:
        anchor = max(names, default=0) + 1
        declaration = plan.extensions.add().extension_function
        declaration.CopyFrom(plan.extensions[0].extension_function)
        declaration.function_anchor = anchor
        declaration.name = "is_true"
        names[anchor] = "is_true"
    inner = Expression()
    inner.CopyFrom(condition)
    condition.Clear()
    call = condition.scalar_function
    call.function_reference = anchor
    call.output_type.bool.nullability = Type.NULLABILITY_REQUIRED
    call.arguments.add().value.CopyFrom(inner)
