"""Policies: who may do what to which dataset. Denies unless a row allows, and no row denies.

Rows come from `store`, are frozen into a `snapshot`, and are asked through `decide`.
"""

from policies.decide import Authoriser, Context, Decision
from policies.snapshot import Snapshot
from policies.store import PolicyError, PolicyRows, Row, load_folder

__all__ = [
    "Authoriser",
    "Context",
    "Decision",
    "PolicyError",
    "PolicyRows",
    "Row",
    "Snapshot",
    "load_folder",
]
