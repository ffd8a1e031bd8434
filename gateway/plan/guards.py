"""Works around DataFusion answers known to be wrong; each has a regression test.

* DataFusion 55 takes ``id / 2 = 4`` as proof that `id` is constant and drops ``ORDER BY id``. The
  same comparison ``IS TRUE`` filters the same rows and proves nothing.
* A filter above an outer hash join is moved to the side that keeps its rows when that side has a
  column of the same name. Not through a limit, and not above a merge join.
* A merge join with a condition beside its equal columns takes other columns for those of the
  condition when not all of the joined columns are wanted.
* A sort key may be dropped that a joined sub-query seems to decide. Its rule is switched off then.
* An answer with two columns of one name can not be read back from Substrait.
* Substrait gets a window without its FILTER, its DISTINCT and the widths of its RANGE, and any
  function without its IGNORE NULLS: it would answer as if they were not there. One grouping set
  alone looks like GROUP BY there, but has a column more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from substrait.proto import Expression, Plan, Rel, Type

from gateway.plan import relations
from gateway.plan.security import FENCE_ROWS

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


def settle_constants(plan: Plan) -> None:
    """Let a read's filter be a constant or have none: DataFusion can not hand a table both."""
    names = relations.function_names(plan)
    for rel in relations.walk(plan.relations[0].root.input):
        if relations.kind(rel) != "read" or not rel.read.HasField("filter"):
            continue
        parts = list(_conjuncts(names, rel.read.filter))
        constants = [p for p in parts if p.WhichOneof("rex_type") == "literal"]
        if not constants or len(parts) == 1:
            continue
        never = [p for p in constants if not p.literal.boolean]  # false, or NULL
        rest = never[:1] or [p for p in parts if p.WhichOneof("rex_type") != "literal"]
        kept = Expression()
        kept.CopyFrom(rest[0] if rest else constants[0])
        for part in rest[1:]:
            both = Expression()
            both.scalar_function.CopyFrom(rel.read.filter.scalar_function)
            del both.scalar_function.arguments[:]
            both.scalar_function.arguments.add().value.CopyFrom(kept)
            both.scalar_function.arguments.add().value.CopyFrom(part)
            kept = both
        rel.read.filter.CopyFrom(kept)


def _conjuncts(names: dict[int, str], condition: Expression) -> Iterator[Expression]:
    call = condition.scalar_function
    is_call = condition.WhichOneof("rex_type") == "scalar_function"
    if is_call and names[call.function_reference] == "and":
        for argument in call.arguments:
            yield from _conjuncts(names, argument.value)
    else:
        yield condition


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


def may_lose_sort(plan_text: str) -> bool:
    """True for a plan that sorts and compares: an equality may seem to settle a sort key."""
    return "Sort:" in plan_text and " = " in plan_text


_SORT_KEYS = re.compile(r"^\s*Sort: (.*)$", re.MULTILINE)
_DIRECTION = re.compile(r" (?:ASC|DESC) NULLS (?:FIRST|LAST)")
_GROUPS = re.compile(r"groupBy=\[\[([^\]]*)\]\]")


def lost_sort_keys(before: str, after: str) -> bool:
    """True when the optimised plan sorts by fewer keys than the query: by one too few, perhaps.

    DataFusion 55 thinks that a key of a grouped sub-query decides the other columns also where a
    join has repeated it.
    """
    return sum(_sort_keys(after)) < sum(_sort_keys(before))


def _sort_keys(plan_text: str) -> list[int]:
    return [len(_DIRECTION.findall(keys)) for keys in _SORT_KEYS.findall(plan_text)]


def repeats_groups(plan_text: str) -> bool:
    """True when some GROUP BY of the plan names a column twice."""
    groups = [keys.split(", ") for keys in _GROUPS.findall(plan_text)]
    return any(len(set(names)) != len(names) for names in groups)


_LOST_IN_WINDOW = re.compile(
    r"^\s*WindowAggr:.*(?:\(DISTINCT | FILTER \(WHERE"
    r"|RANGE BETWEEN (?!(?:UNBOUNDED PRECEDING|CURRENT ROW) AND"
    r" (?:CURRENT ROW|UNBOUNDED FOLLOWING)))",
    re.MULTILINE,
)


def lost_by_substrait(plan_text: str) -> bool:
    """True when the plan says more about a window or an aggregate than its Substrait form."""
    return (
        "IGNORE NULLS" in plan_text
        or _LOST_IN_WINDOW.search(plan_text) is not None
        or any(_is_alone(plan_text[m.end() :]) for m in _GROUPING_SETS.finditer(plan_text))
    )


_GROUPING_SETS = re.compile(r"GROUPING SETS \(")


def _is_alone(sets: str) -> bool:
    """True when a list of groupings, after its opening bracket, has only one."""
    depth, count = 1, 0
    for character in sets:
        depth += {"(": 1, ")": -1}.get(character, 0)
        count += character == "(" and depth == 2
        if not depth:
            break
    return count <= 1


_NESTED_LOOP = re.compile(r"^\s*(?:Cross Join:|\w+ Join:\s+Filter:)", re.MULTILINE)


def nests_loops(plan_text: str) -> bool:
    """True when some join of the plan compares every row with every row."""
    return _NESTED_LOOP.search(plan_text) is not None


_OUTER_JOINS = ("Left Join:", "Right Join:", "Full Join:")


def filters_outer_joins(plan_text: str) -> bool:
    """True for a plan with a filter anywhere above an outer join."""
    above: list[int] = []  # how far the filters that a line is below of are indented
    for line in plan_text.splitlines():
        words = line.lstrip()
        indent = len(line) - len(words)
        while above and above[-1] >= indent:
            above.pop()
        if words.startswith("Filter:"):
            above.append(indent)
        elif above and words.startswith(_OUTER_JOINS):
            return True
    return False


_CONDITION_BESIDE = re.compile(r"^\s*\w+ Join: (?! ?Filter:).*\bFilter:", re.MULTILINE)
_BY_EQUAL_COLUMNS = re.compile(r"^\s*(?:Left|Right|Full) Join: (?! ?Filter:)", re.MULTILINE)


def joins_conditionally(plan_text: str) -> bool:
    """True for a plan with a join by equal columns that has another condition beside them."""
    return _CONDITION_BESIDE.search(plan_text) is not None


def joins_outer_by_columns(plan_text: str) -> bool:
    """True for a plan with an outer join by equal columns."""
    return _BY_EQUAL_COLUMNS.search(plan_text) is not None


def fence_outer_joins(plan: Plan) -> None:
    """Put a limit that leaves out nothing on every outer join that a filter is anywhere above."""
    _fence(plan.relations[0].root.input, filtered=False)


def _fence(rel: Rel, *, filtered: bool) -> None:
    filtered = filtered or relations.kind(rel) == "filter"
    for child in relations.inputs(rel):
        _fence(child, filtered=filtered)
    if filtered and relations.kind(rel) == "join" and relations.join_type(rel) in _OUTER:
        join = relations.copied(rel)
        rel.Clear()
        rel.fetch.input.CopyFrom(join)
        rel.fetch.count_expr.literal.i64 = FENCE_ROWS


_OUTER = frozenset({"LEFT", "RIGHT", "OUTER"})
_MERGE_JOIN_THAT_FILTERS = re.compile(r"SortMergeJoin\w*: .*\bfilter=")


def merge_joins_are_right(physical_text: str) -> bool:
    """False for a plan that joins by merging and has more conditions than the equal columns."""
    return _MERGE_JOIN_THAT_FILTERS.search(physical_text) is None
