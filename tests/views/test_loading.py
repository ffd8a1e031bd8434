"""Views in files: their forms, and what is wrong with them whatever they stand on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue.catalogue import Catalogue
from gateway.errors import CatalogueError
from gateway.model import Principal
from gateway.pipeline import Gateway
from tests.gateways import ask
from tests.views.meshes import declare, made

ANA = Principal("user:ana")


def opening(mesh: Path) -> str:
    with pytest.raises(CatalogueError) as caught:
        Gateway.open(mesh, audited=False)
    return str(caught.value)


def test_every_form_of_a_view_is_read_and_answered(tmp_path: Path) -> None:
    opened = Gateway.open(made(tmp_path), audited=False)
    views = {v.address.dataset: v.view for v in opened.catalogue.views}
    assert views["pays"].language == "sql" and views["pays"].unmasks
    assert views["top"].dialect == "mysql"
    assert ask(opened, "SELECT * FROM top", ANA).to_pylist() == [{"total": 30}]
    assert ask(opened, "SELECT * FROM top", Principal("user:bob")).to_pylist() == [{"total": 30}]
    opened.close()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"query": "MATCH (n) RETURN n", "language": "cypher"}, "there are sql"),
        ({"query": "SELECT 1 AS id", "language": "slq"}, "did you mean sql?"),
        ({"query": "SELECT 1 AS id", "dialect": "cobol"}, "there is no SQL dialect 'cobol'"),
        ({"query": "SELEC id FROM staff"}, "can not be read"),
        ({"query": "DROP TABLE staff"}, "DROP is refused"),
        ("SELECT * FROM remote_query('shop.staff', 'SELECT 1')", "remote_query"),
        ("SELECT * FROM staff FOR TIMESTAMP AS OF now()", "written out"),
    ],
)
def test_a_query_that_can_not_be_read_is_a_problem_of_its_file(
    tmp_path: Path, value: Any, said: str
) -> None:
    made(tmp_path)
    declare(tmp_path, "views", "wrong", ["id"], view=value)
    told = opening(tmp_path)
    assert said in told
    assert "views.wrong.1.0.0.odcs.yaml: mesh.view: mesh://views/wrong/wrong@1.0.0" in told


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"sql": "SELECT 1", "query": "SELECT 1"}, "has sql already"),
        ({"sql": "SELECT 1", "language": "sql"}, "has sql already"),
        ({"language": "sql"}, "value.query: is required"),
        ({"query": "SELECT 1", "language": 1}, "value.language: must be text"),
        ({"query": "x", "language": "cypher", "dialect": "mysql"}, "value.dialect: is of SQL"),
        ({"query": "SELECT 1", "langauge": "sql"}, "did you mean language?"),
    ],
)
def test_a_property_of_another_form_is_a_problem_with_its_place(
    tmp_path: Path, value: Any, said: str
) -> None:
    made(tmp_path)
    declare(tmp_path, "views", "wrong", ["id"], view=value)
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(tmp_path)
    assert said in str(caught.value)


def test_views_in_a_circle_are_named_in_their_order(tmp_path: Path) -> None:
    made(tmp_path)
    for name, below in (("a", "b"), ("b", "c"), ("c", "a")):
        query = f"SELECT id FROM views.{below}.{below}"
        declare(tmp_path, "views", name, ["id"], view=query)
    told = opening(tmp_path)
    assert "in a circle" in told
    around = told[told.index("circle: ") :].split()[1:]
    path = [step.removeprefix("mesh://views/")[0] for step in around if step != "→"]
    follows = {"a": "b", "b": "c", "c": "a"}
    assert len(path) == 4 and path[0] == path[-1]
    assert all(follows[one] == other for one, other in pairwise(path))


def test_too_many_layers_are_a_problem(tmp_path: Path) -> None:
    made(tmp_path)
    declare(tmp_path, "views", "v0", ["id"], view="SELECT id FROM staff")
    for number in range(1, 17):
        query = f"SELECT id FROM views.v{number - 1}.v{number - 1}"
        declare(tmp_path, "views", f"v{number}", ["id"], view=query)
    assert "more than 16 layers" in opening(tmp_path)


def test_what_another_owner_has_changed_is_no_problem_of_the_mesh(tmp_path: Path) -> None:
    made(tmp_path)
    declare(tmp_path, "views", "orphan", ["id"], view="SELECT id FROM gone")
    Gateway.open(tmp_path, audited=False).close()
