"""The demo from the first file to the last answer."""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from gateway.demo.mesh import REGION, DemoMesh, claim_folder, fill_files, publish_mesh
from gateway.demo.questions import EFFECTS, EXPLAINED, QUESTIONS, Question
from gateway.demo.reference import Reference, difference
from gateway.demo.screen import Screen
from gateway.demo.server import ServerProcess, free_address
from gateway.demo.stores import running_postgres
from gateway.errors import GatewayError
from gateway.flight.client import Client


def run_demo(args: argparse.Namespace) -> int:
    """Build, serve, ask, compare. 0 when every answer was right; everything started is stopped."""
    screen = Screen()
    with ExitStack() as stack:
        stack.enter_context(_stopping_on_terminate())
        mesh = _build(args.mesh, screen, stack)
        with screen.progress("Starting the gateway"):
            address = args.listen or free_address()
            server = stack.enter_context(ServerProcess(mesh.folder, address, REGION))
        right = _ask_all(mesh, server.uri, screen)
        if not args.exit:
            screen.connection(server.uri, mesh.passwords)
            try:
                server.wait()
                screen.note("the gateway has ended")
                return 1
            except KeyboardInterrupt:
                screen.note("\nstopping")
    return 0 if right else 1


def _build(folder: Path | None, screen: Screen, stack: ExitStack) -> DemoMesh:
    if folder is None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshgate-demo-")))
    claim_folder(folder)
    screen.heading("Building the mesh")
    screen.note(f"  in {folder}")
    with screen.progress("Building the mesh") as step:
        fill_files(folder, step)
        step("starting PostgreSQL: airports and planes")
        postgres = stack.enter_context(running_postgres(folder / "data" / "raw"))
        return publish_mesh(folder, postgres, step)


def _ask_all(mesh: DemoMesh, uri: str, screen: Screen) -> bool:
    asked = (*QUESTIONS, *EFFECTS)
    with ExitStack() as stack:
        reference = Reference(mesh.raw_folder)
        stack.callback(reference.close)
        sessions = {(user, "") for user in mesh.passwords}
        sessions |= {(question.user, question.purpose) for question in asked}
        clients = {
            (user, purpose): stack.enter_context(
                Client(uri, user, mesh.passwords[user], purpose=purpose)
            )
            for user, purpose in sorted(sessions)
        }
        screen.visible({user: clients[user, ""].datasets() for user in mesh.passwords})
        right = 0
        for number, question in enumerate(asked, start=1):
            if question is EFFECTS[0]:
                screen.policies(mesh.people(), mesh.policies())
            screen.question(number, question)
            client = clients[question.user, question.purpose]
            right += _ask(question, client, reference, screen)
        for question in EXPLAINED:
            client = clients[question.user, question.purpose]
            screen.plan(question, client.query(f"EXPLAIN {question.sql}"))
        screen.summary(right, len(asked))
    return right == len(asked)


def _ask(question: Question, client: Client, reference: Reference, screen: Screen) -> bool:
    """Ask, show and judge one question; True when the outcome is the right one."""
    try:
        with screen.console.status("asking"):
            answer = client.query(question.sql)
    except GatewayError as error:
        expected = bool(question.refused) and f"[{question.refused}]" in str(error)
        screen.refusal(str(error), expected)
        return expected
    if question.refused:
        screen.leak()
        return False
    screen.answer(answer)
    screen.report(client.report())
    known = reference.answer(question.seen or question.sql)
    found = difference(answer, known, ordered=question.ordered)
    screen.verdict(found, governed=bool(question.seen))
    return not found


@contextmanager
def _stopping_on_terminate() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: in order, with everything it started."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
