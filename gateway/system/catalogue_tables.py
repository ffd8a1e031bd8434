"""``system.catalogue``: products, datasets, columns and what is declared of them.

Only what the caller may discover is there: hidden datasets and columns leave no trace, in counts
and lists neither. Nothing tells where rows are, or how to get there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.catalogue.life_cycle import declared_notices
from gateway.model import Address, Dataset
from gateway.notices import Notice, Severity
from gateway.system.table import SystemTable, columns, table
from gateway.system.viewpoint import Equal, Viewpoint

_TEXT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.bool_()

_PLACE = (
    ("address", _TEXT, "mesh://domain/product/dataset@version"),
    ("domain", _TEXT, "the first part of its name in SQL"),
    ("product", _TEXT, "the second part"),
    ("dataset", _TEXT, "the third part"),
    ("version", _TEXT, "of the contract"),
)


def _place(address: Address) -> tuple[object, ...]:
    return (str(address), address.domain, address.product, address.dataset, address.version)


_PRODUCTS = columns(
    ("domain", _TEXT, "the first part of the names of its datasets"),
    ("product", _TEXT, "the second part"),
    ("owner", _TEXT, "the team that answers for it"),
    ("datasets", _NUMBER, "how many datasets it has, whatever their versions"),
    ("versions", _NUMBER, "how many versions of datasets"),
    ("tags", _TEXT, "of its datasets, separated by commas"),
)


def _products(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    found: dict[tuple[str, str], list[Dataset]] = {}
    for dataset in viewpoint.datasets(equal):
        found.setdefault((dataset.address.domain, dataset.address.product), []).append(dataset)
    return table(
        (
            (
                domain,
                product,
                next((d.owner for d in held if d.owner), ""),
                len({d.address.dataset for d in held}),
                len(held),
                _joined(tag for d in held for tag in d.tags),
            )
            for (domain, product), held in found.items()
        ),
        _PRODUCTS,
    )


_DATASETS = columns(
    *_PLACE,
    ("name", _TEXT, "as it is written in SQL"),
    ("current", _FLAG, "whether a query that names no version reads this one"),
    ("kind", _TEXT, "table or view"),
    ("connector", _TEXT, "what kind of source its rows are in; view: it is a query"),
    ("title", _TEXT, "its name for people"),
    ("description", _TEXT, "what it is"),
    ("owner", _TEXT, "the team that answers for it"),
    ("contacts", _TEXT, "where it answers questions, separated by commas"),
    ("usage", _TEXT, "what it is meant for"),
    ("limitations", _TEXT, "what it is not fit for"),
    ("tags", _TEXT, "separated by commas; system.catalogue.tags has one a row"),
    ("status", _TEXT, "draft, active, deprecated or retired"),
    ("readable", _FLAG, "whether you may read rows of it, and not just know of it"),
    ("columns", _NUMBER, "how many columns you may know of"),
    ("primary_key", _TEXT, "its columns, separated by commas"),
    ("requires_purpose", _FLAG, "whether it is read for a declared purpose only"),
    ("purposes", _TEXT, "for which it may be used, separated by commas"),
    ("regions", _TEXT, "its rows may not leave, separated by commas"),
    ("deprecated_because", _TEXT, "why it goes away"),
    ("ends", _TEXT, "when it goes away: a date"),
    ("successor", _TEXT, "what is to be read instead"),
    ("problems", _NUMBER, "how many rows system.catalogue.problems has of it"),
    ("standing", _TEXT, "ok, warn, or deny when it is not to be read at present"),
)


def _datasets(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table((_dataset(viewpoint, d) for d in viewpoint.datasets(equal)), _DATASETS)


def _dataset(viewpoint: Viewpoint, dataset: Dataset) -> tuple[object, ...]:
    gone, residency, team = dataset.deprecation, dataset.residency, dataset.team
    notices = _notices(viewpoint, dataset)
    severities = {notice.severity for notice in notices}
    return (
        *_place(dataset.address),
        dataset.address.sql_name,
        viewpoint.is_current(dataset),
        "table" if dataset.view is None else "view",
        dataset.binding.connector,
        dataset.title,
        dataset.description,
        dataset.owner,
        _joined(tuple(c.url or c.channel for c in team.contacts) if team is not None else ()),
        dataset.usage or None,
        dataset.limitations or None,
        _joined(dataset.tags),
        dataset.status,
        viewpoint.may_read(dataset),
        len(dataset.schema),
        _joined(dataset.primary_key),
        dataset.requires_purpose,
        _joined(dataset.purposes),
        _joined(residency.regions if residency is not None else ()),
        gone.reason if gone is not None else None,
        gone.ends if gone is not None else None,
        viewpoint.successor(dataset),
        len(notices),
        "deny" if Severity.DENY in severities else "warn" if severities else "ok",
    )


_COLUMNS = columns(
    *_PLACE,
    ("column", _TEXT, "the name of the column"),
    ("position", _NUMBER, "1 is the first you may know of"),
    ("type", _TEXT, "the type of its values, as Arrow names it"),
    ("physical_type", _TEXT, "the same as its source names it"),
    ("nullable", _FLAG, "whether it may be NULL"),
    ("key_position", _NUMBER, "its place in the primary key; NULL: it is not in it"),
    ("description", _TEXT, "what it holds"),
    ("tags", _TEXT, "separated by commas"),
    ("classification", _TEXT, "how sensitive it is, as its contract says"),
    ("term", _TEXT, "what the business calls it"),
)


def _columns(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    wanted = equal.get("column")
    return table(
        (
            row
            for dataset in viewpoint.datasets(equal)
            for row in _columns_of(dataset)
            if wanted in (None, row[len(_PLACE)])
        ),
        _COLUMNS,
    )


def _columns_of(dataset: Dataset) -> Iterator[tuple[object, ...]]:
    place = _place(dataset.address)
    keys = {name: position for position, name in enumerate(dataset.primary_key, start=1)}
    for position, field in enumerate(dataset.schema, start=1):
        metadata = field.metadata or {}
        term = dataset.terms.get(field.name)
        yield (
            *place,
            field.name,
            position,
            str(field.type),
            _decoded(metadata.get(PHYSICAL_TYPE)),
            field.nullable,
            keys.get(field.name),
            _decoded(metadata.get(COMMENT)),
            _joined(dataset.column_tags.get(field.name, ())),
            dataset.classifications.get(field.name),
            term.name if term is not None else None,
        )


_VERSIONS = columns(
    *_PLACE,
    ("status", _TEXT, "draft, active, deprecated or retired"),
    ("current", _FLAG, "whether a query that names no version reads this one"),
    ("columns", _NUMBER, "how many columns you may know of"),
    ("ends", _TEXT, "when it goes away: a date"),
    ("successor", _TEXT, "what is to be read instead"),
)


def _versions(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table(
        (
            (
                *_place(dataset.address),
                dataset.status,
                viewpoint.is_current(dataset),
                len(dataset.schema),
                dataset.deprecation.ends if dataset.deprecation is not None else None,
                viewpoint.successor(dataset),
            )
            for dataset in viewpoint.datasets(equal)
        ),
        _VERSIONS,
    )


_VIEWS = columns(
    *_PLACE,
    ("owner", _TEXT, "the role whose rights an unmasking view lends"),
    ("unmasks", _FLAG, "whether it lends its owner's rights to its readers"),
    ("language", _TEXT, "of its definition: sql, or a dialect or other language"),
    ("definition", _TEXT, "its query, for those who publish or administer it; else NULL"),
)


def _views(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table(
        (
            (
                *_place(dataset.address),
                dataset.view.owner,
                dataset.view.unmasks,
                dataset.view.dialect or dataset.view.language,
                dataset.view.query if viewpoint.makes(dataset) else None,
            )
            for dataset in viewpoint.datasets(equal)
            if dataset.view is not None
        ),
        _VIEWS,
    )


_TAGS = columns(
    *_PLACE,
    ("column", _TEXT, "the column that has the tag; NULL: the dataset itself"),
    ("tag", _TEXT, "a tag of the contract or the product"),
)


def _tags(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    def rows() -> Iterator[tuple[object, ...]]:
        for dataset in viewpoint.datasets(equal):
            place = _place(dataset.address)
            yield from ((*place, None, tag) for tag in dataset.tags)
            for column in dataset.schema.names:
                yield from ((*place, column, tag) for tag in dataset.column_tags.get(column, ()))

    return table(rows(), _TAGS)


_TERMS = columns(
    *_PLACE,
    ("column", _TEXT, "the column that is called so; NULL: the dataset itself"),
    ("term", _TEXT, "what the business calls it"),
    ("definition", _TEXT, "where the term is defined: a URL"),
)


def _terms(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table(
        (
            (*_place(dataset.address), column or None, term.name, term.definition or None)
            for dataset in viewpoint.datasets(equal)
            for column, term in dataset.terms.items()
        ),
        _TERMS,
    )


_PROMISES = columns(
    *_PLACE,
    ("promise", _TEXT, "what is promised, such as freshness"),
    ("value", _TEXT, "how much of it"),
    ("unit", _TEXT, "of the value"),
    ("column", _TEXT, "the column it is about; NULL: the dataset"),
)


def _promises(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table(
        (
            (*_place(dataset.address), p.name, p.value, p.unit or None, p.element or None)
            for dataset in viewpoint.datasets(equal)
            for p in dataset.promises
        ),
        _PROMISES,
    )


_PROBLEMS = columns(
    *_PLACE,
    ("code", _TEXT, "what kind of problem it is"),
    ("severity", _TEXT, "warn: its readers are told; deny: it is not to be read at present"),
    ("message", _TEXT, "what is wrong"),
)


def _problems(viewpoint: Viewpoint, equal: Equal) -> pa.Table:
    return table(
        (
            (
                *_place(dataset.address),
                notice.code,
                notice.severity.value,
                notice.message,
            )
            for dataset in viewpoint.datasets(equal)
            for notice in _notices(viewpoint, dataset)
        ),
        _PROBLEMS,
    )


def _notices(viewpoint: Viewpoint, dataset: Dataset) -> list[Notice]:
    """What its readers are told, each once."""
    found = (notice.to(dataset) for notice in viewpoint.standing.of(str(dataset.address)))
    told = dict.fromkeys(notice for notice in found if notice is not None)
    successor = viewpoint.successor(dataset)
    declared = declared_notices(dataset, Address.parse(successor) if successor else None)
    return [*told, *declared]


def _joined(words: Iterator[str] | tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(words))


def _decoded(text: bytes | None) -> str | None:
    return text.decode(errors="replace") if text else None


CATALOGUE = (
    SystemTable("catalogue", "products", "Data products", _PRODUCTS, _products),
    SystemTable("catalogue", "datasets", "Datasets, in every version", _DATASETS, _datasets),
    SystemTable("catalogue", "columns", "Columns of datasets", _COLUMNS, _columns),
    SystemTable("catalogue", "versions", "Versions of datasets", _VERSIONS, _versions),
    SystemTable("catalogue", "views", "Datasets that are queries over others", _VIEWS, _views),
    SystemTable("catalogue", "tags", "Tags of datasets and columns", _TAGS, _tags),
    SystemTable("catalogue", "terms", "What the business calls things", _TERMS, _terms),
    SystemTable("catalogue", "promises", "Service levels", _PROMISES, _promises),
    SystemTable(
        "catalogue", "problems", "What is wrong with datasets at present", _PROBLEMS, _problems
    ),
)
