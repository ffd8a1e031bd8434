"""A mesh with users, policies of every kind and real rows, for the commands of governance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.identity.users import add_user
from tests.catalogue.meshes import contract, custom, port, product, write

POLICIES = {
    "access.csv": """\
# Who reads what
p,sales/analyst,sales,mesh://sales/orders/lines,read,*,*,*,allow
p,*,*,*,read,*,*,secret,deny
p,hr/clerk,hr,mesh://hr/staff/salaries,read,payroll,*,*,allow
p,sales/temp,sales,mesh://sales/orders/lines,read,*,*,*,allow,until=2026-01-01
g,user:omar,sales/lead
g,sales/lead,sales/analyst
g2,payroll/bonus,payroll
""",
    "filters.csv": """\
p2,sales/analyst,sales,mesh://sales/orders/lines,*,permissive,eu_only,allow
p2,sales/lead,sales,mesh://sales/orders/lines,*,permissive,all_rows,allow
""",
    "masks.csv": """\
p3,sales/analyst,*,*,pii,*,hash,allow
p3,sales/lead,*,*,pii,*,none,allow
p3,hr/clerk,*,*,pay,*,band:1000,allow
""",
}

LINES = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["EU", "US", "EU"],
        "email": ["ada@example.org", "bob@example.org", "cyd@example.org"],
        "ssn": ["1", "2", "3"],
    }
)
SALARIES = pa.table(
    {"id": pa.array([1, 2], pa.int64()), "salary": pa.array([2400, 3600], pa.int64())}
)


def governed_mesh(mesh: Path) -> Path:
    """``sales.orders.lines`` and ``hr.staff.salaries``; users ana, omar, cyd and tim."""
    for name, table in (("lines", LINES), ("salaries", SALARIES)):
        (mesh / "data").mkdir(exist_ok=True)
        pq.write_table(table, mesh / "data" / f"{name}.parquet")
    eu_only = {"id": "eu_only", "expr": "region = 'EU'"}
    big = {"id": "large_ids", "expr": "id > 1"}
    _dataset(
        mesh,
        "sales.orders.lines",
        [
            {"name": "id", "physicalType": "bigint"},
            {"name": "region", "physicalType": "text"},
            {"name": "email", "physicalType": "text", "tags": ["pii"]},
            {"name": "ssn", "physicalType": "text", "tags": ["secret"]},
        ],
        rowFilters=[eu_only, big],
    )
    _dataset(
        mesh,
        "hr.staff.salaries",
        [
            {"name": "id", "physicalType": "bigint"},
            {"name": "salary", "physicalType": "bigint", "tags": ["pay"]},
        ],
        purpose="required",
        residency={"regions": ["EU"], "minimumRows": 10},
    )
    add_user(mesh, "ana", ["sales/analyst"], "a", region="EU")
    add_user(mesh, "omar", [], "o")
    add_user(mesh, "cyd", ["hr/clerk"], "c", region="EU")
    add_user(mesh, "tim", ["sales/temp"], "t")
    (mesh / "identity.toml").write_text('[services."loader.example"]\nroles = ["sales/analyst"]\n')
    policies(mesh / "policies")
    return mesh


def policies(folder: Path, **changes: str) -> Path:
    """The policies of the mesh; ``access=TEXT`` replaces a file, and ``TEXT`` may be empty."""
    folder.mkdir(exist_ok=True)
    for name, text in POLICIES.items():
        (folder / name).write_text(changes.get(name.removesuffix(".csv"), text))
    return folder


def meshgate(*words: object, columns: int = 80) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, words)],
        env=os.environ | {"COLUMNS": str(columns)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _dataset(mesh: Path, name: str, columns: list[dict[str, object]], **properties: object) -> None:
    domain, of, dataset = name.split(".")
    binding = {"connector": "files", "uri": "data", "object": f"{dataset}.parquet"}
    write(
        mesh,
        f"products/{dataset}.odcs.yaml",
        contract(
            id=name,
            version="1.0.0",
            schema=[{"name": dataset, "properties": columns}],
            customProperties=custom(binding=binding, **properties),
        ),
    )
    ports = port(name=dataset, version="1.0.0", contractId=name)
    document = product(ports, id=f"{domain}.{of}", name=of, domain=domain)
    write(mesh, f"products/{of}.odps.yaml", document)
