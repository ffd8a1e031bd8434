"""A small governed world with secrets nobody could mistake for anything else, and its twin.

The governed datasets (domain ``hr``) hold rows and values that rita may not see. The twin (domain
``twin``) is what she may see of them, computed here without the gateway: the same tables filtered
by Python and masked by `mask_array`, under no policy at all. Whatever rita asks of ``hr`` has to
come back as una gets it from ``twin``.

Whether a query fails may depend on how it is planned, and a twin is planned otherwise. Domain
``calm`` is under the very policies of ``hr`` but has no row that they hide: what differs between
the two in any way, hidden rows have told.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from bench.mesh import Product, publish
from bench.sources import Column, Table
from gateway.engines.masking import mask_array
from gateway.identity.users import add_user
from gateway.mask_key import load_master_key, product_key
from policies.masks import parse_mask

GOVERNED, CALM, TWIN, BOUND = "hr", "calm", "twin", "clinic"
RITA, UNA, EVE, OLGA = ("rita", "a-password"), ("una", "b-password"), ("eve", "c"), ("olga", "d")
FRED, EURA = ("fred", "f-password"), ("eura", "g-password")

SOURCES = ("postgres", "duckdb", "parquet")
ALL_SOURCES = (*SOURCES, "sqlite", "mariadb")

BIG = 2**63 - 1
HIDDEN_SALARY = 7_770_001
"""Somebody rita may not see earns this; she guesses it in many attacks."""

POLICY_WORD = "POLICYTEXT"
"""Stands in the texts of row filters and nowhere else."""

CANARIES = re.compile(
    r"CANARY|POLICYTEXT|\b777\d{4}\b|\b888\d123|\b666\d{4}\b|\b555\d{7}\b|-03-07|\b7777777"
)
"""Whatever of this comes back is a leak, unless the attacker wrote it himself."""

ROW_FILTERS = {
    "eu": f"region = 'EU' AND department <> '{POLICY_WORD}-dep'",
    "us_sales": f"region = 'US' AND department = 'Sales' AND name <> '{POLICY_WORD}-name'",
    "low": "level < 9",
    "unit": f"unit = 'EU' AND note <> '{POLICY_WORD}'",
    "broken_promise": "level < 100",
}
TAGS = {
    "employees": {
        "ssn": "pii",
        "tax": "pii",
        "email": "contact",
        "phone": "phone",
        "born": "birth",
        "bonus": "pay",
        "badge": "badge",
        "iban": "bank",
        "notes": "secret",
    },
    "payroll": {"account": "pii", "memo": "secret"},
}
MASKS = {
    "pii": "hash",
    "contact": "partial:1",
    "phone": "last4",
    "birth": "year",
    "pay": "band:1000",
    "bank": "constant:***",
}
"""By tag, as rita is granted them. Nothing is granted her of ``badge``: it is null."""

POLICIES = """\
p,hr/analyst,hr|calm,*,read,*,*,*,allow
p,hr/analyst,hr|calm,*,read,*,*,secret,deny
p,hr/analyst,hr|calm,mesh://*/*/vault,read,*,*,*,deny
p2,hr/analyst,hr|calm,mesh://*/*/employees,*,permissive,eu,allow
p2,hr/analyst,hr|calm,mesh://*/*/employees,*,permissive,us_sales,allow
p2,hr/analyst,hr|calm,mesh://*/*/employees,*,restrictive,low,allow
p2,hr/analyst,hr|calm,mesh://*/*/payroll,*,permissive,unit,allow
p,twin/all,twin,mesh://twin/*/*,read,*,*,*,allow
p,clinic/doctor,clinic,mesh://clinic/*/*,read,*,*,*,allow
p,clinic/fraud,clinic,mesh://clinic/*/cases,read,fraud,*,*,allow
p,clinic/billing,clinic,mesh://clinic/*/patients,read,billing,*,*,allow
p,mesh/admin,*,*,admin,*,*,*,allow
p2,mesh/admin,*,*,*,permissive,all_rows,allow
""" + "".join(f"p3,hr/analyst,hr|calm,*,{t},*,{m},allow\n" for t, m in MASKS.items())
POLICIES += "".join(f"p3,mesh/admin,*,*,{tag},*,none,allow\n" for tag in (*MASKS, "badge"))

_TYPES = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE PRECISION": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "VARCHAR(100)": pa.string(),
    "DECIMAL(12,2)": pa.decimal128(12, 2),
}
_EMPLOYEES = {
    "id": "BIGINT",
    "name": "VARCHAR(100)",
    "region": "VARCHAR(100)",
    "department": "VARCHAR(100)",
    "level": "INTEGER",
    "manager": "BIGINT",
    "salary": "INTEGER",
    "code": "VARCHAR(100)",
    "pattern": "VARCHAR(100)",
    "big": "BIGINT",
    "amount": "DECIMAL(12,2)",
    "score": "DOUBLE PRECISION",
    "hired": "DATE",
    "moment": "TIMESTAMP",
    "ssn": "VARCHAR(100)",
    "tax": "BIGINT",
    "email": "VARCHAR(100)",
    "phone": "VARCHAR(100)",
    "born": "DATE",
    "bonus": "DECIMAL(12,2)",
    "badge": "INTEGER",
    "iban": "VARCHAR(100)",
    "notes": "VARCHAR(100)",
}
_PAYROLL = {
    "id": "BIGINT",
    "employee": "BIGINT",
    "month": "INTEGER",
    "gross": "INTEGER",
    "unit": "VARCHAR(100)",
    "note": "VARCHAR(100)",
    "account": "VARCHAR(100)",
    "memo": "VARCHAR(100)",
}
_REGIONS = {"region": "VARCHAR(100)", "country": "VARCHAR(100)", "factor": "INTEGER"}
_VAULT = {"id": "BIGINT", "secret": "VARCHAR(100)"}
_CASES = {"id": "BIGINT", "detail": "VARCHAR(100)", "loss": "INTEGER"}
_PATIENTS = {"id": "BIGINT", "ward": "VARCHAR(100)", "age": "INTEGER", "cost": "INTEGER"}


def visible_employee(row: Mapping[str, Any]) -> bool:
    """What the row filters say, in Python: NULL never shows a row."""
    region, department, level = row["region"], row["department"], row["level"]
    if level is None or not level < 9 or region is None or department is None:
        return False
    return region == "EU" or (region == "US" and department == "Sales" and row["name"] is not None)


def visible_pay(row: Mapping[str, Any]) -> bool:
    return row["unit"] == "EU" and row["note"] is not None


def _employees() -> list[dict[str, Any]]:
    rows = []
    regions = ("EU", "EU", "US", None, "US", "EU", "XX")
    departments = ("Sales", "Ops", "Sales", "Ops", "Ops", None, "Sales")
    for i in range(1, 43):
        row: dict[str, Any] = {
            "id": i,
            "name": f"name {i}",
            "region": regions[i % 7],
            "department": departments[(i + i // 7) % 7],
            "level": (3, 5, 9, 8, None, 1)[i % 6],
            "manager": None if i % 5 == 0 else 1 + i // 3,
            "salary": 100 + i * 10,
            "code": f"{i * 3}",
            "pattern": "na%",
            "big": i * 1000,
            "amount": Decimal(i * 250) / 100,
            "score": i / 2,
            "hired": dt.date(2010, 1, 1) + dt.timedelta(days=i * 40),
            "moment": dt.datetime(2020, 1, 1, 8, 30) + dt.timedelta(hours=i * 7),
            "ssn": f"CANARY-SSN-{i % 30}",
            "tax": 5_550_000_000 + i % 30,
            "email": f"eCANARYMAIL-{i}@example.org",
            "phone": f"CANARYTEL-{i:04}",
            "born": dt.date(1950 + i, 3, 7),
            "bonus": Decimal(8_880_000_00 + i % 9 * 1000_00 + 123_45) / 100,
            "badge": 6_660_000 + i,
            "iban": f"CANARY-IBAN-{i}",
            "notes": f"CANARY-NOTE-{i}",
        }
        if not visible_employee(row):
            row |= _poison(i)
            assert not visible_employee(row)
        elif i % 4 == 0:  # what is NULL in rows that can be seen
            row |= dict.fromkeys(("salary", "code", "amount", "score", "hired", "ssn", "bonus"))
        rows.append(row)
    return rows


def _poison(i: int) -> dict[str, Any]:
    """Values of a hidden row: one for every kind of error, and a canary wherever one fits."""
    return {
        "name": f"CANARY-NAME-{i}",
        "manager": i,
        "salary": (HIDDEN_SALARY, 0, 7_770_000 + i, -1)[i % 4],
        "code": (f"CANARY-CODE-{i}", "CANARY-CODE-1", "", "9" * 25)[i % 4],
        "pattern": ("(CANARY", "[", "\\", "*")[i % 4],
        "big": (BIG, -BIG - 1, 0, 7_777_777_777_777)[i % 4],
        "amount": (Decimal("9999999777.77"), Decimal("-9999999777.77"), Decimal(0))[i % 3],
        "score": (-7_777_777.5, 0.0, 1e308, -1.0)[i % 4],
        "hired": (dt.date(9999, 12, 31), dt.date(1, 1, 1), dt.date(1777, 7, 7))[i % 3]
        if i % 2
        else None,
        "moment": dt.datetime(9999, 12, 31, 23, 59, 59) if i % 2 else None,
        "ssn": f"CANARY-SSN-H{i}",
        "tax": 5_550_000_000 + i,
    }


def _payroll() -> list[dict[str, Any]]:
    return [
        {
            "id": i,
            "employee": 1 + i * 5 % 42,
            "month": 1 + i % 12,
            "gross": 1000 + i if i % 3 else (7_770_100 + i if i % 2 else 0),
            "unit": "EU" if i % 3 else ("US" if i % 2 else None),
            "note": f"note {i % 4}",
            "account": f"CANARY-SSN-{i % 30}",
            "memo": f"CANARY-MEMO-{i}",
        }
        for i in range(1, 61)
    ]


_REGION_ROWS = [
    {"region": "EU", "country": "Germany", "factor": 2},
    {"region": "US", "country": "America", "factor": 0},
    {"region": "XX", "country": "Nowhere", "factor": None},
    {"region": None, "country": None, "factor": 7},
]


def _patients() -> list[dict[str, Any]]:
    """Six in ward A, eight in B (three of them without a cost), three in C, one in D."""
    wards = "A" * 6 + "B" * 8 + "C" * 3 + "D"
    return [
        {"id": i, "ward": ward, "age": 20 + i * 3 % 60, "cost": cost}
        for i, ward in enumerate(wards, start=1)
        for cost in [None if 9 <= i <= 12 else 7_770_000 + i]
    ]


def _table(name: str, types: Mapping[str, str], rows: list[dict[str, Any]], key: str) -> Table:
    columns = tuple(Column(n, t, n != key) for n, t in types.items())
    schema = pa.schema([pa.field(n, _TYPES[t], n != key) for n, t in types.items()])
    return Table(name, columns, (key,) if key else (), pa.Table.from_pylist(rows, schema))


def governed_tables() -> list[Table]:
    """What the sources of domain ``hr`` hold."""
    return [
        _table("employees", _EMPLOYEES, _employees(), "id"),
        _table("payroll", _PAYROLL, _payroll(), "id"),
        _table("regions", _REGIONS, _REGION_ROWS, ""),
        _table("vault", _VAULT, [{"id": 1, "secret": "CANARY-VAULT"}], "id"),
        _table("unfiltered", _VAULT, [{"id": 1, "secret": "CANARY-UNFILTERED"}], "id"),
    ]


def calm_tables() -> list[Table]:
    """The governed tables without the rows that rita may not see."""
    made = []
    for table in governed_tables():
        keep = _VISIBLE.get(table.name, bool)
        rows = table.rows.filter(pa.array([keep(row) for row in table.rows.to_pylist()]))
        made.append(replace(table, rows=rows))
    return made


_VISIBLE: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "employees": visible_employee,
    "payroll": visible_pay,
}


def bound_tables() -> list[Table]:
    """What the sources of domain ``clinic`` hold: bound to a region, or to a purpose."""
    cases = [{"id": i, "detail": f"CANARY-CASE-{i}", "loss": 7_770_200 + i} for i in (1, 2, 3)]
    return [
        _table("patients", _PATIENTS, _patients(), "id"),
        _table("locked", _PATIENTS, _patients(), "id"),
        _table("cases", _CASES, cases, "id"),
        _table("wards", {"ward": "VARCHAR(100)", "floor": "INTEGER"}, _WARDS, ""),
    ]


_WARDS = [{"ward": w, "floor": i % 2} for w in "ABCD" for i in range(6)]


def twin_tables(mesh: Path, source: str) -> list[Table]:
    """What rita may see of the governed tables of one source, computed without the gateway."""
    key = product_key(load_master_key(mesh), GOVERNED, source)
    made = []
    for table in calm_tables():
        if table.name not in ("employees", "payroll", "regions"):
            continue
        rows = table.rows
        tags = TAGS.get(table.name, {})
        columns = {c.name: c for c in table.columns if tags.get(c.name) != "secret"}
        arrays = {
            name: mask_array(
                parse_mask(MASKS.get(tags[name], "null")), _whole(rows.column(name)), key
            )
            if name in tags
            else rows.column(name)
            for name in columns
        }
        schema = pa.schema([table.rows.schema.field(name) for name in columns])
        masked = pa.table(arrays).cast(schema)
        made.append(replace(table, columns=tuple(columns.values()), rows=masked))
    return made


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks)


def build_mesh(mesh: Path, products: Mapping[str, Mapping[str, Product]]) -> Path:
    """Publish the products by domain, and write the governance into their contracts."""
    for domain, by_source in products.items():
        for product in by_source.values():
            publish(mesh, domain, product)
    for path in sorted((mesh / "products").rglob("*.odcs.yaml")):
        _govern(path)
    (mesh / "policies").mkdir(exist_ok=True)
    (mesh / "policies" / "access.csv").write_text(POLICIES)
    add_user(mesh, RITA[0], ["hr/analyst"], RITA[1])
    add_user(mesh, UNA[0], ["twin/all"], UNA[1])
    add_user(mesh, EVE[0], ["nobody/here"], EVE[1])
    add_user(mesh, OLGA[0], ["mesh/admin"], OLGA[1])
    add_user(mesh, FRED[0], ["clinic/fraud", "clinic/billing"], FRED[1])
    add_user(mesh, EURA[0], ["clinic/doctor"], EURA[1], region="EU")
    add_user(mesh, "nora", ["clinic/doctor"], "h-password")
    return mesh


NORA = ("nora", "h-password")


def _govern(path: Path) -> None:
    domain = path.parent.parent.name
    if domain == TWIN:
        return
    document = yaml.load(path.read_text(), yaml.CSafeLoader)
    (table,) = document["schema"]
    name = table["name"]
    for column in table["properties"]:
        if tag := TAGS.get(name, {}).get(column["name"]):
            column["tags"] = [tag]
    more: dict[str, Any] = {}
    match name:
        case "employees":
            more["rowFilters"] = ["eu", "us_sales", "low"]
            more["rowPolicy"] = "required"
        case "payroll":
            more["rowFilters"] = ["unit"]
        case "unfiltered":
            more["rowPolicy"] = "required"
        case "patients":
            more["residency"] = {"region": "EU", "minimumRows": 5}
        case "locked":
            more["residency"] = {"region": "EU"}
        case "cases":
            more["purpose"] = "required"
    if "rowFilters" in more:
        more["rowFilters"] = [{"id": i, "expr": ROW_FILTERS[i]} for i in more["rowFilters"]]
    document.setdefault("customProperties", []).extend(
        {"property": f"mesh.{k}", "value": v} for k, v in more.items()
    )
    path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))
