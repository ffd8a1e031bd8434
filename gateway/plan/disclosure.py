"""What a caller may be told about a plan that policies have a part in."""

from __future__ import annotations

import logging
import re

from connectors.interface import SourceErrorCode
from gateway.engines.mask_sql import conceal
from gateway.errors import GatewayError
from gateway.plan.placement import Choice
from gateway.plan.plan import Plan

_log = logging.getLogger(__name__)

_WORDS = {
    SourceErrorCode.ARITHMETIC: "a value could not be computed",
    SourceErrorCode.REJECTED: "the source refused its part of the query",
    SourceErrorCode.VALUE_UNEXPECTED: "the source sent a value its contract does not allow",
    SourceErrorCode.TYPE_UNSUPPORTED: "the source sent a value its contract does not allow",
}
_OPERATOR = re.compile(
    r" *(?:Aggregate|CrossJoin|Distinct|DistinctOn|EmptyRelation|Extension|Filter|Limit|Projection"
    r"|RecursiveQuery|Repartition|Sort|Subquery|SubqueryAlias|TableScan|Union|Unnest|Values"
    r"|WindowAggr|(?:Cross|Inner|Left|Right|Full|LeftSemi|RightSemi|LeftAnti|RightAnti|LeftMark"
    r"|RightMark) Join)(?=:|$)"
)
"""The name of an operator at the beginning of a line of a plan."""

_CODES = {code.value: words for code, words in _WORDS.items()}
_PLACES = {
    SourceErrorCode.UNAVAILABLE.value: "a source below a view does not answer",
    SourceErrorCode.TIMEOUT.value: "a source below a view did not answer in time",
    SourceErrorCode.OBJECT_NOT_FOUND.value: "a source below a view has lost an object",
}
"""Where something is, which only matters to who may not know what a view stands on."""


def guarded(error: GatewayError, plan: Plan) -> GatewayError:
    """The error without a source's own words, which may quote policies or values they hide."""
    words = _CODES.get(error.code) or (_PLACES.get(error.code) if plan.hidden_views else None)
    kept = [
        t.security
        for t in plan.tables.values()
        if t.security.governs
        or t.security.minimum_rows is not None
        # A path may hold the values of a denied column: place=X/file.parquet.
        or len(t.dataset.schema) < len(t.security.raw)
    ]
    shown = not plan.hidden_views and all(security.discloses for security in kept)
    if words is None or shown:
        return error
    _log.info("a source's words are not shown to the caller: %s", error.code)
    _log.debug("not shown to the caller: %s", error)  # may hold values: not in the usual log
    if error.code == SourceErrorCode.ARITHMETIC.value and "zero" in error.message:
        words = "division by zero"
    return type(error)(words, code=error.code, retryable=error.retryable)


def shown_choice(choice: Choice, plan: Plan) -> str:
    """Why something is pushed or pulled; numbers only where they tell of nothing hidden."""
    securities = [table.security for table in plan.tables.values()]
    securities += [view.security for view in plan.views.values()]
    hides = any(s.hides for s in securities)
    return choice.reason if hides or not choice.numbers else f"{choice.reason} ({choice.numbers})"


def shown_plan(text: str, plan: Plan) -> str:
    """The engine's plan as the caller may see it; the key of a mask nobody may."""
    securities = [t.security for t in plan.tables.values() if t.secured_by_engine]
    text = conceal(text)
    if all(security.discloses for security in securities):
        return text
    # A line may also be the rest of an operator's, behind a line break in somebody's constant.
    lines = [found[0] for found in map(_OPERATOR.match, text.split("\n")) if found]
    return "\n".join([*lines, "(policies apply here: what the operators compute is not shown)"])
