"""A mesh whose datasets are in every state of their lives, over a table in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.mesh import govern
from connectors import memory
from gateway.catalogue.publication import to_yaml

MAKER, READER, STRANGER = ("maker", "m-password"), ("reader", "r-password"), ("other", "o-password")

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["a", "b", "c"]})

URI = "${LIVES_URI}"
"""Where the rows are, as the contracts have it: in memory, by the name of their mesh."""

POLICIES = """\
p,all/maker,*,*,discover|read|publish,*,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
p,sales/looker,hr,mesh://hr/people/staff,discover,*,*,*,allow
p,views/reader,views,mesh://views/*/*,discover|read,*,*,*,allow
"""

ENDING = {
    "reason": "its ids are not unique",
    "successor": "mesh://sales/orders/lines@2.0.0",
    "ends": "2999-01-31",
}


def contract(name: str, version: str, status: str, **properties: Any) -> dict[str, Any]:
    """A contract of the rows, with ``mesh.`` properties beside the binding, if it is no view."""
    if "view" not in properties:
        properties["binding"] = {"connector": "memory", "uri": URI, "object": "rows"}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"of.{name}",
        "version": version,
        "status": status,
        "schema": [
            {
                "name": name.rpartition(".")[2],
                "properties": [
                    {"name": "id", "logicalType": "integer", "physicalType": "bigint"},
                    {"name": "name", "logicalType": "string"},
                ],
            }
        ],
        "customProperties": [
            {"property": f"mesh.{key}", "value": value} for key, value in properties.items()
        ],
    }


CONTRACTS = [
    contract("sales.orders.lines", "1.0.0", "retired", deprecation=ENDING),
    contract("sales.orders.lines", "1.1.0", "deprecated", deprecation=ENDING),
    contract("sales.orders.lines", "2.0.0", "active"),
    contract("sales.orders.lines", "3.0.0", "draft"),
    contract("sales.orders.old", "1.0.0", "deprecated",
             deprecation={"successor": "mesh://hr/people/pay"}),
    contract("sales.orders.older", "1.0.0", "retired",
             deprecation={"successor": "mesh://hr/people/pay"}),
    contract("sales.orders.oldest", "1.0.0", "retired",
             deprecation={"successor": "mesh://hr/people/staff"}),
    contract("hr.people.pay", "1.0.0", "active"),
    contract("hr.people.staff", "1.0.0", "active"),
    contract("views.all.lent", "1.0.0", "active",
             view={"sql": "SELECT id, name FROM sales.orders.lines FOR VERSION AS OF '1.1.0'",
                   "owner": "views/owner", "unmask": True}),
    contract("views.all.broken", "1.0.0", "active",
             view={"sql": "SELECT id, name FROM sales.orders.lines FOR VERSION AS OF '1.0.0'",
                   "owner": "views/owner", "unmask": True}),
    contract("views.all.plain", "1.0.0", "active",
             view="SELECT id, name FROM sales.orders.lines FOR VERSION AS OF '1.1.0'"),
]  # fmt: skip

OWNER = "p,views/owner,sales,mesh://sales/*/*,read|publish,*,*,*,allow\n"


@contextmanager
def living_mesh(folder: Path) -> Iterator[Path]:
    """The mesh, with its rows for as long as it is needed.

    The reader may read sales, and know of hr.people.staff but not read it; the other may read the
    views only, of which the lent ones read with their owner's rights.
    """
    source = f"lives-{folder.name}"
    uri = memory.register(source, {"rows": ROWS})
    products: dict[tuple[str, str], list[dict[str, str]]] = {}
    for declared in CONTRACTS:
        domain, product, name = declared["id"].removeprefix("of.").split(".")
        port = {"name": name, "version": declared["version"], "contractId": declared["id"]}
        products.setdefault((domain, product), []).append(port)
        file = put(folder, f"{domain}/{product}/{name}-{declared['version']}.odcs.yaml", declared)
        file.write_text(file.read_text().replace(URI, uri))
    for (domain, product), ports in products.items():
        head = {"apiVersion": "v1.0.0", "kind": "DataProduct", "id": f"{domain}.{product}"}
        names = {"name": product, "domain": domain, "status": "active", "version": "1.0.0"}
        document = {**head, **names, "outputPorts": ports}
        put(folder, f"{domain}/{product}/{product}.odps.yaml", document)
    users = {
        MAKER: ["all/maker"],
        READER: ["sales/reader", "sales/looker", "views/reader"],
        STRANGER: ["views/reader"],
    }
    govern(folder, POLICIES + OWNER, users)
    yield folder
    memory.forget(source)


def put(folder: Path, name: str, document: dict[str, Any]) -> Path:
    """Write a document below the mesh's products."""
    file = folder / "products" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(to_yaml(document), encoding="utf-8")
    return file
