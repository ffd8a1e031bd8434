"""How the tests are divided between worker processes (``pytest -n``, which ``make test`` uses).

A unit of work is a file, or all files that share a fixture too dear to be made in each worker.
Units go to the workers one at a time, the longest first, so that none is left over at the end.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

UNITS = {
    "tests/queries/test_tpcds.py": "TPC-DS",
    "tests/queries/test_tpch.py": "TPC-H",
    "tests/queries/": "the test tables in every source",
    "tests/conformance/": "the canonical table in every source",
    "tests/attacks/": "the attacked mesh",
    "tests/demo/": "the demo",
}
"""Units that take minutes, longest first, by how the ids of their tests begin; the first fits."""

RANKS = {unit: rank for rank, unit in enumerate(UNITS.values())}


def unit_of(test: str) -> str:
    """The unit a test belongs to, by its id."""
    long = next((unit for beginning, unit in UNITS.items() if test.startswith(beginning)), None)
    return long or test.partition("::")[0]


def rank_of(test: str) -> int:
    """The turn of a test's unit: small ones come early."""
    return RANKS.get(unit_of(test), len(RANKS))


class Units(LoadScopeScheduling):
    """Whole units, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
