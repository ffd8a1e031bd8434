"""Forms of queries over the catalogues that the engine has not itself."""

from __future__ import annotations

import psycopg
import pytest

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("text", "values", "rows"),
    [
        (
            "SELECT relname FROM pg_class WHERE relkind = ANY($1) AND relname = $2",
            (["r", "v"], "items"),
            [("items",)],
        ),
        (
            "SELECT attnum FROM pg_attribute WHERE attname = $1 AND attnum = ANY($2) LIMIT 1",
            ("customer", [2, 3]),
            [(2,)],
        ),
        (
            "SELECT relname FROM pg_class WHERE relkind <> ALL ('{r,v}'::char[])"
            " AND relname = 'items_pkey'",
            (),
            [("items_pkey",)],
        ),
        (
            "SELECT relname FROM pg_class WHERE relkind = ANY ('{i,S}') AND relname = 'items'",
            (),
            [],
        ),
        ("SELECT 'alice' = ANY (ARRAY(SELECT rolname FROM pg_roles))", (), [(True,)]),
        (
            "SELECT s[n] FROM string_to_array('a,b', ',') s, generate_series(2, 2) n,"
            " current_schemas(true)",
            (),
            [("b",)],
        ),
        ("SELECT * FROM current_database()", (), [("mesh",)]),
        ("SELECT * FROM current_schemas(false) AS one", (), [([],)]),
        ('SELECT parse_ident(\'Some."a.""b"\')', (), [(["some", 'a."b'],)]),
        (
            "SELECT nspname AS select, true AS table FROM pg_namespace WHERE oid = 11",
            (),
            [("pg_catalog", True)],
        ),
        ("SELECT n.xmin > 0 FROM pg_namespace n WHERE n.oid = 11", (), [(True,)]),
        ("SELECT s.xmin FROM pg_replication_slots s", (), []),
        ("SELECT age(L.transactionid) FROM pg_locks L", (), []),
        ("SELECT count(*) - count(DISTINCT word) FROM pg_get_keywords()", (), [(0,)]),
        ("SELECT relacl FROM pg_class WHERE relname = 'items'", (), [(["alice=r/meshgate"],)]),
    ],
)
def test_forms(
    connection: psycopg.Connection,
    text: str,
    values: tuple[object, ...],
    rows: list[tuple[object, ...]],
) -> None:
    found = psycopg.RawCursor(connection).execute(text, values or None).fetchall()
    assert found == rows


def test_the_age_of_a_moment_is_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="age of a moment"):
        connection.execute("SELECT age(pg_postmaster_start_time())")
