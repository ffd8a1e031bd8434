"""EXPLAIN: who gets what, what is left, and why it was left."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gateway.config import Config
from gateway.plan.disclosure import shown_choice, shown_plan
from gateway.plan.fragment import FragmentReads
from gateway.plan.plan import Plan
from gateway.plan.planner import open_frame
from gateway.plan.reduction import Step, expected_steps

SCHEMA = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""One row an item: "fragment N", "remainder", "read" (by the engine itself), "reduction" (by keys,
from fragment to fragment), "residency", "placement" (push or pull), "not pushed" or "notice".

`source` is where it runs, `text` what runs there or why it does not.
"""

ENGINE = "gateway"


def explain(plan: Plan, config: Config, notices: Sequence[str] = ()) -> pa.RecordBatch:
    """The plan as rows of SCHEMA, and the notices. Sources are not asked anything."""
    told = [("notice", None, notice) for notice in notices]
    if plan.hidden_views:
        hidden = [
            ("view", None, f"{view.dataset.address}: read with its owner's rights, not shown")
            for view in plan.hidden_views
        ]
        return _batch([*hidden, *told])
    reads = FragmentReads()
    rows: list[tuple[str, str | None, str]] = [
        (f"fragment {f.number}", ENGINE if f.computed else str(f.source), f.shown)
        for f in plan.fragments
    ]
    probes = plan.reductions.probes.values()
    rows += [(f"fragment {f.number}", str(f.source), f.shown) for f in probes]
    if plan.constant is not None:
        rows.append(("remainder", ENGINE, "none: the answer is constant"))
    elif plan.whole:
        rows.append(("remainder", ENGINE, "none: the fragment's rows pass straight through"))
    else:
        frame = open_frame(plan, config, reads)
        if not plan.fragments:
            frame.execution_plan()  # the engine names the columns and filters it will ask for
            rows += [(f"fragment {f.number}", str(f.source), f.shown) for f in reads.planned]
        text = frame.optimized_logical_plan().display_indent()
        embedded = plan.embedded
        if embedded is not None:
            rest = embedded.fragment
            rows.append((f"fragment {rest.number}", str(rest.source), rest.shown))
        if embedded is None or embedded.rest is not None:
            rows.append(("remainder", ENGINE, shown_plan(text, plan)))
        else:
            rows.append(("remainder", ENGINE, "none: the last fragment's rows are the answer"))
    rows += [("read", read.source, read.text) for read in plan.reads]
    rows += [
        ("reduction", str(plan.fragments[step.taker.fragment - 1].source), _reduction(step, plan))
        for step in expected_steps(plan.reductions, config)
    ]
    rows += [
        (
            "residency",
            str(table.connector.source_key),
            f"{table.dataset.address}: only aggregates over at least"
            f" {table.security.minimum_rows} rows leave its region",
        )
        for table in plan.tables.values()
        if table.security.minimum_rows is not None
    ]
    rows += [("placement", c.source, shown_choice(c, plan)) for c in plan.placement]
    rows += [
        ("not pushed", item.source or None, f"{item.operator}: {item.reason}")
        for item in plan.not_pushed
    ]
    return _batch([*rows, *told])


def _reduction(step: Step, plan: Plan) -> str:
    """Whose keys go where. Numbers only of what is known and may be shown."""
    taker = f"fragment {step.taker.fragment}.c{step.taker.column}"
    givers = " and ".join(f"fragment {place.fragment}.c{place.column}" for place in step.givers)
    concerned = {step.taker.fragment, *(place.fragment for place in step.givers)}
    if not all(plan.reductions.fragments[number].known for number in concerned):
        return f"{givers} -> {taker}: if few keys come"
    return (
        f"{givers} -> {taker}: about {step.keys:,.0f} keys, {step.rows:,.0f} rows become"
        f" {step.left:,.0f}"
    )


def _batch(rows: Sequence[tuple[str, str | None, str]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], schema=SCHEMA
    )
