"""Names of tables as bindings write them: ``table`` or ``schema.table``, quoted where needed."""

from __future__ import annotations

from connectors.interface import SourceError, SourceErrorCode


def split_name(object_name: str, default: str) -> tuple[str, str]:
    """``table``, ``schema.table`` or either part in double quotes, as (schema, table)."""
    parts: list[str] = []
    rest = object_name
    while True:
        if rest.startswith('"'):
            end = 1
            while (end := rest.find('"', end)) >= 0 and rest[end : end + 2] == '""':
                end += 2
            part, tail = rest[1:end].replace('""', '"'), rest[end + 1 :]
            if end < 0 or (tail and not tail.startswith(".")):
                break
        else:
            part, dot, tail = rest.partition(".")
            tail = dot + tail
        if not part:
            break
        parts.append(part)
        if not tail:
            if len(parts) <= 2:
                return (default, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
            break
        rest = tail[1:]
    raise SourceError(
        SourceErrorCode.BINDING_INVALID,
        f"{object_name!r} is not the name of a table",
        hint='write table, schema.table or "a.name".with."odd.parts" in double quotes',
    )


def join_name(schema: str, table: str, default: str) -> str:
    """The object name of a table: what `split_name` reads back."""
    quoted = [
        '"' + p.replace('"', '""') + '"' if "." in p or '"' in p else p for p in (schema, table)
    ]
    return quoted[1] if schema == default else ".".join(quoted)
