"""Secrets, taken out of what leaves: a mesh should hold none, and still nobody else gets them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.catalogue.bindings import has_plain_secret, is_secret_option

REMOVED = "${REMOVED}"
"""Stands for a secret that was written out: a reference, so that the form stays right."""

_PASSWORD = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*://(?:\$\{[^}]*\}|[^\s/?#@:$])*:)((?:\$\{[^}]*\}|[^\s/?#])*)(@)"
)
_ARGUMENT = re.compile(
    r"((?:passw\w*|pwd|secret\w*|\w*token|credential\w*)=)((?:\$\{[^}]*\}|[^&;\s])+)()",
    re.IGNORECASE,
)
_WORD = re.compile(r"\S+")
_REFERENCES = re.compile(r"(?:\$\{[^}]*\})+\Z")


def without_secrets(value: Any, name: str = "") -> Any:
    """The same value of YAML with every secret that is written out replaced by REMOVED.

    A secret is the value of a key that is named like one, and in a URI (a word with ``://``, or
    the value of a ``uri``) the password, and each argument that is named so.
    """
    if isinstance(value, Mapping):
        return {key: without_secrets(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each, name) for each in value]
    if not isinstance(value, str):
        return value
    if is_secret_option(name, value):
        return REMOVED
    if name == "uri":
        return _cleaned(value)
    return _WORD.sub(lambda word: _cleaned(word[0]) if "://" in word[0] else word[0], value)


def _cleaned(uri: str) -> str:
    if not has_plain_secret(uri):
        return uri
    return _ARGUMENT.sub(_removed, _PASSWORD.sub(_removed, uri))


def _removed(match: re.Match[str]) -> str:
    """The match without its secret, unless that is a reference."""
    before, secret, after = match.groups()
    return match[0] if _REFERENCES.match(secret) else f"{before}{REMOVED}{after}"
