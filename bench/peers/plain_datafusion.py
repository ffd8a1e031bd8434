"""DataFusion by itself on the Parquet files."""

from __future__ import annotations

from datafusion import SessionContext

from bench.peers.worker import Ask, Places, serve


def connect(places: Places) -> Ask:
    """A session as DataFusion configures it."""
    context = SessionContext()
    for name in places["tables"]:
        context.register_parquet(name, f"{places['parquet']}/{name}.parquet")
    return lambda sql: context.sql(sql).to_arrow_table()


if __name__ == "__main__":
    serve(connect)
