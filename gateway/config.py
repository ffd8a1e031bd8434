"""Limits and settings of a gateway. Everything has a safe default."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Config:
    """What an operator may change. Sizes are bytes, times seconds.

    A fragment's keys go into the text of another one if it has at most `reduction_rows` rows and
    `reduction_keys` keys, the other at least `reduction_least_rows` rows, and each key keeps
    `reduction_rows_per_key` rows or more from being sent. Fragments that are read before the engine
    starts may together take `reduction_bytes`.

    `region` is where the gateway stands, for datasets bound to a region; "" is nowhere known.
    Statistics of sources are fetched again after `statistics_age_seconds`; only the first plan over
    a table waits for them, `statistics_wait_seconds` at most.
    Decisions are recorded in `audit_folder`, below the mesh folder or absolute; an answer waits
    for its decision up to `audit_wait_seconds`. `embedded_duckdb` lets DuckDB, if it is installed,
    join and aggregate local Parquet files.
    What a whole query of one source took is remembered for `history_age_seconds`: where pushing it
    took long, pulling it is tried once, and the faster form is kept. 0 turns that off.
    Every `schema_poll_seconds` sources are asked whether they still keep their contracts; 0: never.
    Quality rules and promises without a schedule of their own are checked every `quality_seconds`
    (0: none is checked but before an answer that asks for it); all those of a dataset may together
    take `quality_timeout_seconds`.
    `store` is the address of the PostgreSQL database in which gateways share what the mesh
    remembers; "" is a file of the mesh folder.
    Events of lineage are posted to the endpoint of OpenLineage at `openlineage_url` ("": nowhere),
    with `openlineage_api_key` as a bearer token unless it is "".
    Files of the mesh are looked at for changes every `catalogue_poll_seconds`, a very large mesh
    less often; 0 is never.
    `postgres` is where `meshgate serve` listens for PostgreSQL's clients, [HOST:]PORT; "" nowhere.
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
    reduction_rows: int = 200_000
    reduction_bytes: int = 64 * 1024**2
    reduction_keys: int = 50_000
    reduction_least_rows: int = 5_000
    reduction_rows_per_key: float = 8.0
    statistics_age_seconds: float = 300.0
    statistics_wait_seconds: float = 0.25
    audit_wait_seconds: float = 10.0
    embedded_duckdb: bool = True
    history_age_seconds: float = 3600.0
    schema_poll_seconds: float = 60.0
    catalogue_poll_seconds: float = 5.0
    quality_seconds: float = 3600.0
    quality_timeout_seconds: float = 120.0
    store: str = ""
    openlineage_url: str = ""
    openlineage_api_key: str = field(default="", repr=False)
    postgres: str = ""
