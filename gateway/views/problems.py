"""What is wrong with the views of a mesh whatever they stand on: found when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.catalogue.problems import Problem
from gateway.views.graph import MAX_LAYERS, Graph, Stand

_PLACE = "mesh.view"


def view_problems(graph: Graph) -> Iterator[Problem]:
    """Queries that can not be read, in an unknown language for one; views that go in a circle.

    What depends on another product's owner is none: it is told by the view's health.
    """
    depth: dict[str, int] = {}
    for address, stand in graph.views.items():
        if stand.problem:
            yield _problem(stand, stand.problem)
        depth[address] = 1 + max((depth.get(below, 0) for below in stand.below), default=0)
        if depth[address] > MAX_LAYERS:
            yield _problem(stand, f"stands on more than {MAX_LAYERS} layers of views")
    if graph.cycle:
        path = " → ".join(graph.cycle)
        yield Problem("products", 0, _PLACE, f"views stand on each other in a circle: {path}")


def _problem(stand: Stand, rule: str) -> Problem:
    return Problem(stand.dataset.source_file, 0, _PLACE, f"{stand.dataset.address}: {rule}")
