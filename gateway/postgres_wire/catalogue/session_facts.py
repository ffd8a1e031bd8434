"""What a query over the catalogues may know of the session that asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class SessionFacts:
    """What functions and relations say of the session itself."""

    constants: Mapping[str, str | None]
    search_path: Sequence[str]
    setting: Callable[[str, bool], str | None]
    find: Callable[[str], int | None]
    """The oid of a relation by its name as it is written."""
    settings_set: list[tuple[str, str, bool]] = field(default_factory=list)
