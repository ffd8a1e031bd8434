"""Small meshes for the tests: products and contracts as Python values, written as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.catalogue.pages import to_yaml

BINDING = {"connector": "files", "uri": "data/lines", "object": "*.parquet"}


def custom(**properties: Any) -> list[dict[str, Any]]:
    return [{"property": f"mesh.{name}", "value": value} for name, value in properties.items()]


def contract(**changes: Any) -> dict[str, Any]:
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "sales.orders.lines",
        "version": "1.2.0",
        "status": "active",
        "schema": [
            {
                "name": "lines",
                "properties": [
                    {"name": "id", "logicalType": "integer", "physicalType": "bigint"},
                    {"name": "email", "logicalType": "string", "tags": ["pii"]},
                ],
            }
        ],
        "customProperties": custom(binding=BINDING),
    }
    return {**document, **changes}


def product(*ports: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document = {
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": "sales.orders",
        "name": "orders",
        "domain": "sales",
        "status": "active",
        "outputPorts": list(ports) or [port()],
    }
    return {**document, **changes}


def port(**changes: Any) -> dict[str, Any]:
    return {"name": "lines", "version": "1.2.0", "contractId": "sales.orders.lines", **changes}


def write(mesh: Path, name: str, document: dict[str, Any] | str) -> Path:
    """Put a document into the mesh; the mesh folder, for chaining."""
    file = mesh / name
    file.parent.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else to_yaml(document)
    file.write_text(text, encoding="utf-8")
    return mesh


def small_mesh(mesh: Path) -> Path:
    """One product with one dataset, ``sales.orders.lines`` version 1.2.0."""
    write(mesh, "products/orders.odps.yaml", product())
    return write(mesh, "products/lines.odcs.yaml", contract())
