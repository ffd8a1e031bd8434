"""Runs in the environment of ibis: queries as plans, in JSON of name and base64, on stdout."""

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

compiler = SubstraitCompiler()
plans = {
    name: base64.b64encode(compiler.compile(query).SerializeToString()).decode()
    for name, query in QUERIES.items()
}
print(json.dumps(plans))
