"""Traces through views, artefacts and readers, and how they are shown."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from gateway.lineage.drawing import svg
from gateway.lineage.graph import Direction, Kind, LineageGraph, Link, Node, Trace
from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.lineage.shown import as_json, text

ORDERS, PEOPLE = "mesh://sales/shop/orders@1.0.0", "mesh://hr/staff/people@1.0.0"
REVENUE, TOP = "mesh://sales/shop/revenue@1.0.0", "mesh://board/kpis/top@2.0.0"
DASHBOARD = "mesh://board/kpis/overview@1.0.0"

GRAPH = LineageGraph(
    {
        REVENUE: Lineage(
            outputs=(
                Output("region", (Input(ORDERS, "region", Subtype.IDENTITY),)),
                Output("total", (Input(ORDERS, "amount", Subtype.AGGREGATION),)),
            ),
            whole=(
                Input(ORDERS, "region", Subtype.GROUP_BY),
                Input(ORDERS, "status", Subtype.FILTER),
            ),
            datasets=(ORDERS, PEOPLE),
        ),
        TOP: Lineage(
            outputs=(
                Output("best", (Input(REVENUE, "total", Subtype.AGGREGATION, masking=True),)),
            ),
            datasets=(REVENUE,),
        ),
    },
    (
        Link(Node(TOP, "", Kind.VIEW), Node(DASHBOARD, "", Kind.ARTEFACT), "uses"),
        Link(
            Node(ORDERS, "amount"),
            Node("user:ana", "", Kind.READER),
            "reads",
            count=3,
            last="2026-11-30T10",
        ),
    ),
)


def links(trace: Trace) -> set[tuple[str, str, str]]:
    return {(str(link.source), str(link.target), link.how) for link in trace.links}


def test_downstream_of_a_column_is_what_would_miss_it() -> None:
    trace = GRAPH.trace(GRAPH.node(ORDERS, "amount"), Direction.DOWNSTREAM)
    assert links(trace) == {
        (f"{ORDERS}#amount", f"{REVENUE}#total", "AGGREGATION"),
        (f"{ORDERS}#amount", "user:ana", "reads"),
        (f"{REVENUE}#total", f"{TOP}#best", "AGGREGATION"),
        (TOP, DASHBOARD, "uses"),
    }
    assert trace.reached(Kind.VIEW) == (TOP, REVENUE)
    assert trace.reached(Kind.READER) == ("user:ana",)


def test_what_only_decides_reaches_the_whole_and_all_that_stands_on_it() -> None:
    trace = GRAPH.trace(GRAPH.node(ORDERS, "status"), Direction.DOWNSTREAM)
    assert (f"{ORDERS}#status", REVENUE, "FILTER") in links(trace)
    assert (f"{REVENUE}#total", f"{TOP}#best", "AGGREGATION") in links(trace)
    assert "user:ana" not in trace.reached(Kind.READER)


def test_a_column_nobody_uses_hangs_on_nothing() -> None:
    trace = GRAPH.trace(GRAPH.node(ORDERS, "comment"), Direction.DOWNSTREAM)
    assert trace.links == ()
    assert "nothing downstream" in text(trace)


def test_rows_without_a_column_are_used_as_a_whole() -> None:
    trace = GRAPH.trace(GRAPH.node(PEOPLE, "name"), Direction.DOWNSTREAM, depth=1)
    assert links(trace) == {(PEOPLE, REVENUE, "uses")}


def test_upstream_of_a_column_is_what_it_is_made_of() -> None:
    trace = GRAPH.trace(GRAPH.node(TOP, "best"), Direction.UPSTREAM)
    assert links(trace) == {
        (f"{REVENUE}#total", f"{TOP}#best", "AGGREGATION"),
        (f"{ORDERS}#amount", f"{REVENUE}#total", "AGGREGATION"),
        (f"{ORDERS}#region", REVENUE, "GROUP_BY"),
        (f"{ORDERS}#status", REVENUE, "FILTER"),
        (PEOPLE, REVENUE, "uses"),
    }


def test_a_depth_ends_the_trace() -> None:
    trace = GRAPH.trace(GRAPH.node(TOP, "best"), Direction.UPSTREAM, depth=1)
    assert links(trace) == {(f"{REVENUE}#total", f"{TOP}#best", "AGGREGATION")}


def test_the_text_is_a_tree() -> None:
    shown = text(GRAPH.trace(GRAPH.node(ORDERS, "amount"), Direction.DOWNSTREAM))
    assert shown.splitlines() == [
        f"{ORDERS}#amount",
        f"├─ {REVENUE}#total  (aggregation, view)",
        f"│  └─ {TOP}#best  (aggregation, masked, view)",
        f"│     └─ {DASHBOARD}  (uses, view)",
        "└─ user:ana  (read 3 times, last in 2026-11-30T10h UTC)",
    ]


def test_many_ways_to_one_place_are_written_in_a_few_lines() -> None:
    """Twenty layers of two views each have a million paths, and forty-one nodes."""
    derivations = {}
    for layer in range(20):
        below = [f"mesh://a/b/v{layer}x@1", f"mesh://a/b/v{layer}y@1"]
        for name in ("x", "y"):
            derivations[f"mesh://a/b/v{layer + 1}{name}@1"] = Lineage(
                (Output("c", tuple(Input(uri, "c", Subtype.IDENTITY) for uri in below)),),
                datasets=tuple(below),
            )
    graph = LineageGraph(derivations)
    trace = graph.trace(graph.node("mesh://a/b/v20x@1", "c"), Direction.UPSTREAM)
    assert len(trace.links) == 78
    assert len(text(trace).splitlines()) == 79
    ElementTree.fromstring(svg(trace))


def test_the_json_names_every_node_and_link() -> None:
    shown = json.loads(as_json(GRAPH.trace(GRAPH.node(TOP, "best"), Direction.UPSTREAM)))
    assert shown["start"] == f"{TOP}#best"
    assert {"uri": PEOPLE, "column": None, "kind": "dataset"} in shown["nodes"]
    (masked,) = [link for link in shown["links"] if link["masking"]]
    assert masked["source"] == f"{REVENUE}#total"
    assert masked["direct"] is True


@pytest.mark.parametrize("direction", list(Direction))
def test_the_picture_is_svg_with_a_box_for_each_dataset(direction: Direction) -> None:
    trace = GRAPH.trace(GRAPH.node(REVENUE), direction)
    root = ElementTree.fromstring(svg(trace))
    titles = {t.text for t in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {node.uri for node in trace.nodes} <= titles
    paths = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert len(paths) == len(trace.links)


def test_a_name_can_not_write_into_the_picture() -> None:
    evil = '"><script>alert(1)</script>'
    graph = LineageGraph({TOP: Lineage((Output(evil, (Input(ORDERS, evil, Subtype.IDENTITY),)),))})
    drawn = svg(graph.trace(graph.node(TOP), Direction.UPSTREAM))
    assert "<script" not in drawn
    ElementTree.fromstring(drawn)


def test_a_circle_ends() -> None:
    lineage = Lineage((Output("c", (Input(TOP, "c", Subtype.IDENTITY),)),), datasets=(TOP,))
    graph = LineageGraph(
        {
            REVENUE: lineage,
            TOP: Lineage(
                (Output("c", (Input(REVENUE, "c", Subtype.IDENTITY),)),), datasets=(REVENUE,)
            ),
        }
    )
    trace = graph.trace(graph.node(TOP, "c"), Direction.UPSTREAM)
    assert len(trace.links) == 2
    ElementTree.fromstring(svg(trace))
    assert len(text(trace).splitlines()) == 3
