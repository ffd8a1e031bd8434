"""What the engine makes of a text, to tell whether two texts mean the same to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datafusion import LogicalPlan, SessionContext

from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import is_panic
from gateway.plan import guards, relations
from gateway.plan.fragment import FragmentReads
from gateway.plan.sessions import Form, register_tables
from gateway.plan.source import Tables, Views

_PART = re.compile(r'date_(?:part|trunc)\(Utf8\("\w+"\)')
"""A part of a date, which is the same in small letters and in large ones."""

_NUMBERED = re.compile(r"_sq_\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the engine understood it.

    `shown` is its optimised plan, or as far as the engine got: the plan before that, or the error.
    `optimised` is None unless it got to the end.
    """

    shown: str
    optimised: LogicalPlan | None
    context: SessionContext

    def agrees(self, other: Reading) -> bool:
        """Whether both mean the same.

        Columns are called after the words they were written with: ``x NOT IN (...)`` differs from
        ``NOT x IN (...)`` in these. So plans that look different are compared without names.
        """
        if self.shown == other.shown:
            return True
        if self.optimised is None or other.optimised is None:
            return False
        if guards.lost_by_substrait(self.shown) or guards.lost_by_substrait(other.shown):
            return False
        return _nameless(self.optimised, self.context) == _nameless(other.optimised, other.context)


def _nameless(optimised: LogicalPlan, context: SessionContext) -> tuple[object, ...]:
    """Equal for plans that only name their columns otherwise, and say all in Substrait."""
    try:
        plan = engine.to_substrait(optimised, context)
    except RuntimeError:  # there is no Substrait for something in it
        return (object(),)
    return relations.function_names(plan), plan.relations[0].root.input.SerializeToString(
        deterministic=True
    )


def reading(text: str, tables: Tables, views: Views, config: Config) -> Reading:
    """What the engine makes of a text over these tables, of which it reads nothing."""
    context = engine.session(config)
    register_tables(context, tables, views, FragmentReads(), Form.OPAQUE)
    written = optimised = None
    try:
        frame = context.sql_with_options(text, engine.READ_ONLY)
        written = frame.logical_plan()
        optimised = frame.optimized_logical_plan()
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        if written is None:
            return Reading(str(error), None, context)
    shown = _NUMBERED.sub("_sq", (optimised or written).display_indent())
    return Reading(_PART.sub(lambda match: match[0].lower(), shown), optimised, context)
