"""Reading the corpus: queries in files, with the rows they must give.

    # a comment
    query NAME [ordered] [may-refuse]
    SELECT ... FROM {people} ...
    reference
    SELECT ...
    ----
    1|Ann|NULL

``{people}`` stands for a table of `tables.py`, from wherever the test puts it. The rows come from
DuckDB, which gets the text under ``reference`` where the two dialects differ; rows written under
``----`` are checked as well (columns parted by ``|``, NULL for NULL). With ``may-refuse`` plain
DataFusion fails or is wrong: the gateway has to answer rightly all the same, or refuse clearly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


@dataclass(slots=True)
class Query:
    """One entry of the corpus; `rows` is None where DuckDB alone decides."""

    file: str
    name: str
    ordered: bool = False
    may_refuse: bool = False
    sql: str = ""
    reference: str = ""
    rows: list[str] | None = None
    _part: str = field(default="sql", repr=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def reference_sql(self) -> str:
        """What DuckDB is asked."""
        return self.reference or self.sql

    def take(self, line: str) -> None:
        """One line of the entry's body."""
        if line == "reference":
            self._part = "reference"
        elif line == "----":
            self._part, self.rows = "rows", []
        elif self._part == "rows" and self.rows is not None:
            self.rows.append(line)
        elif self._part == "reference":
            self.reference += line + "\n"
        else:
            self.sql += line + "\n"


def queries() -> list[Query]:
    """Every entry of every file."""
    return [query for path in sorted(CORPUS.glob("*.test")) for query in read(path)]


def read(path: Path) -> Iterator[Query]:
    """The entries of one file. Raises ValueError for a line that belongs to none."""
    current: Query | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("query "):
            if current:
                yield current
            current = _header(path.stem, line)
        elif current is None:
            raise ValueError(f"{path}:{number}: a line before the first query")
        else:
            current.take(line)
    if current:
        yield current


def _header(file: str, line: str) -> Query:
    _, name, *options = line.split()
    query = Query(file, name)
    for option in options:
        if option == "ordered":
            query.ordered = True
        elif option == "may-refuse":
            query.may_refuse = True
        else:
            raise ValueError(f"{file}:{name}: unknown option {option!r}")
    return query
