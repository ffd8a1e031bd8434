"""dbt, from an environment of its own, with the project of docs/clients/dbt.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.postgres_wire.serving import Served
from tests.environments import environment

CLIENT = "dbt"
PAGE = Path(__file__).parents[3] / "docs" / "clients" / "dbt.md"
pytestmark = pytest.mark.timeout(300)
Dbt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def dbt(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    program = environment("dbt") / "bin" / "dbt"
    project = tmp_path_factory.mktemp("dbt")
    settings, profile, sources = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (model,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (project / "models").mkdir()
    (project / "profiles.yml").write_text(profile.replace("5432", str(served.port)))
    (project / "models" / "sources.yml").write_text(sources)
    (project / "models" / "large_orders.sql").write_text(model)
    (project / "dbt_project.yml").write_text(settings)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), "--no-use-colors", *words],
            cwd=project,
            env={
                **os.environ,
                "MESH_PASSWORD": "wonderland",
                "DBT_PROFILES_DIR": ".",
            },
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    run.project = project  # type: ignore[attr-defined]
    return run


@pytest.mark.feature(CLIENT, "user and password")
def test_reading(dbt: Dbt) -> None:
    debug = dbt("debug")
    assert debug.returncode == 0, debug.stdout
    shown = dbt("show", "--inline", "select count(*) as n from {{ ref('large_orders') }}")
    assert shown.returncode == 0, shown.stdout
    assert "19" in shown.stdout
    tested = dbt("test")
    assert tested.returncode == 0, tested.stdout
    assert "PASS=2" in tested.stdout


@pytest.mark.feature(CLIENT, "catalogue")
def test_documentation(dbt: Dbt) -> None:
    done = dbt("docs", "generate")
    assert done.returncode == 0, done.stdout
    project: Path = dbt.project  # type: ignore[attr-defined]
    catalog = json.loads((project / "target" / "catalog.json").read_text())
    (source,) = catalog["sources"].values()
    assert source["columns"]["amount"]["type"] == "numeric(12,2)"


@pytest.mark.feature(CLIENT, "writing", shows="refused: the gateway only reads")
def test_a_view_can_not_be_made(dbt: Dbt) -> None:
    project: Path = dbt.project  # type: ignore[attr-defined]
    model = project / "models" / "made.sql"
    model.write_text("{{ config(materialized='view') }} select 1 as a")
    done = dbt("run")
    model.unlink()
    assert done.returncode != 0
    assert "the gateway only reads" in done.stdout
