"""What results say to readers: notices, in which no number is that was found.

A count over all rows is more than somebody may know who sees a few of them; the result itself is
for those who look at results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.memory.quality_results import Result, Verdict
from gateway.model import Dataset, QualityRule
from gateway.notices import Notice, Severity
from gateway.quality import promises
from gateway.quality.due import Item, Key, current, keyed
from gateway.quality.verdicts import told

QUALITY_FAILED = "QUALITY_FAILED"
SLA_MISSED = "SLA_MISSED"
NOT_CHECKED = "QUALITY_UNKNOWN"


def notices(dataset: Dataset, latest: Mapping[Key, Result]) -> Iterator[Notice]:
    """What the latest results of a dataset's rules and promises say, as they are declared now."""
    for item, name in keyed(dataset):
        last = current(item, latest.get(name))
        if last is None or last.verdict in (Verdict.PASS, Verdict.SKIPPED):
            continue
        code, message = _said(item, last)
        severity = Severity(item.timing.gate)
        yield Notice(str(dataset.address), code, message, severity, last.columns)


def _said(item: Item, last: Result) -> tuple[str, str]:
    what = f"the quality rule {item.name}" if isinstance(item, QualityRule) else item.name
    if last.verdict is Verdict.ERROR:
        return NOT_CHECKED, f"{what} could not be checked ({last.reason})"
    if isinstance(item, QualityRule):
        unit = "%" if item.percent else ""
        must = f": {told(item.threshold, unit)}" if item.threshold is not None else ""
        return QUALITY_FAILED, f"{what} does not hold{must}"
    return SLA_MISSED, f"the promise {what} is not kept: {promises.told(item)}"
