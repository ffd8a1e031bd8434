"""How the tests are divided between worker processes (``pytest -n``, which ``make test`` uses).

A unit of work is a file, or all files that share a fixture too dear to be made in each worker.
Units go to the workers one at a time, the longest first, so that none is left over at the end.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

UNITS = {
    "tests/clients/superset/": "Superset",
    "tests/queries/test_tpcds.py": "TPC-DS",
    "tests/queries/test_tpch.py": "TPC-H",
    "tests/queries/": "the test tables in every source",
    "tests/conformance/": "the canonical table in every source",
    "tests/attacks/": "the attacked mesh",
    "tests/demo/": "the demo",
    "tests/clients/jdbc/": "the JDBC driver",
}
"""Units that take minutes, longest first, by how the ids of their tests begin; the first fits."""

RANKS = {unit: rank for rank, unit in enumerate(UNITS.values())}


def unit_of(test: str) -> str:
    """The unit a test belongs to, by its id."""
    long = next((unit for beginning, unit in UNITS.items() if test.startswith(beginning)), None)
    return long or test.partition("::")[0]


def rank_of(test: str) -> int:
    """The turn of a test's unit: the lower, the earlier."""
    return RANKS.get(unit_of(test), len(RANKS))


class Units(LoadScopeScheduling):
    """Whole units, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        if node in self.registered_collections:  # else it comes for work when it has collected
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """The test at which a worker died, which is not tried again; others do what it left."""
        units = self.assigned_work.pop(node)
        left = [(unit, test) for unit in units for test, done in units[unit].items() if not done]
        if not left:
            return None
        unit, crashed = left[0]
        units[unit][crashed] = True
        self.workqueue.update({unit: units[unit] for unit, _ in left[1:]})
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed
