"""The written form of a lineage: canonical JSON, equal (and of one hash) for equal lineages.

An input is written ``[dataset, column, subtype]``, with a fourth text where its values passed a
mask ("m"), a row filter used it ("p"), or both ("mp").
"""

from __future__ import annotations

import json
from typing import Any

from gateway.lineage.model import Input, Lineage, Output, Subtype

VERSION = 1
"""Of the form: another number is another form."""


def to_json(lineage: Lineage) -> str:
    """The text of a lineage: ASCII, without blanks, its keys sorted."""
    written = {
        "version": VERSION,
        "outputs": [[output.name, _inputs(output.inputs)] for output in lineage.outputs],
        "whole": _inputs(lineage.whole),
        "datasets": lineage.datasets,
        "views": lineage.views,
        "exact": lineage.exact,
    }
    return json.dumps(written, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Lineage:
    """The lineage of a text. Raises ValueError for any other."""
    try:
        written = json.loads(text)
        if written["version"] != VERSION:
            raise ValueError(f"a lineage in form {written['version']!r}, known is {VERSION}")
        return Lineage(
            tuple(Output(name, _read(inputs)) for name, inputs in written["outputs"]),
            _read(written["whole"]),
            tuple(written["datasets"]),
            tuple(written["views"]),
            written["exact"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError("this is no written lineage") from error


def _inputs(inputs: tuple[Input, ...]) -> list[list[str]]:
    return [_input(i) for i in inputs]


def _input(found: Input) -> list[str]:
    flags = "m" * found.masking + "p" * found.policy
    written = [found.dataset, found.column, str(found.subtype)]
    return [*written, flags] if flags else written


def _read(written: list[list[Any]]) -> tuple[Input, ...]:
    return tuple(
        Input(dataset, column, Subtype(subtype), "m" in "".join(flags), "p" in "".join(flags))
        for dataset, column, subtype, *flags in written
    )
