"""Editing a contract where it stands: its comments, order and layout stay as people have them.

Only the status and ``mesh.deprecation`` are written. What comes out is read again, and has to say
just what it is to say: of a file that is laid out in a way this does not know nothing is written.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import yaml

from gateway.catalogue.document import Document, read_text
from gateway.catalogue.governance import DEPRECATION
from gateway.errors import UserError
from gateway.model import Deprecation

Edit = tuple[int, int, str]
"""What is to stand in place of the text from one index to another."""

_PROPERTIES = "customProperties"


def with_life(text: str, name: str, status: str, deprecation: Deprecation | None) -> str:
    """The text of a contract with another status, and what it says of its end, if anything.

    Raises UserError for a layout in which that can not be written.
    """
    document = read_text(text.encode(), name)
    if not isinstance(document, Document):
        raise UserError(f"the contract can not be read: {document}")
    value = _value(deprecation) if deprecation is not None else {}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert root is not None, "what was read as a mapping has a root"
    edits = [_status(text, root, status)]
    if value:
        edits.append(_deprecation(text, root, value))
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    again = read_text(text.encode(), name)
    if not isinstance(again, Document) or again.content != _said(document.content, status, value):
        raise UserError(
            f"{name} is laid out so that it can not be edited by a command",
            hint=f"set status to {status}" + (f", and {DEPRECATION}" if value else ""),
        )
    return text


def _said(content: Mapping[str, Any], status: str, value: Mapping[str, str]) -> dict[str, Any]:
    """What the contract is to say in the end."""
    said = copy.deepcopy(dict(content))
    said["status"] = status
    if value:
        entries = said.setdefault(_PROPERTIES, [])
        for entry in entries:
            if entry["property"] == DEPRECATION:
                entry["value"] = dict(value)
                break
        else:
            entries.append({"property": DEPRECATION, "value": dict(value)})
    return said


def _value(deprecation: Deprecation) -> dict[str, str]:
    parts = ("reason", "successor", "ends")
    return {key: text for key in parts if (text := getattr(deprecation, key))}


def _status(text: str, root: yaml.Node, status: str) -> Edit:
    node = _child(root, "status")
    if node is not None:
        return node.start_mark.index, node.end_mark.index, status
    before = _child(root, "version")
    after = _line_end(text, _end(before) if before is not None else root.start_mark.index)
    return after, after, f"\nstatus: {status}"


def _deprecation(text: str, root: yaml.Node, value: Mapping[str, str]) -> Edit:
    written = "{" + ", ".join(f"{key}: {_quoted(part)}" for key, part in value.items()) + "}"
    entries = _child(root, _PROPERTIES)
    if not isinstance(entries, yaml.SequenceNode):
        start = len(text.rstrip())
        entry = f"  - property: {DEPRECATION}\n    value: {written}"
        return start, start, f"\n{_PROPERTIES}:\n{entry}"
    for entry_node in entries.value:
        name = _child(entry_node, "property")
        old = _child(entry_node, "value")
        if name is not None and name.value == DEPRECATION and old is not None:
            return old.start_mark.index, _end(old), written
    entry = f"property: {DEPRECATION}"
    if entries.flow_style:
        start = entries.end_mark.index - 1
        comma = ", " if entries.value else ""
        return start, start, f"{comma}{{{entry}, value: {written}}}"
    start = _line_end(text, _end(entries))
    indent = " " * entries.start_mark.column
    return start, start, f"\n{indent}- {entry}\n{indent}  value: {written}"


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found: list[yaml.Node] = [value for key, value in node.value if key.value == name]
    return found[0] if found else None


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends: a block of YAML is said to end where the next begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_end(text: str, index: int) -> int:
    """The end of the line that the text before `index` stands on, whatever follows on it."""
    while index > 0 and text[index - 1] in "\r\n":  # a block scalar takes its last line with it
        index -= 1
    found = text.find("\n", index)
    end = len(text) if found < 0 else found
    return end - 1 if text[index:end].endswith("\r") else end


def _quoted(text: str) -> str:
    """A text as YAML and JSON both write it."""
    return json.dumps(text, ensure_ascii=False)
