"""``gateway.toml`` of a mesh: what whoever runs the gateway may set, all of it optional.

    memory_per_query_bytes = 8_589_934_592
    target_partitions = 8
    statistics_age_seconds = 60

docs/settings.md describes every key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from gateway.config import Config
from gateway.toml_tables import Table, read_tables

FILE_NAME = "gateway.toml"

_GIB = 1024.0**3
_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a number may be, both ends included."""

    least: float
    most: float


NUMBERS: Mapping[str, Bounds] = {
    "batch_rows": Bounds(256, 1_048_576),
    "target_partitions": Bounds(1, 256),
    "memory_per_query_bytes": Bounds(16 * 1024**2, 4096 * _GIB),
    "max_query_bytes": Bounds(1024, 64 * 1024**2),
    "queued_batches": Bounds(1, 64),
    "cached_plans": Bounds(0, 1_000_000),
    "plan_age_seconds": Bounds(0, _DAY),
    "verified_rows": Bounds(1, 1_000_000_000),
    "reduction_rows": Bounds(0, 100_000_000),
    "reduction_bytes": Bounds(0, 64 * _GIB),
    "reduction_keys": Bounds(0, 1_000_000),
    "reduction_least_rows": Bounds(0, 1e12),
    "reduction_rows_per_key": Bounds(0, 1e9),
    "statistics_age_seconds": Bounds(0, 31 * _DAY),
    "statistics_wait_seconds": Bounds(0, 60),
    "history_age_seconds": Bounds(0, 31 * _DAY),
    "audit_wait_seconds": Bounds(0.1, 600),
    "schema_poll_seconds": Bounds(0, _DAY),
    "catalogue_poll_seconds": Bounds(0, _DAY),
    "quality_seconds": Bounds(0, 31 * _DAY),
    "quality_timeout_seconds": Bounds(1, _DAY),
}
SWITCHES = ("embedded_duckdb",)
TEXTS = ("openlineage_api_key", "openlineage_url", "postgres", "store")


ENDPOINT, ENDPOINT_KEY = "OPENLINEAGE_URL", "OPENLINEAGE_API_KEY"
"""The variables by which every producer of OpenLineage is told of its endpoint."""


def load_config(mesh: Path, *, region: str = "") -> Config:
    """The settings of a mesh folder. CatalogueError for the first thing that is wrong in them."""
    path = mesh / FILE_NAME
    table = Table(path, "", read_tables(path), (*NUMBERS, *SWITCHES, *TEXTS))
    given: dict[str, int | float | bool | str] = {}
    whole = {f.name for f in fields(Config) if f.type == "int"}
    for name, bounds in NUMBERS.items():
        if name in table:
            given[name] = _number(table, name, bounds, whole=name in whole)
    for name in SWITCHES:
        if name in table:
            value = table.raw(name)
            if not isinstance(value, bool):
                raise table.wrong(f"{name} has to be true or false")
            given[name] = value
    for name in TEXTS:
        if name in table:
            value = table.raw(name)
            if not isinstance(value, str):
                raise table.wrong(f"{name} has to be a text")
            given[name] = value
    if "openlineage_url" not in table and (url := os.environ.get(ENDPOINT)):
        given["openlineage_url"] = url
        if os.environ.get(ENDPOINT_KEY):
            given.setdefault("openlineage_api_key", f"${{{ENDPOINT_KEY}}}")
    return replace(Config(region=region), **given)  # type: ignore[arg-type]


def _number(table: Table, name: str, bounds: Bounds, *, whole: bool) -> int | float:
    value = table.raw(name)
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right or not bounds.least <= value <= bounds.most:
        kind = "whole number" if whole else "number"
        raise table.wrong(
            f"{name} has to be a {kind} from {bounds.least:,.9g} to {bounds.most:,.9g}"
        )
    return int(value) if whole else float(value)
