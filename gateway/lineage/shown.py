"""Traces as people and programs read them: a tree of text, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from gateway.lineage.graph import WHOLE, Direction, Kind, Link, Node, Trace

FORMAT = 1
"""Changes when a reader of older JSON would misunderstand a newer one."""


def text(trace: Trace) -> str:
    """The trace as a tree, the start at its top: a line a link."""
    lines = [f"{trace.start}", *_branches(trace, trace.start, "", set())]
    if len(lines) == 1:
        lines.append(f"  nothing {trace.direction.value} of it is known")
    return "\n".join(lines)


def as_json(trace: Trace) -> str:
    """The trace as an object: start, direction, nodes, links."""
    nodes = {node: number for number, node in enumerate(trace.nodes)}
    return json.dumps(
        {
            "format": FORMAT,
            "direction": trace.direction.value,
            "start": str(trace.start),
            "nodes": [
                {"uri": node.uri, "column": node.column or None, "kind": node.kind.value}
                for node in nodes
            ],
            "links": [
                {
                    "source": str(link.source),
                    "target": str(link.target),
                    "how": link.how,
                    "direct": link.direct,
                    "masking": link.masking,
                    "count": link.count or None,
                    "last": link.last or None,
                }
                for link in trace.links
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def _branches(trace: Trace, node: Node, indent: str, shown: set[tuple[str, str]]) -> Iterator[str]:
    """The lines below a node. What hangs on one that comes again is only shown the first time."""
    shown.add((node.uri, node.column))
    following = _following(trace, node)
    for number, (link, other) in enumerate(following, start=1):
        last = number == len(following)
        again = (other.uri, other.column) in shown and bool(_following(trace, other))
        yield f"{indent}{'└─ ' if last else '├─ '}{other}  {said(link)}{' ...' if again else ''}"
        if not again:
            yield from _branches(trace, other, indent + ("   " if last else "│  "), shown)


def _following(trace: Trace, node: Node) -> Sequence[tuple[Link, Node]]:
    """The links that lead on from a node, each with where to."""
    upstream = trace.direction is Direction.UPSTREAM
    found = []
    for link in trace.links:
        near, far = (link.target, link.source) if upstream else (link.source, link.target)
        meant = WHOLE in (near.column, node.column) or near.column == node.column
        if near.uri == node.uri and meant and far.uri != node.uri:
            found.append((link, far))
    return found


def said(link: Link) -> str:
    """A link in a few words."""
    words = [link.how.lower().replace("_", " ")]
    if link.masking:
        words.append("masked")
    if link.source.kind is Kind.VIEW or link.target.kind is Kind.VIEW:
        words.append("view")
    if link.target.kind is Kind.READER:
        times = "once" if link.count == 1 else f"{link.count} times"
        words = [f"read {times}, last in {link.last}h UTC"]
    return f"({', '.join(words)})"
