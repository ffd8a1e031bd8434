"""Submission: products and contracts written by people, put into a mesh as they are.

Everything is judged together with what the mesh holds already before one file is written: a mesh
is right before and after, or nothing happens. A file replaces the one that declares the same
product, or the same version of the same contract, wherever that lies.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.interface import Binding
from gateway.catalogue.assembly import assembled
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.document import MAX_BYTES, Document, read_document, read_text
from gateway.catalogue.download import download, is_url
from gateway.catalogue.files import CONTRACTS, PRODUCTS
from gateway.catalogue.pages import Page, to_yaml
from gateway.catalogue.problems import Problem, catalogue_error
from gateway.catalogue.publication import Product, write_product
from gateway.catalogue.standards import check_contract, check_product
from gateway.errors import UserError
from gateway.model import NAME

MAX_FILES = 20_000
PRODUCT, CONTRACT = "DataProduct", "DataContract"

_ENDINGS = {PRODUCT: ".odps.yaml", CONTRACT: ".odcs.yaml"}
_YAML = re.compile(r"(\.odps|\.odcs)?\.ya?ml\Z", re.IGNORECASE)
_CHECKS = {PRODUCT: check_product, CONTRACT: check_contract}

Home = tuple[str, str]
"""The domain and name of a product."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is handed in, by the name people know it by: a path below what they named."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """The pages to write, contracts first, and the mesh before (None: it was wrong) and after."""

    pages: tuple[Page, ...]
    before: Catalogue | None
    after: Catalogue


def is_yaml(name: str) -> bool:
    """Whether a file goes by the name of a product or a contract."""
    return bool(_YAML.search(name))


def holds_contracts(folder: Path) -> bool:
    """Whether there is a product or a contract below a folder, by name or as its content says."""
    files = (path for path in folder.rglob("*") if is_yaml(path.name) and path.is_file())
    return any(_named_so(p.name) or _kind_at_once(File(p.name, _read(p))) for p in files)


def read_files(source: str) -> list[File]:
    """The file at a path or URL, or every product and contract below a folder.

    Raises UserError, SourceFailure.
    """
    if is_url(source):
        return [File(posixpath.basename(urlsplit(source).path) or "contract", download(source))]
    path = Path(source)
    if path.is_file():
        return [File(path.name, _read(path))]
    if not path.is_dir():
        raise UserError(f"there is no file or folder {source}")
    names = sorted(p for p in path.rglob("*") if is_yaml(p.name) and p.is_file())
    if len(names) > MAX_FILES:
        raise UserError(f"{source} holds more than {MAX_FILES} YAML files")
    found = [File(p.relative_to(path).as_posix(), _read(p)) for p in names]
    files = [file for file in found if _named_so(file.name) or _kind_at_once(file)]
    if not files:
        raise UserError(
            f"{source} holds no data product and no data contract",
            hint="they are *.odps.yaml and *.odcs.yaml files, or say so as their kind",
        )
    return files


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} can not be read: {error.strerror}") from error


def _named_so(name: str) -> bool:
    return name.endswith(tuple(_ENDINGS.values()))


def _kind_at_once(file: File) -> str:
    """What other YAML a folder holds is not ours, and no mistake."""
    document = read_text(file.data, file.name)
    kind = "" if isinstance(document, Problem) else document.content.get("kind")
    return kind if kind in _ENDINGS else ""


def submit(mesh: Path, files: Sequence[File], home: tuple[str, str] = ("", "")) -> Submission:
    """Judge the files as part of the mesh; nothing is put on disk yet.

    `home` is the domain and product of contracts that name none; "" is not said. A contract that
    no product promises becomes a port of its product. Raises CatalogueError with every problem of
    every file, by the names of the files handed in.
    """
    problems: list[Problem] = []
    documents = [document for file in files if (document := _parse(file, problems))]
    if problems:
        raise catalogue_error(str(mesh), problems)
    held, wrong = _held(mesh)
    before = None if wrong else _assembled(mesh, held, [])
    placing = _Placing(documents, held, home)
    targets = [placing.target(document) for document in documents]
    problems += [problem for problem in wrong if problem.file not in targets]
    problems += placing.clashes(documents, targets)
    made, orphans = placing.products(documents)
    problems += orphans
    new = [replace(d, file=path) for d, path in zip(documents, targets, strict=True)]
    new += [Document(path, content, {}) for path, content in made.items()]
    replaced = {document.file for document in new}
    whole = [*(document for document in held if document.file not in replaced), *new]
    after = None if problems else _assembled(mesh, whole, problems)
    if after is None:
        shown = dict(zip(targets, (document.file for document in documents), strict=True))
        raise catalogue_error(
            str(mesh), [replace(p, file=shown.get(p.file, p.file)) for p in problems]
        )
    texts = {file.name: file.data.decode("utf-8-sig") for file in files}
    pages = [
        _page(mesh, path, texts[document.file], document.content)
        for document, path in zip(documents, targets, strict=True)
    ]
    pages += [_page(mesh, path, to_yaml(content), content) for path, content in made.items()]
    pages.sort(key=lambda page: (page.path.name.endswith(_ENDINGS[PRODUCT]), page.path))
    return Submission(tuple(pages), before, after)


