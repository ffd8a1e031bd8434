"""The four functions of model.conf's matchers, and the grammar of what they match.

Casbin's own keyMatch, regexMatch and globMatch are not used: on mesh addresses each of them
matches more than it says (research: ``mesh://*/orders`` matched everything).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

ACTIONS = frozenset({"discover", "read", "execute", "write", "publish", "admin", "remote_query"})
"""Everything that can be asked for."""

_COVERS = {"admin": ACTIONS - {"remote_query"}, "read": frozenset({"discover", "read"})}

_SEGMENT = r"(\*|[A-Za-z0-9_][A-Za-z0-9_.-]*)"
_NAME = r"[^\x00-\x1f\x7f]+"
_PATTERN = re.compile(rf"mesh://{_SEGMENT}/{_SEGMENT}/{_SEGMENT}(?:@{_SEGMENT})?(?:#({_NAME}))?\Z")
_COLUMN = re.compile(rf"{_NAME}\Z")

Segments = tuple[str, str, str, str, str | None]
"""Domain, product, dataset, version, column."""


@functools.lru_cache(maxsize=65_536)
def parse_pattern(pattern: str) -> Segments:
    """The segments of a pattern; ``*`` alone and a missing version stand for every one.

    A pattern without a column covers the dataset and all its columns. ValueError if malformed.
    """
    if pattern == "*":
        return ("*", "*", "*", "*", None)
    match = _PATTERN.match(pattern)
    if match is None:
        raise ValueError(f"{pattern!r} is not mesh://domain/product/dataset@version#column")
    domain, product, dataset, version, column = match.groups()
    return (domain, product, dataset, version or "*", None if column == "*" else column)


@functools.lru_cache(maxsize=65_536)
def parse_resource(resource: str) -> Segments:
    """The segments of an address that is asked about: complete, and without any ``*``."""
    match = _PATTERN.match(resource)
    if match is None or None in match.groups()[:4] or "*" in match.groups()[:4]:
        raise ValueError(f"{resource!r} is not the address of one version of one dataset")
    domain, product, dataset, version, column = match.groups()
    return (domain, product, dataset, version, column)


def is_column(name: str) -> bool:
    """False for a name that no address can hold: nothing could be said about such a column."""
    return _COLUMN.match(name) is not None


def mesh_match(resource: str, pattern: str) -> bool:
    """True when every segment is equal, or exactly ``*`` in the pattern."""
    domain, product, dataset, version, column = parse_pattern(pattern)
    asked = parse_resource(resource)
    return (
        domain in ("*", asked[0])
        and product in ("*", asked[1])
        and dataset in ("*", asked[2])
        and version in ("*", asked[3])
        and column in (None, asked[4])
    )


def one_of(value: str, alternatives: str) -> bool:
    """True when the value is one of ``a|b|c``, or the alternatives are ``*``."""
    return alternatives == "*" or value in alternatives.split("|")


def any_of(values: Collection[str], alternatives: str) -> bool:
    """True when one of the values is among ``a|b|c``, or the alternatives are ``*``."""
    return alternatives == "*" or any(said in values for said in alternatives.split("|"))


def act_match(action: str, alternatives: str) -> bool:
    """True when one of ``a|b|c`` is the action or covers it.

    ``read`` covers ``discover``, ``admin`` covers everything but ``remote_query``: in allow rows
    and in deny rows.
    """
    return action == alternatives or any(
        action == said or action in _COVERS.get(said, ()) for said in alternatives.split("|")
    )
