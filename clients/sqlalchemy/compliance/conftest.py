"""SQLAlchemy's compliance suite against a gateway, by pytest's plugin of SQLAlchemy.

The gateway only reads. What the suite writes goes to the database behind the gateway (`writing`);
what it reads, and all it looks at, comes through the gateway.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import sqlalchemy
import writing
from exclusions import EXCLUDED

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403

writing.install()

_outcomes: Counter[str] = Counter()
_excluded: Counter[str] = Counter()
_unused = {pattern for patterns in EXCLUDED.values() for pattern in patterns}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave out what `EXCLUDED` names; the plugin has made a class of each for the dialect."""
    kept = []
    for item in session.items:
        reason = _reason(item)
        if reason is None:
            kept.append(item)
        else:
            _excluded[reason] += 1
    session.items[:] = kept


def _reason(item: pytest.Item) -> str | None:
    _, name, test = item.nodeid.split("::", 2)
    named = f"{name.partition('_meshgate')[0]}::{test}"
    for reason, patterns in EXCLUDED.items():
        for pattern in patterns:
            if fnmatchcase(named, pattern.replace("[", "[[]")):
                _unused.discard(pattern)
                return reason
    return None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each test once: by its call, or by what kept it from one."""
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.outcome] += 1


def pytest_sessionfinish() -> None:
    """Write down what was run and what was not, for the docs."""
    report = {
        "version": sqlalchemy.__version__,
        "outcomes": _outcomes,
        "excluded": _excluded,
        "unused": sorted(_unused),
    }
    Path(os.environ["MESHGATE_COMPLIANCE_REPORT"]).write_text(json.dumps(report))
