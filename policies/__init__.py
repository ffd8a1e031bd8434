"""Policies: who may do what to which dataset. Denies unless a row allows, and no row denies.

Rows come from `store`, are frozen into a `snapshot`, and are asked through `decide`.
"""

from policies.decide import Authoriser, Context, Decision, Resource, Subject, probe
from policies.reload import Reloader
from policies.snapshot import Snapshot
from policies.store import (
    FolderStore,
    PolicyError,
    PolicyRows,
    PolicyStore,
    Row,
    StoreError,
    load_folder,
    open_store,
)

__all__ = [
    "Authoriser",
    "Context",
    "Decision",
    "FolderStore",
    "PolicyError",
    "PolicyRows",
    "PolicyStore",
    "Reloader",
    "Resource",
    "Row",
    "Snapshot",
    "StoreError",
    "Subject",
    "load_folder",
    "open_store",
    "probe",
]
