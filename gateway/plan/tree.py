"""The query's own tree, qualified: for what Substrait refuses, and for sources that plan better."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from gateway.plan.source import Source, Tables


def qualified(tree: exp.Query | exp.Values, tables: Tables) -> str | None:
    return None


def whole_query(
    tree: exp.Query | exp.Values, tables: Tables, source: Source, schema: pa.Schema
) -> exp.Query | None:
    return None