def _parse(file: File, problems: list[Problem]) -> Document | None:
    document = read_text(file.data, file.name)
    if isinstance(document, Problem):
        problems.append(document)
        return None
    check = _CHECKS.get(str(document.content.get("kind")))
    if check is None:
        rule = f"must be {PRODUCT} or {CONTRACT}"
        problems.append(document.problem(("kind",), rule))
        return None
    wrong = check(document)
    problems += wrong
    return None if wrong else document


def _held(mesh: Path) -> tuple[list[Document], list[Problem]]:
    """The documents of the mesh, and what is wrong with single files of it."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for ending, check in ((PRODUCTS, check_product), (CONTRACTS, check_contract)):
        for path in sorted(mesh.rglob(f"*{ending}")) if mesh.is_dir() else ():
            document = read_document(path, path.relative_to(mesh).as_posix())
            if isinstance(document, Problem):
                problems.append(document)
            elif wrong := check(document):
                problems += wrong
            else:
                documents.append(document)
    return documents, problems


def _assembled(
    mesh: Path, documents: Sequence[Document], problems: list[Problem]
) -> Catalogue | None:
    """The catalogue of these documents; None, with what is wrong, if they are none."""
    datasets, artefacts, wrong = assembled(documents, mesh)
    problems += wrong
    return None if wrong else Catalogue(datasets, "", artefacts=artefacts)


def _page(mesh: Path, path: str, text: str, content: Mapping[str, Any]) -> Page:
    text = text if text.endswith("\n") else f"{text}\n"
    there = mesh / path
    if not there.exists():
        return Page(Path(path), text, None)
    before = there.read_text(encoding="utf-8-sig")
    old = read_document(there, path)
    only_adds = not isinstance(old, Problem) and _keeps(old.content, content)
    return Page(Path(path), text, before, only_adds)


def _keeps(before: Any, after: Any) -> bool:
    """Whether everything that was declared still is; lists may have been put in another order."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(
            key in after and _keeps(value, after[key]) for key, value in before.items()
        )
    if isinstance(before, list):
        return isinstance(after, list) and _keeps_all(before, after)
    return bool(before == after)


def _keeps_all(before: list[Any], after: list[Any]) -> bool:
    """Whether each element is kept by one of its own."""
    left = list(after)
    for value in before:
        kept = next((place for place, new in enumerate(left) if _keeps(value, new)), None)
        if kept is None:
            return False
        del left[kept]
    return True


