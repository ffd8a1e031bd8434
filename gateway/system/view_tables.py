"""``system.catalogue.view_health``: whether views still stand, and why not, by who asks."""

from __future__ import annotations

import pyarrow as pa

from gateway.model import Address
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

_TEXT = pa.string()

_HEALTH = columns(
    ("address", _TEXT, "mesh://domain/product/dataset@version"),
    ("domain", _TEXT, "the first part of its name in SQL"),
    ("product", _TEXT, "the second part"),
    ("dataset", _TEXT, "the third part"),
    ("version", _TEXT, "of the contract"),
    ("language", _TEXT, "what its query is written in"),
    ("health", _TEXT, "valid, degraded, unreachable or broken; NULL: not looked at yet"),
    ("reason", _TEXT, "why: what you may not know of is not named; NULL if it is valid"),
    ("stands_on", _TEXT, "the addresses straight below it that you may know of, with commas"),
)


def _rows(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    def rows() -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for view in viewpoint.views():
            address = Address.parse(view.dataset)
            place = (address.domain, address.product, address.dataset, address.version)
            said = (view.health or None, view.reason or None, ", ".join(view.stands_on))
            found.append((view.dataset, *place, view.language, *said))
        return found

    return table(rows(), _HEALTH)


VIEW_HEALTH = SystemTable(
    "catalogue", "view_health", "Whether views still stand, and why not", _HEALTH, _rows
)
