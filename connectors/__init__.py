"""Connectors: how the gateway reaches the systems that hold the data.

A connector of another distribution is found through the entry-point group
``meshgate.connectors`` (name = the connector's name, value = ``module:Class``).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points

from connectors.interface import Binding, Connector, SourceError, SourceErrorCode

REGISTRY: Mapping[str, str] = {
    "files": "connectors.files:FilesConnector",
    "sqlite": "connectors.sqlite:SqliteConnector",
    "duckdb": "connectors.duckdb:DuckDbConnector",
    "postgres": "connectors.postgres:PostgresConnector",
    "mariadb": "connectors.mariadb:MariaDbConnector",
    "mysql": "connectors.mariadb:MariaDbConnector",
    "delta": "connectors.delta:DeltaConnector",
    "iceberg": "connectors.iceberg:IcebergConnector",
    "flightsql": "connectors.flightsql:FlightSqlConnector",
    "memory": "connectors.memory:MemoryConnector",
}
"""Name of a connector -> ``module:Class``, imported when the first source of its kind opens."""

_EXTRAS = {"mysql": "mariadb"}

_ABSENT = {
    "clickhouse": "none has been held against a real ClickHouse server, so none is offered: "
    "export to Parquet, Delta or Iceberg and bind that"
}
"""What somebody may look for, and why it is not here."""


def open_connector(binding: Binding) -> Connector:
    """The connector of a binding; opening does not touch the network.

    Raises SourceError: BINDING_INVALID for a connector nobody knows or an option it does not have,
    DRIVER_MISSING with the extra to install when its third-party driver is not there.
    """
    target = REGISTRY.get(binding.connector) or _installed(binding.connector)
    if target is None:
        known = ", ".join(sorted(REGISTRY))
        raise SourceError(
            SourceErrorCode.BINDING_INVALID,
            f"there is no connector {binding.connector!r}",
            hint=_ABSENT.get(binding.connector) or f"the connectors are {known}",
        )
    module, _, name = target.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
        _check_options(binding, getattr(kind, "option_names", None))
        connector: Connector = kind(binding.uri, binding.options)
    except (ImportError, OSError) as error:
        if (getattr(error, "name", None) or "").partition(".")[0] == "connectors":
            raise  # a fault of this package, not a driver that is missing
        extra = _EXTRAS.get(binding.connector, binding.connector)
        raise SourceError(
            SourceErrorCode.DRIVER_MISSING,
            f"the driver of connector {binding.connector!r} is not installed",
            hint=f"install Meshgate with its extra {extra}: pip install '.[{extra}]' in its folder",
        ) from error
    return connector


def _check_options(binding: Binding, known: frozenset[str] | None) -> None:
    """Raise BINDING_INVALID for an option the connector does not declare, if it declares any."""
    if known is None:
        return
    for option in sorted(set(binding.options) - known):
        close = difflib.get_close_matches(option, known, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        listed = f"its options are {', '.join(sorted(known))}" if known else "it has none"
        raise SourceError(
            SourceErrorCode.BINDING_INVALID,
            f"connector {binding.connector!r} has no option {option!r}",
            hint=meant + listed,
        )


def _installed(name: str) -> str | None:
    for point in entry_points(group="meshgate.connectors"):
        if point.name == name:
            return point.value
    return None
