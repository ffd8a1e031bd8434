"""Default catalogs and schemas of clients: whether there are such, for who may know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway.errors import UserError, similar
from gateway.model import Dataset

MOST_SIMILAR = 5
"""Of so many names close to a misspelt one it is asked whether the caller may know of them."""

Known = Callable[[Dataset], bool]
"""Whether the caller may know of a dataset."""


def check_namespace(datasets: Sequence[Dataset], namespace: tuple[str, ...], known: Known) -> None:
    """Raise UserError for a catalog or schema without a dataset the caller may know of.

    A name that is found elsewhere would hide the mistake: who says where to look means it. "" is
    any catalog. One that is hidden and one that does not exist are told alike.
    """
    catalog, schema = (*namespace, "", "")[:2]
    if any(known(dataset) for dataset in datasets if _inside(dataset, catalog, schema)):
        return
    here = [dataset for dataset in datasets if _inside(dataset, catalog, "")]
    if catalog and not any(map(known, here)):
        near = _near(catalog, datasets, lambda d: d.address.domain, known)
        raise _unknown("catalog", catalog, "a domain", near)
    near = _near(schema, here, lambda d: d.address.product, known)
    where = f" in {catalog}" if catalog else ""
    raise _unknown("schema", f"{schema}{where}", "a product", near)


def _inside(dataset: Dataset, catalog: str, schema: str) -> bool:
    address = dataset.address
    return _same(catalog, address.domain) and _same(schema, address.product)


def _same(name: str, own: str) -> bool:
    return name in ("", own) or name.casefold() == own.casefold()


def _near(
    name: str, datasets: Iterable[Dataset], part: Callable[[Dataset], str], known: Known
) -> str | None:
    by_name: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        by_name.setdefault(part(dataset).casefold(), []).append(dataset)
    close = similar(name.casefold(), by_name, MOST_SIMILAR)
    found = (dataset for near in close for dataset in by_name[near] if known(dataset))
    return next(map(part, found), None)


def _unknown(what: str, name: str, meant: str, near: str | None) -> UserError:
    return UserError(
        f"there is no {what} {name}, or you may not know of it",
        hint=f"did you mean {near}?" if near else f"set it to {meant} you may read, or to nothing",
    )
