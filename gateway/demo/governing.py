"""What people add to the published contracts of the demo: tags, keys, row filters, a residency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.catalogue.document import Document, read_document
from gateway.catalogue.pages import to_yaml
from gateway.errors import UserError


@dataclass(frozen=True, slots=True)
class Addition:
    """To one contract: tags and references by column, and custom properties by name.

    `together` are the columns of a key of several, each with what it refers to.
    """

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    together: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)


_REGISTRY = "../registry/{0}-1.0.0.odcs.yaml#/schema/{0}/properties/{1}"
_WEATHER = "../../climate/observations/weather-1.0.0.odcs.yaml#/schema/weather/properties/{}"

ADDITIONS: Mapping[str, Addition] = {
    # The registration of a plane leads to its owner: the registry of the FAA is public.
    "aviation/operations/flights-1.0.0.odcs.yaml": Addition(
        tags={"tailnum": ("registration",)},
        references={
            "carrier": "../carriers/airlines-1.0.0.odcs.yaml#/schema/airlines/properties/carrier",
            "tailnum": _REGISTRY.format("planes", "tailnum"),
            "origin": _REGISTRY.format("airports", "faa"),
            "dest": _REGISTRY.format("airports", "faa"),
        },
        together={name: _WEATHER.format(name) for name in ("origin", "time_hour")},
        properties={
            "mesh.rowPolicy": "required",
            "mesh.rowFilters": [
                {"id": "from_jfk", "expr": "origin = 'JFK'"},
                {"id": "flown", "expr": "dep_time IS NOT NULL AND arr_time IS NOT NULL"},
            ],
        },
    ),
    "aviation/registry/planes-1.0.0.odcs.yaml": Addition({"tailnum": ("registration",)}),
    "climate/observations/weather-1.0.0.odcs.yaml": Addition(
        references={
            "origin": "../../aviation/registry/airports-1.0.0.odcs.yaml"
            "#/schema/airports/properties/faa"
        },
        properties={"mesh.residency": {"region": "US", "minimumRows": 50}},
    ),
}
"""By the contract's path below ``products``."""


def govern(folder: Path) -> None:
    """Write the additions into the contracts of a mesh, as somebody with an editor would."""
    for name, addition in ADDITIONS.items():
        path = folder / "products" / name
        document = read_document(path, name)
        if not isinstance(document, Document):
            raise UserError(f"the demo's contract can not be read: {document}")
        path.write_text(to_yaml(_governed(document.content, addition)), encoding="utf-8")


def _governed(contract: Mapping[str, Any], addition: Addition) -> dict[str, Any]:
    (element,) = contract["schema"]
    columns = []
    for column in element["properties"]:
        tags = addition.tags.get(column["name"])
        target = addition.references.get(column["name"])
        columns.append(
            {
                **column,
                **({"tags": list(tags)} if tags else {}),
                **({"relationships": [{"to": target}]} if target else {}),
            }
        )
    related = {**element, "properties": columns}
    if addition.together:
        own = [f"{element['name']}.{name}" for name in addition.together]
        related["relationships"] = [{"from": own, "to": list(addition.together.values())}]
    properties = [{"property": n, "value": value} for n, value in addition.properties.items()]
    return {
        **contract,
        "schema": [related],
        "customProperties": [*contract["customProperties"], *properties],
    }
