"""What datasets are called as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.catalogue.versions import choose_version
from gateway.model import Dataset


def table_names(datasets: Iterable[Dataset]) -> Iterator[tuple[str, Dataset]]:
    """Each dataset with its name as a table: ``name@version``, and ``name`` for the version a
    query without one gets. What is retired is none that could be read."""
    versions: dict[tuple[str, str, str], list[Dataset]] = {}
    for dataset in datasets:
        if dataset.status == "retired":
            continue
        address = dataset.address
        versions.setdefault((address.domain, address.product, address.dataset), []).append(dataset)
    for (_, _, name), candidates in versions.items():
        chosen = choose_version(candidates, None)
        for dataset in candidates:
            yield name if dataset is chosen else f"{name}@{dataset.address.version}", dataset
