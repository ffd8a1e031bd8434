"""Outputs cast in a finished query, whoever wrote it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sqlglot import parse_one

from connectors.outputs import cast_outputs

SCHEMA = pa.schema([("ts", pa.timestamp("us")), ("b", pa.int64())])


@pytest.mark.parametrize("output", ['"t"."ts"', '"t"."ts" AS "ts"'])
def test_an_output_is_cast_with_an_alias_and_without(output: str) -> None:
    query = parse_one(f'SELECT {output}, 1 AS b FROM "t"', dialect="postgres")
    cast = cast_outputs(query, SCHEMA, [0], "CHAR")
    assert cast.sql("mysql") == "SELECT CAST(`t`.`ts` AS CHAR) AS `ts`, 1 AS b FROM `t`"
    assert "CAST" not in query.sql()
