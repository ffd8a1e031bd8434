"""A mesh folder with a SQLite source and views over it, in files."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.catalogue.meshes import contract, custom, port, product, write

POLICIES = """\
p,user:ana,*,*,discover|read|admin,*,*,*,allow
p,user:bob,views,*,discover|read,*,*,*,allow
p,views/owner,shop,*,read|publish,*,*,*,allow
"""
COLUMNS = {"id": "integer", "pay": "integer", "region": "string", "total": "integer"}


def alter(mesh: Path, *statements: str) -> None:
    connection = sqlite3.connect(mesh / "shop.sqlite", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def reset(mesh: Path) -> None:
    alter(
        mesh,
        "DROP TABLE IF EXISTS staff",
        "CREATE TABLE staff (id bigint, region text, pay bigint)",
        "INSERT INTO staff VALUES (1, 'EU', 10), (2, 'US', 20)",
    )


def declare(
    mesh: Path,
    domain: str,
    name: str,
    columns: list[str],
    version: str = "1.0.0",
    **properties: Any,
) -> None:
    """A product of one dataset."""
    identity = f"{domain}.{name}.{version}"
    properties_of = [
        {
            "name": column,
            "logicalType": COLUMNS[column],
            **({"physicalType": "bigint"} if COLUMNS[column] == "integer" else {}),
        }
        for column in columns
    ]
    write(
        mesh,
        f"products/{identity}.odcs.yaml",
        contract(
            id=identity,
            version=version,
            schema=[{"name": name, "properties": properties_of}],
            customProperties=custom(**properties),
        ),
    )
    write(
        mesh,
        f"products/{identity}.odps.yaml",
        product(
            port(name=name, version=version, contractId=identity),
            id=identity,
            name=name,
            domain=domain,
        ),
    )


def made(mesh: Path) -> Path:
    """``shop.staff.staff``, and ``views`` standing on it in three layers."""
    (mesh / "policies").mkdir(parents=True)
    (mesh / "policies" / "access.csv").write_text(POLICIES)
    reset(mesh)
    binding = {"connector": "sqlite", "uri": "shop.sqlite", "object": "staff"}
    declare(mesh, "shop", "staff", ["id", "region", "pay"], binding=binding)
    lent = {"query": "SELECT id, pay FROM staff", "language": "sql", "owner": "views/owner",
            "unmask": True}  # fmt: skip
    declare(mesh, "views", "pays", ["id", "pay"], view=lent)
    declare(mesh, "views", "places", ["id", "region"], view="SELECT id, region FROM staff")
    total = {"sql": "SELECT sum(pay) AS total FROM views.pays.pays"}
    declare(mesh, "views", "totals", ["total"], view=total)
    top = {"query": "SELECT `total` FROM views.totals.totals", "dialect": "mysql"}
    declare(mesh, "views", "top", ["total"], view=top)
    return mesh
