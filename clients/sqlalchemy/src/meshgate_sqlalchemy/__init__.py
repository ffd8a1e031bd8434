"""SQLAlchemy for Meshgate: ``create_engine("meshgate://user:password@host:port/catalog/schema")``."""

from __future__ import annotations

from meshgate_sqlalchemy.dialect import MeshgateDialect

__all__ = ["MeshgateDialect"]
__version__ = "0.1.0"
