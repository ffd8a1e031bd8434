"""Bindings: where a dataset's rows are, and the secrets its address only refers to.

A secret is written ``${NAME}`` (an environment variable) or ``${file:/path}``. References are
checked when the mesh is loaded and filled in when the dataset is used, so that one missing
variable stops one product. A filled value is never part of a message.
"""

from __future__ import annotations

import dataclasses
import os
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path as FilePath
from typing import Any

from connectors import REGISTRY
from connectors.interface import Binding, SourceErrorCode
from gateway.errors import SourceFailure, did_you_mean

BINDING = "mesh.binding"
"""Custom property of a contract, or of one of its schema objects."""

KEYS = ("connector", "uri", "object", "options")

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)@")
_MAX_SECRET = 64 * 1024


class BindingError(Exception):
    """A binding breaks a rule; `key` names the part, empty for the whole."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(rule)
        self.key = key


def known_connectors() -> frozenset[str]:
    """The names a binding may give as its connector: ours, and those other packages bring."""
    installed = (point.name for point in entry_points(group="meshgate.connectors"))
    return frozenset((*REGISTRY, *installed))


def read_binding(value: Any, default_object: str, mesh: FilePath) -> Binding:
    """The binding a contract declares, its path made absolute, its secrets still references.

    Raises BindingError. Whether the connector exists is asked elsewhere.
    """
    if not isinstance(value, dict):
        raise BindingError("", "must be a mapping with connector, uri, object and options")
    for key in value:
        if key not in KEYS:
            hint = did_you_mean(key, KEYS)
            raise BindingError(key, "is not part of a binding" + (f"; {hint}" if hint else ""))
    for key in ("connector", "uri"):
        if not isinstance(value.get(key), str) or not value[key]:
            raise BindingError(key, "is required and must be text")
    object_name = value.get("object", default_object)
    if not isinstance(object_name, str) or not object_name:
        raise BindingError("object", "must be text")
    options = _read_options(value.get("options", {}))
    for key, text in (("uri", value["uri"]), *((f"options.{k}", v) for k, v in options.items())):
        for reference in _references(text):
            _check_reference(key, reference)
    return Binding(value["connector"], absolute_uri(value["uri"], mesh), object_name, options)


def _read_options(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise BindingError("options", "must be a mapping of names to plain values")
    options = {}
    for name, option in value.items():
        if isinstance(option, bool):
            options[name] = "true" if option else "false"
        elif isinstance(option, str | int | float):
            options[name] = str(option)
        else:
            raise BindingError(f"options.{name}", "must be text, a number, true or false")
    return options


def absolute_uri(uri: str, mesh: FilePath) -> str:
    """A path relative to the mesh folder made absolute; a URI with a scheme as it is."""
    return os.path.normpath(mesh.absolute() / uri) if is_path(uri) else uri


def is_path(uri: str) -> bool:
    """True for a URI without scheme; one that begins with a reference may be anything."""
    return not _SCHEME.match(uri) and not uri.startswith("${")


def fill_secrets(binding: Binding) -> Binding:
    """The binding with every reference replaced by its secret, ready for a connector.

    Raises SourceFailure naming the variable or file that is missing. A secret inside the
    ``user:password@`` part of a URI is percent-encoded; elsewhere it is taken as it is.
    """
    userinfo = _userinfo(binding.uri)

    def into_uri(match: re.Match[str]) -> str:
        secret = _secret(match[1])
        return urllib.parse.quote(secret, safe="") if match.start() in userinfo else secret

    def plain(match: re.Match[str]) -> str:
        return _secret(match[1])

    options = {name: _fill(text, plain) for name, text in binding.options.items()}
    return dataclasses.replace(binding, uri=_fill(binding.uri, into_uri), options=options)


def _fill(text: str, secret: Callable[[re.Match[str]], str]) -> str:
    return _REFERENCE.sub(secret, text)


def has_plain_secret(uri: str) -> bool:
    """True when the URI carries a password that is written out instead of referred to."""
    bare = _REFERENCE.sub("", uri)
    userinfo = _USERINFO.match(bare)
    password = userinfo[1].partition(":")[2] if userinfo else ""
    return bool(password) or bool(_SECRET_ARGUMENT.search(bare))


def is_secret_option(name: str, value: str) -> bool:
    """True when the option's name says that its value is a secret, and it is written out."""
    return bool(_SECRET_NAME.search(name)) and bool(_REFERENCE.sub("", value))


_SECRET_NAME = re.compile(r"passw|pwd|secret|token|credential", re.IGNORECASE)
_SECRET_ARGUMENT = re.compile(
    r"(?:passw\w*|pwd|secret\w*|\w*token|credential\w*)=[^&;\s]", re.IGNORECASE
)


def _userinfo(uri: str) -> range:
    masked = _REFERENCE.sub(lambda match: "x" * len(match[0]), uri)
    match = _USERINFO.match(masked)
    return range(*match.span(1)) if match else range(0)


def _references(text: str) -> Iterator[str]:
    return (match[1] for match in _REFERENCE.finditer(text))


def _check_reference(key: str, reference: str) -> None:
    path = reference.removeprefix("file:")
    if path != reference:
        if not path.startswith("/"):
            raise BindingError(key, "${file:...} must name an absolute path")
    elif not _NAME.match(reference):
        raise BindingError(key, "${...} must hold the name of a variable, or file:/path")


def _secret(reference: str) -> str:
    path = reference.removeprefix("file:")
    if path == reference:
        value = os.environ.get(reference)
        if value is None:
            raise _missing(f"the environment variable {reference} is not set")
        return value
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_MAX_SECRET).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _missing(f"the secret file {path} can not be read") from error


def _missing(what: str) -> SourceFailure:
    return SourceFailure(
        f"the dataset can not be opened: {what}",
        code=SourceErrorCode.BINDING_INVALID.value,
        hint="the data product's mesh.binding refers to it",
    )
