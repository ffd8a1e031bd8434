"""Runs in the environment of ibis: queries as plans, in JSON on stdout.

Its `plans` are name and base64, its `refused` what ibis-substrait makes no plan of, and its error.
"""

import base64
import json

import ibis
from ibis_substrait.compiler.core import SubstraitCompiler

airlines = ibis.table({"carrier": "string", "name": "string"}, name="airlines")
types = ibis.table(
    {"number": "int32", "big": "int64", "double": "float64", "text": "string", "day": "date"},
    name="types",
)

QUERIES = {
    "filter": airlines[airlines.carrier > "B"][["name"]],
    "like": airlines[airlines.name.like("%e%")][["name"]],
    "top": airlines.order_by(ibis.desc("carrier")).limit(2)[["name"]],
    "text": airlines.mutate(upper=airlines.name.upper())[["upper"]],
    "group": types.group_by("text").agg(n=types.count(), total=types.big.sum()),
    "having": types.group_by("text").agg(n=types.count()).filter(ibis._.n > 0)[["text"]],
    "mean": types.agg(m=types.double.mean()),
    "case": types.mutate(k=ibis.case().when(types.number > 0, "up").else_("down").end())[["k"]],
    "null": types[types.number.isnull()][["text"]],
    "in": types[types.number.isin([1, 7])][["text"]],
    "cast": types.mutate(x=types.number.cast("float64"))[["x"]],
    "union": types[["text"]].union(airlines[["carrier"]].rename(text="carrier")),
}

EVERY = {
    "flag": "boolean",
    "tiny": "int8",
    "small": "int16",
    "number": "int32",
    "big": "int64",
    "single": "float32",
    "double": "float64",
    "money": "decimal(12, 2)",
    "text": "string",
    "bytes": "binary",
    "day": "date",
    "clock": "time",
    "moment": "timestamp(6)",
    "instant": "timestamp('UTC', 6)",
    "items": "array<int64>",
    "parts": "struct<a: int64>",
}
QUERIES |= {
    **{f"type {name}": ibis.table({name: kind}, name="types") for name, kind in EVERY.items()},
    "million": ibis.table({"id": "int64", "x": "float64"}, name="million"),
    "wrong": ibis.table({"nam": "string"}, name="airlines"),
}

compiler = SubstraitCompiler()
plans = {
    name: base64.b64encode(compiler.compile(query).SerializeToString()).decode()
    for name, query in QUERIES.items()
}
REFUSED = {
    "unsigned integers": ibis.table({"unsigned": "uint32"}, name="types"),
    "parameters": airlines.filter(airlines.carrier == ibis.param("string")),
}
refused = {}
for name, query in REFUSED.items():
    try:
        compiler.compile(query)
    except (KeyError, NotImplementedError) as error:
        refused[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"plans": plans, "refused": refused}))
