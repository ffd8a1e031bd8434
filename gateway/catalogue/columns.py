"""Columns: an ODCS property as an Arrow field, and an Arrow field as an ODCS property.

What decides a type, first to last: nested `properties` / `items` / `map`, the custom property
``mesh.arrowType``, `physicalType`, `logicalType` with its options. Writing adds
``mesh.arrowType`` only where the others would be read back as another type.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.catalogue.arrow_names import TypeNameError, arrow_type, sql_type

ARROW_TYPE = "mesh.arrowType"
"""Custom property of an ODCS property: the exact Arrow type, in Arrow's own words."""

Property = Mapping[str, Any]
"""One ODCS schema property, valid under the standard's JSON Schema."""

_INTEGERS = {
    f"{sign}{bits}": getattr(pa, f"{name}{bits}")()
    for sign, name in (("i", "int"), ("u", "uint"))
    for bits in (8, 16, 32, 64)
}
_FORMATS = {**{number: name for name, number in _INTEGERS.items()}, pa.float32(): "f32"}
_FIXED_LIST = re.compile(r"fixed_size_list\[(\d+)\]\Z")


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class ColumnError(Exception):
    """The column's type can not be told; `path` leads to it below the property."""

    def __init__(self, reason: str, *path: str | int) -> None:
        super().__init__(reason)
        self.path = path


def custom_property(element: Mapping[str, Any], name: str) -> Any:
    """The value of a custom property, or None."""
    for entry in element.get("customProperties") or ():
        if entry["property"] == name:
            return entry["value"]
    return None


def name_problem(name: str) -> str:
    """Why a column can not be called so; empty when it can.

    Two names that look alike must be alike, or a policy that names one misses the other.
    """
    if any(unicodedata.category(c) in _UNSEEN for c in name):
        return "has characters that can not be seen"
    return "" if unicodedata.is_normalized("NFC", name) else "is not in Unicode's NFC form"


def read_field(column: Property, name: str | None = None) -> pa.Field:
    """The Arrow field an ODCS property declares. Raises ColumnError."""
    metadata: dict[bytes, bytes] = {}
    if column.get("physicalType"):
        metadata[PHYSICAL_TYPE] = column["physicalType"].encode()
    if column.get("description"):
        metadata[COMMENT] = column["description"].encode()
    nullable = not column.get("required")
    return pa.field(name or column["name"], _read_type(column), nullable, metadata or None)


def _read_type(column: Property) -> pa.DataType:
    exact = custom_property(column, ARROW_TYPE)
    try:
        nested = _read_nested(column, exact)
        if nested is not None:
            return nested
        if exact is not None:
            found = arrow_type(exact) if isinstance(exact, str) else None
            if found is None:
                raise ColumnError(f"{ARROW_TYPE} {exact!r} is no type of Arrow", "customProperties")
            return found
        physical = column.get("physicalType")
        found = sql_type(physical) if physical else None
    except TypeNameError as error:
        raise ColumnError(str(error), "physicalType") from error
    return found if found is not None else _read_logical(column)


def _read_logical(column: Property) -> pa.DataType:
    logical = column.get("logicalType")
    options = column.get("logicalTypeOptions") or {}
    if logical == "integer":
        number = _INTEGERS.get(options.get("format", "i64"))
        if number is None:
            raise ColumnError(f"no Arrow type holds {options['format']}", "logicalTypeOptions")
        return number
    if logical == "number":
        return pa.float32() if options.get("format") == "f32" else pa.float64()
    if logical == "timestamp":
        zone = options.get("defaultTimezone", "UTC") if options.get("timezone") else None
        return pa.timestamp("us", zone)
    if logical == "string":
        return pa.binary() if options.get("format") == "binary" else pa.string()
    simple = {
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "time": pa.time64("us"),
    }
    if logical in simple:
        return simple[logical]
    said = column.get("physicalType") or logical
    reason = f"its type {said!r} is not known" if said else "it has no type"
    raise ColumnError(f"{reason}; give a physicalType, or {ARROW_TYPE} in customProperties")


