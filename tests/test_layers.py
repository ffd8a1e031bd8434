"""Who may import whom: the house stays a house."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FRONTS = ("flight", "postgres_wire")

# package -> the gateway packages it may import; top-level modules are named as they are
ALLOWED = {
    "languages": {"errors", "model"},
    "catalogue": {"errors", "model", "notices", "memory"},
    "lineage": {"errors", "model", "memory"},
    "quality": {
        *("errors", "model", "config", "notices", "memory", "upkeep"),
        "catalogue",  # what a contract's rules and promises may be
        "authorisation",  # a check reads with rights of its own
    },
    "system": {
        *("errors", "model", "notices", "memory", "catalogue"),
        "authorisation",  # every row is for those who may know what it says
        "plan",  # a table of one request's own
    },
    "memory": {"errors", "model", "config", "audit", "catalogue", "lineage"},
    "views": {"errors", "model", "notices", "catalogue", "languages", "plan", "memory"},
    "plan": {"errors", "model", "config", "plan", "engines", "lineage"},
    "engines": {"errors", "model", "config", "plan", "engines"},
    "audit": {"errors"},
    "interchange": {"errors", "model", "catalogue"},
    "identity": {"errors", "model", "toml_tables"},
    "substrait": {"errors", "model", "config", "plan", "engines"},
    "serving": {
        *("errors", "model", "catalogue", "notices", "pipeline", "prepared", "query_report"),
        "languages",  # a session's dialect is checked when it is set
    },
    "flight": {
        *("errors", "model", "notices", "pipeline", "identity", "serving"),
        "catalogue",  # a session's catalog and schema are checked when they are set
    },
    "postgres_wire": {
        *("errors", "model", "notices", "pipeline", "prepared", "identity", "serving", "languages"),
    },
}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(str(node.module))
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def sources(package: str) -> list[Path]:
    return [f for f in sorted((ROOT / package).rglob("*.py")) if "wire" not in f.parts]


@pytest.mark.parametrize("package", ["connectors", "policies"])
def test_connectors_and_policies_know_nothing_of_the_gateway(package: str) -> None:
    for file in sources(package):
        assert not {i for i in imports(file) if i.split(".")[0] == "gateway"}, file


def test_policies_and_connectors_do_not_know_each_other() -> None:
    for package, other in (("connectors", "policies"), ("policies", "connectors")):
        for file in sources(package):
            assert not {i for i in imports(file) if i.split(".")[0] == other}, file


@pytest.mark.parametrize("stage", sorted(ALLOWED))
def test_a_stage_imports_only_what_its_row_names(stage: str) -> None:
    for file in sources(f"gateway/{stage}"):
        used = {i.split(".")[1] for i in imports(file) if i.startswith("gateway.")}
        assert used <= ALLOWED[stage] | {stage}, f"{file} imports {used - ALLOWED[stage] - {stage}}"


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_knows_no_other_front_and_what_serves_them_knows_none(front: str) -> None:
    for file in [*sources(f"gateway/{front}"), *sources("gateway/serving")]:
        others = {f"gateway.{other}" for other in FRONTS if other not in file.parts}
        used = {".".join(i.split(".")[:2]) for i in imports(file)}
        assert not used & others, file


def test_only_the_pipeline_knows_the_order_of_the_stages() -> None:
    pipeline = {i.split(".")[1] for i in imports(ROOT / "gateway/pipeline.py") if "gateway." in i}
    assert {"languages", "catalogue", "plan", "engines"} <= pipeline
    for file in sources("gateway"):
        if file.name == "pipeline.py" or "commands" in file.parts or "demo" in file.parts:
            continue
        assert {"languages", "engines"} - {
            i.split(".")[1] for i in imports(file) if i.startswith("gateway.")
        }, f"{file} uses both ends of the path"


def test_drivers_are_imported_where_they_are_needed_and_nowhere_else() -> None:
    drivers = {"adbc_driver_postgresql", "adbc_driver_sqlite", "arrow_odbc", "duckdb", "boto3"}
    for file in [*sources("gateway"), *sources("policies"), *sources("connectors")]:
        if "demo" in file.parts:
            continue
        tree = ast.parse(file.read_text())
        for node in tree.body:  # the top level of the module: what importing it imports
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            assert not {n.split(".")[0] for n in names} & drivers, file
