"""`meshgate catalogue check`: what stands on what, and whether it still does."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.curated_views import loaded
from gateway.errors import UserError
from gateway.model import Address, Dataset
from gateway.notices import Standing
from gateway.settings import load_config
from gateway.sources import Sources
from gateway.views.health import Level, SourceState
from gateway.views.look import looked_at
from gateway.views.watch import ViewWatch


def check(mesh: Path, words: Sequence[str]) -> int:
    """Look at every source of a mesh, or at what an address stands on or is stood on by.

    The exit code is 1 when a view is broken or a source no longer keeps its contract.
    """
    if len(words) > 1:
        raise UserError("one address at a time", hint="meshgate catalogue check [ADDRESS]")
    catalogue = loaded(mesh)
    sources = Sources(load_config(mesh))
    try:
        watch = ViewWatch(
            lambda: catalogue, lambda d: looked_at(d, sources.schema), Standing(), looks=sys.maxsize
        )
        watch.turn()  # the first one is for contracts
        if not words:
            watch.turn()
            live = (d for d in catalogue.datasets if d.status != "retired")  # nobody reads others
            roots = [dataset for dataset in live if dataset.view is None]
        else:
            asked = catalogue.get(Address.parse(words[0]))
            watch.refresh(asked)
            roots = list(watch.graph.sources_of(str(asked.address))) or [asked]
            if asked.view is None:
                roots = [asked]
    finally:
        sources.close()
    tree = _Tree(watch)
    lines = [line for root in roots for line in tree.lines(root)]
    lines += [line for view in tree.unfounded() if not words for line in tree.below(view, "", "")]
    if not lines:
        print("every source keeps its contract, and no view stands on any", file=sys.stderr)
    for line in lines:
        print(line)
    return 1 if tree.broken else 0


class _Tree:
    """The lines of datasets with what stands on them. `broken` counts what is not as it should."""

    def __init__(self, watch: ViewWatch) -> None:
        self._watch = watch
        self._graph = watch.graph
        self.broken = 0

    def lines(self, root: Dataset) -> Iterator[str]:
        """A dataset and all above it; none for one in order on which nothing stands."""
        address = str(root.address)
        if root.view is not None:
            yield from self.below(address, "", "")
            return
        state = self._watch.state(address) or SourceState()
        above = self._graph.above.get(address, ())
        if state.keeps and not above:
            return
        self.broken += bool(state.lost or state.unreadable)
        yield f"{address}  {_said(state)}"
        yield from self._above(above, "")

    def unfounded(self) -> list[str]:
        """The views that stand on no dataset that there is."""
        return [address for address, stand in self._graph.views.items() if not stand.below]

    def below(self, address: str, first: str, rest: str) -> Iterator[str]:
        """A view, and the views that stand on it."""
        health = self._watch.healths[address]
        self.broken += health.level is Level.BROKEN
        reason = health.reason(lambda *_: True)
        yield f"{first}{address}  {health.level}{': ' if reason else ''}{reason}"
        yield from self._above(self._graph.above.get(address, ()), rest)

    def _above(self, views: Sequence[str], indent: str) -> Iterator[str]:
        for number, view in enumerate(views, start=1):
            last = number == len(views)
            first, rest = ("└── ", "    ") if last else ("├── ", "│   ")
            yield from self.below(view, indent + first, indent + rest)


def _said(state: SourceState) -> str:
    if state.unreadable:
        return f"changed: {state.unreadable}"
    if state.lost:
        return f"changed: {'; '.join(state.lost.values())}"
    return f"unreachable: {state.unreachable}" if state.unreachable else "keeps its contract"
