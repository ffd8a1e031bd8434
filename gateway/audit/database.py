"""The SQLite database of the log: its schema, and how it is opened for writing and for reading."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from gateway.audit.chain import Link
from gateway.audit.files import DATABASE
from gateway.errors import AuditBroken, AuditUnavailable

VERSION = 2

READABLE = (1, VERSION)
"""Logs of form 1 have no shapes; a gateway that writes on makes them ones of this form."""

# All that is searched for is computed from the body: nothing is stored twice, so that nothing can
# disagree with what the chain vouches for.
SCHEMA = """
CREATE TABLE record (
  seq       INTEGER PRIMARY KEY,
  body      TEXT NOT NULL,
  hash      TEXT NOT NULL,
  seal      TEXT NOT NULL,
  kind      TEXT AS (json_extract(body, '$.kind')) VIRTUAL,
  time      TEXT AS (json_extract(body, '$.time')) VIRTUAL,
  query     TEXT AS (json_extract(body, '$.id')) VIRTUAL,
  principal TEXT AS (json_extract(body, '$.principal')) VIRTUAL,
  verdict   TEXT AS (json_extract(body, '$.verdict')) VIRTUAL,
  decision  INTEGER AS (json_extract(body, '$.decision')) VIRTUAL
);
CREATE INDEX record_time ON record (time);
CREATE INDEX record_principal ON record (principal) WHERE principal IS NOT NULL;
CREATE INDEX record_outcome ON record (decision) WHERE decision IS NOT NULL;
CREATE TABLE record_dataset (
  address TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  PRIMARY KEY (address, seq)
) WITHOUT ROWID;
CREATE TRIGGER record_datasets AFTER INSERT ON record BEGIN
  INSERT INTO record_dataset
    SELECT DISTINCT json_extract(value, '$.address'), new.seq
    FROM json_each(new.body, '$.datasets');
END;
"""

MORE = """
CREATE TABLE shape (
  hash TEXT PRIMARY KEY,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE ended (seq INTEGER NOT NULL);
INSERT INTO ended VALUES (0);
"""
"""Texts that records name by their hash; and the record up to which no decision is without its
outcome, so that those before it need not be looked at again."""


@lru_cache(maxsize=128)
def append_statement(count: int) -> str:
    """The statement that appends `count` records, each a number, a body, a hash and a seal.

    A whole group in one step and one transaction: SQLite works without the interpreter lock, and
    every step more would have to ask for it again.
    """
    return (
        f"INSERT INTO record (seq, body, hash, seal) VALUES {', '.join(['(?, ?, ?, ?)'] * count)}"
    )


CHECKPOINT_PAGES = 8000
"""The write-ahead log may grow to 32 MB before a commit has to carry it over; when there is nothing
to do it is carried over earlier."""

ADD_SHAPES = """
INSERT INTO shape (hash, body)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?) WHERE true
ON CONFLICT DO NOTHING
"""

BUSY_SECONDS = 2.0


def open_writer(folder: Path) -> sqlite3.Connection:
    """The database in `folder`, made if it is not there. AuditUnavailable, AuditBroken."""
    try:
        connection = sqlite3.connect(
            folder / DATABASE,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "fullfsync = ON",
            "checkpoint_fullfsync = ON",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "cache_size = -16384",
        ):
            connection.execute(f"PRAGMA {pragma}")
        version = _version(connection)
        if version == 0:
            connection.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version = 1;COMMIT;")
            version = 1
        if version == 1:
            connection.executescript(f"BEGIN;{MORE}PRAGMA user_version = {VERSION};COMMIT;")
            version = VERSION
    except sqlite3.OperationalError as error:
        raise AuditUnavailable(f"can not open the audit log in {folder}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise AuditBroken(f"the audit log in {folder} is damaged: {error}") from error
    if version != VERSION:
        connection.close()
        raise AuditBroken(f"the audit log in {folder} has form {version}, not {VERSION}")
    return connection


def open_reader(folder: Path) -> sqlite3.Connection:
    """The same for reading only, also while a gateway writes. AuditUnavailable, AuditBroken."""
    path = folder / DATABASE
    if not path.is_file():
        raise AuditUnavailable(
            f"there is no audit log in {folder}", hint="a gateway makes it when it starts"
        )
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        version = _version(connection)
    except sqlite3.OperationalError as error:
        raise AuditUnavailable(f"can not read the audit log in {folder}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise AuditBroken(f"the audit log in {folder} is damaged: {error}") from error
    if version not in READABLE:
        connection.close()
        raise AuditBroken(f"the audit log in {folder} has form {version}, not {VERSION}")
    return connection


def links(connection: sqlite3.Connection, after: int, upto: int, page: int = 500) -> Iterator[Link]:
    """The records after number `after` up to `upto`, in order, `page` at a time.

    No transaction lasts longer than a page: the writer's log can be carried over meanwhile.
    """
    select = (
        "SELECT seq, body, hash, seal FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    )
    while rows := connection.execute(select, (after, upto, page)).fetchall():
        for row in rows:
            yield Link(*row)
        after = rows[-1][0]


def last_link(connection: sqlite3.Connection) -> Link | None:
    row = connection.execute(
        "SELECT seq, body, hash, seal FROM record ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return Link(*row) if row else None


def unended(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """The number and query id of every decision to allow something that has no outcome yet."""
    select = (
        "SELECT seq, query FROM record WHERE seq > (SELECT seq FROM ended) AND kind = 'decision'"
        " AND verdict = 'allowed' AND NOT EXISTS"
        " (SELECT 1 FROM record o WHERE o.decision = record.seq) AND seq > ? ORDER BY seq LIMIT ?"
    )
    after = 0
    while rows := connection.execute(select, (after, 1000)).fetchall():
        yield from rows
        after = rows[-1][0]


def note_ended(connection: sqlite3.Connection, seq: int) -> None:
    """Every decision up to `seq` has its outcome."""
    connection.execute("UPDATE ended SET seq = ?", (seq,))


def shapes(connection: sqlite3.Connection, hashes: Collection[str]) -> dict[str, str]:
    """The texts by their hashes, of those that are there. None are in a log of form 1."""
    if _version(connection) < VERSION:
        return {}
    wanted = json.dumps(sorted(hashes))
    select = "SELECT hash, body FROM shape WHERE hash IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(select, (wanted,)).fetchall())


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
