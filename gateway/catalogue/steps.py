"""Steps from version to version, as semantic versioning has them.

A change that breaks readers takes a new major version, one that only adds at least a minor one,
and one of words a patch. Versions below 1.0.0 and pre-releases promise nothing, and neither do
drafts; what is retired has no readers left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.catalogue.compatibility import Change, Effect, changes_between, worst
from gateway.catalogue.keys import Promised
from gateway.catalogue.problems import Problem
from gateway.catalogue.versions import newest_first, version_order
from gateway.errors import UserError
from gateway.model import UNPUBLISHED, Address, Dataset

Name = tuple[str, str, str]


def is_stable(version: str) -> bool:
    """Whether a version promises anything to its readers by its number."""
    release, final, _ = version_order(version)
    return bool(final) and release[0] >= 1


def is_promised(dataset: Dataset) -> bool:
    """Whether readers may rely on this version of a dataset."""
    return is_bound(dataset.status, dataset.address.version or "0")


def is_bound(status: str, version: str) -> bool:
    """Whether readers may rely on what has this status and version."""
    return status not in UNPUBLISHED and status != "retired" and is_stable(version)


def is_enough(old: str, new: str, effect: Effect | None) -> bool:
    """Whether the step from one version to a later one allows for changes of this effect."""
    if effect is None or not is_stable(old) or not is_stable(new):
        return True
    before, after = _numbers(old), _numbers(new)
    if effect is Effect.BREAKING:
        return after[0] > before[0]
    return after[:2] > before[:2] if effect is Effect.COMPATIBLE else after > before


def needed_version(old: str, effect: Effect, taken: Iterable[str] = ()) -> str:
    """The lowest version after `old` that allows for such changes, and is not taken."""
    used = {_numbers(version) for version in taken}
    major, minor, patch, *_ = _numbers(old)
    while True:
        if effect is Effect.BREAKING:
            major, minor, patch = major + 1, 0, 0
        elif effect is Effect.COMPATIBLE:
            minor, patch = minor + 1, 0
        else:
            patch += 1
        if (major, minor, patch) not in used:
            return f"{major}.{minor}.{patch}"


@dataclass(frozen=True, slots=True)
class ShortStep:
    """A version that changes more than its number says: from `base`, which may be itself.

    `needed` is the version it would have to be.
    """

    address: Address
    base: str
    changes: tuple[Change, ...]
    needed: str

    @property
    def in_place(self) -> bool:
        """Whether the version itself is changed, which readers have already."""
        return self.base == self.address.version

    def __str__(self) -> str:
        what = "changes" if self.in_place else f"differs from {self.base}"
        listed = "".join(f"\n    {change}" for change in self.changes)
        return f"{self.address} {what}, and would have to be {self.needed}:{listed}"


def short_steps(before: Iterable[Dataset], after: Iterable[Dataset]) -> list[ShortStep]:
    """What is new or changed in a mesh `after`, and has too low a version for it."""
    old = {dataset.address: dataset for dataset in before}
    after = list(after)
    versions = _by_name(after)
    found = []
    for dataset in after:
        version = dataset.address.version or "0"
        others = versions[_name(dataset.address)]
        if dataset.address in old:
            earlier: Dataset | None = old[dataset.address]
        else:
            earlier = _base(dataset, [d for d in others if d.address in old])
        if earlier is None or earlier == dataset or not is_promised(earlier):
            continue
        base = earlier.address.version or "0"
        changes = changes_between(earlier, dataset)
        effect = worst(changes)
        in_place = base == version
        if in_place and effect is not Effect.BREAKING:
            continue  # readers of this version lose nothing
        if effect is not None and not is_enough(base, version, effect):
            taken = [d.address.version or "0" for d in others]
            needed = needed_version(base, effect, taken)
            found.append(ShortStep(dataset.address, base, changes, needed))
    return found


def check_steps(steps: Sequence[ShortStep]) -> None:
    """Raise UserError for the first steps that are too short, with every change."""
    if steps:
        listed = "".join(f"\n  {step}" for step in steps)
        raise UserError(
            f"more changes than the version says:{listed}",
            hint="a breaking change takes a new major version, a compatible one a minor,"
            " an editorial one a patch",
        )


def broken_promises(promised: Iterable[Promised]) -> Iterator[Problem]:
    """Versions in a mesh that break an earlier one with the same major number."""
    promised = list(promised)
    contracts = {each.dataset.address: each.contract for each in promised}
    datasets = [each.dataset for each in promised if is_promised(each.dataset)]
    for versions in _by_name(datasets).values():
        for new, old in pairwise(versions):
            if _numbers(new.address.version)[0] > _numbers(old.address.version)[0]:
                continue
            broken = [c for c in changes_between(old, new) if c.effect is Effect.BREAKING]
            if broken:
                taken = [d.address.version or "0" for d in versions]
                needed = needed_version(old.address.version or "0", Effect.BREAKING, taken)
                reasons = "; ".join(change.text for change in broken)
                rule = (
                    f"version {new.address.version} of {new.address.sql_name} breaks version"
                    f" {old.address.version}, and has to be {needed}: {reasons}"
                )
                yield contracts[new.address].problem(("version",), rule)


def _base(dataset: Dataset, others: Iterable[Dataset]) -> Dataset | None:
    """The version that a new one follows: the highest below it that promises something."""
    own = version_order(dataset.address.version or "0")
    below = [d for d in others if is_promised(d) and version_order(d.address.version or "0") < own]
    return newest_first(below)[0] if below else None


def _by_name(datasets: Iterable[Dataset]) -> dict[Name, list[Dataset]]:
    """The versions of each dataset, the highest first."""
    found: dict[Name, list[Dataset]] = {}
    for dataset in datasets:
        found.setdefault(_name(dataset.address), []).append(dataset)
    return {name: newest_first(versions) for name, versions in found.items()}


def _name(address: Address) -> Name:
    return address.domain, address.product, address.dataset


def _numbers(version: str | None) -> tuple[int, ...]:
    release, _, _ = version_order(version or "0")
    return (*release, *[0] * (3 - len(release)))
