"""A trace as a picture: boxes of datasets with their columns, in layers from left to right.

Data flows to the right. Whatever is drawn stands in the file itself: no script, no font, nothing
that is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from gateway.lineage.graph import WHOLE, Direction, Kind, Link, Node, Trace
from gateway.lineage.shown import said
from gateway.model import SCHEME

ROW, HEAD, GAP, LAYER_GAP, MARGIN, LETTER = 20, 40, 24, 110, 24, 7.2
"""Sizes in pixels: of a row, the head of a box, between boxes, between layers; a letter's width."""

MOST_LETTERS = 48
"""Longer names are cut; the whole is in the tooltip."""

COLOURS = {
    Kind.DATASET: "#1f5f8b",
    Kind.VIEW: "#6a4c93",
    Kind.ARTEFACT: "#2a7f62",
    Kind.READER: "#8a5a00",
}

STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1b1f24 }
.head { fill: #ffffff; font-weight: 600 } .kind { fill: #ffffff; opacity: .8; font-size: 10px }
.box { fill: #ffffff; stroke: #c3c9d0 } .start { stroke: #d1242f; stroke-width: 2 }
.link { fill: none; stroke-width: 1.5 } .direct { stroke: #1f5f8b }
.indirect { stroke: #98a1ab; stroke-dasharray: 4 3 } .masked { stroke: #c76b00 }
.picked { fill: #fff0f0 } .legend { fill: #57606a; font-size: 11px }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A dataset, artefact or reader at its place; `rows` are the columns that are drawn."""

    uri: str
    kind: Kind
    rows: tuple[str, ...]
    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        return HEAD + ROW * len(self.rows) + (6 if self.rows else 0)

    def anchor(self, column: str) -> float:
        """The height at which links to a column meet the box."""
        if column == WHOLE:
            return self.y + HEAD / 2
        return self.y + HEAD + ROW * self.rows.index(column) + ROW / 2


def svg(trace: Trace) -> str:
    """The trace as an SVG document."""
    boxes = {box.uri: box for box in _boxes(trace)}
    width = max(box.x + box.width for box in boxes.values()) + MARGIN
    height = max(box.y + box.height for box in boxes.values()) + MARGIN + ROW
    title = f"{trace.direction.value} of {trace.start}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#f6f8fa"/>',
        *(_link(link, boxes) for link in trace.links if link.source.uri != link.target.uri),
        *(line for box in boxes.values() for line in _box(box, trace.start)),
        f'<text class="legend" x="{MARGIN}" y="{height - 14:.0f}">values flow ─── '
        "decides only ╌╌╌ masked: orange</text>",
        "</svg>",
    ]
    return "\n".join(parts)


def _boxes(trace: Trace) -> Iterator[Box]:
    columns: dict[str, dict[str, None]] = {}
    kinds: dict[str, Kind] = {}
    for node in trace.nodes:
        rows = columns.setdefault(node.uri, {})
        kinds.setdefault(node.uri, node.kind)
        if node.column != WHOLE:
            rows[node.column] = None
    layers: dict[int, list[str]] = {}
    for uri, layer in _layers(trace).items():
        layers.setdefault(layer, []).append(uri)
    x = float(MARGIN)
    for layer in sorted(layers):
        uris = layers[layer]
        width = max(_width(uri, columns[uri]) for uri in uris)
        y = float(MARGIN)
        for uri in uris:
            box = Box(uri, kinds[uri], tuple(columns[uri]), x, y, width)
            yield box
            y += box.height + GAP
        x += width + LAYER_GAP


def _layers(trace: Trace) -> Mapping[str, int]:
    """The layer of every box: right of everything that flows into it, as far as there is no circle.

    A link that leads back to a box on its own path is passed over.
    """
    sources: dict[str, list[str]] = {}
    uris = list(dict.fromkeys(node.uri for node in trace.nodes))
    for link in trace.links:
        if link.source.uri != link.target.uri:
            sources.setdefault(link.target.uri, []).append(link.source.uri)
    layers: dict[str, int] = {}

    def layer(uri: str, path: frozenset[str]) -> int:
        if uri not in layers:
            given = [s for s in dict.fromkeys(sources.get(uri, ())) if s not in path]
            layers[uri] = 1 + max((layer(s, path | {s}) for s in given), default=-1)
        return layers[uri]

    for uri in uris:
        layer(uri, frozenset({uri}))
    if trace.direction is Direction.UPSTREAM:  # sources stand right before what they flow into
        last = max(layers.values())
        for uri in uris:
            following = [layers[link.target.uri] for link in trace.links if link.source.uri == uri]
            if not sources.get(uri) and following:
                layers[uri] = min(min(following) - 1, last)
    return layers


def _width(uri: str, columns: Mapping[str, None]) -> float:
    longest = max(map(len, (_cut(_name(uri)), *map(_cut, columns))))
    return max(140.0, longest * LETTER + 24)


def _name(uri: str) -> str:
    return uri.removeprefix(SCHEME)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _box(box: Box, start: Node) -> Iterator[str]:
    started = " start" if box.uri == start.uri else ""
    x, y = f"{box.x:.0f}", box.y
    yield f"<g><title>{escape(box.uri)}</title>"
    yield (
        f'<rect class="box{started}" x="{x}" y="{y:.0f}" width="{box.width:.0f}"'
        f' height="{box.height:.0f}" rx="6"/>'
    )
    yield (
        f'<rect x="{x}" y="{y:.0f}" width="{box.width:.0f}" height="{HEAD - 6}" rx="6"'
        f' fill="{COLOURS[box.kind]}"/>'
    )
    left = f"{box.x + 10:.0f}"
    yield f'<text class="kind" x="{left}" y="{y + 13:.0f}">{box.kind.value}</text>'
    yield f'<text class="head" x="{left}" y="{y + 28:.0f}">{escape(_cut(_name(box.uri)))}</text>'
    for number, column in enumerate(box.rows):
        top = y + HEAD + ROW * number
        if box.uri == start.uri and column == start.column:
            yield (
                f'<rect class="picked" x="{box.x + 2:.0f}" y="{top:.0f}"'
                f' width="{box.width - 4:.0f}" height="{ROW}"/>'
            )
        shown = escape(_cut(column))
        yield f'<text x="{left}" y="{top + 14:.0f}">{shown}<title>{escape(column)}</title></text>'
    yield "</g>"


def _link(link: Link, boxes: Mapping[str, Box]) -> str:
    source, target = boxes[link.source.uri], boxes[link.target.uri]
    x1, y1 = source.x + source.width, source.anchor(link.source.column)
    x2, y2 = target.x, target.anchor(link.target.column)
    bend = max(40.0, abs(x2 - x1) / 2)
    look = "masked" if link.masking else ("direct" if link.direct else "indirect")
    path = f"M{x1:.0f} {y1:.0f} C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f}"
    words = escape(f"{link.source} → {link.target} {said(link)}")
    return f'<path class="link {look}" d="{path} {x2:.0f} {y2:.0f}"><title>{words}</title></path>'