class _Placing:
    """Where files go: in the place of what they replace, or into the folder of their product."""

    def __init__(self, documents: Sequence[Document], held: Sequence[Document], home: Home) -> None:
        self._home = home
        self._there = {_identity(document): document for document in held}
        self._files = {document.file: _identity(document) for document in held}
        self._promised: dict[str, Home] = {}
        self._port_names: dict[str, str] = {}
        for product in (*held, *documents):
            if product.content["kind"] == PRODUCT:
                for port in product.content.get("outputPorts") or ():
                    contract = port.get("contractId", "")
                    self._promised[contract] = _product_home(product)
                    self._port_names[contract] = port["name"]
        self._versions = {
            (port.get("contractId"), port.get("version"))
            for product in (*held, *documents)
            for port in product.content.get("outputPorts") or ()
        }
        self._submitted = {_identity(document) for document in documents}
        homes = {self.home(document) for document in documents}
        only = homes.pop() if len(homes) == 1 else ("", "")
        folders = [posixpath.dirname(document.file) for document in documents]
        one = all(map(NAME.match, only))
        self._root = posixpath.join("products", *only) if one else "products"
        self._base = posixpath.commonpath(folders) if one and all(folders) else ""
        self._alone = len(documents) == 1

    def home(self, document: Document) -> Home:
        """The product a document belongs to, as far as it is known."""
        if document.content["kind"] == PRODUCT:
            return _product_home(document)
        promised = self._promised.get(document.content["id"])
        if promised is not None:
            return promised
        domain, product = self._home
        return (
            domain or str(document.content.get("domain") or ""),
            product or str(document.content.get("dataProduct") or ""),
        )

    def target(self, document: Document) -> str:
        """The path of a document below the mesh folder."""
        identity, kind = _identity(document), document.content["kind"]
        if identity in self._there:
            return self._there[identity].file
        if self._alone:
            name = f"{_own_name(document)}{_ENDINGS[kind]}"
        else:
            name = posixpath.relpath(document.file, self._base or ".").removeprefix("products/")
            name = f"{_YAML.sub('', name)}{_ENDINGS[kind]}"
        return posixpath.join(self._root, name)

    def clashes(self, documents: Sequence[Document], targets: Sequence[str]) -> Iterator[Problem]:
        """Documents that would take each other's place, or that of something else."""
        seen: dict[str, Document] = {}
        for document, path in zip(documents, targets, strict=True):
            identity = _identity(document)
            other = seen.setdefault(path, document)
            if other is not document:
                yield document.problem((), f"declares the same as {other.file}")
            elif self._files.get(path, identity) != identity:
                rule = f"{path} is in the mesh already and declares something else"
                yield document.problem((), rule)

    def products(
        self, documents: Sequence[Document]
    ) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
        """The products that get ports, by path, for contracts nobody promises.

        And what is wrong with contracts of which nobody knows whose they are.
        """
        problems: list[Problem] = []
        orphans: dict[Home, list[Document]] = {}
        for document in documents:
            content = document.content
            if content["kind"] != CONTRACT or self._is_promised(document):
                continue
            home = self.home(document)
            if not all(home):
                rule = "no product promises it, and it names no domain and dataProduct itself"
                hint = "give --domain and --product"
                problems.append(document.problem(("id",), f"{rule}; {hint}"))
            elif not all(map(NAME.match, home)):
                rule = f"{'.'.join(home)} can not be the domain and name of a product"
                problems.append(document.problem(("domain",), rule))
            elif (PRODUCT, *home) not in self._submitted:
                orphans.setdefault(home, []).append(document)
        made = dict(self._with_ports(home, found) for home, found in orphans.items())
        return made, problems

    def _is_promised(self, contract: Document) -> bool:
        """Whether a port gives it: that of its version; of the only version there is, any."""
        name, version = contract.content["id"], contract.content["version"]
        identities = {*self._there, *self._submitted}
        alone = not any(i[:2] == (CONTRACT, name) and i[2] != version for i in identities)
        return (name, version) in self._versions or (alone and name in self._promised)

    def _with_ports(self, home: Home, contracts: Sequence[Document]) -> tuple[str, dict[str, Any]]:
        domain, name = home
        there = self._there.get((PRODUCT, *home))
        version = str(contracts[0].content["version"])
        product = Product(domain, name, version, Binding("", "", ""))
        content = write_product(product, [], there.content if there else {})
        for contract in contracts:
            port = _port(contract.content)
            known = self._port_names.get(contract.content["id"])
            content["outputPorts"].append({**port, "name": known or port["name"]})
        path = posixpath.join("products", domain, name, f"{name}.odps.yaml")
        return there.file if there else path, content


def _identity(document: Document) -> tuple[str, ...]:
    content = document.content
    if content["kind"] == PRODUCT:
        domain, name = _product_home(document)
        return (PRODUCT, domain, name)
    return (CONTRACT, content["id"], content["version"])


def _product_home(product: Document) -> Home:
    return (str(product.content.get("domain") or ""), str(product.content.get("name") or ""))


def _own_name(document: Document) -> str:
    """What the file of a document that comes alone is called."""
    content = document.content
    if content["kind"] == PRODUCT:
        return _plain(str(content.get("name") or content["id"]))
    objects = list(content.get("schema") or ())
    own = objects[0]["name"] if len(objects) == 1 else content.get("name") or content["id"]
    return _plain(f"{own}-{content['version']}")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._-") or "contract"


def _port(contract: Mapping[str, Any]) -> dict[str, Any]:
    """A port that gives every object of the contract."""
    objects = [element["name"] for element in contract.get("schema") or ()]
    name = objects[0] if len(objects) == 1 else _plain(contract.get("name") or contract["id"])
    while len(objects) > 1 and name in objects:  # the port's own name would mean that one only
        name = f"{name}_contract"
    return {
        "name": name,
        "version": contract["version"],
        "type": "tables",
        "contractId": contract["id"],
    }
