"""ODCS out and in again: what is imported means what was exported, for contracts of every kind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalogue import Catalogue
from gateway.cli import main
from gateway.model import Artefact, Dataset
from tests.catalogue.meshes import custom, write
from tests.interchange.meshes import rich_mesh

NAMES = st.from_regex(r"[a-z_][a-z0-9_.-]{0,8}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).map(
    lambda text: text.replace("|", "_")
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(
    lambda text: text.strip() and "://" not in text
)
TAGS = st.lists(WORDS.filter(lambda tag: tag != "*"), max_size=2)
COLUMN_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9 .#/]{0,10}[a-z]", fullmatch=True)
TYPES = st.sampled_from(
    [
        {"logicalType": "integer", "physicalType": "bigint"},
        {"logicalType": "string", "physicalType": "varchar(12)"},
        {"logicalType": "number", "physicalType": "numeric(15,2)"},
        {"logicalType": "timestamp", "physicalType": "timestamptz"},
        {"logicalType": "date"},
        {"logicalType": "array", "items": {"logicalType": "integer", "tags": ["inside"]}},
        {"logicalType": "object", "properties": [{"name": "a", "logicalType": "string"}]},
        {
            "logicalType": "integer",
            "customProperties": custom(arrowType="uint16"),
        },
    ]
)
VERSIONS = st.sampled_from(["1.0.0", "2.0.0", "3.1.0"])


def optional(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


DEFINITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["businessDefinition", "glossary"]),
            "url": st.just("https://terms.example/a"),
        }
    ),
    min_size=1,
    max_size=2,
)
MEMBERS = st.lists(
    st.builds(
        lambda name, role: {"username": name, "role": role}, WORDS, st.sampled_from(["Owner", "x"])
    ),
    min_size=1,
    max_size=2,
)
COLUMNS = st.builds(
    lambda kind, more: {**kind, **more},
    TYPES,
    optional(
        required=st.booleans(),
        description=TEXTS,
        tags=TAGS,
        classification=WORDS.filter(lambda tag: tag != "*"),
        businessName=TEXTS,
        authoritativeDefinitions=DEFINITIONS,
    ),
)
OBJECT = st.builds(
    lambda columns, key, more: {
        "properties": [
            {"name": name, **column, **({"primaryKey": True} if key and not index else {})}
            for index, (name, column) in enumerate(columns.items())
        ],
        **more,
    },
    st.dictionaries(COLUMN_NAMES, COLUMNS, min_size=1, max_size=4),
    st.booleans(),
    optional(description=TEXTS, businessName=TEXTS, tags=TAGS, physicalName=WORDS),
)
BINDING = {"connector": "postgres", "uri": "postgresql://u:${PW}@${HOST}/d", "options": {"a": 1}}
PROPERTIES = optional(
    rowPolicy=st.just("required"),
    purpose=st.just("required"),
    residency=st.sampled_from(["EU", {"regions": ["EU", "EEA"], "minimumRows": 3}]),
    rowFilters=st.just([{"id": "all_of_it", "expr": "TRUE", "description": "x"}]),
)
CONTRACT = st.builds(
    lambda properties, more: {"customProperties": custom(binding=BINDING, **properties), **more},
    PROPERTIES,
    optional(
        tags=TAGS,
        description=optional(purpose=TEXTS, usage=TEXTS, limitations=TEXTS),
        team=MEMBERS | st.builds(lambda members: {"members": members}, MEMBERS),
        support=st.just([{"channel": "#a", "url": "https://a.example", "tool": "slack"}]),
        apiVersion=st.sampled_from(["v3.0.2", "v3.1.0", "v3.2.0"]),
    ),
)


@st.composite
def meshes(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """The files of a mesh: products with contracts of one object or several, in a few versions."""
    files: dict[str, dict[str, Any]] = {}
    for home in draw(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=2, unique_by=folded)):
        ports = []
        for name in draw(st.lists(NAMES, min_size=1, max_size=2, unique=True)):
            for version in sorted(draw(st.sets(VERSIONS, min_size=1, max_size=2))):
                count = draw(st.integers(1, 2))
                names = [name] if count == 1 else [f"{name}_x{i}" for i in range(count)]
                schema = [{"name": each, **draw(OBJECT)} for each in names]
                contract = {
                    "apiVersion": "v3.1.0",
                    "kind": "DataContract",
                    "id": ".".join((*home, name)),
                    "version": version,
                    "status": "active",
                    "schema": schema,
                    **draw(CONTRACT),
                }
                files[f"products/{'/'.join(home)}/{name}-{version}.odcs.yaml"] = contract
                port = {"name": name, "version": version, "contractId": contract["id"]}
                ports.append({**port, **draw(optional(description=TEXTS, tags=TAGS))})
        files[f"products/{'/'.join(home)}/p.odps.yaml"] = {
            "apiVersion": "v1.0.0",
            "kind": "DataProduct",
            "id": ".".join(home),
            "domain": home[0],
            "name": home[1],
            "status": "active",
            "outputPorts": ports,
            **draw(optional(tags=TAGS, team=st.builds(lambda n: {"name": n}, TEXTS))),
        }
    return files


def folded(home: tuple[str, str]) -> str:
    return home[0].casefold()


def meaning(mesh: Path) -> list[Dataset | Artefact]:
    """Everything that is declared, but for where: which file, and below which folder."""
    catalogue = Catalogue.load(mesh)
    found: list[Dataset | Artefact] = []
    for dataset in catalogue.datasets:
        uri = dataset.binding.uri.removeprefix(str(mesh))
        found.append(replace(dataset, source_file="", binding=replace(dataset.binding, uri=uri)))
    return [*found, *(replace(artefact, source_file="") for artefact in catalogue.artefacts)]


def there_and_back(mesh: Path, folder: Path) -> Path:
    out, other = folder / "out", folder / "other"
    other.mkdir()
    command = ["catalogue", "export", "--mesh", str(mesh), "--format", "odcs", "--out", str(out)]
    assert main(command) == 0
    assert main(["catalogue", "import", str(out), "--mesh", str(other)]) == 0
    return other


def same(one: Dataset | Artefact, other: Dataset | Artefact) -> bool:
    if isinstance(one, Dataset) and isinstance(other, Dataset):
        return one == other and one.schema.equals(other.schema, check_metadata=True)
    return one == other


@settings(max_examples=25, deadline=None)
@given(files=meshes())
def test_what_is_imported_means_what_was_exported(files: dict[str, dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mesh = folder / "mesh"
        for file, document in files.items():
            write(mesh, file, document)
        try:
            before = meaning(mesh)
        except Exception as error:
            raise AssertionError(f"the mesh of the test is wrong: {error}") from error
        after = meaning(there_and_back(mesh, folder))
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert same(one, other), (one, other)


def test_the_demo_and_the_rich_mesh_come_back_whole(tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "examples" / "demo"
    for number, mesh in enumerate((demo, rich_mesh(tmp_path / "rich"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        before = meaning(mesh)
        after = meaning(there_and_back(mesh, folder))
        assert [str(one.address) for one in before] == [str(one.address) for one in after]
        for one, other in zip(before, after, strict=True):
            if isinstance(one, Dataset) and one.address.dataset == "customers":
                continue  # its password is not handed on
            assert same(one, other), (one, other)


@pytest.mark.parametrize("again", [False, True])
def test_importing_twice_changes_nothing(tmp_path: Path, again: bool) -> None:
    mesh = rich_mesh(tmp_path / "mesh")
    other = there_and_back(mesh, tmp_path)
    before = {file: file.read_bytes() for file in other.rglob("*.yaml")}
    command = ["catalogue", "import", str(tmp_path / "out"), "--mesh", str(other)]
    assert main([*command, *(["--dry-run"] if again else [])]) == 0
    assert {file: file.read_bytes() for file in other.rglob("*.yaml")} == before
