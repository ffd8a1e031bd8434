"""Limits and settings of a gateway. Everything has a safe default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """What an operator may change. Sizes are bytes, times seconds.

    `region` is where the gateway stands, for datasets bound to a region; "" is nowhere known.
    Decisions are recorded in `audit_folder`, below the mesh folder or absolute; an answer waits
    for its decision up to `audit_wait_seconds`. `embedded_duckdb` lets DuckDB, if it is installed,
    join and aggregate local Parquet files.
    """

    region: str = ""
    audit_folder: str = "state/audit"
    batch_rows: int = 65_536
    batch_rows_of_nested_loops: int = 1024
    target_partitions: int = 2
    memory_per_query_bytes: int = 2 * 1024**3
    max_query_bytes: int = 1024**2
    queued_batches: int = 4
    poll_seconds: float = 0.05
    cached_plans: int = 512
    plan_age_seconds: float = 300.0
    verified_rows: int = 1_000_000
    audit_wait_seconds: float = 10.0
    embedded_duckdb: bool = True
