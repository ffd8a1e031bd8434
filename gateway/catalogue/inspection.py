"""Inspection: opening a source that is not published yet, to see what it holds."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from connectors import open_connector
from connectors.file_paths import fixed_part, is_pattern
from connectors.interface import Binding, ListsObjects, ObjectInfo
from gateway.catalogue.bindings import (
    absolute_uri,
    fill_secrets,
    has_plain_secret,
    is_path,
    is_secret_option,
)
from gateway.errors import UserError


def written_binding(mesh: Path, connector: str, uri: str, options: Mapping[str, str]) -> Binding:
    """The binding as a contract may say it: no secret in it, paths inside the mesh relative.

    A path is looked for from the working folder first, then from the mesh folder. A pattern at
    the end of the URI of files becomes the binding's object, which is empty otherwise. Raises
    UserError when the URI or an option holds a secret.
    """
    if has_plain_secret(uri):
        raise UserError(
            "the URI holds a password, which would be written into the mesh",
            hint="put it in an environment variable and write '${NAME}' in its place",
        )
    for name, value in options.items():
        if is_secret_option(name, value):
            raise UserError(
                f"the option {name} is a secret, which would be written into the mesh",
                hint=f"put it in an environment variable and write '{name}=${{NAME}}'",
            )
    object_name = ""
    if connector == "files":
        uri, object_name = split_pattern(uri)
    if is_path(uri):
        here = Path(os.path.abspath(uri))
        target = here if here.exists() else Path(absolute_uri(uri, mesh))
        inside = target.is_relative_to(mesh.absolute())
        uri = target.relative_to(mesh.absolute()).as_posix() if inside else str(target)
    return Binding(connector, uri, object_name, options)


def split_pattern(uri: str) -> tuple[str, str]:
    """``data/csv/*.csv`` as the folder and the pattern below it, which is empty when none is."""
    if is_path(uri):
        address, query = uri, ""
        if os.path.exists(uri):  # a name may hold a bracket
            return uri, ""
    else:
        address, sign, rest = uri.partition("?")
        query = sign + rest
    if not is_pattern(address):
        return uri, ""
    folder = fixed_part(address)
    pattern = address[len(folder) :].lstrip("/")
    return (folder or ("/" if address.startswith("/") else ".")) + query, pattern


def inspect_source(mesh: Path, binding: Binding, pattern: str | None) -> list[ObjectInfo]:
    """Everything in the source that matches the pattern, with types, keys and comments.

    A binding that names an object means that one. A source that can not list what it has is asked
    for the object named by the pattern. Raises SourceError, and SourceFailure when a secret is
    missing.
    """
    absolute = dataclasses.replace(binding, uri=absolute_uri(binding.uri, mesh))
    connector = open_connector(fill_secrets(absolute))
    try:
        if binding.object:
            return [ObjectInfo(binding.object, connector.schema(binding.object), kind="files")]
        if isinstance(connector, ListsObjects):
            return list(connector.objects(pattern))
        if pattern is None:
            raise UserError(
                f"a {binding.connector} source can not list what it holds",
                hint="name the object with --object",
            )
        return [ObjectInfo(pattern, connector.schema(pattern))]
    finally:
        connector.close()
