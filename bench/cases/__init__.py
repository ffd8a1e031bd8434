"""The benchmark cases by name. A case is a class with `name`, `summary` and `open`."""

from collections.abc import Mapping

REGISTRY: Mapping[str, str] = {
    "large-result": "bench.cases.large_result:LargeResult",
    "two-clients-memory": "bench.cases.two_clients:TwoClients",
    "select-1": "bench.cases.select_one:SelectOne",
    "audit": "bench.cases.audit:Audit",
    "memory": "bench.cases.memory:Memory",
    "governed": "bench.cases.governed:Governed",
    "catalogue": "bench.cases.catalogue:Catalogues",
    "decision": "bench.cases.decision:Decisions",
    "search": "bench.cases.search:SearchCatalogue",
    "plan-tpch": "bench.cases.plan_tpch:PlanTpch",
    "federated": "bench.cases.federated:Federated",
    "tpch-postgres": "bench.cases.tpch_postgres:TpchPostgres",
    "postgres-read": "bench.cases.postgres_read:PostgresRead",
    "jdbc-points": "bench.cases.jdbc_points:JdbcPoints",
    "adbc-fetch": "bench.cases.adbc_fetch:AdbcFetch",
}