def _read_nested(column: Property, exact: Any) -> pa.DataType | None:
    if column.get("properties"):
        return pa.struct(read_fields(column["properties"]))
    if column.get("items"):
        item = _child(column["items"], "item", "items")
        if exact == "large_list":
            return pa.large_list(item)
        fixed = _FIXED_LIST.match(exact) if isinstance(exact, str) else None
        return pa.list_(item, int(fixed[1])) if fixed else pa.list_(item)
    if column.get("map"):
        entry = column["map"]
        key = _child(entry.get("key") or {}, "key", "map", "key")
        return pa.map_(
            key.with_nullable(False), _child(entry.get("value") or {}, "value", "map", "value")
        )
    return None


def _child(column: Property, name: str, *path: str | int) -> pa.Field:
    try:
        return read_field(column, name).remove_metadata()
    except ColumnError as error:
        raise ColumnError(str(error), *path, *error.path) from error


def read_fields(columns: list[Property]) -> list[pa.Field]:
    """The fields of a struct; the first bad one raises ColumnError with its place."""
    fields: list[pa.Field] = []
    for index, column in enumerate(columns):
        field = _child(column, column["name"], "properties", index)
        if any(known.name == field.name for known in fields):
            raise ColumnError(f"the name {field.name!r} is given twice", "properties", index)
        fields.append(field)
    return fields


def write_property(field: pa.Field) -> dict[str, Any]:
    """The ODCS property from which `read_field` makes this field again. Raises ColumnError."""
    metadata = field.metadata or {}
    column: dict[str, Any] = {"name": field.name, **_write_type(field.type)}
    if PHYSICAL_TYPE in metadata:
        column["physicalType"] = metadata[PHYSICAL_TYPE].decode()
    elif field.type in _FORMATS:
        column["logicalTypeOptions"] = {"format": _FORMATS[field.type]}
    if COMMENT in metadata:
        column["description"] = metadata[COMMENT].decode()
    if not field.nullable:
        column["required"] = True
    if not _reads_back(column, field.type):
        column["customProperties"] = [{"property": ARROW_TYPE, "value": _exact_name(field.type)}]
        if not _reads_back(column, field.type):
            raise ColumnError(f"a contract can not declare the Arrow type {field.type}")
    return column


def _reads_back(column: Property, data_type: pa.DataType) -> bool:
    try:
        return bool(_read_type(column).equals(data_type))
    except ColumnError:
        return False


def _exact_name(data_type: pa.DataType) -> str:
    if pa.types.is_large_list(data_type):
        return "large_list"
    if pa.types.is_fixed_size_list(data_type):
        return f"fixed_size_list[{data_type.list_size}]"
    return str(data_type)


def _write_type(data_type: pa.DataType) -> dict[str, Any]:
    """`logicalType` and what goes with it; what ODCS has no word for is called a string.

    (Published ODCS schemas take a column without `logicalType` for a map.)
    """
    t = pa.types
    if t.is_struct(data_type):
        fields = [data_type.field(i) for i in range(data_type.num_fields)]
        return {"logicalType": "object", "properties": [write_property(f) for f in fields]}
    if t.is_list(data_type) or t.is_large_list(data_type) or t.is_fixed_size_list(data_type):
        return {"logicalType": "array", "items": _write_child(data_type.value_field)}
    if t.is_map(data_type):
        key, value = _write_child(data_type.key_field), _write_child(data_type.item_field)
        return {"logicalType": "map", "map": {"key": key, "value": value}}
    if t.is_timestamp(data_type) and data_type.tz:
        zone = {"timezone": True, "defaultTimezone": data_type.tz}
        return {"logicalType": "timestamp", "logicalTypeOptions": zone}
    if t.is_binary(data_type) or t.is_large_binary(data_type) or t.is_binary_view(data_type):
        return {"logicalType": "string", "logicalTypeOptions": {"format": "binary"}}
    for test, logical in _LOGICAL:
        if test(data_type):
            return {"logicalType": logical}
    return {"logicalType": "string"}


def _write_child(field: pa.Field) -> dict[str, Any]:
    column = write_property(field)
    del column["name"]
    return column


_LOGICAL = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_decimal, "number"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_timestamp, "timestamp"),
)
