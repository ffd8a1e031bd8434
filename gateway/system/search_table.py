"""``system.catalogue.search``: the datasets that fit the words of ``query``, ranked."""

from __future__ import annotations

import pyarrow as pa

from gateway.errors import InvalidQuery
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

MOST = 100
"""How many datasets a search gives: the best."""

_SCHEMA = columns(
    ("query", pa.string(), "what is looked for: it has to be given"),
    ("rank", pa.int64(), "1 is the best"),
    ("score", pa.float64(), "how well it fits: comparable within one query"),
    ("address", pa.string(), "mesh://domain/product/dataset@version"),
    ("domain", pa.string(), "the first part of its name in SQL"),
    ("product", pa.string(), "the second part"),
    ("dataset", pa.string(), "the third part"),
    ("version", pa.string(), "of the contract"),
    ("name", pa.string(), "as it is written in SQL"),
    ("connector", pa.string(), "what kind of source its rows are in; view: it is a query"),
    ("columns", pa.int64(), "how many columns you may know of"),
    ("title", pa.string(), "its name for people"),
    ("description", pa.string(), "what it is"),
    ("owner", pa.string(), "the team that answers for it"),
    ("tags", pa.string(), "of the dataset, separated by commas"),
    ("status", pa.string(), "draft, active, deprecated or retired"),
    ("successor", pa.string(), "what is to be read instead of it"),
)


def _rows(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    query = equal.get("query")
    if not isinstance(query, str):
        raise InvalidQuery(
            "system.catalogue.search has to be told what to look for",
            hint="add a condition, as in WHERE query = 'customer orders', or query = $1",
        )
    hits = viewpoint.search.find(
        viewpoint.catalogue, query, viewpoint.at, MOST, viewpoint.outlook.discoverable
    )
    rows = []
    for rank, hit in enumerate(hits, start=1):
        dataset = hit.dataset
        address = dataset.address
        rows.append(
            (
                query,
                rank,
                hit.score,
                str(address),
                address.domain,
                address.product,
                address.dataset,
                address.version,
                address.sql_name,
                dataset.binding.connector,
                len(dataset.schema),
                dataset.title,
                dataset.description,
                dataset.owner,
                ", ".join(dataset.tags),
                dataset.status,
                viewpoint.successor(dataset),
            )
        )
    return table(rows, _SCHEMA)


SEARCH = SystemTable(
    "catalogue",
    "search",
    f"The {MOST} datasets that fit the words of query best; it has to be given: query = '...'",
    _SCHEMA,
    _rows,
)
