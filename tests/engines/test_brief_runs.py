"""Brief plans: the rows of any other run, whoever asks and whatever becomes of the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.config import Config
from gateway.engines import brief_runs, execution
from gateway.errors import Cancelled, GatewayError
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.gateways import ask, dataset, gateway

ROWS = 3000
ANA, BOB = Principal("user:ana", ("eu",)), Principal("user:bob", ("us",))
RULES = (
    ("p", "*", "*", "*", "read", "*", "*", "*", "allow"),
    ("p2", "us", "*", "*", "*", "restrictive", "us_only", "allow"),
    ("p3", "eu", "*", "*", "pii", "*", "none", "allow"),
    ("p3", "us", "*", "*", "pii", "*", "constant", "allow"),
)
NUMBERS = pa.table(
    {
        "id": pa.array(range(ROWS), pa.int64()),
        "few": pa.array([None if n % 7 == 0 else n % 5 for n in range(ROWS)], pa.int32()),
        "price": pa.array([Decimal(n) * 25 for n in range(ROWS)], pa.decimal128(12, 2)),
        "region": ["US" if n % 3 else "EU" for n in range(ROWS)],
        "word": [None if n % 11 == 0 else f"w{n % 97}" for n in range(ROWS)],
        "digits": [str(n) if n != 2999 else "many" for n in range(ROWS)],
    }
)
TABLE = "shop.files.numbers"
BRIEF = [
    f"SELECT * FROM {TABLE} WHERE id = 1234",
    f"SELECT id, price FROM {TABLE} WHERE id IN (1, 5, 99999) ORDER BY id",
    f"SELECT id FROM {TABLE} WHERE id = -1",
    f"SELECT few, count(*) AS n, sum(price), min(word) FROM {TABLE} GROUP BY few ORDER BY few",
    f"SELECT count(few), count(*), max(id) FROM {TABLE} WHERE NOT (few > 2 OR word IS NULL)",
    f"SELECT id, word FROM {TABLE} WHERE few IS NULL AND id BETWEEN 10 AND 400 ORDER BY id DESC",
    f"SELECT id FROM {TABLE} ORDER BY word NULLS FIRST, id DESC LIMIT 20 OFFSET 5",
    f"SELECT few FROM {TABLE} WHERE few <> 3 GROUP BY few ORDER BY few",
    f"SELECT id FROM {TABLE} WHERE price = 2500 OR price = CAST('50.00' AS DECIMAL(6, 2))",
    f"SELECT id FROM {TABLE} WHERE word = 'w5' AND region = 'EU' ORDER BY id LIMIT 3",
    f"SELECT t.id AS x FROM {TABLE} AS t WHERE t.id >= 2998 ORDER BY x",
    f"SELECT id FROM {TABLE} WHERE few IN (1, NULL) ORDER BY id",
]
LONG = [
    f"SELECT a.id FROM {TABLE} a JOIN {TABLE} b ON a.id = b.id",
    f"SELECT a.id FROM {TABLE} a, {TABLE} b LIMIT 1",
    f"SELECT repeat(word, 3) FROM {TABLE}",
    f"SELECT id FROM {TABLE} WHERE id = (SELECT max(id) FROM {TABLE})",
    f"WITH t AS (SELECT id FROM {TABLE}) SELECT id FROM t",
    f"SELECT id FROM {TABLE} UNION ALL SELECT id FROM {TABLE}",
    f"SELECT sum(id) OVER () FROM {TABLE}",
    f"SELECT id + 1 FROM {TABLE}",
    f"SELECT id FROM {TABLE} WHERE id IN ({', '.join(map(str, range(400)))})",
    "SELECT 1",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "files" / "numbers.parquet"
    path.parent.mkdir()
    pq.write_table(NUMBERS, path, row_group_size=500)
    return path


@pytest.fixture
def mesh(file: Path) -> Iterator[Gateway]:
    files = dataset(
        "files",
        "numbers",
        Binding("files", str(file.parent), "*"),
        NUMBERS.schema,
        column_tags={"word": ("pii",)},
        row_filters={"us_only": "region = 'US'"},
    )
    gate = gateway([files], RULES, Config(embedded_duckdb=False))
    yield gate
    gate.close()


def brief(mesh: Gateway, sql: str, principal: Principal = ANA) -> bool:
    return mesh.prepare(Request(principal, sql)).plan.brief


def watched(monkeypatch: pytest.MonkeyPatch, mesh: Gateway, sql: str, who: Principal) -> pa.Table:
    """What the query gives when it is run like any other."""
    with monkeypatch.context() as patch:
        patch.setattr(execution, "brief_run", lambda *_: None)
        return ask(mesh, sql, who)


@pytest.mark.parametrize("sql", BRIEF)
@pytest.mark.parametrize("who", [ANA, BOB], ids=["all", "secured"])
def test_rows_are_those_of_any_other_run(
    mesh: Gateway, monkeypatch: pytest.MonkeyPatch, sql: str, who: Principal
) -> None:
    assert brief(mesh, sql, who)
    expected = watched(monkeypatch, mesh, sql, who)
    monkeypatch.setattr(execution, "_watched", pytest.fail)
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    for _ in range(3):  # in a new session, and in one that was used
        assert ask(mesh, sql, who).equals(expected)


@pytest.mark.parametrize("sql", LONG)
def test_what_may_take_long_is_watched(mesh: Gateway, sql: str) -> None:
    assert not brief(mesh, sql)


def test_two_callers_share_no_session(mesh: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    sql = f"SELECT count(*) AS n, max(word) AS word FROM {TABLE}"
    for _ in range(3):
        assert ask(mesh, sql, ANA).to_pylist() == [{"n": ROWS, "word": "w96"}]
        assert ask(mesh, sql, BOB).to_pylist() == [{"n": ROWS * 2 // 3, "word": "***"}]


def test_a_file_of_the_same_size_and_time_is_another(
    mesh: Gateway, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    sql = f"SELECT id, few FROM {TABLE} WHERE id = 8"
    assert ask(mesh, sql, ANA)["few"].to_pylist() == [3]
    before = file.stat()
    few = pa.array([None if n % 7 == 0 else (n + 1) % 5 for n in range(ROWS)], pa.int32())
    other = file.with_suffix(".new")
    pq.write_table(NUMBERS.set_column(1, "few", few), other, row_group_size=500)
    assert other.stat().st_size == before.st_size, "the test needs files of one size"
    other.replace(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask(mesh, sql, ANA)["few"].to_pylist() == [4]


def test_a_second_file_is_read_too(mesh: Gateway, file: Path) -> None:
    sql = f"SELECT count(*) AS n FROM {TABLE} WHERE id = 8"
    assert ask(mesh, sql, ANA)["n"].to_pylist() == [1]
    pq.write_table(NUMBERS, file.with_name("more.parquet"))
    assert ask(mesh, sql, ANA)["n"].to_pylist() == [2]
    file.unlink()
    assert ask(mesh, sql, ANA)["n"].to_pylist() == [1]


def test_a_file_that_has_grown_is_watched(
    mesh: Gateway, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setattr(brief_runs, "BRIEF_BYTES", file.stat().st_size - 1)
    prepared = mesh.prepare(Request(ANA, BRIEF[0]))
    assert brief_runs.brief_run(prepared.plan, mesh.config, lambda: False) is None
    assert ask(mesh, BRIEF[0], ANA).num_rows == 1


def test_few_rows_of_long_texts_are_watched(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    same = pa.DictionaryArray.from_arrays(pa.array([0, None] * 5000, pa.int32()), ["x" * 10_000])
    table = pa.table({"id": range(10_000), "text": same.cast(pa.string())})
    pq.write_table(table, folder / "numbers.parquet")
    assert (folder / "numbers.parquet").stat().st_size < brief_runs.BRIEF_BYTES
    files = dataset("files", "numbers", Binding("files", str(folder), "*"), table.schema)
    mesh = gateway([files], RULES, Config(embedded_duckdb=False))
    try:
        prepared = mesh.prepare(Request(ANA, f"SELECT min(text) AS t FROM {TABLE}"))
        assert prepared.plan.brief
        assert brief_runs.brief_run(prepared.plan, mesh.config, lambda: False) is None
        assert ask(mesh, f"SELECT count(text) AS n FROM {TABLE}")["n"].to_pylist() == [5000]
    finally:
        mesh.close()


def test_what_a_link_led_to_for_a_moment_is_not_kept(
    mesh: Gateway, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    folder = file.parent.parent
    own, other = folder / "own.parquet", folder / "other.parquet"
    for path, id_ in ((own, 1), (other, 2)):
        ids = pa.array([id_] * ROWS, pa.int64())
        pq.write_table(NUMBERS.set_column(0, "id", ids), path)
    before = own.stat()
    assert other.stat().st_size == before.st_size, "the test needs files of one size"
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.unlink()
    file.symlink_to(own)
    make = brief_runs._session

    def while_it_leads_elsewhere(*given: object) -> object:
        file.unlink()
        file.symlink_to(other)
        return make(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    sql = f"SELECT max(id) AS id FROM {TABLE}"
    with monkeypatch.context() as patch:
        patch.setattr(brief_runs, "_session", while_it_leads_elsewhere)
        assert ask(mesh, sql, ANA)["id"].to_pylist() == [2]
    file.unlink()
    file.symlink_to(own)
    assert ask(mesh, sql, ANA)["id"].to_pylist() == [1]


def test_a_file_that_has_just_changed_is_read_anew(
    mesh: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = brief_runs._Sessions()
    monkeypatch.setattr(brief_runs, "_SESSIONS", sessions)
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", 3600.0)
    ask(mesh, BRIEF[0], ANA)
    assert not sessions._idle
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    ask(mesh, BRIEF[0], ANA)
    assert sessions._idle


def test_a_failure_is_that_of_any_other_run(mesh: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = f"SELECT CAST(digits AS BIGINT) AS n FROM {TABLE} WHERE id > 0"
    assert brief(mesh, sql)
    said = []
    for run in (lambda: ask(mesh, sql, ANA), lambda: watched(monkeypatch, mesh, sql, ANA)):
        with pytest.raises(GatewayError) as raised:
            run()
        said.append((raised.value.code, raised.value.message, raised.value.position))
    assert said[0] == said[1]


def test_a_cancelled_one_ends(mesh: Gateway) -> None:
    prepared = mesh.prepare(Request(ANA, BRIEF[0]))
    run = brief_runs.brief_run(prepared.plan, mesh.config, lambda: True)
    assert run is not None
    with pytest.raises(Cancelled):
        next(run)


def test_many_at_once(mesh: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)

    def row(n: int) -> object:
        who = ANA if n % 2 else BOB
        return ask(mesh, f"SELECT id, region FROM {TABLE} WHERE id = {n}", who).to_pylist()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(row, range(300)))
    expected = [
        [{"id": n, "region": "US" if n % 3 else "EU"}] if n % 2 or n % 3 else [] for n in range(300)
    ]
    assert found == expected


def test_few_sessions_are_kept(mesh: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = brief_runs._Sessions()
    monkeypatch.setattr(brief_runs, "KEPT", 2)
    monkeypatch.setattr(brief_runs, "SETTLED_SECONDS", -1.0)
    monkeypatch.setattr(brief_runs, "_SESSIONS", sessions)
    for who in (ANA, BOB):
        started = [mesh.execute(mesh.prepare(Request(who, BRIEF[0]))).batches for _ in range(3)]
        for batches in started:
            next(batches)
        assert [len(list(batches)) for batches in started] == [0, 0, 0]
    assert sum(map(len, sessions._idle.values())) == 2
    assert len(sessions._idle) == 1, "the least recently used go first"
