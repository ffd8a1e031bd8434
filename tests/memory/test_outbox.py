"""An endpoint is told of everything, in order, and of nothing twice that it has taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gateway.config import Config
from gateway.errors import CatalogueError, SourceFailure
from gateway.memory import outbox as module
from gateway.memory.endpoint import Endpoint, Verdict
from gateway.memory.memory import Memory
from gateway.memory.outbox import Outbox
from gateway.memory.store import Store
from tests.lineage.killing import Receiver, receiving
from tests.memory.journal import ask, journal, take


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def opened(store: Store, receiver: Receiver) -> Outbox:
    return Outbox(store, Endpoint(receiver.url), "1.2.3")


def tell(outbox: Outbox) -> None:
    outbox._patience._next_try = 0.0
    outbox.run(threading.Event())


def runs(store: Store, folder: Path, *numbers: int) -> None:
    with journal(folder / "audit") as log:
        for number in numbers:
            ask(log, number)
    take(store, folder / "audit")


def told(receiver: Receiver) -> list[str]:
    return [event["eventType"] for event in receiver.events()]


def left(store: Store) -> int:
    (found,) = store.rows(
        "SELECT count(*) FROM lineage_event WHERE seq > (SELECT max(seq) FROM export)"
    )
    return int(found[0])


def test_everything_is_told_once(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    outbox = opened(store, receiver)
    runs(store, tmp_path, *range(120))
    tell(outbox)
    assert told(receiver).count("START") == told(receiver).count("COMPLETE") == 120
    assert (receiver.repeats, left(store)) == (0, 0)
    assert store.rows("SELECT count(*) FROM outbox") == [(0,)]
    tell(outbox)
    runs(store, tmp_path, 200)
    tell(outbox)
    assert len(told(receiver)) == 242 and receiver.repeats == 0


def test_what_was_before_the_first_outbox_is_not_told(
    store: Store, tmp_path: Path, receiver: Receiver
) -> None:
    runs(store, tmp_path, 1)
    outbox = opened(store, receiver)
    tell(outbox)
    assert told(receiver) == []
    runs(store, tmp_path, 2)
    tell(opened(store, receiver))
    assert told(receiver) == ["START", "COMPLETE"]
    with receiving() as other:
        tell(opened(store, other))
        assert told(other) == []


def test_an_endpoint_that_is_down_is_told_later_the_same(
    store: Store, tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = opened(store, receiver)
    runs(store, tmp_path, 1, 2)
    # taken but not answered; refused for a while; moved, which is not followed; no such right
    receiver.answers = [0, 503, 307, 401, 429]
    for _ in range(8):
        tell(outbox)
    assert told(receiver) == ["START", "START", "COMPLETE", "COMPLETE"]
    assert receiver.repeats == 1 and not receiver.altered
    assert left(store) == 0
    assert store.rows("SELECT count(*) FROM outbox_refused") == [(0,)]
    assert len([r for r in caplog.records if "takes no events" in r.message]) == 1


def test_pauses_become_longer(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    outbox = opened(store, receiver)
    runs(store, tmp_path, 1)
    receiver.answers = [500] * 3
    outbox.run(threading.Event())
    outbox.run(threading.Event())  # too early: nobody is asked
    assert len(receiver.answers) == 2
    time.sleep(module.RETRY_SECONDS[0] * 1.1)
    outbox.run(threading.Event())
    assert len(receiver.answers) == 1
    time.sleep(module.RETRY_SECONDS[0] * 1.1)
    outbox.run(threading.Event())
    assert len(receiver.answers) == 1


def test_an_event_that_is_refused_does_not_hold_up_others(
    store: Store, tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = opened(store, receiver)
    runs(store, tmp_path, 1, 2)
    receiver.answers = [201, 422]
    tell(outbox)
    assert told(receiver) == ["START", "COMPLETE", "COMPLETE"]
    ((status, answer, body),) = store.rows("SELECT status, answer, body FROM outbox_refused")
    assert (status, answer) == (422, "HTTP 422")
    assert '"eventType":"START"' in body
    assert "set aside" in caplog.text
    assert left(store) == 0


def test_after_a_crash_what_was_not_noted_is_told_again_the_same(
    store: Store, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(store, receiver)
    runs(store, tmp_path, *range(30))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(first, "_done", killed)  # all is sent, and nothing noted
    with pytest.raises(Killed):
        tell(first)
    sent = len(told(receiver))
    assert sent == module.WINDOW
    second = Outbox(store, Endpoint(receiver.url), "9.9.9")  # a newer gateway
    monkeypatch.setattr(module, "_gone", lambda holder: True)
    tell(second)
    assert len(told(receiver)) == 60
    assert receiver.repeats == sent and not receiver.altered


def test_one_gateway_tells_at_a_time(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    first, second = opened(store, receiver), opened(store, receiver)
    runs(store, tmp_path, 1)
    tell(first)
    runs(store, tmp_path, 2)
    tell(second)
    assert len(told(receiver)) == 2  # the first one holds the lease
    first.close()
    tell(second)
    assert len(told(receiver)) == 4 and receiver.repeats == 0


def test_who_held_the_lease_and_died_is_followed_at_once() -> None:
    import os
    import socket
    import subprocess

    done = subprocess.Popen(["true"])
    done.wait()
    host = socket.gethostname()
    assert module._gone("")
    assert module._gone(f"{host}/{done.pid}/abc")
    assert not module._gone(f"{host}/{os.getpid()}/abc")
    assert not module._gone(f"elsewhere/{done.pid}/abc")


def test_the_key_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        config = Config(openlineage_url=receiver.url, openlineage_api_key="${LINEAGE_KEY}")
        with pytest.raises(SourceFailure, match="LINEAGE_KEY"):
            Memory.open(tmp_path, config)
        monkeypatch.setenv("LINEAGE_KEY", "s3cret")
        memory = Memory.open(tmp_path, config)
        runs(memory.store, tmp_path, 1)
        assert memory.outbox is not None
        tell(memory.outbox)
        assert receiver.headers["Authorization"] == "Bearer s3cret"
        assert receiver.headers["Content-Type"] == "application/json"
        assert len(receiver.headers["Idempotency-Key"]) == 36
        memory.close()
    assert "s3cret" not in repr(config) and "LINEAGE_KEY" not in repr(config)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host",
        "http://",
        "http://user:pw@host",
        "host:5000",
        "http://host:x",
        "http://h?a",
        "http://[",
        "http://h/a b",
        "http://h/ü",
    ],
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(CatalogueError, match="openlineage_url"):
        Endpoint(url)


def test_a_key_that_no_header_may_hold_is_refused_without_repeating_it() -> None:
    with pytest.raises(CatalogueError, match="openlineage_api_key") as error:
        Endpoint("http://host", "hush\r\nX: y")
    assert "hush" not in str(error.value)


def test_certificates_are_verified(tmp_path: Path) -> None:
    import socket
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            plain, _ = server.accept()
            try:
                context.wrap_socket(plain, server_side=True)
            except ssl.SSLError:
                plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = Endpoint(f"https://127.0.0.1:{server.getsockname()[1]}")
        answer = endpoint.post("{}", "token")
        thread.join()
    assert answer.verdict is Verdict.TROUBLE
    assert "certificate verify failed" in answer.text
