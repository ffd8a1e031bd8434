"""One version of all policies, immutable: replaced as a whole, never changed.

Casbin walks every row it holds, and its live reload loses denials while it runs. So a snapshot
never enforces with all rows: each subject gets a small enforcer with the rows that can touch it.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from types import CodeType
from typing import Any

import casbin
from cachetools import LRUCache

from policies.matching import act_match, any_tag, mesh_match, one_of
from policies.store import PolicyRows, Row

MAX_SUBJECTS = 4096
"""Small enforcers kept; the least recently used one is built again when needed."""

_MODEL = resources.files("policies").joinpath("model.conf").read_text(encoding="utf-8")
_NOT = re.compile(r"!(?!=)")
_COMPILED: dict[str, CodeType] = {}


class _Expression:
    """A compiled matcher, with the one method Casbin calls."""

    __slots__ = ("_code", "_functions")

    def __init__(self, code: CodeType, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._code = code
        self._functions = {**functions, "__builtins__": {}}

    def eval(self, names: Mapping[str, object]) -> object:
        return eval(self._code, self._functions, names)


class Enforcer(casbin.Enforcer):  # type: ignore[misc]
    """Casbin's enforcer with matchers compiled once.

    The stock one parses the matcher anew for every decision, which is slow and, on CPython 3.11,
    fails now and then under threads. Only model.conf of this package is ever compiled.
    """

    @staticmethod
    def _get_expression(
        expression: str, functions: Mapping[str, Callable[..., Any]]
    ) -> _Expression:
        code = _COMPILED.get(expression)
        if code is None:
            python = expression.replace("&&", " and ").replace("||", " or ")
            code = compile(_NOT.sub(" not ", python).strip(), "model.conf", "eval")
            _COMPILED[expression] = code
        return _Expression(code, functions)


def build_enforcer(rows: Iterable[Row]) -> Enforcer:
    """An enforcer over model.conf that holds exactly these rows."""
    model = casbin.Model()
    model.load_model_from_text(_MODEL)
    enforcer = Enforcer(model)
    enforcer.add_function("meshMatch", mesh_match)
    enforcer.add_function("oneOf", one_of)
    enforcer.add_function("anyTag", any_tag)
    enforcer.add_function("actMatch", act_match)
    for row in rows:
        section = "g" if row.ptype == "g" else "p"
        model[section][row.ptype].policy.append(list(row.columns))
    enforcer.build_role_links()
    return enforcer


class Snapshot:
    """All rows of one policy version, indexed by subject. Safe to read from many threads."""

    def __init__(self, rows: PolicyRows) -> None:
        self.rows = rows.rows
        text = "\n".join(repr((row.ptype, row.columns)) for row in self.rows)
        self.version = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.origin = {row.columns: row for row in reversed(self.rows) if row.ptype == "p"}
        self._policies: dict[str, list[Row]] = defaultdict(list)
        self._roles: dict[str, list[str]] = defaultdict(list)
        for row in self.rows:
            if row.ptype == "p":
                self._policies[row.columns[0]].append(row)
            else:
                self._roles[row.columns[0]].append(row.columns[1])
        self._enforcers: LRUCache[tuple[str, tuple[str, ...]], Enforcer | None]
        self._enforcers = LRUCache(MAX_SUBJECTS)
        self._lock = threading.Lock()

    def roles_of(self, subject: str, roles: Iterable[str]) -> list[str]:
        """The roles given, those of ``g`` rows, and the roles of these roles, each once."""
        found = dict.fromkeys(roles)
        for role in self._roles.get(subject, ()):
            found[role] = None
        queue = list(found)
        while queue:
            for role in self._roles.get(queue.pop(), ()):
                if role not in found:
                    found[role] = None
                    queue.append(role)
        return list(found)

    def rows_for(self, subject: str, roles: Iterable[str]) -> list[Row]:
        """The ``p`` rows that can match this subject with these roles."""
        subjects = (subject, *self.roles_of(subject, roles), "*")
        return [row for name in subjects for row in self._policies.get(name, ())]

    def enforcer(self, subject: str, roles: tuple[str, ...]) -> Enforcer | None:
        """The small enforcer of a subject; None when no row at all speaks of it.

        None matters: an enforcer without rows evaluates its matcher on empty strings.
        """
        key = (subject, roles)
        with self._lock:
            if key in self._enforcers:
                return self._enforcers[key]
        rows = self.rows_for(subject, roles)
        links = [Row("g", (subject, role)) for role in self.roles_of(subject, roles)]
        enforcer = build_enforcer([*rows, *links]) if rows else None
        with self._lock:
            self._enforcers[key] = enforcer
        return enforcer
