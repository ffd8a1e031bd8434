"""A mesh with something of everything that is exported, and with things some may not know of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.catalogue.meshes import custom, write

GLOSSARY = "https://glossary.example/"
PASSWORD = "hunter2"
"""Written out in a binding, as it should not be."""

HIDDEN = ("salary", "payroll", "staff_only", "night_run", PASSWORD, "pghost", "vip_only", "gold")
"""What is to be found in nothing that the analyst is given."""

TEAM = {
    "name": "Shop team",
    "members": [{"username": "ana@shop.example", "name": "Ana", "role": "owner"}],
}
SUPPORT = [{"channel": "#shop", "url": "https://chat.example/shop", "tool": "slack"}]


def binding(**changes: Any) -> dict[str, Any]:
    uri = "postgresql://reader:${PG_PASSWORD}@pghost/sales"
    return {"connector": "postgres", "uri": uri, "object": "public.t", **changes}


def contract(name: str, columns: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"c.{name}",
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": name, "properties": columns}],
        "customProperties": custom(binding=binding()),
        **changes,
    }


def column(name: str, physical: str = "bigint", **changes: Any) -> dict[str, Any]:
    logical = {"bigint": "integer", "text": "string", "date": "date"}.get(physical, "number")
    return {"name": name, "logicalType": logical, "physicalType": physical, **changes}


CUSTOMERS = [
    column("id", required=True, primaryKey=True, primaryKeyPosition=1),
    column(
        "mail",
        "text",
        businessName="E-mail address",
        classification="confidential",
        description="Where {{ letters }} go",
        authoritativeDefinitions=[{"type": "businessDefinition", "url": GLOSSARY + "mail"}],
    ),
    column("salary", "numeric(12,2)", tags=["payroll"]),
    column("odd name", "date", examples=["2024-01-01"]),
]
ORDERS = [
    column("id", required=True, primaryKey=True, primaryKeyPosition=1),
    column(
        "customer",
        relationships=[{"to": "../crm/customers.odcs.yaml#/schema/customers/properties/id"}],
    ),
    column(
        "paid_by",
        relationships=[{"to": "../crm/customers.odcs.yaml#/schema/customers/properties/salary"}],
    ),
]
ARTEFACTS = [
    {
        "name": "revenue",
        "version": "1.0.0",
        "kind": "metric",
        "title": "Revenue",
        "description": "Count of {% orders %}",
        "sql": "SELECT count(*) AS n FROM sales.shop.orders",
    },
    {
        "name": "board",
        "version": "2.0.0",
        "kind": "dashboard",
        "url": "https://bi.example/d/1",
        "uses": ["mesh://sales/shop/revenue", "mesh://sales/crm/customers#salary"],
        "owner": "BI",
        "tags": ["weekly"],
    },
    {
        "name": "night_run",
        "version": "1.0.0",
        "kind": "job",
        "command": "run payroll",
        "tags": ["staff_only"],
    },
    {
        "name": "first",
        "version": "1.0.0",
        "kind": "view",
        "dataset": "mesh://sales/shop/orders@1.0.0",
    },
]
POLICIES = """\
p,sales/analyst,sales,mesh://sales/*/*,read,*,*,*,allow
p,sales/analyst,sales,mesh://sales/*/*,read,*,*,payroll|staff_only,deny
p,sales/analyst,sales,mesh://sales/*/*,discover,*,*,payroll|staff_only,deny
p,sales/finder,sales,mesh://sales/*/*,discover,*,*,*,allow
p,sales/keeper,sales,mesh://sales/*/*,read|publish|discover,*,*,*,allow
"""


def rich_mesh(mesh: Path) -> Path:
    """Two products of the domain sales, with policies for an analyst, a finder and a keeper."""
    filters = [{"id": "vip_only", "expr": "\"odd name\" > DATE '2020-01-01'"}]
    customers = contract(
        "customers",
        CUSTOMERS,
        tags=["core"],
        description={"purpose": "Who buys", "usage": "For mail", "limitations": "No minors"},
        team=TEAM,
        support=SUPPORT,
        servers=[{"server": "db", "type": "local", "path": "//pghost/d", "format": "csv"}],
        customProperties=custom(
            binding=binding(
                uri=f"postgresql://reader:{PASSWORD}@pghost/crm",
                options={"password": PASSWORD, "sslmode": "require"},
            ),
            rowFilters=filters,
            residency={"regions": ["EU"], "minimumRows": 5},
        ),
    )
    write(mesh, "products/sales/crm/customers.odcs.yaml", customers)
    write(mesh, "products/sales/crm/crm.odps.yaml", product("crm", ("customers", "1.0.0")))
    write(mesh, "products/sales/shop/orders.odcs.yaml", contract("orders", ORDERS))
    second = contract("orders", [*ORDERS, column("day", "date")], version="1.1.0")
    write(mesh, "products/sales/shop/orders-1.1.odcs.yaml", second)
    view = "SELECT id FROM sales.crm.customers WHERE salary > 5"
    rich = contract("rich", [column("id")], customProperties=custom(view=view))
    write(mesh, "products/sales/shop/rich.odcs.yaml", rich)
    both = contract("both", [])
    both["schema"] = [
        {"name": "paid", "properties": [column("a")]},
        {"name": "staff", "tags": ["staff_only"], "properties": [column("gold")]},
    ]
    write(mesh, "products/sales/shop/both.odcs.yaml", both)
    ports = (("orders", "1.0.0"), ("orders", "1.1.0"), ("rich", "1.0.0"), ("both", "1.0.0"))
    write(
        mesh,
        "products/sales/shop/shop.odps.yaml",
        product(
            "shop",
            *ports,
            description={"purpose": "Sales of the shop"},
            team=TEAM,
            customProperties=custom(artefacts=ARTEFACTS),
        ),
    )
    write(mesh, "policies/sales.csv", POLICIES)
    return mesh


def product(name: str, *ports: tuple[str, str], **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": f"p.{name}",
        "name": name,
        "version": "1.0.0",
        "domain": "sales",
        "status": "active",
        "outputPorts": [
            {"name": port, "version": version, "type": "tables", "contractId": f"c.{port}"}
            for port, version in ports
        ],
        **changes,
    }
