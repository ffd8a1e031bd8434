"""The demo: real data in four systems, published as a mesh, queried, and checked against DuckDB."""
