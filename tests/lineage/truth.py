"""The truth about lineage, written down by hand: reading it, and what it is compared with.

    == NAME [reader=bob] [dialect=mysql] ...
    SELECT ...
    --
    OUTPUT  is orders.id  of orders.amount  if orders.state
    *       filter orders.state*  sort orders.placed!
    reads   orders
    views   big_orders

Each line is an output, in order, or ``*`` for the answer as a whole. A verb says how the columns
behind it are used: ``is`` IDENTITY, ``of`` TRANSFORMATION, ``agg`` AGGREGATION, ``if`` CONDITIONAL,
``win`` WINDOW, ``join``, ``group``, ``filter``, ``sort``. A column ends with ``*`` where a mask is
between and with ``!`` where a policy uses it. ``reads`` names the datasets of which no column is
used. An output whose name has blanks is written in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.lineage.model import Input, Lineage, Output, Subtype

FOLDER = Path(__file__).parent / "truth"

VERBS = {
    "is": Subtype.IDENTITY,
    "of": Subtype.TRANSFORMATION,
    "agg": Subtype.AGGREGATION,
    "if": Subtype.CONDITIONAL,
    "win": Subtype.WINDOW,
    "join": Subtype.JOIN,
    "group": Subtype.GROUP_BY,
    "filter": Subtype.FILTER,
    "sort": Subtype.SORT,
}
_WORD = re.compile(r'"([^"]*)"|(\S+)')

Column = Callable[[str], tuple[str, str]]
"""From a column as the truth writes it to its dataset's address and its name."""


@dataclass(slots=True)
class Truth:
    """One query and its lineage, as lines."""

    name: str
    options: dict[str, str]
    sql: str = ""
    outputs: list[tuple[str, list[str]]] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.name

    def lineage(self, column: Column, address: Callable[[str], str]) -> Lineage:
        """What the lines say."""
        outputs = tuple(Output(name, _inputs(words, column)) for name, words in self.outputs)
        whole = _inputs(self.whole, column)
        datasets = {i.dataset for o in outputs for i in o.inputs} | {i.dataset for i in whole}
        datasets |= {address(name) for name in self.reads}
        views = tuple(sorted(address(name) for name in self.views))
        return Lineage(outputs, whole, tuple(sorted(datasets)), views)


def read(name: str) -> list[Truth]:
    """The truths of a file."""
    found: list[Truth] = []
    in_sql = False
    for line in (FOLDER / name).read_text().splitlines():
        if line.startswith("== "):
            title, *options = line[3:].split()
            found.append(Truth(title, dict(o.split("=") for o in options)))
            in_sql = True
        elif line.strip() == "--":
            in_sql = False
        elif found and in_sql and not _is_lineage(found[-1], line):
            found[-1].sql += line + "\n"
        elif line.strip() and not line.startswith("#"):
            in_sql = False
            _take(found[-1], line)
    return found


def _is_lineage(truth: Truth, line: str) -> bool:
    """A truth without a text of its own begins with its lines."""
    return not truth.sql and bool(line.strip()) and not line.lstrip().upper().startswith(_BEGINS)


_BEGINS = ("SELECT", "WITH", "VALUES", "(", "EXPLAIN", "FROM")


def _take(truth: Truth, line: str) -> None:
    words = [m[1] if m[1] is not None else m[2] for m in _WORD.finditer(line)]
    match words:
        case ["*", *uses]:
            truth.whole += uses
        case ["reads", *names]:
            truth.reads += names
        case ["views", *names]:
            truth.views += names
        case [name, *uses]:
            truth.outputs.append((name, uses))


def _inputs(words: list[str], column: Column) -> tuple[Input, ...]:
    found: set[Input] = set()
    verb: Subtype | None = None
    for word in words:
        if word in VERBS:
            verb = VERBS[word]
            continue
        assert verb is not None, f"{word} is used in no way"
        dataset, name = column(word.rstrip("*!"))
        one = Input(dataset, name, verb, masking="*" in word, policy="!" in word)
        assert one not in found, f"{word} is named twice"
        found.add(one)
    return tuple(sorted(found))


def written(lineage: Lineage) -> str:
    """A lineage in lines that a difference can be read off."""
    verbs = {subtype: verb for verb, subtype in VERBS.items()}

    def inputs(several: tuple[Input, ...]) -> str:
        return " ".join(
            f"{verbs[i.subtype]}({i.dataset.rpartition('/')[2].partition('@')[0]}.{i.column}"
            f"{'*' * i.masking}{'!' * i.policy})"
            for i in several
        )

    lines = [f"{output.name}: {inputs(output.inputs)}" for output in lineage.outputs]
    lines += [f"*: {inputs(lineage.whole)}", f"reads: {' '.join(lineage.datasets)}"]
    return "\n".join([*lines, f"views: {' '.join(lineage.views)}", f"exact: {lineage.exact}"])
