"""``COPY (SELECT ...) TO STDOUT``: how a client asks for it, and its rows in text and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.postgres_wire.cells import lengths, of_texts, plain
from gateway.postgres_wire.commands import Command, Copy, Query
from gateway.postgres_wire.errors import READ_ONLY, SYNTAX_ERROR, UNSUPPORTED, SqlError
from gateway.postgres_wire.rows import content, pieces
from gateway.postgres_wire.statement_reader import StatementReader
from gateway.postgres_wire.text_cells import texts
from gateway.postgres_wire.words import NAME, NUMBER, QUOTED, STRING

BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
BINARY_TRAILER = b"\xff\xff"

_ESCAPES = (("\\", "\\\\"), ("\b", "\\b"), ("\f", "\\f"), ("\n", "\\n"), ("\r", "\\r"))
_NEW_LINE = pa.scalar("\n", pa.large_string())
_OPTIONS = ("FORMAT", "HEADER", "DELIMITER", "NULL", "QUOTE", "ESCAPE", "ENCODING", "FORCE_QUOTE")


def read_copy(words: StatementReader, _: str) -> Command:
    """The COPY command. Only what goes out is answered."""
    if words.skip("("):
        inner = words.parenthesised()
        if not inner:
            raise SqlError(SYNTAX_ERROR, "COPY of nothing")
        query = words.between(inner)
    else:
        query = _of_table(words)
    if words.skip("FROM"):
        raise SqlError(READ_ONLY, "COPY FROM is refused: the gateway only reads")
    if not words.skip("TO") or not words.skip("STDOUT"):
        raise SqlError(UNSUPPORTED, "COPY goes to STDOUT only")
    return _with_options(words, query)


def _of_table(words: StatementReader) -> Query:
    first = words.next()
    if first.kind not in (NAME, QUOTED):
        raise words.wrong(first)
    last = first
    while words.skip("."):
        last = words.next()
    columns = "*"
    if words.skip("("):
        columns = ", ".join(word.text for word in words.parenthesised() if word.text != ",")
    name = words.text_between(first, last)
    return Query(f"SELECT {columns} FROM {name}", first.start)


def _with_options(words: StatementReader, query: Query) -> Copy:
    words.skip("WITH")
    listed = bool(words.skip("("))
    found: dict[str, str] = {}
    while words.here is not None and not (listed and words.skip(")")):
        words.skip(",")
        name = words.name().upper()
        if name in ("CSV", "BINARY") and not listed:
            name, value = "FORMAT", name.lower()
        elif name not in _OPTIONS:
            raise SqlError(UNSUPPORTED, f"COPY knows no option {name[:40]}")
        else:
            words.skip("AS")
            here = words.here
            takes = here is not None and here.kind in (STRING, NAME, NUMBER, QUOTED)
            takes = takes and not (name == "HEADER" and not listed)
            value = words.next().value if takes else "true"
        found[name] = value
    kind = found.get("FORMAT", "text").lower()
    if kind not in ("text", "csv", "binary"):
        raise SqlError("22023", f"COPY knows no format {kind[:40]!r}")
    delimiter = found.get("DELIMITER", "," if kind == "csv" else "\t")
    quote = found.get("QUOTE", '"')
    if len(delimiter) != 1 or len(quote) != 1 or delimiter in "\n\r" or delimiter == quote:
        raise SqlError("22023", "a delimiter and a quote of COPY are one character each")
    null = found.get("NULL", "" if kind == "csv" else "\\N")
    header = found.get("HEADER", "false").lower() in ("true", "on", "1", "match")
    return Copy(query, kind, header, delimiter, null, quote)


def header(copy: Copy, names: list[str]) -> bytes:
    """The names of the columns as the first row, where they are asked for."""
    if not copy.header:
        return b""
    row = pa.RecordBatch.from_arrays([pa.array([name]) for name in names], names=names)
    return b"".join(rows(copy, row, ZoneInfo("UTC")))


def rows(copy: Copy, batch: pa.RecordBatch, zone: ZoneInfo) -> Iterator[bytes | memoryview]:
    """The rows of a batch in text or CSV, each a CopyData message."""
    wide = pa.large_string()
    for piece in pieces(batch):
        columns = [_cells(copy, texts(array, zone).cast(wide)) for array in piece.columns]
        lines = pc.binary_join_element_wise(*columns, pa.scalar(copy.delimiter, wide))
        cells = of_texts(pc.binary_join_element_wise(lines, _NEW_LINE, pa.scalar("", wide)))
        head = np.empty(len(cells), np.dtype([("letter", "S1"), ("length", ">i4")]))
        head["letter"] = b"d"
        head["length"] = lengths(cells) + 4
        yield content(pc.binary_join_element_wise(plain(head), cells, pa.scalar(b"", cells.type)))


def _cells(copy: Copy, found: pa.Array) -> pa.Array:
    if copy.kind == "csv":
        doubled = pc.replace_substring(found, copy.quote, copy.quote * 2)
        mark = pa.scalar(copy.quote, doubled.type)
        quoted = pc.binary_join_element_wise(mark, doubled, mark, pa.scalar("", doubled.type))
        special = "".join(f"\\x{{{ord(c):x}}}" for c in (copy.quote, copy.delimiter))
        needed = pc.match_substring_regex(found, f"[{special}\r\n]")
        needed = pc.or_(needed, pc.equal(found, copy.null))
        found = pc.if_else(needed, quoted, found)
    else:
        for character, escape in (*_ESCAPES, ("\t", "\\t"), ("\v", "\\v")):
            found = pc.replace_substring(found, character, escape)
        if copy.delimiter != "\t":
            found = pc.replace_substring(found, copy.delimiter, "\\" + copy.delimiter)
    return found.fill_null(copy.null)
