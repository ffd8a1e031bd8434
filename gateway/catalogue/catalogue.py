"""The catalogue: names to datasets, for callers who may each know only some of them."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable, Iterable, Sequence

from gateway.catalogue.artefacts import build_artefacts
from gateway.catalogue.document import Document, read_document
from gateway.catalogue.namespaces import Namespaces
from gateway.catalogue.problems import Problem, catalogue_error
from gateway.catalogue.products import build_datasets
from gateway.catalogue.standards import check_contract, check_product
from gateway.catalogue.versions import choose_version, newest_first
from gateway.errors import AmbiguousDataset, CatalogueError, UnknownDataset, similar
from gateway.model import NAME, Address, Artefact, Dataset

Visible = Callable[[Dataset], bool]
"""Whether the caller may know of a dataset. It is asked before anything is said about one."""

PRODUCTS = "*.odps.yaml"
CONTRACTS = "*.odcs.yaml"

FULL_NAME = 3
"""How many parts a name has that says all."""

MOST_SIMILAR = 1000
"""How many close names are considered for a suggestion; far more than there are typing errors."""


def check_folder(mesh: pathlib.Path) -> None:
    """Raise CatalogueError for a mesh folder that is not there."""
    if not mesh.is_dir():
        raise CatalogueError(f"the mesh folder {mesh} does not exist")


class Catalogue:
    """Every dataset of a mesh, and every artefact; immutable.

    `version` changes whenever a file of the mesh does.
    """

    def __init__(
        self, datasets: Iterable[Dataset], version: str, artefacts: Iterable[Artefact] = ()
    ) -> None:
        self.version = version
        self.artefacts = tuple(sorted(artefacts, key=lambda artefact: artefact.address))
        self.datasets = tuple(sorted(datasets, key=lambda dataset: dataset.address))
        self.namespaces = Namespaces(self.datasets)
        self._by_name: dict[tuple[str, ...], list[Dataset]] = {}
        for dataset in self.datasets:
            parts = _parts(dataset)
            for length in range(1, len(parts) + 1):
                self._by_name.setdefault(_fold(parts[-length:]), []).append(dataset)

    @classmethod
    def load(cls, mesh: pathlib.Path) -> Catalogue:
        """Read every data product below the folder.

        Raises CatalogueError with all problems of all files: a mesh is right or it is refused.
        """
        check_folder(mesh)
        digest = hashlib.sha256()
        problems: list[Problem] = []
        products = _read_all(mesh, PRODUCTS, check_product, digest, problems)
        contracts = _read_all(mesh, CONTRACTS, check_contract, digest, problems)
        if not problems:  # a port can not be judged while its contract is missing
            datasets, problems = build_datasets(products, contracts, mesh)
            artefacts, wrong = build_artefacts(products, datasets)
            problems += wrong if not problems else []  # what they use may be what is wrong
        if problems:
            raise catalogue_error(str(mesh), problems)
        return cls(datasets, digest.hexdigest()[:16], artefacts)

    def get(self, address: Address) -> Dataset:
        """The dataset at an address; without a version the highest active one.

        Raises UnknownDataset. Asks nobody whether the caller may know of it.
        """
        parts = (address.domain, address.product, address.dataset)
        return self.resolve(parts, address.version, lambda _: True)

    def named(self, parts: tuple[str, ...]) -> Sequence[Dataset]:
        """Every dataset, in every version, that a name may mean, whoever asks."""
        return self._by_name.get(_fold(parts), ()) if all(map(NAME.match, parts)) else ()

    def resolve(
        self,
        parts: tuple[str, ...],
        version: str | None,
        visible: Visible,
        namespace: tuple[str, ...] = (),
    ) -> Dataset:
        """The dataset a request names: domain, product and dataset, or the last one or two.

        Those of the `namespace`, a domain and perhaps a product, go before all others.
        Letter case does not matter, but every part must be a NAME: letters that merely fold to
        the same ones are others. Only visible datasets are considered: a hidden one and one that
        does not exist give the same UnknownDataset, and hidden ones make no name ambiguous.
        `suggestion` has the hint for whoever shows the error.
        Raises UnknownDataset, AmbiguousDataset.
        """
        candidates = [d for d in self.named(parts) if visible(d)]
        if namespace and len(parts) < FULL_NAME:
            candidates = _inside(candidates, parts, namespace) or candidates
        if version is None and len(candidates) == 1 and candidates[0].status == "active":
            return candidates[0]
        names = sorted({dataset.address.sql_name for dataset in candidates})
        if len(names) > 1:
            raise AmbiguousDataset(
                f"{'.'.join(parts)} may be {' or '.join(names)}", hint="write the longer name"
            )
        if not candidates:
            raise UnknownDataset(f"there is no dataset {'.'.join(parts)} that you may read")
        chosen = choose_version(candidates, version)
        if chosen is None:
            listed = ", ".join(
                f"{d.address.version} ({d.status})" for d in newest_first(candidates)
            )
            missing = f"version {version}" if version else "active version"
            raise UnknownDataset(f"{names[0]} has no {missing}", hint=f"there is {listed}")
        return chosen

    def search(self, words: Sequence[str], visible: Visible) -> list[Dataset]:
        """Visible datasets in which every word occurs, the best first; all without words.

        A word in the name weighs most, then title and tags, columns, descriptions.
        """
        wanted = [word.casefold() for text in words for word in text.split()]
        ranked = []
        for dataset in self.datasets:
            if visible(dataset):
                scores = [_score(dataset, word) for word in wanted]
                if all(scores):
                    ranked.append((-sum(scores), dataset.address, dataset))
        return [dataset for _, _, dataset in sorted(ranked, key=lambda entry: entry[:2])]

    def suggestion(self, parts: tuple[str, ...], visible: Visible) -> str | None:
        """A hint naming the visible dataset whose name is closest, or None when none is close.

        It asks about names that are close only, and stops at the first visible one: the answer to
        a mistyped name must not cost a decision about every dataset of the mesh.
        """
        known = {".".join(name): name for name in self._by_name if len(name) == len(parts)}
        for near in similar(".".join(_fold(parts)), known, MOST_SIMILAR):
            for dataset in self._by_name[known[near]]:
                if visible(dataset):
                    return f"did you mean {'.'.join(_parts(dataset)[-len(parts) :])}?"
        return None


def _parts(dataset: Dataset) -> tuple[str, ...]:
    return (dataset.address.domain, dataset.address.product, dataset.address.dataset)


def _inside(
    datasets: Sequence[Dataset], parts: tuple[str, ...], namespace: tuple[str, ...]
) -> list[Dataset]:
    """Those that the name means in the namespace; what the name says itself, it says better.

    "" is any: a schema without a catalog.
    """
    prefix = _fold(namespace[: FULL_NAME - len(parts)])

    def inside(dataset: Dataset) -> bool:
        return all(
            part in ("", own) for part, own in zip(prefix, _fold(_parts(dataset)), strict=False)
        )

    return [d for d in datasets if inside(d)]


def _fold(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def _read_all(
    mesh: pathlib.Path,
    pattern: str,
    check: Callable[[Document], list[Problem]],
    digest: hashlib._Hash,
    problems: list[Problem],
) -> list[Document]:
    documents = []
    for file in sorted(mesh.rglob(pattern)):
        name = file.relative_to(mesh).as_posix()
        document = read_document(file, name)
        if isinstance(document, Problem):
            problems.append(document)
            continue
        digest.update(repr((name, document.content)).encode())
        broken = check(document)
        problems += broken
        if not broken:
            documents.append(document)
    return documents


def _score(dataset: Dataset, word: str) -> int:
    """How much a dataset is about a word; 0: not at all."""
    name = dataset.address.dataset.casefold()
    if word == name:
        return 100
    tags = (*dataset.tags, *(tag for found in dataset.column_tags.values() for tag in found))
    weights = (
        (40, name),
        (20, f"{dataset.address.domain} {dataset.address.product}"),
        (10, dataset.title),
        (10, " ".join(tags)),
        (5, " ".join(dataset.schema.names)),
        (2, dataset.description),
        (1, " ".join(_comments(dataset))),
    )
    return sum(weight for weight, text in weights if word in text.casefold())


def _comments(dataset: Dataset) -> list[str]:
    return [(field.metadata or {}).get(b"mesh.comment", b"").decode() for field in dataset.schema]
