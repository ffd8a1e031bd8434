"""What is written for other tools, read by these: dbt, datacontract, DataHub, OpenMetadata."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.environments import environment, python_of
from tests.interchange.meshes import rich_mesh
from tests.services import ServiceMissing

pytestmark = pytest.mark.timeout(900)  # the environments are made by the first test that needs them

ASKED = """\
import importlib, json, pathlib, sys, types
root = pathlib.Path(sys.prefix) / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
package = types.ModuleType("metadata")  # its own __init__ wants all that it depends on
package.__path__ = [str(root / "metadata")]
sys.modules["metadata"] = package
models = json.loads(sys.argv[2])
for request in json.load(open(sys.argv[1])):
    module = models[request["put"].removeprefix("/api/v1/")]
    name = module.rpartition(".")[2]
    name = f"{name[0].upper()}{name[1:]}Request"
    model = getattr(importlib.import_module(f"metadata.generated.schema.api.{module}"), name)
    assert model.model_config["extra"] == "forbid"
    model.model_validate(request["body"])
"""

MODELS = {
    "services/databaseServices": "services.createDatabaseService",
    "services/dashboardServices": "services.createDashboardService",
    "classifications": "classification.createClassification",
    "tags": "classification.createTag",
    "domains": "domains.createDomain",
    "databases": "data.createDatabase",
    "dataProducts": "domains.createDataProduct",
    "databaseSchemas": "data.createDatabaseSchema",
    "tables": "data.createTable",
    "metrics": "data.createMetric",
    "dashboards": "data.createDashboard",
}
"""The module of each request's model, by the path it is sent to."""


def tools(name: str) -> Path:
    """An environment of tools; skipped where it can not be made, never on CI."""
    try:
        return environment(name)
    except ServiceMissing as missing:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("exported")
    mesh = rich_mesh(folder / "mesh")

    def export(form: str) -> Path:
        out = folder / {"odcs": "odcs", "dbt": "dbt.yml"}.get(form, f"{form}.json")
        if not out.exists():
            command = ["catalogue", "export", "--mesh", str(mesh), "--format", form]
            assert main([*command, "--out", str(out)]) == 0
        return out

    return export


def ran(*command: str | Path, cwd: Path | None = None) -> str:
    environ = {
        **os.environ,
        "NO_COLOR": "1",
        "DO_NOT_TRACK": "1",
        "DATAHUB_TELEMETRY_ENABLED": "false",
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_datacontract_lints_every_contract(exported: Callable[[str], Path]) -> None:
    program = tools("interchange") / "bin" / "datacontract"
    files = sorted(exported("odcs").rglob("*.odcs.yaml"))
    assert len(files) == 5
    for file in files:
        # It would fetch business definitions to see that they are there.
        file.write_text(file.read_text().replace("type: businessDefinition", "type: glossary"))
        assert "Data contract is valid" in ran(program, "lint", file)


def test_datahub_reads_the_proposals(exported: Callable[[str], Path]) -> None:
    program = tools("interchange") / "bin" / "datahub"
    written = exported("datahub")
    count = len(json.loads(written.read_text()))
    assert f"{count} MCEs found - all valid" in ran(program, "check", "metadata-file", written)


def test_the_models_of_openmetadata_take_every_request(exported: Callable[[str], Path]) -> None:
    python = python_of(tools("interchange"))
    written = exported("openmetadata")
    ran(python, "-c", ASKED, written, json.dumps(MODELS))
    requests = json.loads(written.read_text())
    (customers,) = [r["body"] for r in requests if r["body"]["name"] == "customers"]
    assert customers["databaseSchema"] == "meshgate.sales.crm"
    assert [c["dataType"] for c in customers["columns"]] == ["BIGINT", "STRING", "DECIMAL", "DATE"]
    assert customers["columns"][0]["constraint"] == "PRIMARY_KEY"
    assert customers["columns"][1]["tags"][0]["tagFQN"] == "mesh.confidential"
    paths = [request["put"] for request in requests]
    assert paths.index("/api/v1/tags") < paths.index("/api/v1/tables")


def test_dbt_parses_sources_and_exposures(exported: Callable[[str], Path], tmp_path: Path) -> None:
    program = tools("dbt") / "bin" / "dbt"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mesh.yml").write_text(exported("dbt").read_text())
    (tmp_path / "dbt_project.yml").write_text(
        "name: reading\nversion: '1.0'\nprofile: mesh\nmodel-paths: [models]\n"
        "flags: {send_anonymous_usage_stats: false, warn_error: true}\n"
    )
    (tmp_path / "profiles.yml").write_text(
        "mesh:\n  target: t\n  outputs:\n    t: {type: postgres, host: 127.0.0.1, port: 1,"
        " user: a, password: b, dbname: sales, schema: shop, threads: 1}\n"
    )
    ran(program, "parse", "--profiles-dir", ".", cwd=tmp_path)
    manifest: dict[str, Any] = json.loads((tmp_path / "target" / "manifest.json").read_text())
    sources = {source["relation_name"]: source for source in manifest["sources"].values()}
    customers = sources['"sales"."crm"."customers"']
    assert customers["description"] == "Who buys"
    mail = customers["columns"]["mail"]
    assert mail["description"] == "Where {{ letters }} go"
    assert mail["data_type"] == "text"
    assert mail["config"]["tags"] == ["confidential"]
    assert len(sources) == 5
    exposures = {each["label"]: each for each in manifest["exposures"].values()}
    assert exposures["Revenue"]["description"] == "Count of {% orders %}"
    assert exposures["board"]["url"] == "https://bi.example/d/1"
    assert exposures["board"]["type"] == "dashboard"
    assert set(exposures["board"]["depends_on"]["nodes"]) == {
        "source.reading.sales_shop.orders",
        "source.reading.sales_crm.customers",
    }
    tests = [n for n in manifest["nodes"].values() if n["resource_type"] == "test"]
    assert {(t["column_name"], t["test_metadata"]["name"]) for t in tests} == {("id", "not_null")}
