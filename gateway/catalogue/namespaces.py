"""Default catalogs and schemas of clients: whether there are such, for who may know of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gateway.errors import UserError, similar
from policies.estate import Bools

K = TypeVar("K", bound=Hashable)

_NONE: npt.NDArray[np.int64] = np.zeros(0, np.int64)


class Namespaces:
    """The catalogs and schemas of a mesh, by their names in lower case: asked at every request.

    `products` are its domains and products, each pair once. What a caller may know of them is an
    array with an element for each. A name that is hidden from it and one that does not exist
    cost alike: nothing is decided here, and only names it knows are compared with others.
    """

    def __init__(self, products: Sequence[tuple[str, str]]) -> None:
        self._products = tuple(products)
        pairs = [(domain.casefold(), product.casefold()) for domain, product in products]
        self._catalogs = _places(domain for domain, _ in pairs)
        self._schemas = _places(product for _, product in pairs)
        self._pairs = _places(pairs)

    def numbers(self, namespace: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """The places of the products in a catalog, a schema ("" is any), or a schema of one."""
        catalog, schema = (part.casefold() for part in (*namespace, "", "")[:2])
        if catalog and schema:
            return self._pairs.get((catalog, schema), _NONE)
        if catalog or schema:
            return (self._catalogs if catalog else self._schemas).get(catalog or schema, _NONE)
        return np.arange(len(self._products))

    def check(self, namespace: tuple[str, ...], known: Bools) -> None:
        """Raise UserError for a catalog or schema without a product the caller may `know` of.

        A name that is found elsewhere would hide the mistake: who says where to look means it. ""
        is any catalog. One that is hidden and one that does not exist are told alike.
        """
        catalog, schema = (*namespace, "", "")[:2]
        if known[self.numbers(namespace)].any():
            return
        within = self.numbers((catalog,))
        if catalog and not known[within].any():
            near = _near(catalog, (domain for domain, _ in self._known(known)))
            raise _unknown("catalog", catalog, "a domain", near)
        held = (product for _, product in self._known(known, within))
        where = f" in {catalog}" if catalog else ""
        raise _unknown("schema", f"{schema}{where}", "a product", _near(schema, held))

    def _known(
        self, known: Bools, within: npt.NDArray[np.int64] | None = None
    ) -> Iterator[tuple[str, str]]:
        numbers = np.flatnonzero(known) if within is None else within[known[within]]
        return (self._products[number] for number in numbers)


def _places(names: Iterable[K]) -> dict[K, npt.NDArray[np.int64]]:
    found: dict[K, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    return {name: np.array(places, np.int64) for name, places in found.items()}


def _near(name: str, known: Iterable[str]) -> str | None:
    """The one of the known names that is closest, as it is written."""
    by_name = {each.casefold(): each for each in known}
    close = similar(name.casefold(), by_name, 1)
    return by_name[close[0]] if close else None


def _unknown(what: str, name: str, meant: str, near: str | None) -> UserError:
    return UserError(
        f"there is no {what} {name}, or you may not know of it",
        hint=f"did you mean {near}?" if near else f"set it to {meant} you may read, or to nothing",
    )
