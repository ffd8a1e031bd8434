"""SQLAlchemy's statements as the gateway reads them: PostgreSQL's SQL, with a few differences."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import func, literal_column
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer, PGTypeCompiler
from sqlalchemy.exc import CompileError

BACKSLASH = "\\"
SINGLE_PRECISION_BITS = 24


class MeshgateIdentifierPreparer(PGIdentifierPreparer):
    """A schema is a product with its domain before it: ``domain.product``."""

    def quote_schema(self, schema: str, force: Any = None) -> str:
        return ".".join(self.quote(part) for part in self.dialect.in_schema(schema).parts)


class MeshgateCompiler(PGCompiler):
    """Queries."""

    def visit_json_getitem_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """A field of a struct, or a value of a map."""
        kw["eager_grouping"] = True
        return f"{self.process(binary.left, **kw)}[{self.process(binary.right, **kw)}]"

    def returning_clause(self, stmt: Any, returning_cols: Any, **kw: Any) -> str:
        raise CompileError("RETURNING is not supported: the gateway only reads")

    def visit_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return super().visit_like_op_binary(_with_backslash(binary), operator, **kw)

    def visit_not_like_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return super().visit_not_like_op_binary(_with_backslash(binary), operator, **kw)

    def visit_ilike_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return super().visit_ilike_op_binary(_with_backslash(binary), operator, **kw)

    def visit_not_ilike_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return super().visit_not_ilike_op_binary(_with_backslash(binary), operator, **kw)

    def fetch_clause(self, select: Any, **kw: Any) -> str:
        """FETCH FIRST without PERCENT and TIES is a LIMIT, which every engine below knows."""
        options = select._fetch_clause_options or {}
        if options.get("percent") or options.get("with_ties"):
            raise CompileError("FETCH FIRST with PERCENT or TIES is not supported")
        text = f"\n LIMIT {self.process(select._fetch_clause, **kw)}"
        if select._offset_clause is not None:
            text += f" OFFSET {self.process(select._offset_clause, **kw)}"
        return text

    def _format_frame_clause(self, range_: Any, **kw: Any) -> str:  # SQLAlchemy 1.4
        return super()._format_frame_clause(range_, **{**kw, "literal_binds": True})

    def visit_frame_clause(self, frame: Any, **kw: Any) -> str:
        """The bounds of a window's frame are no parameters."""
        return super().visit_frame_clause(frame, **{**kw, "literal_binds": True})


def _with_backslash(binary: Any) -> Any:
    """A pattern in which the backslash escapes, whatever did before: the engine knows no other."""
    escape = binary.modifiers.get("escape")
    if escape in (None, BACKSLASH):
        return binary
    doubled = func.replace(binary.right, _constant(BACKSLASH), _constant(BACKSLASH * 2))
    pattern = _constant(f"(?s){re.escape(escape)}(.)")
    made = binary._clone()
    made.right = func.regexp_replace(doubled, pattern, _constant(r"\\\1"), _constant("g"))
    made.modifiers = {**binary.modifiers, "escape": BACKSLASH}
    return made


def _constant(text: str) -> Any:
    quoted = text.replace("'", "''")
    return literal_column(f"'{quoted}'")


class MeshgateTypeCompiler(PGTypeCompiler):
    """Names of types in casts."""

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:
        single = type_.precision and type_.precision <= SINGLE_PRECISION_BITS
        return "REAL" if single else "DOUBLE PRECISION"

    def visit_double(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE PRECISION"

    def visit_TIMESTAMP(self, type_: Any, **kw: Any) -> str:
        return "TIMESTAMPTZ" if type_.timezone else "TIMESTAMP"

    def visit_TIME(self, type_: Any, **kw: Any) -> str:
        return "TIME"

    def visit_JSON(self, type_: Any, **kw: Any) -> str:
        return "VARCHAR"

    visit_JSONB = visit_UUID = visit_uuid = visit_ENUM = visit_JSON
