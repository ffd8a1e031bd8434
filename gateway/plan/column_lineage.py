"""The lineage of a plan: of its query over what the policies leave of its tables and views."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sqlglot import exp

from gateway.lineage.columns import lineage_of
from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.lineage.relation import Defined, Read, Stored, Untold
from gateway.plan.security import Security
from gateway.plan.source import TableName, Tables, Views

_log = logging.getLogger(__name__)

ReadColumns = Mapping[TableName, tuple[str, ...]]
"""The columns of each dataset that an optimised plan reads."""


def column_lineage(
    tree: exp.Query | exp.Values,
    tables: Tables,
    views: Views,
    columns: ReadColumns,
    names: Sequence[str],
) -> Lineage:
    """What an answer with columns of these names is made of.

    Where that can not be told exactly, or is less than what the engine reads, every column that
    may be read is an input of every output.
    """
    known = [
        (str(tables[name].dataset.address), column)
        for name, read in columns.items()
        for column in read
    ]
    try:
        return lineage_of(tree, _read(tables, views), names, known)
    except (Untold, RecursionError) as reason:
        _log.warning("lineage of a query is not told exactly: %s", reason)
        return _conservative(tables, views, columns, names)


def _read(tables: Tables, views: Views) -> Read:
    read: dict[TableName, Stored | Defined] = {}
    for name, table in tables.items():
        dataset, security = table.dataset, table.security
        read[name] = Stored(
            str(dataset.address), dataset.schema.names, _masked(security), _filters(security)
        )
    for name, view in views.items():
        dataset, security = view.dataset, view.security
        read[name] = Defined(
            str(dataset.address),
            dataset.schema.names,
            security.raw.names,
            view.tree,
            view.names,
            _masked(security),
            _filters(security),
        )
    return read


def _masked(security: Security) -> frozenset[str]:
    return frozenset(name for name, mask in security.masks.items() if mask.kind != "none")


def _filters(security: Security) -> tuple[str, ...]:
    if security.row_filter is None:
        return ()
    used = {column.name for column in security.row_filter.find_all(exp.Column)}
    return tuple(name for name in security.raw.names if name in used)


def _conservative(
    tables: Tables, views: Views, columns: ReadColumns, names: Sequence[str]
) -> Lineage:
    """Every column that may be read, as an input of every output: never less than the truth."""
    inputs: set[Input] = set()
    whole: set[Input] = set()
    for name, table in tables.items():
        address, masked = str(table.dataset.address), _masked(table.security)
        for column in columns.get(name, table.dataset.schema.names):
            inputs.add(Input(address, column, Subtype.TRANSFORMATION, masking=column in masked))
        for column in _filters(table.security):
            whole.add(Input(address, column, Subtype.FILTER, policy=True))
    given = tuple(sorted(inputs))
    return Lineage(
        tuple(Output(name, given) for name in names),
        tuple(sorted(whole)),
        tuple(sorted({str(table.dataset.address) for table in tables.values()})),
        tuple(sorted({str(view.dataset.address) for view in views.values()})),
        exact=False,
    )
