"""kill -9 under load: every answer has its record, every record its events, each of them once.

MESHGATE_KILLS=200 kills as often as that.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gateway.audit.database import open_reader
from gateway.audit.files import key_file, log_folder, log_numbers, read_key
from gateway.audit.logs import AuditLogs
from gateway.audit.verification import verify_log
from gateway.lineage.events import run_id
from gateway.memory.store import Store, open_store
from tests.commands.governed import governed_mesh
from tests.lineage.killing import ENDS, FIRST_ANSWERS, Load, Receiver, Served, receiving
from tests.services import Postgres

KILLS = {"sqlite": int(os.environ.get("MESHGATE_KILLS", "8")), "postgres": 3}
RECOVERED_SECONDS = 90.0


@pytest.mark.parametrize("kind", KILLS)
@pytest.mark.timeout(3600)
def test_nothing_is_lost_and_nothing_is_told_twice(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    mesh = governed_mesh(tmp_path)
    with ExitStack() as stack:
        address = ""
        if kind == "postgres":
            postgres: Postgres = request.getfixturevalue("postgres")
            address = stack.enter_context(postgres.database())
        receiver = stack.enter_context(receiving(clumsy=0.02))
        settings = f'openlineage_url = "{receiver.url}"\n'
        (mesh / "gateway.toml").write_text(f'{settings}store = "{address}"\n')
        load, chance = Load(), random.Random(11)
        for number in range(KILLS[kind]):
            load.until_killed(Served(mesh), str(number), chance.uniform(0.0, 1.0))
        receiver.clumsy = 0.0
        last = Served(mesh)
        store = open_store(mesh, address)
        stack.callback(store.close)
        wait_for(mesh, store)
        last.stop()
        assert len(load.answered) >= FIRST_ANSWERS * KILLS[kind]
        assert load.refused
        check(mesh, store, load, receiver)
        print(
            f"\n{kind}: {KILLS[kind]} kills, {len(load.answered)} answers, "
            f"{len(receiver.times)} events, {receiver.repeats} came again, {receiver.torn} in part"
        )


def wait_for(mesh: Path, store: Store) -> None:
    """Until all logs are taken over, every run has ended, and the endpoint was told."""
    deadline = time.monotonic() + RECOVERED_SECONDS
    while not taken_over(mesh, store) or store.rows(
        "SELECT 1 FROM run WHERE ended = '' AND verdict = 'allowed' UNION ALL"
        " SELECT 1 FROM lineage_event WHERE seq > (SELECT max(seq) FROM export)"
    ):
        assert time.monotonic() < deadline, "it does not recover"
        time.sleep(0.2)
    time.sleep(1.0)  # nothing comes after that


def taken_over(mesh: Path, store: Store) -> bool:
    """Whether the store has every record of every log."""
    known = {(log, int(seq)) for log, seq in store.rows("SELECT log, seq FROM journal")}
    folder = mesh / "state" / "audit"
    for number in log_numbers(folder):
        with closing(open_reader(log_folder(folder, number))) as connection:
            ends = connection.execute(
                "SELECT hash, (SELECT max(seq) FROM record) FROM record WHERE seq = 1"
            ).fetchall()
        if not known.issuperset(ends):
            return False
    return True


def check(mesh: Path, store: Store, load: Load, receiver: Receiver) -> None:
    folder = mesh / "state" / "audit"
    for number in log_numbers(folder):
        found = verify_log(log_folder(folder, number), read_key(key_file(folder)), number)
        assert found.intact, found.problems
    with AuditLogs(folder) as logs:
        entries = list(logs.queries())
    allowed = [e for e in entries if e.record.verdict == "allowed"]
    kept = {word for e in allowed for word in e.record.text.split() if word.startswith("q_")}
    assert load.answered <= kept
    assert all(entry.outcome is not None for entry in allowed)

    journals = {hash_: number for number, hash_ in store.rows("SELECT number, log FROM journal")}
    assert len(journals) == len(log_numbers(folder))
    runs = store.rows("SELECT id, verdict, outcome, statement FROM run")
    assert len(runs) == len(entries)
    assert Counter(r[3] for r in runs) == Counter(e.record.text for e in entries)
    ended = Counter((e.record.id, e.outcome.outcome) for e in allowed if e.outcome)
    assert Counter((r[0], r[2]) for r in runs if r[1] == "allowed") == ended

    assert not receiver.altered
    events = receiver.events()
    kinds: dict[str, list[str]] = {}
    for event in events:
        kinds.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert set(kinds) == {run_id(r[0]) for r in runs if r[1] == "allowed"}
    for run, told in kinds.items():
        assert len(told) == 2 and told[0] == "START" and told[1] in ENDS, (run, told)
    known = {("completed", "COMPLETE"), ("abandoned", "ABORT"), ("cancelled", "ABORT")}
    told_of = {(r[2], kinds[run_id(r[0])][1]) for r in runs if r[1] == "allowed"}
    assert told_of <= known and ("completed", "COMPLETE") in told_of

    counted = dict(
        store.rows(
            "SELECT 'run', sum(runs) FROM usage_run UNION ALL"
            " SELECT 'denied', sum(denied) FROM usage_run"
        )
    )
    done = sum(outcome != "abandoned" for (_, outcome), n in ended.items() for _ in range(n))
    assert counted["run"] == done
    assert counted["denied"] == sum(e.record.verdict == "denied" for e in entries)
