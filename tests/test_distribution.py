"""Tests in several processes: what belongs together stays together, and a crash is a failure."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.distribution import UNITS, rank_of, unit_of

ROOT = Path(__file__).parent.parent

CONFTEST = """
from tests.distribution import Units

def pytest_xdist_make_scheduler(config, log):
    return Units(config, log)
"""
CRASHING = """
import os, signal
import pytest

@pytest.mark.parametrize("number", range(5))
def test_each(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)

def test_last():
    pass
"""


def test_files_that_share_what_is_dear_are_one_unit() -> None:
    corpus = unit_of("tests/queries/test_corpus.py::test_a[1]")
    assert corpus == unit_of("tests/queries/test_random.py::test_b")
    assert corpus != unit_of("tests/queries/test_tpch.py::test_c")
    assert unit_of("tests/test_views.py::test_d[a::b]") == "tests/test_views.py"
    assert rank_of("tests/queries/test_tpch.py::test_c") < rank_of("tests/test_views.py::test_d")


def test_every_unit_that_is_named_has_tests() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")]
    for beginning in UNITS:
        assert any(file.startswith(beginning) for file in files), beginning


def test_a_test_that_kills_its_worker_fails_once_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(CRASHING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert re.search(r"\b2 failed, 10 passed\b", done.stdout), done.stdout
    assert done.stdout.count("FAILED") == 2
