"""A catalogue as somebody sees it: all of it from the folder, or what the policies let one know.

Whoever can read the mesh folder can read its products; ``--as`` is for what is handed on.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace

from connectors.interface import Binding
from gateway.authorisation import ADMIN, DISCOVER, PUBLISH, READ, Access
from gateway.catalogue.artefacts import precedence
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.versions import choose_version, newest_first
from gateway.commands.policy.mesh import Mesh, load_catalogue
from gateway.errors import AmbiguousDataset, UnknownDataset, did_you_mean
from gateway.model import SCHEME, Address, Artefact, Dataset, ForeignKey, Principal, View
from gateway.serving.options import check_purpose

_QUOTED = re.compile(r'"([^"]*)"|([^."]+)')

May = Callable[[Dataset | Artefact, str], bool]


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody knows of a mesh: datasets and artefacts, without all they may not know of.

    `may` answers for the actions of policies. Without a principal nothing is `restricted`.
    """

    datasets: tuple[Dataset, ...]
    artefacts: tuple[Artefact, ...]
    may: May
    restricted: bool

    @classmethod
    def load(cls, args: argparse.Namespace) -> Reader:
        """Whom ``--as`` and ``--purpose`` name. Raises CatalogueError, UserError."""
        if not args.principal:
            catalogue = load_catalogue(args.mesh)
            return cls(
                tuple(catalogue.datasets), tuple(catalogue.artefacts), lambda *_: True, False
            )
        mesh = Mesh.load(args.mesh)
        purpose = check_purpose(args.purpose)
        access = Access(mesh.authoriser, product_key=lambda *_: b"")
        return cls.of(mesh.catalogue, access, mesh.named(args.principal), purpose)

    @classmethod
    def of(
        cls, catalogue: Catalogue, access: Access, principal: Principal, purpose: str = ""
    ) -> Reader:
        """What a principal knows of a catalogue."""
        whole: dict[Address, Dataset | Artefact] = {d.address: d for d in catalogue.datasets}
        whole |= {artefact.address: artefact for artefact in catalogue.artefacts}

        def may(what: Dataset | Artefact, action: str) -> bool:
            return access.may(principal, whole[what.address], action, purpose)

        seen = (access.discoverable(principal, d, purpose) for d in catalogue.datasets)
        datasets = {dataset.address: dataset for dataset in seen if dataset is not None}
        artefacts = [a for a in catalogue.artefacts if may(a, DISCOVER)]
        known = Known(datasets, {artefact.address for artefact in artefacts})
        return cls(
            tuple(known.dataset(d, keeps=_keeps(may, d)) for d in datasets.values()),
            tuple(map(known.artefact, artefacts)),
            may,
            True,
        )

    def may_read(self, what: Dataset | Artefact) -> bool:
        """Whether the reader may open, execute or query it."""
        return self.may(what, READ)

    def may_keep(self, what: Dataset | Artefact) -> bool:
        """Whether the reader may know how it is made: its source, its query, its row filters."""
        return _keeps(self.may, what)

    def find(self, text: str) -> Dataset | Artefact:
        """What an address, or a name as in SQL with ``@version``, means to the reader.

        Raises UnknownDataset: what is hidden and what does not exist are told alike. Raises
        AmbiguousDataset.
        """
        parts, version = name_and_version(text)
        found = [one for one in self.all() if _is_named(one, parts)]
        names = sorted({one.address.sql_name for one in found})
        if len(names) > 1:
            raise AmbiguousDataset(f"{text} may be {' or '.join(names)}", hint="write the longer")
        datasets = [one for one in found if isinstance(one, Dataset)]
        chosen: Dataset | Artefact | None = choose_version(datasets, version)
        if chosen is None and version is None and datasets:
            chosen = newest_first(datasets)[0]
        artefacts = [one for one in found if isinstance(one, Artefact)]
        fitting = [a for a in artefacts if version in (None, a.address.version)]
        chosen = chosen or max(fitting, key=precedence, default=None)
        if chosen is None:
            known = [one.address.sql_name for one in self.all()]
            listed = ", ".join(f"{one.address.version} ({one.status})" for one in found)
            hint = f"there is {listed}" if found else did_you_mean(".".join(parts), known)
            raise UnknownDataset(f"there is no dataset or artefact {text}", hint=hint)
        return chosen

    def all(self) -> tuple[Dataset | Artefact, ...]:
        """Datasets and artefacts together, by address."""
        return tuple(sorted((*self.datasets, *self.artefacts), key=lambda one: one.address))


@dataclass(frozen=True, slots=True)
class Known:
    """What a principal knows of, to tell which references lead to something hidden."""

    datasets: Mapping[Address, Dataset]
    artefacts: Set[Address]

    def dataset(self, dataset: Dataset, *, keeps: bool) -> Dataset:
        """The dataset without what leads to others that are hidden, or to its source."""
        ended = dataset.deprecation
        if ended is not None and not self._leads(ended.successor):
            ended = replace(ended, successor="")
        columns = {"", *dataset.schema.names}
        trimmed = replace(
            dataset,
            foreign_keys=tuple(key for key in dataset.foreign_keys if self._refers(key)),
            deprecation=ended,
            quality=tuple(q for q in dataset.quality if {q.column, *q.columns} <= columns),
            promises=tuple(p for p in dataset.promises if p.element in columns),
        )
        if keeps:
            return trimmed
        return replace(
            trimmed,
            binding=Binding("", "", ""),
            row_filters={},
            view=View("") if dataset.view else None,
            quality=tuple(q for q in trimmed.quality if q.kind == "library"),
        )

    def artefact(self, artefact: Artefact) -> Artefact:
        """The artefact without the hidden things it is made from."""
        uses = tuple(address for address in artefact.uses if self._knows(address))
        return replace(artefact, uses=uses)

    def _refers(self, key: ForeignKey) -> bool:
        target = self.datasets.get(key.target)
        return target is not None and set(key.target_columns) <= set(target.schema.names)

    def _knows(self, address: Address) -> bool:
        bare = replace(address, column=None)
        found = [
            one
            for one in (*self.datasets, *self.artefacts)
            if bare in (one, replace(one, version=None))
        ]
        if address.column is None or not found:
            return bool(found)
        return any(
            address.column in self.datasets[one].schema.names
            for one in found
            if one in self.datasets
        )

    def _leads(self, text: str) -> bool:
        """Whether a text that names a dataset names a known one; names in SQL do as well."""
        parts, version = name_and_version(text)
        return any(
            _is_named(dataset, parts) and version in (None, dataset.address.version)
            for dataset in self.datasets.values()
        )


def _keeps(may: May, what: Dataset | Artefact) -> bool:
    return may(what, PUBLISH) or may(what, ADMIN)


def name_and_version(text: str) -> tuple[tuple[str, ...], str | None]:
    """The parts of a name as people give it on the command line."""
    if text.startswith(SCHEME):
        address = Address.parse(text)
        return (address.domain, address.product, address.dataset), address.version
    name, _, version = text.partition("@")
    return tuple(quoted or plain for quoted, plain in _QUOTED.findall(name)), version or None


def _is_named(one: Dataset | Artefact, parts: tuple[str, ...]) -> bool:
    address = one.address
    own = (address.domain, address.product, address.dataset)[-len(parts) :] if parts else ()
    return tuple(map(str.casefold, own)) == tuple(map(str.casefold, parts))
