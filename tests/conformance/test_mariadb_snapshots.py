"""Why one MariaDB table is read by one connection: what the server says of snapshots."""

from __future__ import annotations

from typing import Any

import arrow_odbc
import pytest

from tests import services

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


def connected(server: services.MariaDb, database: str) -> Any:
    return arrow_odbc.connect(server.odbc(database))


def answer(connection: Any, query: str) -> list[dict[str, Any]]:
    reader = connection.read_arrow_batches(query, max_text_size=64)
    return [row for batch in reader for row in batch.to_pylist()]


def test_two_snapshots_of_one_moment_are_not_to_be_had(mariadb: services.MariaDb) -> None:
    """A transfer between two accounts would be seen by the one half of a read, not the other."""
    with mariadb.database() as name:
        mariadb.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, v INT)",
            "INSERT INTO t VALUES (1, 100), (2, 100)",
            database=name,
        )
        first, second = connected(mariadb, name), connected(mariadb, name)
        first.execute(_SNAPSHOT)
        mariadb.execute("UPDATE t SET v = v + IF(id = 1, 50, -50)", database=name)
        second.execute(_SNAPSHOT)
        low = answer(first, "SELECT v FROM t WHERE id < 2")
        high = answer(second, "SELECT v FROM t WHERE id >= 2")
        assert [row["v"] for row in low + high] == [100, 50]  # never was there such a state
        del first, second  # their transactions hold the table's lock


def test_a_snapshot_can_not_be_handed_to_another_connection(mariadb: services.MariaDb) -> None:
    """Percona Server can: should MariaDB learn it, key ranges become possible."""
    with mariadb.database() as name:
        first, second = connected(mariadb, name), connected(mariadb, name)
        (row,) = answer(first, "SELECT CONNECTION_ID() AS id")
        first.execute(_SNAPSHOT)
        with pytest.raises(arrow_odbc.Error, match="1064"):
            second.execute(f"START TRANSACTION WITH CONSISTENT SNAPSHOT FROM SESSION {row['id']}")
