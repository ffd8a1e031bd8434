"""The SQLite database of the log: its schema, and how it is opened for writing and for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from gateway.audit.chain import Link
from gateway.audit.files import DATABASE
from gateway.errors import AuditBroken, AuditUnavailable

VERSION = 1

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

APPEND = """
INSERT INTO record (seq, body, hash, seal)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),
       json_extract(value, '$[2]'), json_extract(value, '$[3]')
FROM json_each(?)
"""
"""A whole group in one step and one transaction: SQLite works without the interpreter lock, and
every step more would have to ask for it again."""

CHECKPOINT_PAGES = 8000
"""The write-ahead log may grow to 32 MB before a commit has to carry it over; when there is nothing
to do it is carried over earlier."""

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
            connection.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")
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
    if version != VERSION:
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


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
