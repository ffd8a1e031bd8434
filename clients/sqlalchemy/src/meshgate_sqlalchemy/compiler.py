"""SQLAlchemy's statements as the gateway reads them: PostgreSQL's SQL, with a few differences."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer, PGTypeCompiler

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

    def fetch_clause(self, select: Any, **kw: Any) -> str:
        """FETCH FIRST without PERCENT and TIES is a LIMIT, which every engine below knows."""
        return self.limit_clause(select, **kw)


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
