"""The demo as a user runs it: from an empty folder to right answers, and nothing left running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gateway.demo.questions import CONNECT

ROOT = Path(__file__).parents[2]
PASSWORD = "for-the-test-only"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "MESHGATE_DEMO_PASSWORD": PASSWORD, **environment},
    )


def processes_below(folder: Path) -> list[psutil.Process]:
    """Every process that was started with a path in the folder: the gateway, PostgreSQL."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "mesh"


@pytest.fixture(scope="module")
def output(mesh: Path) -> str:
    process = start("--exit", "--mesh", str(mesh), "--listen", "grpc://127.0.0.1:0")
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 0, text
    return text


def test_every_answer_is_that_of_duckdb(output: str) -> None:
    verdict = "✔ the same as DuckDB on the raw files"
    assert output.count(f"{verdict}\n") == 9
    assert output.count(f"{verdict}, told the policies\n") == 3
    assert "15 of 15 answers are as they should be" in output
    assert "Traceback" not in output


def test_what_each_source_received_is_shown(output: str) -> None:
    for source in ("sqlite:", "postgres:", "duckdb:"):
        assert re.search(rf"{source}\S+ +[\d,]+ rows, ", output)
    assert 'FROM "public"."planes"' in output
    assert "remainder" in output


def test_what_the_engine_read_itself_is_shown(output: str) -> None:
    assert re.search(r"files:\S+  read in place by the gateway's engine\n +\S*flights ", output)


def test_the_readme_connects_as_the_demo_says() -> None:
    printed = CONNECT.format(uri="grpc://127.0.0.1:8815", user="ana", password="...").strip()
    assert printed in (ROOT / "README.md").read_text()


def test_policies_hide_the_planes_from_omar(output: str) -> None:
    assert re.search(r"✔ refused: \[UNKNOWN_DATASET\] there is no dataset", output)


def part(output: str, number: int) -> str:
    """What is printed about one question."""
    return output.split(f"\n{number}. ", 1)[1].split("\n  ✔ ", 1)[0]


def test_a_partner_sees_fewer_rows_and_masked_values(output: str) -> None:
    more = [int(re.findall(r"… (\d+) more rows", part(output, n))[0]) for n in (8, 9, 10)]
    assert more[0] > more[2] > more[1]
    for number in (9, 10):
        shown = re.findall(r"^  (\S+) +(JFK|EWR|LGA) +\d", part(output, number), re.MULTILINE)
        assert len(shown) == 5
        assert {origin for _, origin in shown} == {"JFK"}
        assert all((name[2:] == "***") is (number == 9) for name, _ in shown)


def test_the_policies_are_shown_before_their_effects(output: str) -> None:
    shown = output.split("The policies behind what follows", 1)[1].split("\n8. ", 1)[0]
    assert re.search(r"eva +aviation/partner, in the EU", shown)
    assert "\n  p3,aviation/partner,aviation,*,registration,*,partial:2,allow\n" in shown


def test_a_refusal_says_what_would_help(output: str) -> None:
    assert re.search(r"\[PURPOSE_REQUIRED\][^✔]*incident,\s+safety", output)
    assert re.search(r"\[RESIDENCY_VIOLATION\]", output)


def test_explain_says_what_may_leave_the_region(output: str) -> None:
    plan = output.split("EXPLAIN: How often did gusts blow", 1)[1]
    assert "HAVING" in plan
    told = r"residency +duckdb:\S+\n +mesh://climate/observations/weather@1.0.0: only aggregates"
    assert re.search(told, plan)


def test_the_published_mesh_is_the_one_in_examples(output: str, mesh: Path) -> None:
    example = ROOT / "examples" / "demo"
    for folder in ("products", "policies"):
        written = {p.relative_to(mesh) for p in (mesh / folder).rglob("*") if p.is_file()}
        shown = {p.relative_to(example) for p in (example / folder).rglob("*") if p.is_file()}
        assert written == shown
        for path in sorted(written):
            assert (mesh / path).read_text() == (example / path).read_text(), path


def test_no_secret_is_in_the_products(output: str, mesh: Path) -> None:
    texts = [p.read_text() for p in (mesh / "products").rglob("*.yaml")]
    assert texts
    assert not any("postgresql://" in text or PASSWORD in text for text in texts)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The demo once it serves, with the lines it has printed; all its files are below tmp_path."""
    process = start("--listen", "grpc://127.0.0.1:0", TMPDIR=str(tmp_path))
    watchdog = threading.Timer(240, process.kill)
    watchdog.start()
    lines: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("print("):
                break
        yield process, lines
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_serves_until_interrupted_and_leaves_nothing_running(
    serving: tuple[subprocess.Popen[str], list[str]], tmp_path: Path, number: signal.Signals
) -> None:
    process, lines = serving
    snippet = "".join(lines[lines.index("import adbc_driver_flightsql.dbapi as flight\n") :])
    assert len(snippet.splitlines()) == 3
    found = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False
    )
    assert "336776" in found.stdout, found.stderr
    names = {child.name() for child in processes_below(tmp_path)}
    assert "postgres" in names
    assert len(names) > 1
    process.send_signal(number)
    assert process.wait(timeout=240) == 0
    psutil.wait_procs(processes_below(tmp_path), timeout=10)
    assert not processes_below(tmp_path)
    assert list(tmp_path.glob("meshgate-*")) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    process = start("--exit", "--mesh", str(tmp_path))
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "is not empty" in text
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
