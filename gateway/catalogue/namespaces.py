"""Default catalogs and schemas of clients: whether there are such, for who may know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gateway.errors import UserError, similar
from gateway.model import Dataset

MOST_SIMILAR = 5
"""Of so many names close to a misspelt one it is asked whether the caller may know of them."""

Known = Callable[[Dataset], bool]
"""Whether the caller may know of a dataset."""


class Namespaces:
    """The catalogs and schemas of a mesh, by their names in lower case: asked at every request."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self._catalogs: dict[str, dict[str, list[Dataset]]] = {}
        for dataset in datasets:
            catalog = self._catalogs.setdefault(dataset.address.domain.casefold(), {})
            catalog.setdefault(dataset.address.product.casefold(), []).append(dataset)

    def check_for(
        self, names: Iterable[Iterable[Dataset]], namespace: tuple[str, ...], known: Known
    ) -> None:
        """`check` for a request: `names` are the datasets that each of its names may mean.

        Mostly one of these is in the namespace, and tells that it is there. Else it takes a
        decision about many datasets, for each request of who may read the last one only.
        """
        meant = (dataset for datasets in names for dataset in datasets)
        if not any(_holds(namespace, dataset) and known(dataset) for dataset in meant):
            self.check(namespace, known)

    def check(self, namespace: tuple[str, ...], known: Known) -> None:
        """Raise UserError for a catalog or schema without a dataset the caller may know of.

        A name that is found elsewhere would hide the mistake: who says where to look means it. ""
        is any catalog. One that is hidden and one that does not exist are told alike.
        """
        catalog, schema = (*namespace, "", "")[:2]
        within = self._catalogs
        if catalog:
            within = {catalog.casefold(): self._catalogs.get(catalog.casefold(), {})}
        schemas = [found for held in within.values() for found in _named(held, schema)]
        if any(known(dataset) for found in schemas for dataset in found):
            return
        if catalog and not any(map(known, _all(within.values()))):
            near = _near(catalog, {n: list(_all([s])) for n, s in self._catalogs.items()}, known)
            raise _unknown("catalog", catalog, "a domain", near.address.domain if near else None)
        by_schema: dict[str, list[Dataset]] = {}
        for held in within.values():
            for name, found in held.items():
                by_schema.setdefault(name, []).extend(found)
        near = _near(schema, by_schema, known)
        where = f" in {catalog}" if catalog else ""
        meant = near.address.product if near else None
        raise _unknown("schema", f"{schema}{where}", "a product", meant)


def _holds(namespace: tuple[str, ...], dataset: Dataset) -> bool:
    own = (dataset.address.domain.casefold(), dataset.address.product.casefold())
    return all(part in ("", o) for part, o in zip(map(str.casefold, namespace), own, strict=False))


def _named(schemas: Mapping[str, list[Dataset]], name: str) -> Iterable[list[Dataset]]:
    return [schemas.get(name.casefold(), [])] if name else schemas.values()


def _all(catalogs: Iterable[Mapping[str, list[Dataset]]]) -> Iterable[Dataset]:
    return (dataset for schemas in catalogs for found in schemas.values() for dataset in found)


def _near(name: str, by_name: Mapping[str, list[Dataset]], known: Known) -> Dataset | None:
    """A dataset the caller may know of, where the name was perhaps meant to lead."""
    close = similar(name.casefold(), by_name, MOST_SIMILAR)
    return next((d for near in close for d in by_name[near] if known(d)), None)


def _unknown(what: str, name: str, meant: str, near: str | None) -> UserError:
    return UserError(
        f"there is no {what} {name}, or you may not know of it",
        hint=f"did you mean {near}?" if near else f"set it to {meant} you may read, or to nothing",
    )
