"""Casbin's model: its definitions, matchers and effect, with each matcher compiled once.

Casbin's own enforcer parses the matcher for every decision and walks every row it holds; on CPython
3.11 the parsing fails now and then under threads. So the model is Casbin's, read by Casbin from
model.conf, and the loop over rows is here: over those rows that can matter, all that match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import CodeType, FunctionType
from typing import Any

import casbin
from casbin.effect import Effector, get_effector

from policies.matching import act_match, any_of, mesh_match, one_of
from policies.rows import COLUMNS, Row

MODEL = resources.files("policies").joinpath("model.conf").read_text(encoding="utf-8")

FUNCTIONS: Mapping[str, Callable[..., bool]] = {
    "meshMatch": mesh_match,
    "oneOf": one_of,
    "anyOf": any_of,
    "actMatch": act_match,
}
"""What the matchers may call, beside ``g``."""

_NOT = re.compile(r"!(?!=)")


@dataclass(frozen=True, slots=True)
class Asked:
    """``r.ctx`` of a request. `purposes` are the purpose and everything above it."""

    purpose: str
    purposes: frozenset[str]
    region: str
    tags: frozenset[str] = frozenset()


class Section:
    """One matcher with its request and its policy: ``m``, ``r``, ``p``, or those numbered."""

    __slots__ = ("_code", "_policy", "_request")

    def __init__(self, model: Any, suffix: str) -> None:
        self._request: tuple[str, ...] = tuple(model["r"][f"r{suffix}"].tokens)
        self._policy: tuple[str, ...] = tuple(model["p"][f"p{suffix}"].tokens)
        if self._policy != tuple(f"p{suffix}_{name}" for name in COLUMNS[f"p{suffix}"]):
            raise ValueError(f"p{suffix} of model.conf has other columns than rows have")
        self._code = compile_matcher(model["m"][f"m{suffix}"].value, self._policy)

    def matching(
        self,
        request: Sequence[object],
        rows: Sequence[Row],
        member: Callable[[str, str], bool],
    ) -> list[Row]:
        """Those of the rows that match. `member` is ``g``: has this subject that role?"""
        if not rows:
            return []
        names: dict[str, Any] = {**FUNCTIONS, "g": member, "__builtins__": {}}
        names.update(zip(self._request, request, strict=True))
        matches = FunctionType(self._code, names)
        found = []
        for row in rows:
            answer = matches(*row.columns)
            if answer is True:
                found.append(row)
            elif answer is not False:
                raise TypeError(f"the matcher answered {answer!r}")
        return found


def compile_matcher(matcher: str, policy: Sequence[str]) -> CodeType:
    """Python's code of a matcher: a function of a row's columns. Only model.conf is compiled.

    The names of the request and the functions are its globals.
    """
    python = _NOT.sub(" not ", matcher.replace("&&", " and ").replace("||", " or ")).strip()
    outer = compile(f"lambda {', '.join(policy)}: ({python})", "model.conf", "eval")
    return next(constant for constant in outer.co_consts if isinstance(constant, CodeType))


class Model:
    """model.conf: `access` matches ``p`` rows, `filters` ``p2`` rows and `masks` ``p3`` rows."""

    __slots__ = ("_verdicts", "access", "filters", "masks")

    def __init__(self) -> None:
        model = casbin.Model()
        model.load_model_from_text(MODEL)
        effector = get_effector(model["e"]["e"].value)
        known = {"allow": Effector.ALLOW, "deny": Effector.DENY}
        self._verdicts: dict[frozenset[str], bool] = {
            effects: effector.final_effect({known[e] for e in effects}) == Effector.ALLOW
            for effects in map(frozenset, ((), ("allow",), ("deny",), ("allow", "deny")))
        }
        self.access = Section(model, "")
        self.filters = Section(model, "2")
        self.masks = Section(model, "3")

    def allows(self, *matching: Iterable[Row]) -> bool:
        """The effect of all matching ``p`` rows: some allow, and none denies."""
        return self._verdicts[frozenset([row.columns[-1] for rows in matching for row in rows])]
