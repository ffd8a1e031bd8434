"""``system.catalogue.artefacts``: what data products hold beside datasets."""

from __future__ import annotations

import pyarrow as pa

from gateway.model import Artefact
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

_TEXT = pa.string()

_ARTEFACTS = columns(
    ("address", _TEXT, "mesh://domain/product/artefact@version"),
    ("domain", _TEXT, "the first part of its address"),
    ("product", _TEXT, "the second part"),
    ("artefact", _TEXT, "the third part"),
    ("version", _TEXT, "of the artefact"),
    ("kind", _TEXT, "view, graph, metric, dashboard, model, job, notebook or report"),
    ("title", _TEXT, "its name for people"),
    ("description", _TEXT, "what it is"),
    ("owner", _TEXT, "the team that answers for it"),
    ("tags", _TEXT, "separated by commas"),
    ("status", _TEXT, "draft, active, deprecated or retired"),
    ("form", _TEXT, "how it is opened or executed: url, sql, cypher, dataset or command"),
    ("opens", _TEXT, "the URL, query, address or command, for who may read it; else NULL"),
    ("uses", _TEXT, "what it is made from and you may know of, separated by commas"),
)


def _rows(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table((_row(viewpoint, each) for each in viewpoint.artefacts()), _ARTEFACTS)


def _row(viewpoint: Viewpoint, artefact: Artefact) -> tuple[object, ...]:
    address = artefact.address
    return (
        str(address),
        address.domain,
        address.product,
        address.dataset,
        address.version,
        artefact.kind,
        artefact.title,
        artefact.description,
        artefact.owner,
        ", ".join(artefact.tags),
        artefact.status,
        artefact.way.form,
        artefact.way.text if viewpoint.may_read(artefact) else None,
        ", ".join(str(used) for used in artefact.uses if viewpoint.leads(used)),
    )


ARTEFACTS = SystemTable(
    "catalogue",
    "artefacts",
    "Dashboards, metrics, models, jobs and what else products hold",
    _ARTEFACTS,
    _rows,
)
