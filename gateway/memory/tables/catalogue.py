"""The compiled catalogue: what the files of a mesh folder were read as.

`place` is the folder. `state` tells whether the rows belong together, `code` whether they were made
by this gateway's own rules. `look` is a file's size, times and inode, `digest` its content's.
"""

from __future__ import annotations

TABLES = (
    """
    CREATE TABLE catalogue_places (
        place TEXT PRIMARY KEY, code TEXT NOT NULL, state TEXT NOT NULL, artefacts TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE catalogue_files (
        place TEXT NOT NULL, path TEXT NOT NULL, look TEXT NOT NULL, digest TEXT NOT NULL,
        facts TEXT NOT NULL, PRIMARY KEY (place, path)
    )
    """,
    """
    CREATE TABLE catalogue_products (
        place TEXT NOT NULL, path TEXT NOT NULL, basis TEXT NOT NULL, targets TEXT NOT NULL,
        summary TEXT NOT NULL, datasets TEXT NOT NULL, PRIMARY KEY (place, path)
    )
    """,
)
